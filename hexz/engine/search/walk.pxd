# cython: language_level=3
from hexz.engine.search.rule cimport SearchState
from hexz.engine.search.tree cimport Arena

cdef enum:
    NO_MEMORY = -1

cdef void start(SearchState* search) noexcept nogil
cdef void close(SearchState* search) noexcept nogil
cdef int collect(SearchState* search, int most, float* planes) noexcept nogil
cdef void expand(SearchState* search, int count, const float* logits,
                 const float* values) noexcept nogil
cdef bint is_complete(const SearchState* search) noexcept nogil
cdef int most_waiting(const SearchState* search) noexcept nogil
cdef int best_edge(SearchState* search) noexcept nogil
cdef float root_value(const SearchState* search) noexcept nogil
cdef void write_policy(const SearchState* search, float* policy) noexcept nogil
cdef void forget_evaluations(SearchState* search) noexcept nogil
cdef void advance(SearchState* search, int action, Arena* scratch) noexcept nogil
