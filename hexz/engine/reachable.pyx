# cython: language_level=3, boundscheck=True, wraparound=True, initializedcheck=True
"""Which positions a game can reach: what others say of one becomes a Position, or InvalidBoard.

Each function fills an empty Position from untrusted arguments; `Board` documents these.
"""
import numpy as np

from libc.stdint cimport uint8_t
from libc.string cimport memcmp

from hexz.engine.bits cimport CellSet, bit, contains, lowest, popcount
from hexz.engine.rules cimport (
    COLS, FLAG, FLAGS_PER_PLAYER, GEOMETRY, GRASS, GRID, MAX_VALUE, NORMAL, NUM_CELLS, NUM_GRASS,
    NUM_PLANES, NUM_ROCKS, ROCK, ROWS, Position, own_cell, settle_turn, write_planes,
)

from hexz.errors import InvalidBoard


cdef int read_cells(Position* pos, cells, turn, flags_left, move_number) except -1:
    """Reads what `Board.from_cells` takes."""
    cdef int i, player
    rows = _checked_cells(cells)
    turn = _checked_int(turn, "turn", 1, 2)
    move_number = _checked_int(move_number, "move number", 0, NUM_CELLS)
    try:
        first, second = flags_left  # no more than three are ever asked for
    except (TypeError, ValueError):
        raise InvalidBoard("flags_left must be a pair of integers") from None
    for i in range(NUM_CELLS):
        _put_cell(pos, i, rows[i])
    for player in range(2):
        pos.flags_left[player] = _checked_int(
            (first, second)[player], "flags left", 0, FLAGS_PER_PLAYER)
    pos.moves = move_number
    _check_flags(pos)
    _check_history(pos, GEOMETRY.board, GEOMETRY.board)
    return _give_turn(pos, turn)


cdef int read_planes(
    Position* pos, planes, turn, move_number, const Position* initial, empty
) except -1:
    """Reads what `Board.from_planes` takes; `initial` may be NULL."""
    turn = _checked_int(turn, "turn", 1, 2)
    move_number = _checked_int(move_number, "move number", 0, NUM_CELLS)
    planes = np.ascontiguousarray(planes, np.float32)
    if planes.shape != (NUM_PLANES, ROWS, COLS):
        raise InvalidBoard(f"planes must be [11, 11, 10], not {list(planes.shape)}")
    cdef const float[:, :, ::1] given = planes
    cdef uint8_t small[NUM_PLANES * ROWS * COLS]
    if not _to_small(&given[0, 0, 0], small):
        raise InvalidBoard("planes hold a number that is too large")
    cdef CellSet solid = _put_planes(pos, small, turn - 1)
    pos.moves = move_number
    _check_flags(pos)
    if initial == NULL:
        _put_likely_rocks(pos, solid, _cell_set(empty))
        _check_history(pos, GEOMETRY.board, GEOMETRY.board)
    else:
        _put_rocks_of(pos, initial)
        _check_history(pos, initial.empty, initial.grass)
    _give_turn(pos, turn)
    # The blocked cells and next values follow from the rest.
    cdef float own[NUM_PLANES * ROWS * COLS]
    cdef int i
    write_planes(pos, own)
    if memcmp(own, &given[0, 0, 0], sizeof(own)) == 0:
        return 0
    # NaN differs from everything, but -0.0 not from 0.0.
    wrong = np.reshape([own[i] for i in range(NUM_PLANES * GRID)], planes.shape) != planes
    if wrong.any():
        plane, row, col = np.argwhere(wrong)[0].tolist()
        raise InvalidBoard(
            f"plane {plane} is {planes[plane, row, col]:g} at row {row}, column {col}: "
            "that contradicts the other planes and the rules")
    return 0


