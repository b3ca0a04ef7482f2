# cython: language_level=3
from libc.stdint cimport uint64_t

from hexz.engine.bits cimport CellSet, next_random, popcount, scaled, select
from hexz.engine.rules cimport GRID, Position, normal_moves, play_action


cdef inline int random_action(const Position* pos, CellSet moves, uint64_t* rng) noexcept nogil:
    """A random legal action in a playout of the reference player `uct`, who has these normal moves:
    with a flag left, a flag with probability 1 / (normal moves + 1), else a normal move; uniform
    over the cells."""
    cdef int count = popcount(moves)
    cdef uint64_t bits = next_random(rng)
    if pos.flags_left[pos.turn] > 0 and scaled(<unsigned int>bits, count + 1) == 0:
        return select(pos.empty, scaled(<unsigned int>(bits >> 32), popcount(pos.empty)))
    return GRID + select(moves, scaled(<unsigned int>(bits >> 32), count))


cdef inline void roll_out(Position* pos, uint64_t* rng) noexcept nogil:
    """Plays random actions until the game is over."""
    cdef CellSet moves = normal_moves(pos, pos.turn)
    while not pos.over:
        moves = play_action(pos, random_action(pos, moves, rng))
