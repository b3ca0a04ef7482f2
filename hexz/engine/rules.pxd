# cython: language_level=3
"""The rules of Flagz on a plain C struct: what playouts and tree search run millions of times.

Functions here trust their arguments; `hexz.engine.board` is the layer that checks.
Players are 0 and 1 here and 1 and 2 everywhere else.
"""
from libc.stdint cimport int16_t, uint8_t, uint64_t

from hexz.engine.bits cimport CellSet, bit, contains, lowest

cdef enum:
    ROWS = 11
    COLS = 10
    GRID = 110          # cells of the [11, 10] array, the 5 that do not exist included
    NUM_CELLS = 105
    NUM_ACTIONS = 220   # action = plane * 110 + row * 10 + col; plane 0 flags, 1 normal moves
    MAX_MOVES = 105     # every move fills an empty cell
    NUM_PLANES = 11
    NUM_ROCKS = 15
    NUM_GRASS = 5       # of values 1 to 5, one each
    FLAGS_PER_PLAYER = 3
    MAX_VALUE = 5
    NO_NEXT = 6         # entry of Position.next where the player owns no neighbour of value < 5

cdef extern from *:
    """
    /* Entries become no larger than a value, or stay as they are where they are kept apart: two
       vector instructions. */
    static inline void hexz_lower(
            uint8_t *restrict entries, const uint8_t *restrict apart, uint8_t value) {
        for (int i = 0; i < 32; i++) {
            uint8_t bound = apart[i] | value;
            entries[i] = entries[i] < bound ? entries[i] : bound;
        }
    }
    """
    void lower "hexz_lower"(uint8_t* entries, const uint8_t* apart, uint8_t value) noexcept nogil

cdef enum:              # kinds of cells in the wire format
    NORMAL = 0          # or empty
    GRASS = 2
    ROCK = 3
    FLAG = 5

    WINDOW = 32         # entries of Position.next that have a row and those beside it

cdef struct Geometry:
    CellSet board                 # all cells that exist
    CellSet around[GRID]          # the neighbours of a cell
    uint8_t window[GRID]          # where in Position.next the window of a cell begins
    uint8_t apart[GRID][WINDOW]   # of the entries there: 0 for neighbours of the cell, else 255
    uint8_t grid_of[NUM_CELLS]    # row-major number among existing cells -> grid index
    uint8_t mirrored[4][GRID]     # symmetry -> grid index -> grid index

cdef Geometry GEOMETRY

cdef struct Position:
    CellSet empty
    CellSet grass
    CellSet own[2]              # flags and normal cells
    CellSet flags[2]
    CellSet near[2]             # cells with a neighbour of the player
    CellSet near5[2]            # cells with a neighbour of the player of value 5: blocked
    uint8_t next[2][GRID + 2]   # 1 + lowest value of the player's neighbours, or NO_NEXT
    uint8_t value[GRID + 2]     # of grass and normal cells, else 0
    int16_t score[2]
    uint8_t flags_left[2]
    uint8_t turn                # meaningless once over
    uint8_t over
    uint8_t moves               # moves played so far


cdef inline CellSet normal_moves(const Position* pos, int player) noexcept nogil:
    return pos.near[player] & ~pos.near5[player] & pos.empty


cdef inline bint is_legal(const Position* pos, int action) noexcept nogil:
    cdef int player = pos.turn
    if pos.over:
        return False
    if action < GRID:
        return pos.flags_left[player] > 0 and contains(pos.empty, action)
    return contains(normal_moves(pos, player), action - GRID)


cdef inline int list_actions(const Position* pos, uint8_t* actions) noexcept nogil:
    """Writes the legal actions of the player to move in increasing order; returns their number."""
    cdef int count = 0
    cdef CellSet rest
    if pos.over:
        return 0
    if pos.flags_left[pos.turn] > 0:
        rest = pos.empty
        while rest:
            actions[count] = <uint8_t>lowest(rest)
            rest &= rest - 1
            count += 1
    rest = normal_moves(pos, pos.turn)
    while rest:
        actions[count] = <uint8_t>(GRID + lowest(rest))
        rest &= rest - 1
        count += 1
    return count


