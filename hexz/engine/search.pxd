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
    LEAF = 1            # Search.leaf waits for the evaluator

cdef struct Config:     # SearchSettings in C
    bint gumbel
    bint explore
    int simulations
    int max_considered
    double temperature
    int temperature_moves
    PuctSettings puct
    GumbelSettings sigma
    const int32_t* considered       # [max_considered + 1, simulations], see considered_visits

cdef struct Search:
    Arena tree                      # empty until the root is evaluated
    Position root
    Position leaf
    uint64_t rng
    int simulations                 # done for this move
    bint root_is_ready
    uint32_t leaf_node
    int depth                       # edges from the root to the leaf
    uint32_t path[MAX_MOVES]        # the nodes that these edges leave
    int path_edges[MAX_MOVES]
    float root_noise[NUM_ACTIONS]   # one an edge: priors with noise (PUCT), or Gumbel variates

cdef class Settings:
    """Owns what a Config points to."""
    cdef readonly object settings
    cdef Config config
    cdef object considered

cdef bint is_sound(const float* logits, float value) noexcept nogil
cdef int walk(Search* search, const Config* config) noexcept nogil
cdef void expand_leaf(Search* search, const float* logits, float value) noexcept nogil
cdef int best_edge(Search* search, const Config* config) noexcept nogil
cdef void write_policy(const Search* search, const Config* config, float* policy) noexcept nogil
cdef int advance(Search* search, const Config* config, int action, Arena* scratch) noexcept nogil
