# cython: language_level=3
from libc.stdint cimport int32_t, uint32_t, uint64_t

from hexz.engine.gumbel cimport GumbelSettings
from hexz.engine.puct cimport PuctSettings
from hexz.engine.rules cimport MAX_MOVES, NUM_ACTIONS, Position
from hexz.engine.tree cimport Arena

# What became of a walk.
cdef enum:
    NO_MEMORY = -1
    FINISHED = 0        # the move's search is complete
    LEAF = 1            # Path.leaf waits for the evaluator
    BLOCKED = 2         # the leaf waits for the evaluator already, since another walk

cdef struct Budget:     # of a search
    int simulations
    const int32_t* considered       # [max_considered + 1, simulations], see considered_visits

cdef struct Config:     # SearchSettings in C
    bint gumbel
    bint explore
    Budget full
    Budget fast
    double full_search_share
    int max_considered
    double temperature
    int temperature_moves
    PuctSettings puct
    GumbelSettings sigma

cdef struct Path:       # from the root to a leaf
    Position leaf
    uint32_t leaf_node
    int depth                       # edges
    uint32_t nodes[MAX_MOVES]       # that these edges leave
    int edges[MAX_MOVES]

cdef struct Search:
    Arena tree                      # empty until the root is evaluated
    Position root
    Path path                       # of the last walk
    uint64_t rng
    int simulations                 # done for this move
    bint root_is_ready
    bint fast                       # this move's search is a fast one
    float root_noise[NUM_ACTIONS]   # one an edge: priors with noise (PUCT), or Gumbel variates

cdef class Settings:
    """Owns what a Config points to."""
    cdef readonly object settings
    cdef Config config
    cdef list tables
    cdef Budget budget(self, int simulations)

cdef bint is_sound(const float* logits, float value) noexcept nogil
cdef int walk(Search* search, const Config* config) noexcept nogil
cdef int begin(Search* search, Path* path) noexcept nogil
cdef void prepare_root(Search* search, const Config* config) noexcept nogil
cdef bint is_decided(const Search* search) noexcept nogil
cdef int simulate(Search* search, const Config* config, Path* path) noexcept nogil
cdef void expand_leaf(Search* search, const Path* path, const float* logits,
                      float value) noexcept nogil
cdef int best_edge(Search* search, const Config* config) noexcept nogil
cdef void write_policy(const Search* search, const Config* config, float* policy) noexcept nogil
cdef int advance(Search* search, const Config* config, int action, Arena* scratch) noexcept nogil
cdef object suggestion_of(Search* search, const Config* config)
