# cython: language_level=3
"""One search tree in two arenas: nodes, and the edges of all nodes.

Invariants: node 0 is the root. An edge's child is 0 until it is first taken (the root is nobody's
child). Values and Q are in -1..1; an edge's Q is from the view of the player who moves at the node
that the edge leaves, and so is a node's value. A node counts its own evaluation as a visit, so
`visits == 1 + sum of its edges' visits` while it is expanded.
"""
from libc.stdint cimport int32_t, uint8_t, uint16_t, uint32_t, uint64_t

from hexz.engine.rules cimport Position

# What is proven of a node for its mover, or of an edge for the player who takes it. Ordered by merit.
cdef enum Proof:
    UNPROVEN = 0
    LOSS = 1
    DRAW = 2
    WIN = 3

cdef struct Node:
    uint64_t key            # of its position; 0: its evaluation is not to be used again
    uint32_t edges          # offset in Tree.words
    uint16_t num_edges      # 0: not expanded
    uint16_t num_unproven   # edges
    uint8_t player          # who moves here
    uint8_t proof
    uint8_t best_proof      # of the proven edges
    int32_t visits
    int32_t waiting         # walks to leaves at or below it that wait for the evaluator
    float network_value     # of the evaluator
    float value             # mean over the visits
    float visited_prior     # sum of the priors of visited edges

# The edges of a node as parallel arrays, so that the scan for the best score vectorises.
cdef struct Edges:
    int count
    float* prior
    float* log_prior
    float* q                # mean value, 0 without a visit, exact once proven
    int32_t* visits
    uint32_t* child
    uint8_t* action
    uint8_t* proof

cdef struct Arena:
    Node* nodes
    uint32_t num_nodes
    uint32_t node_capacity
    uint32_t* words
    uint32_t num_words
    uint32_t word_capacity


cdef inline uint32_t edge_words(int count) noexcept nogil:
    return <uint32_t>(5 * count + 2 * ((count + 3) // 4))


cdef inline Edges edges_of(const Arena* tree, const Node* node) noexcept nogil:
    cdef Edges e
    e.count = node.num_edges
    e.prior = <float*>(tree.words + node.edges)
    e.log_prior = e.prior + e.count
    e.q = e.log_prior + e.count
    e.visits = <int32_t*>(e.q + e.count)
    e.child = <uint32_t*>(e.visits + e.count)
    e.action = <uint8_t*>(e.child + e.count)
    e.proof = e.action + 4 * ((e.count + 3) // 4)
    return e


cdef inline float proven_value(int proof) noexcept nogil:
    return <float>(proof - DRAW)


cdef inline int opposite(int proof) noexcept nogil:
    """The same proof seen by the other player."""
    return 4 - proof if proof != UNPROVEN else UNPROVEN


cdef inline bint keeps_result(const Node* node, const Edges* e, int edge) noexcept nogil:
    """Whether an edge may be played: it keeps what is proven of the node, and while nothing is
    proven it is not a proven loss. Every expanded node has such an edge."""
    if node.proof != UNPROVEN:
        return e.proof[edge] == node.proof
    return e.proof[edge] != LOSS


cdef inline void add_visit(Node* node, float value) noexcept nogil:
    """Counts a visit of a node; `value` is from the view of its mover."""
    node.visits += 1
    node.value += (value - node.value) / <float>node.visits


cdef inline void add_edge_visit(Node* node, const Edges* e, int edge, float value) noexcept nogil:
    """Counts a visit of an edge; `value` is from the view of the mover of `node`."""
    if e.visits[edge] == 0:
        node.visited_prior += e.prior[edge]
    e.visits[edge] += 1
    if e.proof[edge] == UNPROVEN:
        e.q[edge] += (value - e.q[edge]) / <float>e.visits[edge]


cdef int reserve(Arena* tree, int leaves) noexcept nogil
cdef void clear(Arena* tree) noexcept nogil
cdef void release(Arena* tree) noexcept nogil
cdef uint32_t add_node(Arena* tree, int player, uint64_t key) noexcept nogil
cdef void expand(Arena* tree, uint32_t node, const Position* pos, const float* logits,
                 float value) noexcept nogil
cdef void expand_as(Arena* tree, uint32_t node, const Arena* known_tree,
                    const Node* known) noexcept nogil
cdef void prove_edge(Node* node, const Edges* e, int edge, int proof) noexcept nogil
cdef int copy_subtree(const Arena* tree, uint32_t root, Arena* to) noexcept nogil
cdef float softmax(float* values, int count) noexcept nogil
cdef int most_visited(const Node* node, const Edges* e) noexcept nogil
