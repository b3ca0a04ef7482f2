# cython: language_level=3
from libc.stdint cimport uint64_t

from hexz.engine.tree cimport Arena, Edges, Node

cdef struct PuctSettings:
    float c_init
    float c_base
    float fpu_reduction
    float dirichlet_total
    float dirichlet_fraction

cdef int select_puct(const Node* node, const Edges* e, const float* priors,
                     const PuctSettings* settings) noexcept nogil
cdef int select_puct_waiting(const Arena* tree, const Node* node, const Edges* e,
                             const float* priors, const PuctSettings* settings) noexcept nogil
cdef void mix_dirichlet(const Edges* e, const PuctSettings* settings, uint64_t* rng,
                        float* priors) noexcept nogil
cdef void visit_policy(const Node* node, const Edges* e, float* policy) noexcept nogil
cdef int most_visited(const Node* node, const Edges* e) noexcept nogil
cdef int sample_policy(const Edges* e, const float* policy, double temperature,
                       uint64_t* rng) noexcept nogil
