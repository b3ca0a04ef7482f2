# cython: language_level=3
"""Storage and bookkeeping of a search tree: expansion, visits, proofs, and keeping a subtree."""
from libc.math cimport logf
from libc.stdlib cimport free
from libc.stdint cimport uint32_t, uint64_t, uint8_t
from libc.string cimport memcpy, memset

from hexz.engine.memory cimport enlarge
from hexz.engine.rules cimport NUM_ACTIONS, list_actions

cdef extern from *:
    """
    /* e**x to 2 ulp for x in -87..0, written so that loops over it vectorise: the C library's
       expf would be a call for each edge. Cody-Waite reduction to |r| <= ln(2)/2, then the
       Taylor series of degree 7. */
    static inline float hexz_exp(float x) {
        x = x < -87.0f ? -87.0f : x;
        float t = x * 1.44269504f + 12582912.0f;    /* 1.5 * 2**23: rounds to an integer */
        float n = t - 12582912.0f;
        float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
        float p = 1.0f + r * (1.0f + r * (0.5f + r * (1.66666667e-1f + r * (4.16666667e-2f
                + r * (8.33333333e-3f + r * (1.38888889e-3f + r * 1.98412698e-4f))))));
        int bits = ((int)n + 127) << 23;
        float scale;
        __builtin_memcpy(&scale, &bits, sizeof scale);
        return p * scale;
    }
    """
    float exp_negative "hexz_exp"(float x) noexcept nogil


cdef enum:
    # Enough for the usual search, so that its arena need not be moved as it grows. Memory costs
    # nothing until it is touched.
    FIRST_NODES = 1024


cdef float softmax(float* values, int count) noexcept nogil:
    """Turns logits into probabilities in place; returns the logarithm of their normaliser, which
    is what a logit exceeds the logarithm of its probability by."""
    cdef float largest = values[0]
    cdef float total = 0.0
    cdef int i
    for i in range(count):
        largest = values[i] if values[i] > largest else largest
    for i in range(count):
        values[i] = exp_negative(values[i] - largest)
    for i in range(count):
        total += values[i]
    for i in range(count):
        values[i] *= 1 / total
    return largest + logf(total)


cdef int reserve(Arena* tree, int leaves) noexcept nogil:
    """Makes room for one more node, and for the edges of so many leaves, which are yet to be
    expanded; returns -1 if memory is short."""
    cdef size_t words = <size_t>leaves * edge_words(NUM_ACTIONS)
    if tree.num_nodes == tree.node_capacity:
        if enlarge(<void**>&tree.nodes, &tree.node_capacity, FIRST_NODES, sizeof(Node)) < 0:
            return -1
    while tree.word_capacity - tree.num_words < words:
        if enlarge(
                <void**>&tree.words, &tree.word_capacity, FIRST_NODES * edge_words(90),
                sizeof(uint32_t)) < 0:
            return -1
    return 0


cdef void clear(Arena* tree) noexcept nogil:
    """Forgets all nodes and keeps the memory."""
    tree.num_nodes = 0
    tree.num_words = 0


cdef void release(Arena* tree) noexcept nogil:
    free(tree.nodes)
    free(tree.words)
    memset(tree, 0, sizeof(Arena))


cdef uint32_t add_node(Arena* tree, int player, uint64_t key) noexcept nogil:
    """Adds a node that is not expanded; room must have been reserved."""
    cdef Node* node = &tree.nodes[tree.num_nodes]
    memset(node, 0, sizeof(Node))
    node.player = <uint8_t>player
    node.key = key
    tree.num_nodes += 1
    return tree.num_nodes - 1


cdef void expand(Arena* tree, uint32_t index, const Position* pos, const float* logits,
                 float value) noexcept nogil:
    """Gives a node its edges, with priors from the logits of the legal actions (`logits` has 220
    entries), and its first visit, of the evaluator's value. Room must have been reserved."""
    cdef uint8_t actions[NUM_ACTIONS]
    cdef int i, count = list_actions(pos, actions)
    cdef Edges e = add_edges(tree, &tree.nodes[index], actions, count, value)
    cdef float normaliser
    for i in range(count):
        e.log_prior[i] = logits[actions[i]]
    memcpy(e.prior, e.log_prior, <size_t>count * sizeof(float))
    normaliser = softmax(e.prior, count)
    for i in range(count):
        e.log_prior[i] -= normaliser


