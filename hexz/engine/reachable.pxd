# cython: language_level=3
from hexz.engine.rules cimport Position

cdef int read_cells(Position* pos, cells, turn, flags_left, move_number) except -1
cdef int read_planes(
    Position* pos, planes, turn, move_number, const Position* initial, empty) except -1
cdef int read_end(Position* pos, owner, value, player) except -1
