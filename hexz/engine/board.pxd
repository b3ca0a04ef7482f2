# cython: language_level=3
from libc.stdint cimport uint64_t

from hexz.engine.rules cimport Position


cdef class Board:
    cdef Position pos

    @staticmethod
    cdef Board wrap(const Position* pos)

    cdef int _play(self, move) except -1
    cdef str _refusal(self, int action)


cdef uint64_t checked_seed(seed) except? 0