cdef void expand_as(Arena* tree, uint32_t index, const Arena* known_tree,
                    const Node* known) noexcept nogil:
    """Gives a node what the evaluator said of a node with the same position, which may be one of
    the same tree. Room must have been reserved."""
    cdef Edges source = edges_of(known_tree, known)
    cdef Edges e = add_edges(
        tree, &tree.nodes[index], source.action, source.count, known.network_value)
    memcpy(e.prior, source.prior, <size_t>e.count * sizeof(float))
    memcpy(e.log_prior, source.log_prior, <size_t>e.count * sizeof(float))


cdef Edges add_edges(Arena* tree, Node* node, const uint8_t* actions, int count,
                     float value) noexcept nogil:
    """Gives a node edges without priors, visits and proofs, and its first visit."""
    cdef Edges e
    node.edges = tree.num_words
    node.num_edges = <uint16_t>count
    node.num_unproven = <uint16_t>count
    tree.num_words += edge_words(count)
    node.network_value = value
    add_visit(node, value)
    e = edges_of(tree, node)
    memset(e.q, 0, 3 * <size_t>count * sizeof(float))
    memset(e.proof, UNPROVEN, <size_t>count)
    memcpy(e.action, actions, <size_t>count)
    return e


cdef void prove_edge(Node* node, const Edges* e, int edge, int proof) noexcept nogil:
    """Notes what an edge is proven to be worth, and proves the node if that decides it: by one
    won edge, or once all edges are proven."""
    if e.proof[edge] != UNPROVEN:
        return
    e.proof[edge] = <uint8_t>proof
    e.q[edge] = proven_value(proof)
    node.num_unproven -= 1
    if proof > node.best_proof:
        node.best_proof = <uint8_t>proof
    if proof == WIN or node.num_unproven == 0:
        node.proof = node.best_proof


cdef int most_visited(const Node* node, const Edges* e) noexcept nogil:
    """The edge to play without noise: of those that may be played, the most visited, of equals
    the one with the highest Q, and of these the one with the highest prior, the first of equals."""
    cdef int i, best = -1
    for i in range(e.count):
        if keeps_result(node, e, i) and (best < 0 or is_stronger(e, i, best)):
            best = i
    return best


cdef inline bint is_stronger(const Edges* e, int i, int j) noexcept nogil:
    if e.visits[i] != e.visits[j]:
        return e.visits[i] > e.visits[j]
    if e.q[i] != e.q[j]:
        return e.q[i] > e.q[j]
    return e.prior[i] > e.prior[j]


cdef int copy_subtree(const Arena* tree, uint32_t root, Arena* to) noexcept nogil:
    """Makes `to` a compact copy of the subtree below a node, in which no leaf waits; returns -1 if
    memory is short. Nodes are copied breadth first: a copied node's edges still name the old
    children until its turn comes."""
    cdef uint32_t done = 0
    cdef uint32_t* child
    cdef int i
    clear(to)
    if copy_node(tree, root, to) < 0:
        return -1
    while done < to.num_nodes:
        for i in range(to.nodes[done].num_edges):
            child = &edges_of(to, &to.nodes[done]).child[i]
            if child[0] == 0:
                continue
            if copy_node(tree, child[0], to) < 0:
                return -1
            # Copying may have moved the edges.
            edges_of(to, &to.nodes[done]).child[i] = to.num_nodes - 1
        done += 1
    return 0


cdef int copy_node(const Arena* tree, uint32_t index, Arena* to) noexcept nogil:
    if reserve(to, 1) < 0:
        return -1
    cdef const Node* node = &tree.nodes[index]
    cdef Node* copied = &to.nodes[to.num_nodes]
    cdef uint32_t size = edge_words(node.num_edges)
    copied[0] = node[0]
    copied.edges = to.num_words
    memcpy(to.words + to.num_words, tree.words + node.edges, size * sizeof(uint32_t))
    to.num_nodes += 1
    to.num_words += size
    return 0