cdef inline void own_cell(Position* pos, int player, int cell, int value) noexcept nogil:
    """Gives a cell to a player, without captures. A flag has value 0."""
    cdef CellSet around = GEOMETRY.around[cell]
    pos.own[player] |= bit(cell)
    pos.value[cell] = <uint8_t>value
    pos.score[player] += <int16_t>value
    pos.near[player] |= around
    # Without a branch: whether the value is 5 cannot be foreseen, and 6 lowers nothing.
    pos.near5[player] |= around & -<CellSet>(value == MAX_VALUE)
    lower(&pos.next[player][GEOMETRY.window[cell]], &GEOMETRY.apart[cell][0], <uint8_t>(value + 1))


cdef inline void capture_grass(Position* pos, int player, int cell, int value) noexcept nogil:
    """Captures the grass that a newly owned cell reaches, and what the captured cells reach."""
    cdef uint8_t pending[GRID]
    cdef int num_pending = 0
    cdef CellSet reached
    cdef int grass
    while True:
        reached = pos.grass & GEOMETRY.around[cell]
        while reached:
            grass = lowest(reached)
            reached &= reached - 1
            if pos.value[grass] <= value:
                pos.grass ^= bit(grass)
                own_cell(pos, player, grass, pos.value[grass])
                pending[num_pending] = <uint8_t>grass
                num_pending += 1
        if num_pending == 0:
            return
        num_pending -= 1
        cell = pending[num_pending]
        value = pos.value[cell]


cdef inline CellSet settle_turn(Position* pos, int mover) noexcept nogil:
    """Decides who moves after `mover`, and whether the game is over. Returns the normal moves of
    whose turn it is."""
    cdef bint any_empty = pos.empty != 0
    cdef bint can[2]
    cdef int lead = pos.score[0] - pos.score[1]
    cdef CellSet own = normal_moves(pos, mover), others = normal_moves(pos, 1 - mover)
    can[mover] = any_empty and (pos.flags_left[mover] > 0 or own != 0)
    can[1 - mover] = any_empty and (pos.flags_left[1 - mover] > 0 or others != 0)
    pos.turn = <uint8_t>(1 - mover if can[1 - mover] else mover)
    pos.over = not (can[0] and can[1]) and (
        not (can[0] or can[1]) or (not can[0] and lead < 0) or (not can[1] and lead > 0)
    )
    return others if can[1 - mover] else own


cdef inline void place(Position* pos, int action) noexcept nogil:
    """Plays an action without passing the turn. The action must be legal."""
    cdef int player = pos.turn
    cdef int cell, value
    if action < GRID:
        cell = action
        pos.empty ^= bit(cell)
        pos.flags_left[player] -= 1
        pos.flags[player] |= bit(cell)
        own_cell(pos, player, cell, 0)
    else:
        cell = action - GRID
        value = pos.next[player][cell]
        pos.empty ^= bit(cell)
        own_cell(pos, player, cell, value)
        if pos.grass & GEOMETRY.around[cell]:
            capture_grass(pos, player, cell, value)
    pos.moves += 1


cdef inline CellSet play_action(Position* pos, int action) noexcept nogil:
    """Plays a legal action. Returns the normal moves of whose turn it is then."""
    cdef int mover = pos.turn
    place(pos, action)
    return settle_turn(pos, mover)


cdef inline int outcome(const Position* pos, int player) noexcept nogil:
    """The result of a finished game for `player`: 1, 0 or -1."""
    cdef int lead = pos.score[player] - pos.score[1 - player]
    return (lead > 0) - (lead < 0)


cdef void clear_position(Position* pos) noexcept nogil
cdef void random_position(Position* pos, uint64_t seed) noexcept nogil
cdef void write_planes(const Position* pos, float* planes) noexcept nogil
