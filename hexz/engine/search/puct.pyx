# cython: language_level=3
"""PUCT as in AlphaZero: selection, root noise, and moves and policy targets from visit counts.

[AZ], [KG] as in `hexz.schema.search`.
"""
from libc.math cimport cos, exp, log, log1pf, pow, sqrt, sqrtf
from libc.stdint cimport uint64_t
from libc.string cimport memcpy

from hexz.engine.bits cimport next_random, unit
from hexz.engine.rules cimport NUM_ACTIONS
from hexz.engine.search.rule cimport SearchState, SelectionRule
from hexz.engine.search.tree cimport (
    LOSS, UNPROVEN, Arena, Edges, Node, keeps_result, most_visited,
)

cdef struct Constants:
    float c_init
    float c_base
    float fpu_reduction
    float dirichlet_total
    float dirichlet_fraction
    double temperature
    int temperature_moves

cdef enum:
    # Below any score, so that a lost edge is taken only where all edges are lost.
    LOST_PENALTY = 1000


cdef class Rule(SelectionRule):
    cdef Constants constants

    def __cinit__(self, settings):
        self.constants = Constants(
            settings.c_init, settings.c_base, settings.fpu_reduction, settings.dirichlet_total,
            settings.dirichlet_fraction, settings.temperature, settings.temperature_moves)
        self.config.constants = &self.constants
        self.config.rule.keeps_tree = True
        self.config.rule.takes_waiting = True
        self.config.rule.prepare = prepare
        self.config.rule.select_root = select_root
        self.config.rule.select_interior = select_interior
        self.config.rule.choose = choose
        self.config.rule.worth = worth
        self.config.rule.write_target = write_target


cdef inline const Constants* constants_of(const SearchState* search) noexcept nogil:
    return <const Constants*>search.config.constants


cdef void prepare(SearchState* search, const Edges* root, bint noisy) noexcept nogil:
    """Writes the root's priors, with noise or without."""
    if noisy:
        mix_dirichlet(root, constants_of(search), &search.rng, search.root_noise)
    else:
        memcpy(search.root_noise, root.prior, <size_t>root.count * sizeof(float))


cdef int select_root(const SearchState* search, const Node* node, const Edges* e) noexcept nogil:
    return select(search, node, e, search.root_noise)


cdef int select_interior(
    const SearchState* search, const Node* node, const Edges* e
) noexcept nogil:
    return select(search, node, e, e.prior)


cdef inline int select(const SearchState* search, const Node* node, const Edges* e,
                       const float* priors) noexcept nogil:
    if node.waiting > 0:
        return select_waiting(&search.tree, node, e, priors, constants_of(search))
    return select_known(node, e, priors, constants_of(search))


cdef int choose(SearchState* search, const Node* root, const Edges* e) noexcept nogil:
    """Draws an edge by its visits in the first moves of a game, if the search explores; later, or
    else, takes the most visited one."""
    cdef const Constants* constants = constants_of(search)
    cdef float policy[NUM_ACTIONS]
    if search.config.explore and search.root.moves < constants.temperature_moves:
        write_target(search, root, e, policy)
        return sample_policy(e, policy, constants.temperature, &search.rng)
    return most_visited(root, e)


cdef int select_known(const Node* node, const Edges* e, const float* priors,
                      const Constants* constants) noexcept nogil:
    """The edge with the highest Q + C(N) P sqrt(N) / (1 + n), the first of equals [AZ].

    An edge without visits is worth the node's value less `fpu_reduction` times the square root of
    the prior mass that has visits [KG]. `priors` are the edges' own, or the root's with noise.
    """
    cdef float scores[NUM_ACTIONS]
    cdef float c = exploration(<float>node.visits, constants)
    cdef float unvisited = node.value - constants.fpu_reduction * sqrtf(node.visited_prior)
    cdef float q
    cdef int i
    for i in range(e.count):
        q = e.q[i] if e.visits[i] > 0 else unvisited
        scores[i] = q + c * priors[i] / <float>(1 + e.visits[i])
    return best_score(node, e, scores)


cdef int select_waiting(const Arena* tree, const Node* node, const Edges* e, const float* priors,
                        const Constants* constants) noexcept nogil:
    """As `select_known`, where leaves below the node wait for the evaluator.

    They count as visits, so that the next walk is drawn elsewhere, but not in Q, which is the mean
    of what is known (Liu et al.: "Watch the Unobserved", ICLR 2020). Counting them as losses too,
    the usual virtual loss, played much worse with as many leaves out as a tenth of the search.
    """
    cdef float scores[NUM_ACTIONS]
    cdef float visited_prior = node.visited_prior
    cdef float c = exploration(<float>(node.visits + node.waiting), constants)
    cdef float q, unvisited, waiting
    cdef int i
    for i in range(e.count):
        if e.visits[i] == 0 and e.child[i] != 0:
            visited_prior += e.prior[i]
    unvisited = node.value - constants.fpu_reduction * sqrtf(visited_prior)
    for i in range(e.count):
        waiting = 0.0
        if e.child[i] != 0:
            waiting = <float>tree.nodes[e.child[i]].waiting
        q = e.q[i] if e.visits[i] > 0 else unvisited
        scores[i] = q + c * priors[i] / (1 + <float>e.visits[i] + waiting)
    return best_score(node, e, scores)


