# cython: language_level=3
"""Gumbel search: sequential halving at the root and completed-Q policy improvement.

All formulas are those of Danihelka et al., "Policy improvement by planning with Gumbel", ICLR
2022 [GZ]; Q is in -1..1.
"""
import numpy as np

from libc.float cimport FLT_MAX
from libc.math cimport log
from libc.stdint cimport int32_t
from libc.string cimport memset

from hexz.engine.bits cimport next_random, unit
from hexz.engine.rules cimport NUM_ACTIONS
from hexz.engine.search.rule cimport SearchState, SelectionRule
from hexz.engine.search.tree cimport Edges, Node, keeps_result, softmax

cdef struct Constants:
    float c_visit
    float c_scale
    # Of a full and of a fast search: actions that sequential halving starts with, and its table.
    int max_considered[2]
    const int32_t* considered[2]    # see `considered_visits`


cdef class Rule(SelectionRule):
    cdef Constants constants
    cdef list tables

    def __cinit__(self, settings):
        cdef const int32_t[:, ::1] table
        self.constants.c_visit = settings.c_visit
        self.constants.c_scale = settings.c_scale
        self.constants.max_considered = [settings.max_considered, settings.fast_considered]
        self.tables = []
        for fast in range(2 if self.config.full_search_share < 1 else 1):
            table = considered_visits(
                self.constants.max_considered[fast], self.config.simulations[fast])
            self.tables.append(table)
            self.constants.considered[fast] = &table[0, 0]
        self.config.constants = &self.constants
        self.config.rule.prepare = prepare
        self.config.rule.select_root = select_root
        self.config.rule.select_interior = select_interior
        self.config.rule.choose = choose
        self.config.rule.worth = worth
        self.config.rule.write_target = write_target


def considered_visits(int max_considered, int simulations):
    """int32 [max_considered + 1, simulations]: row m, column k is the visit count that an action
    must have to be considered in simulation k when sequential halving starts with m actions.

    Karnin, Koren, Somekh: "Almost optimal exploration in multi-armed bandits", ICML 2013: the
    budget is shared out evenly over ceil(log2 m) phases, each gives the same number of visits to
    every action that is left and drops the worse half; the last two go on until the budget ends.
    """
    table = np.zeros((max_considered + 1, simulations), np.int32)
    for m in range(max_considered + 1):
        table[m] = _halving_visits(m, simulations)
    return table


