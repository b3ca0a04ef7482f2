# cython: language_level=3
"""The state of a search in C, and the selection rule that it is given, as in mctx.

A rule is a struct of functions; nothing else in a search depends on which one it has. `puct` and
`gumbel` are rules. The functions that get a `root` get node 0 of an expanded tree.
"""
from libc.stdint cimport uint32_t, uint64_t

from hexz.engine.rules cimport MAX_MOVES, NUM_ACTIONS, Position
from hexz.engine.search.evaluations cimport Evaluations
from hexz.engine.search.tree cimport Arena, Edges, Node

cdef struct SearchState

# The edge of a node to walk along.
ctypedef int (*Selection)(
    const SearchState* search, const Node* node, const Edges* e) noexcept nogil

cdef struct Rule:
    bint keeps_tree         # below the move that is played; else each move's search begins anew
    bint takes_waiting      # whether it selects well while leaves wait for their evaluation
    # Writes `root_noise` for a new root.
    void (*prepare)(SearchState* search, const Edges* root, bint noisy) noexcept nogil
    Selection select_root
    Selection select_interior
    # The edge to play.
    int (*choose)(SearchState* search, const Node* root, const Edges* e) noexcept nogil
    # What the position is worth to the player who moves, if nothing is proven.
    float (*worth)(
        const SearchState* search, const Node* root, const Edges* e) noexcept nogil
    # Writes the policy target, a probability an edge.
    void (*write_target)(
        const SearchState* search, const Node* root, const Edges* e, float* target) noexcept nogil

cdef struct Config:         # SearchSettings in C
    Rule rule
    const void* constants   # of the rule
    bint explore
    int simulations[2]      # of a full and of a fast search
    double full_search_share

cdef struct Path:                   # from the root to a leaf
    Position leaf
    uint32_t leaf_node
    int depth                       # edges
    uint32_t nodes[MAX_MOVES]       # that these edges leave
    int edges[MAX_MOVES]

cdef struct SearchState:
    const Config* config
    Position root
    Arena tree                      # empty until the root is collected
    Evaluations known               # of positions of the tree and of the last move's
    uint32_t max_nodes
    int max_in_flight
    uint64_t rng
    int simulations                 # done for this move
    int depth                       # of the deepest leaf since the last move
    bint fast                       # this move's search is a fast one
    float root_noise[NUM_ACTIONS]   # an entry an edge of the root, for the rule
    Path* paths                     # to the leaves that wait, in the order of their collection
    uint32_t path_capacity
    int waiting

cdef class SelectionRule:
    """A rule with the constants of a SearchSettings; owns what its Config points to."""
    cdef readonly object settings
    cdef Config config
