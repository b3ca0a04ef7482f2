# cython: language_level=3
from hexz.engine.rules cimport Position


cdef class Board:
    cdef Position pos

    @staticmethod
    cdef Board wrap(const Position* pos)