def _halving_visits(int m, int simulations):
    if m <= 1:
        return np.arange(simulations)
    phases = (m - 1).bit_length()
    visited, left, sequence = 0, m, []
    while len(sequence) < simulations:
        for _ in range(max(1, simulations // (phases * left))):
            sequence.extend([visited] * left)
            visited += 1
        left = max(2, left // 2)
    return np.array(sequence[:simulations])


cdef inline const Constants* constants_of(const SearchState* search) noexcept nogil:
    return <const Constants*>search.config.constants


cdef void prepare(SearchState* search, const Edges* root, bint noisy) noexcept nogil:
    """Draws Gumbel variates, or writes zeros without noise."""
    cdef int i
    memset(search.root_noise, 0, <size_t>root.count * sizeof(float))
    if noisy:
        for i in range(root.count):
            search.root_noise[i] = <float>(-log(-log(unit(next_random(&search.rng)))))


cdef inline float q_scale(const Edges* e, const Constants* constants) noexcept nogil:
    """The factor sigma(q) / q = (c_visit + max visits) * c_scale."""
    cdef int32_t most = 0
    cdef int i
    for i in range(e.count):
        most = e.visits[i] if e.visits[i] > most else most
    return (constants.c_visit + <float>most) * constants.c_scale


cdef inline float mixed_value(const Node* node, const Edges* e) noexcept nogil:
    """The value that stands in for the Q of actions without visits, v_mix of [GZ], equation 33."""
    cdef float weighted = 0.0, mass = 0.0
    cdef float visits = <float>(node.visits - 1)
    cdef int i
    for i in range(e.count):
        if e.visits[i] > 0:
            weighted += e.prior[i] * e.q[i]
            mass += e.prior[i]
    if mass <= 0:
        return node.network_value
    return (node.network_value + visits * weighted / mass) / (1 + visits)


cdef void improved_logits(const Node* node, const Edges* e, const Constants* constants,
                          float* logits) noexcept nogil:
    """Writes logit + sigma(completed Q) of each edge ([GZ], equation 10)."""
    cdef float scale = q_scale(e, constants)
    cdef float unvisited = mixed_value(node, e)
    cdef int i
    for i in range(e.count):
        logits[i] = e.log_prior[i] + scale * (e.q[i] if e.visits[i] > 0 else unvisited)


cdef int select_root(const SearchState* search, const Node* root, const Edges* e) noexcept nogil:
    """Of the edges with as many visits as sequential halving asks for now, the one with the highest
    g + logit + sigma(Q), the first of equals."""
    cdef const Constants* constants = constants_of(search)
    cdef int row = min(constants.max_considered[search.fast], e.count)
    cdef int32_t visits = constants.considered[search.fast][
        row * search.config.simulations[search.fast] + search.simulations]
    cdef float scores[NUM_ACTIONS]
    cdef float best = -FLT_MAX
    cdef int i, chosen = 0
    improved_logits(root, e, constants, scores)
    for i in range(e.count):
        if e.visits[i] == visits and scores[i] + search.root_noise[i] > best:
            best = scores[i] + search.root_noise[i]
            chosen = i
    return chosen


cdef int choose(SearchState* search, const Node* root, const Edges* e) noexcept nogil:
    """Of the edges that may be played, the one with the highest g + logit + sigma(Q) among the most
    visited."""
    cdef float scores[NUM_ACTIONS]
    cdef int i, chosen = -1
    improved_logits(root, e, constants_of(search), scores)
    for i in range(e.count):
        scores[i] += search.root_noise[i]
        if keeps_result(root, e, i) and (
                chosen < 0 or e.visits[i] > e.visits[chosen]
                or (e.visits[i] == e.visits[chosen] and scores[i] > scores[chosen])):
            chosen = i
    return chosen


cdef int select_interior(
    const SearchState* search, const Node* node, const Edges* e
) noexcept nogil:
    """The edge whose share of the visits lags most behind the improved policy,
    argmax of pi'(a) - n(a) / (1 + N) ([GZ], equation 14)."""
    cdef float policy[NUM_ACTIONS]
    cdef float best
    cdef int i, chosen = 0
    write_target(search, node, e, policy)
    best = -FLT_MAX
    for i in range(e.count):
        policy[i] -= <float>e.visits[i] / <float>node.visits
        if policy[i] > best:
            best = policy[i]
            chosen = i
    return chosen


cdef float worth(const SearchState* search, const Node* root, const Edges* e) noexcept nogil:
    """The value of the improved policy, by which the move is chosen: the mean of completed Q.

    The mean over visits would be far too low: sequential halving gives as many visits to the worst
    of the actions that it starts with as to the best one, until it drops them.
    """
    cdef float policy[NUM_ACTIONS]
    cdef float unvisited = mixed_value(root, e)
    cdef float value = unvisited
    cdef int i
    write_target(search, root, e, policy)
    for i in range(e.count):
        if e.visits[i] > 0:
            value += policy[i] * (e.q[i] - unvisited)
    return min(max(value, -1.0), 1.0)   # which rounding may exceed


cdef void write_target(const SearchState* search, const Node* node, const Edges* e,
                       float* policy) noexcept nogil:
    """Writes the improved policy softmax(logits + sigma(completed Q)) ([GZ], equation 11)."""
    improved_logits(node, e, constants_of(search), policy)
    softmax(policy, e.count)