cdef int read_end(Position* pos, owner, value, player) except -1:
    """Goes on to the end that `Board.ended` takes."""
    player = _checked_int(player, "player", 1, 2)
    cdef const signed char[:, ::1] owners = _checked_grid("owner", owner)
    cdef const signed char[:, ::1] values = _checked_grid("value", value)
    cdef Position before = pos[0]
    cdef int row, col, side, mover = player - 1
    for row in range(ROWS):
        for col in range(COLS - row % 2):
            side = owners[row, col]
            if not -1 <= side <= 1 or not _fill_cell(
                    pos, row * COLS + col,
                    -1 if side == 0 else mover if side == 1 else 1 - mover, values[row, col]):
                raise InvalidBoard(
                    f"the cell at row {row}, column {col} cannot end with owner {side} and "
                    f"value {values[row, col]}")
    if before.over and pos.moves != before.moves:
        raise InvalidBoard("the game was over before")
    _check_history(pos, GEOMETRY.board & ~before.grass, GEOMETRY.board & ~before.empty)
    settle_turn(pos, mover)
    if not pos.over:
        raise InvalidBoard("the game is not over with these cells")
    return 0


def _checked_int(value, name, low, high):
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise InvalidBoard(f"{name} must be an integer, not {value!r}")
    if not low <= value <= high:
        raise InvalidBoard(f"{name} is {value}, not in {low}..{high}")
    return int(value)


def _checked_cells(cells):
    try:
        array = np.asarray(cells)
    except (ValueError, TypeError, OverflowError):
        raise InvalidBoard("cells are not an array") from None
    if array.shape != (NUM_CELLS, 3) or array.dtype.kind not in "iu":
        raise InvalidBoard(
            f"cells must be integers of shape [105, 3], not {array.dtype} {list(array.shape)}")
    if array.min() < 0 or array.max() > 5:
        raise InvalidBoard("cells hold a number that is no type, owner or value")
    return array.tolist()


def _checked_grid(name, array, dtype=np.int8):
    array = np.ascontiguousarray(array)
    if array.shape != (ROWS, COLS) or array.dtype != dtype:
        raise InvalidBoard(
            f"{name} must be {np.dtype(dtype)} [11, 10], not {array.dtype} {list(array.shape)}")
    return array


cdef int _put_cell(Position* pos, int number, row) except -1:
    """Adds cell `number` (row-major among existing cells) to a board where it is empty."""
    cdef int cell = GEOMETRY.grid_of[number]
    cdef int kind = row[0], owner = row[1], value = row[2]
    if kind not in (NORMAL, GRASS, ROCK, FLAG) or owner > 2:
        raise InvalidBoard(f"cell {number} has type {kind} and owner {owner}")
    if (owner > 0) != (kind == FLAG or (kind == NORMAL and value > 0)):
        raise InvalidBoard(f"cell {number} of type {kind} and value {value} has owner {owner}")
    if (value > 0) != (kind == GRASS or (kind == NORMAL and owner > 0)):
        raise InvalidBoard(f"cell {number} of type {kind} and owner {owner} has value {value}")
    if kind == NORMAL and owner == 0:
        return 0
    pos.empty ^= bit(cell)
    if kind == GRASS:
        pos.grass |= bit(cell)
        pos.value[cell] = value
    elif kind == FLAG:
        pos.flags[owner - 1] |= bit(cell)
    if owner > 0:
        own_cell(pos, owner - 1, cell, value)
    return 0


cdef int _check_flags(const Position* pos) except -1:
    cdef int player
    for player in range(2):
        left, placed = pos.flags_left[player], popcount(pos.flags[player])
        if left + placed != FLAGS_PER_PLAYER:
            raise InvalidBoard(
                f"player {player + 1} has {left} flags left and {placed} placed: "
                f"that is not {FLAGS_PER_PLAYER}")
    return 0


cdef int _give_turn(Position* pos, int turn) except -1:
    """Makes it the turn of player 1 or 2, if the rules allow that."""
    # Passing the turn to `turn` gives it to the other player if `turn` cannot move.
    settle_turn(pos, 2 - turn)
    if pos.moves == 0 and turn != 1 and not pos.over:
        raise InvalidBoard("player 1 moves first")
    if not pos.over and pos.turn != turn - 1:
        raise InvalidBoard(f"it cannot be the turn of player {turn}, who has no move")
    pos.turn = <uint8_t>(turn - 1)
    return 0