cdef inline float exploration(float visits, const Constants* constants) noexcept nogil:
    """C(N) sqrt(N) [AZ]."""
    return (log1pf((visits + 1.0) / constants.c_base) + constants.c_init) * sqrtf(visits)


cdef inline int best_score(const Node* node, const Edges* e, float* scores) noexcept nogil:
    """The edge with the highest score, the first of equals; lost ones come last."""
    cdef float best
    cdef int i
    if node.best_proof != UNPROVEN:
        for i in range(e.count):
            if e.proof[i] == LOSS:
                scores[i] -= LOST_PENALTY
    best = scores[0]
    for i in range(e.count):
        best = scores[i] if scores[i] > best else best
    for i in range(e.count):
        if scores[i] == best:
            return i
    return 0


cdef void mix_dirichlet(const Edges* e, const Constants* constants, uint64_t* rng,
                        float* priors) noexcept nogil:
    """Writes the edges' priors mixed with Dirichlet noise, whose parameters share
    `dirichlet_total` evenly [KG]."""
    cdef double noise[NUM_ACTIONS]
    cdef double alpha = constants.dirichlet_total / e.count
    cdef double total = 0.0
    cdef float fraction = constants.dirichlet_fraction
    cdef int i
    for i in range(e.count):
        noise[i] = gamma_variate(alpha, rng)
        total += noise[i]
    for i in range(e.count):
        priors[i] = (1 - fraction) * e.prior[i] + fraction * <float>(noise[i] / total)


cdef double gamma_variate(double alpha, uint64_t* rng) noexcept nogil:
    """A gamma variate of scale 1 (Marsaglia, Tsang: "A simple method for generating gamma
    variables", ACM TOMS 2000), at least the smallest normal double so that sums stay positive."""
    cdef double boost = 1.0
    cdef double d, c, x, v
    if alpha < 1:
        boost = pow(unit(next_random(rng)), 1 / alpha)
        alpha += 1
    d = alpha - 1.0 / 3
    c = 1 / sqrt(9 * d)
    while True:
        x = normal_variate(rng)
        v = 1 + c * x
        if v <= 0:
            continue
        v = v * v * v
        if log(unit(next_random(rng))) < 0.5 * x * x + d - d * v + d * log(v):
            return max(boost * d * v, 2.3e-308)


cdef double normal_variate(uint64_t* rng) noexcept nogil:
    """A standard normal variate by Box and Muller's transform."""
    cdef double radius = sqrt(-2 * log(unit(next_random(rng))))
    return radius * cos(6.283185307179586 * unit(next_random(rng)))


cdef float worth(const SearchState* search, const Node* root, const Edges* e) noexcept nogil:
    """The mean over all visits, most of which go to the best actions."""
    return root.value


cdef void write_target(const SearchState* search, const Node* node, const Edges* e,
                       float* policy) noexcept nogil:
    """Writes the visit counts of the edges that may be played as probabilities [AZ], or their
    priors where none of them has a visit."""
    cdef float total = 0.0
    cdef int i
    for i in range(e.count):
        policy[i] = <float>e.visits[i] if keeps_result(node, e, i) else 0.0
        total += policy[i]
    if total == 0:
        for i in range(e.count):
            policy[i] = e.prior[i] if keeps_result(node, e, i) else 0.0
            total += policy[i]
    for i in range(e.count):
        policy[i] /= total


cdef int sample_policy(const Edges* e, const float* policy, double temperature,
                       uint64_t* rng) noexcept nogil:
    """Draws an edge with probability proportional to policy ** (1 / temperature) [AZ]."""
    cdef double weights[NUM_ACTIONS]
    cdef double total = 0.0, target
    cdef float largest = 0.0
    cdef int i, last = 0
    for i in range(e.count):
        largest = max(largest, policy[i])
    for i in range(e.count):
        weights[i] = 0.0
        if policy[i] > 0:
            weights[i] = exp(log(policy[i] / largest) / temperature)
        total += weights[i]
    target = total * unit(next_random(rng))
    for i in range(e.count):
        if weights[i] > 0:
            last = i
            target -= weights[i]
            if target < 0:
                break
    return last
