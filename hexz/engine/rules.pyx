# cython: language_level=3
"""Geometry tables, start positions and board planes; the rules themselves are inline in rules.pxd."""
from libc.stdint cimport uint32_t
from libc.string cimport memset

from hexz.engine.bits cimport next_random, random_stream, scaled, select


cdef void fill_geometry() noexcept:
    cdef int row, col, shift, cell, count = 0
    memset(&GEOMETRY, 0, sizeof(GEOMETRY))
    for row in range(ROWS):
        for col in range(COLS - row % 2):
            GEOMETRY.board |= bit(row * COLS + col)
            GEOMETRY.grid_of[count] = <uint8_t>(row * COLS + col)
            count += 1
    for row in range(ROWS):
        shift = row % 2
        for col in range(COLS - shift):
            cell = row * COLS + col
            GEOMETRY.window[cell] = <uint8_t>min(max(0, (row - 1) * COLS), GRID + 2 - WINDOW)
            memset(&GEOMETRY.apart[cell][0], 255, WINDOW)
            for r, c in (
                (row, col + 1), (row - 1, col + shift), (row - 1, col - 1 + shift),
                (row, col - 1), (row + 1, col - 1 + shift), (row + 1, col + shift),
            ):
                if 0 <= r < ROWS and 0 <= c < COLS - r % 2:
                    GEOMETRY.around[cell] |= bit(r * COLS + c)
                    GEOMETRY.apart[cell][r * COLS + c - GEOMETRY.window[cell]] = 0
    for cell in range(GRID):
        row = cell // COLS
        col = cell % COLS
        # The missing cell of an odd row is mirrored onto a missing cell.
        shift = col if row % 2 and col == COLS - 1 else COLS - 1 - row % 2 - col
        GEOMETRY.mirrored[0][cell] = <uint8_t>cell
        GEOMETRY.mirrored[1][cell] = <uint8_t>(row * COLS + shift)
        GEOMETRY.mirrored[2][cell] = <uint8_t>((ROWS - 1 - row) * COLS + col)
        GEOMETRY.mirrored[3][cell] = <uint8_t>((ROWS - 1 - row) * COLS + shift)


fill_geometry()


cdef void clear_position(Position* pos) noexcept nogil:
    """An all-empty board at the start of a game."""
    memset(pos, 0, sizeof(Position))
    memset(&pos.next[0][0], NO_NEXT, sizeof(pos.next))
    pos.empty = GEOMETRY.board
    pos.flags_left[0] = pos.flags_left[1] = FLAGS_PER_PLAYER


cdef void random_position(Position* pos, uint64_t seed) noexcept nogil:
    """A start position: 15 rocks and 5 grass cells of values 1 to 5 on distinct random cells."""
    cdef uint64_t rng = random_stream(seed, 0)
    cdef int i, cell
    clear_position(pos)
    for i in range(NUM_ROCKS + NUM_GRASS):
        cell = select(pos.empty, scaled(<uint32_t>(next_random(&rng) >> 32), NUM_CELLS - i))
        pos.empty ^= bit(cell)
        if i >= NUM_ROCKS:
            pos.grass |= bit(cell)
            pos.value[cell] = <uint8_t>(i - NUM_ROCKS + 1)


cdef inline void write_set(CellSet members, float* plane) noexcept nogil:
    cdef uint64_t low = <uint64_t>members, high = <uint64_t>(members >> 64)
    cdef int i
    for i in range(64):
        plane[i] = <float><int>((low >> i) & 1)
    for i in range(GRID - 64):
        plane[64 + i] = <float><int>((high >> i) & 1)


cdef inline void write_values(CellSet members, const uint8_t* values, float* plane) noexcept nogil:
    cdef uint64_t low = <uint64_t>members, high = <uint64_t>(members >> 64)
    cdef int i
    for i in range(64):
        plane[i] = <float>(<int>((low >> i) & 1) * <int>values[i])
    for i in range(GRID - 64):
        plane[64 + i] = <float>(<int>((high >> i) & 1) * <int>values[64 + i])


cdef void write_planes(const Position* pos, float* planes) noexcept nogil:
    """Writes the 11 planes of a position, [11, 11, 10] floats, from the view of the player to move:
    0 own flags, 1 own values, 2 blocked, 3 next values, 4 flags left, 5..9 the same for the
    opponent, 10 grass values."""
    cdef CellSet all_grid = (bit(GRID - 1) - 1) | bit(GRID - 1)
    cdef int side, player, i
    cdef float left
    cdef float* plane = planes
    for side in range(2):
        player = pos.turn ^ side
        write_set(pos.flags[player], plane)
        write_values(pos.own[player], pos.value, plane + GRID)
        write_set(all_grid & (~pos.empty | pos.near5[player]), plane + 2 * GRID)
        write_values(normal_moves(pos, player), pos.next[player], plane + 3 * GRID)
        left = <float>pos.flags_left[player]
        for i in range(GRID):
            plane[4 * GRID + i] = left
        plane += 5 * GRID
    write_values(pos.grass, pos.value, plane)