cdef bint _to_small(const float* planes, uint8_t* small) noexcept:
    """Cuts off fractions; False if a number is not in 0..MAX_VALUE. NaN may become any of those."""
    cdef int i, number
    for i in range(NUM_PLANES * ROWS * COLS):
        number = <int>planes[i]
        if not 0 <= number <= MAX_VALUE:
            return False
        small[i] = <uint8_t>number
    return True


cdef CellSet _put_planes(Position* pos, const uint8_t* planes, int mover) noexcept:
    """Puts what planes show on an empty board, but for rocks; returns the cells that look like
    rocks. Values must be at most MAX_VALUE; nothing else is checked."""
    cdef CellSet solid = 0
    cdef int i, cell, side
    cdef const uint8_t* mine
    for i in range(NUM_CELLS):
        cell = GEOMETRY.grid_of[i]
        if planes[10 * GRID + cell]:
            pos.grass |= bit(cell)
            pos.value[cell] = planes[10 * GRID + cell]
            pos.empty ^= bit(cell)
        elif planes[2 * GRID + cell] and planes[7 * GRID + cell]:
            solid |= bit(cell)
    for side in range(2):
        mine = planes + 5 * side * GRID
        pos.flags_left[mover ^ side] = mine[4 * GRID]
        for i in range(NUM_CELLS):
            cell = GEOMETRY.grid_of[i]
            if (mine[cell] or mine[GRID + cell]) and contains(pos.empty, cell):
                if mine[cell]:
                    pos.flags[mover ^ side] |= bit(cell)
                own_cell(pos, mover ^ side, cell, 0 if mine[cell] else mine[GRID + cell])
                pos.empty ^= bit(cell)
    return solid & pos.empty


cdef int _put_rocks_of(Position* pos, const Position* initial) except -1:
    """Adds the rocks of the board before the first move; raises InvalidBoard if the position
    cannot follow from it."""
    cdef CellSet rocks = GEOMETRY.board & ~initial.empty & ~initial.grass
    cdef CellSet rest = initial.grass
    cdef int cell
    if initial.own[0] | initial.own[1]:
        raise InvalidBoard("the initial board is one with moves")
    if rocks & ~pos.empty or pos.grass & ~initial.grass:
        raise InvalidBoard("the initial board has its rocks or its grass elsewhere")
    while rest:
        cell = lowest(rest)
        rest &= rest - 1
        if pos.value[cell] != initial.value[cell]:
            raise InvalidBoard(
                f"the grass at {_place(cell)} was worth {initial.value[cell]} initially")
    pos.empty ^= rocks
    return 0


cdef int _put_likely_rocks(Position* pos, CellSet solid, CellSet empty) except -1:
    """Adds the rocks of a standard game: of the cells that look like rocks, those that must be,
    and others that are not known to be empty. Raises InvalidBoard if there are not as many, or
    the grass is not that of a standard game."""
    cdef CellSet either = solid & pos.near5[0] & pos.near5[1]
    cdef CellSet rest = pos.grass
    cdef int moves, values = 0
    solid &= ~(either & empty)
    either &= ~empty
    while popcount(solid) > NUM_ROCKS and either:
        solid ^= bit(lowest(either))
        either &= either - 1
    if popcount(solid) != NUM_ROCKS:
        raise InvalidBoard(f"the position has {popcount(solid)} rocks, not {NUM_ROCKS}")
    pos.empty ^= solid
    while rest:
        values |= 1 << pos.value[lowest(rest)]
        rest &= rest - 1
    if popcount(values) != popcount(pos.grass):
        raise InvalidBoard("two grass cells have the same value")
    moves = popcount(pos.own[0] | pos.own[1]) + popcount(pos.grass) - NUM_GRASS
    if pos.moves != moves:
        raise _wrong_move_number(pos.moves, moves, moves)
    return 0


cdef CellSet _cell_set(mask) except *:
    """The cells that a bool [11, 10] array marks."""
    cdef CellSet cells = 0
    if mask is not None:
        for cell in np.flatnonzero(_checked_grid("empty", mask, np.bool_)).tolist():
            cells |= bit(cell)
    return cells


