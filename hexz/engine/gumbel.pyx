# cython: language_level=3
"""Gumbel search: sequential halving at the root and completed-Q policy improvement.

All formulas are those of Danihelka et al., "Policy improvement by planning with Gumbel", ICLR
2022 [GZ]; Q is in -1..1.
"""
import numpy as np

from libc.math cimport log

from hexz.engine.bits cimport next_random, unit
from hexz.engine.rules cimport NUM_ACTIONS
from hexz.engine.tree cimport keeps_result, softmax

cdef enum:
    # Below any score: q and logits scaled by the settings stay well inside.
    EXCLUDED = -1000000000


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


cdef void sample_gumbel(int count, uint64_t* rng, float* noise) noexcept nogil:
    cdef int i
    for i in range(count):
        noise[i] = <float>(-log(-log(unit(next_random(rng)))))


cdef inline float q_scale(const Edges* e, const GumbelSettings* settings) noexcept nogil:
    """The factor sigma(q) / q = (c_visit + max visits) * c_scale."""
    cdef int32_t most = 0
    cdef int i
    for i in range(e.count):
        most = e.visits[i] if e.visits[i] > most else most
    return (settings.c_visit + <float>most) * settings.c_scale


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


cdef void improved_logits(const Node* node, const Edges* e, const GumbelSettings* settings,
                          float* logits) noexcept nogil:
    """Writes logit + sigma(completed Q) of each edge ([GZ], equation 10)."""
    cdef float scale = q_scale(e, settings)
    cdef float unvisited = mixed_value(node, e)
    cdef int i
    for i in range(e.count):
        logits[i] = e.log_prior[i] + scale * (e.q[i] if e.visits[i] > 0 else unvisited)


cdef int select_considered(const Node* node, const Edges* e, const float* noise,
                           int32_t considered_visit, const GumbelSettings* settings) noexcept nogil:
    """At the root: of the edges with exactly `considered_visit` visits, the one with the highest
    g + logit + sigma(Q), the first of equals. `noise` is g, one entry an edge."""
    cdef float scores[NUM_ACTIONS]
    cdef float best
    cdef int i, chosen = 0
    improved_logits(node, e, settings, scores)
    best = EXCLUDED
    for i in range(e.count):
        if e.visits[i] == considered_visit and scores[i] + noise[i] > best:
            best = scores[i] + noise[i]
            chosen = i
    return chosen


cdef int select_final(const Node* node, const Edges* e, const float* noise,
                      const GumbelSettings* settings) noexcept nogil:
    """The edge to play: of those that may be played, the one with the highest g + logit + sigma(Q)
    among the most visited."""
    cdef float scores[NUM_ACTIONS]
    cdef int i, chosen = -1
    improved_logits(node, e, settings, scores)
    for i in range(e.count):
        scores[i] += noise[i]
        if keeps_result(node, e, i) and (
                chosen < 0 or e.visits[i] > e.visits[chosen]
                or (e.visits[i] == e.visits[chosen] and scores[i] > scores[chosen])):
            chosen = i
    return chosen


cdef int select_interior(const Node* node, const Edges* e,
                         const GumbelSettings* settings) noexcept nogil:
    """Below the root: the edge whose share of the visits lags most behind the improved policy,
    argmax of pi'(a) - n(a) / (1 + N) ([GZ], equation 14)."""
    cdef float policy[NUM_ACTIONS]
    cdef float best
    cdef int i, chosen = 0
    improved_policy(node, e, settings, policy)
    best = EXCLUDED
    for i in range(e.count):
        policy[i] -= <float>e.visits[i] / <float>node.visits
        if policy[i] > best:
            best = policy[i]
            chosen = i
    return chosen


cdef void improved_policy(const Node* node, const Edges* e, const GumbelSettings* settings,
                          float* policy) noexcept nogil:
    """Writes the improved policy softmax(logits + sigma(completed Q)) ([GZ], equation 11), which
    is also the policy target."""
    improved_logits(node, e, settings, policy)
    softmax(policy, e.count)
