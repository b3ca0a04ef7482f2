# cython: language_level=3
from libc.stdint cimport int32_t, uint64_t

from hexz.engine.tree cimport Edges, Node

cdef struct GumbelSettings:
    float c_visit
    float c_scale

cdef void sample_gumbel(int count, uint64_t* rng, float* noise) noexcept nogil
cdef int select_considered(const Node* node, const Edges* e, const float* noise,
                           int32_t considered_visit, const GumbelSettings* settings) noexcept nogil
cdef int select_final(const Node* node, const Edges* e, const float* noise,
                      const GumbelSettings* settings) noexcept nogil
cdef int select_interior(const Node* node, const Edges* e,
                         const GumbelSettings* settings) noexcept nogil
cdef void improved_policy(const Node* node, const Edges* e, const GumbelSettings* settings,
                          float* policy) noexcept nogil