cdef bint _fill_cell(Position* pos, int cell, int owner, int value) noexcept:
    """Makes an empty cell or grass what it is at the end, the owner 0 or 1, or -1 for nobody.
    Returns False if a cell cannot become that."""
    if not 0 <= value <= MAX_VALUE:
        return False
    if contains(pos.own[0] | pos.own[1], cell):
        return owner >= 0 and contains(pos.own[owner], cell) and value == pos.value[cell]
    if owner < 0:
        return value == pos.value[cell]
    if contains(pos.grass, cell):
        if value != pos.value[cell]:
            return False
        pos.grass ^= bit(cell)
    elif contains(pos.empty, cell):
        if value == 0:
            if pos.flags_left[owner] == 0:
                return False
            pos.flags_left[owner] -= 1
            pos.flags[owner] |= bit(cell)
        pos.empty ^= bit(cell)
        pos.moves += 1
    else:
        return False
    own_cell(pos, owner, cell, value)
    return True


def _place(cell):
    return f"row {cell // COLS}, column {cell % COLS}"


def _wrong_move_number(moves, low, high):
    return InvalidBoard(f"{moves} moves were played, but the cells need {low} to {high}")


cdef bint _placeable(const Position* pos, int cell, CellSet neighbours) noexcept:
    """Whether a cell's value is one more than that of one of the player's given neighbours."""
    cdef CellSet near = GEOMETRY.around[cell] & neighbours
    while near:
        if pos.value[lowest(near)] == pos.value[cell] - 1:
            return True
        near &= near - 1
    return False


cdef bint _capturable(const Position* pos, int player, int cell, CellSet neighbours) noexcept:
    """Whether one of the player's given neighbours could have captured a cell as grass."""
    cdef CellSet near = GEOMETRY.around[cell] & neighbours
    if contains(pos.flags[player], cell):
        return False
    while near:
        if pos.value[lowest(near)] >= pos.value[cell]:
            return True
        near &= near - 1
    return False


cdef bint _grass_stands(const Position* pos, int cell) noexcept:
    """Whether all grass next to an owned cell is worth more than the cell."""
    cdef CellSet near = GEOMETRY.around[cell] & pos.grass
    while near:
        if pos.value[lowest(near)] <= pos.value[cell]:
            return False
        near &= near - 1
    return True


cdef int _check_history(const Position* pos, CellSet placed, CellSet captured) except -1:
    """Raises InvalidBoard where no sequence of moves leads to the cells of a position.

    A player's cells grow from the flags: a normal cell of value v was either placed next to an own
    v - 1 or captured as grass by an own neighbour of at least v. Every other move fills a cell
    more, so the number of moves is that of the owned cells less the captured ones. Grass next to
    an owned cell of at least its own value would have been captured.

    Owned cells outside `placed` were not empty in the beginning, those outside `captured` were no
    grass.
    """
    cdef int cell, player, owned = 0, must_capture = 0, may_capture = 0
    cdef CellSet reached, before, rest
    for player in range(2):
        reached = pos.flags[player]
        before = 0
        while reached != before:
            before = reached
            rest = pos.own[player] & ~reached
            while rest:
                cell = lowest(rest)
                rest &= rest - 1
                if (contains(placed, cell) and _placeable(pos, cell, reached)) or (
                        contains(captured, cell) and _capturable(pos, player, cell, reached)):
                    reached |= bit(cell)
        rest = pos.own[player] & ~reached
        if rest:
            cell = lowest(rest)
            raise InvalidBoard(
                f"player {player + 1} cannot have got the {pos.value[cell]} at {_place(cell)}")
        rest = pos.own[player]
        owned += popcount(rest)
        while rest:
            cell = lowest(rest)
            rest &= rest - 1
            if not contains(pos.flags[player], cell):
                must_capture += not (
                    contains(placed, cell) and _placeable(pos, cell, pos.own[player]))
                may_capture += (
                    contains(captured, cell) and _capturable(pos, player, cell, pos.own[player]))
            if not _grass_stands(pos, cell):
                raise InvalidBoard(
                    f"player {player + 1} would have captured the grass next to {_place(cell)}")
    if not owned - may_capture <= pos.moves <= owned - must_capture:
        raise _wrong_move_number(pos.moves, owned - may_capture, owned - must_capture)
    return 0
