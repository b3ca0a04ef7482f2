# cython: language_level=3
from libc.stdint cimport uint8_t

from hexz.engine.rules cimport Position

cdef bint set_up(Position* pos, const uint8_t* board) noexcept nogil
