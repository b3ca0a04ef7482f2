# cython: language_level=3, boundscheck=True, wraparound=True, initializedcheck=True
"""`Board`: a position of Flagz, rules included. This layer checks its arguments and raises."""
import operator

import numpy as np

from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memcmp

from hexz.engine.bits cimport CellSet, bit, contains, lowest, popcount
from hexz.engine.rules cimport (
    COLS, FLAGS_PER_PLAYER, GEOMETRY, GRID, MAX_VALUE, NUM_ACTIONS, NUM_CELLS, NUM_GRASS,
    NUM_PLANES, NUM_ROCKS, ROWS,
    Position, clear_position, is_legal, list_actions, normal_moves, own_cell, play_action,
    random_position, settle_turn, write_planes,
)

from hexz.engine.move import Move, check_symmetry
from hexz.errors import IllegalMove, InvalidBoard

# Cell types of the wire format.
cdef enum:
    NORMAL = 0
    GRASS = 2
    ROCK = 3
    FLAG = 5


def transform_planes(array, symmetry):
    """Mirrors an array over its last two axes, which must be [11, 10]: board planes, policies
    reshaped to [2, 11, 10], or batches of them. Returns a new array of the same shape and dtype.

    The cells that odd rows lack are mirrored onto each other.
    """
    check_symmetry(symmetry)
    array = np.asarray(array)
    if array.shape[-2:] != (ROWS, COLS):
        raise ValueError(f"the last two axes must be [11, 10], not {list(array.shape[-2:])}")
    flat = array.reshape(*array.shape[:-2], GRID)
    return flat[..., _MIRRORED[int(symmetry)]].reshape(array.shape)


def transform_policy(policy, symmetry):
    """Mirrors policies [..., 220], indexed like `Move.index`. Returns a new array of the same shape
    and dtype."""
    policy = np.asarray(policy)
    if policy.shape[-1:] != (NUM_ACTIONS,):
        raise ValueError(f"the last axis must be [220], not {list(policy.shape[-1:])}")
    planes = policy.reshape(*policy.shape[:-1], 2, ROWS, COLS)
    return transform_planes(planes, symmetry).reshape(policy.shape)


cdef class Board:
    """A position of Flagz and everything the rules say about it.

    Make one with `Board.random(seed)`, `Board.from_text(text)` or `Board.from_cells(...)`.
    Players are 1 and 2. Boards compare equal if the same game can follow from both.
    """

    def __init__(self):
        raise TypeError("use Board.random(seed), Board.from_text(text) or Board.from_cells(...)")

    @staticmethod
    cdef Board wrap(const Position* pos):
        cdef Board board = Board.__new__(Board)
        board.pos = pos[0]
        return board

    def __cinit__(self):
        clear_position(&self.pos)

    @staticmethod
    def random(seed):
        """A start position: 15 rocks and grass of values 1 to 5 on distinct random cells.

        `seed` is an integer in 0..2**64-1; equal seeds give equal boards everywhere.
        """
        cdef Board board = Board.__new__(Board)
        random_position(&board.pos, checked_seed(seed))
        return board

    @staticmethod
    def from_text(text):
        """A start position from 105 characters, row by row: `.` empty, `#` rock, `1`..`5` grass.

        Raises:
            InvalidBoard: the length or a character is wrong.
        """
        if not isinstance(text, str):
            raise InvalidBoard(f"a board is a text of 105 characters, not {type(text).__name__}")
        if len(text) != NUM_CELLS:
            raise InvalidBoard(f"a board has 105 characters, this text has {len(text)}")
        cdef Board board = Board.__new__(Board)
        cdef int i, cell
        for i in range(NUM_CELLS):
            letter = text[i]
            cell = GEOMETRY.grid_of[i]
            if letter == ".":
                continue
            board.pos.empty ^= bit(cell)
            if letter in ("1", "2", "3", "4", "5"):
                board.pos.grass |= bit(cell)
                board.pos.value[cell] = ord(letter) - ord("0")
            elif letter != "#":
                raise InvalidBoard(f"character {i} is {letter!r}: expected one of '.#12345'")
        settle_turn(&board.pos, 1)
        return board

    @staticmethod
    def from_cells(cells, *, turn, flags_left, move_number):
        """A position in the middle of a game.

        Args:
            cells: integers [105, 3], row by row: type (0 normal or empty, 2 grass, 3 rock,
                5 flag), owner (0, 1, 2) and value.
            turn: the player to move, 1 or 2 (not checked once the game is over).
            flags_left: flags that each player has left.
            move_number: moves played so far.

        Raises:
            InvalidBoard: no game can have reached this position.
        """
        rows = _checked_cells(cells)
        turn, move_number = _checked_int(turn, "turn", 1, 2), _checked_int(
            move_number, "move number", 0, NUM_CELLS)
        try:
            flags_left = tuple(flags_left)
        except TypeError:
            raise InvalidBoard("flags_left must be a pair of integers") from None
        if len(flags_left) != 2:
            raise InvalidBoard(f"flags_left must have 2 entries, not {len(flags_left)}")
        cdef Board board = Board.__new__(Board)
        cdef int i, player
        for i in range(NUM_CELLS):
            _put_cell(&board.pos, i, rows[i])
        for player in range(2):
            board.pos.flags_left[player] = _checked_int(
                flags_left[player], "flags left", 0, FLAGS_PER_PLAYER)
        board.pos.moves = move_number
        _check_flags(&board.pos)
        _check_history(&board.pos, GEOMETRY.board, GEOMETRY.board)
        _give_turn(&board.pos, turn)
        return board

    @staticmethod
    def from_planes(planes, *, turn, move_number, initial=None, empty=None):
        """The position that `planes()` shows.

        Args:
            planes: float32 [11, 11, 10], from the view of the player to move.
            turn: that player, 1 or 2.
            move_number: moves played so far.
            initial: the board before the first move. Without it, the game is taken to have begun
                with 15 rocks and 5 grass cells, values 1 to 5, like all that `random` makes.
            empty: bool [11, 10], marks cells that are known to be empty; not used with `initial`.
                Next to 5s of both players, an empty cell looks like a rock. Those that are not
                marked are told from rocks by number only, not by place.

        Raises:
            InvalidBoard: no game can have reached this position.
        """
        turn, move_number = _checked_int(turn, "turn", 1, 2), _checked_int(
            move_number, "move number", 0, NUM_CELLS)
        planes = np.ascontiguousarray(planes, np.float32)
        if planes.shape != (NUM_PLANES, ROWS, COLS):
            raise InvalidBoard(f"planes must be [11, 11, 10], not {list(planes.shape)}")
        cdef const float[:, :, ::1] given = planes
        cdef uint8_t small[NUM_PLANES * ROWS * COLS]
        if not _to_small(&given[0, 0, 0], small):
            raise InvalidBoard("planes hold a number that is too large")
        cdef Board board = Board.__new__(Board)
        cdef CellSet solid = _put_planes(&board.pos, small, turn - 1)
        board.pos.moves = move_number
        _check_flags(&board.pos)
        if initial is None:
            _put_likely_rocks(&board.pos, solid, _cell_set(empty))
            _check_history(&board.pos, GEOMETRY.board, GEOMETRY.board)
        else:
            _put_rocks_of(&board.pos, &(<Board?>initial).pos)
            _check_history(
                &board.pos, (<Board>initial).pos.empty, (<Board>initial).pos.grass)
        _give_turn(&board.pos, turn)
        # The blocked cells and next values follow from the rest.
        cdef float own[NUM_PLANES * ROWS * COLS]
        write_planes(&board.pos, own)
        if memcmp(own, &given[0, 0, 0], sizeof(own)) == 0:
            return board
        wrong = board.planes() != planes  # NaN differs from everything, but -0.0 not from 0.0
        if wrong.any():
            plane, row, col = np.argwhere(wrong)[0].tolist()
            raise InvalidBoard(
                f"plane {plane} is {planes[plane, row, col]:g} at row {row}, column {col}: "
                "that contradicts the other planes and the rules")
        return board

    def ended(self, owner, value, *, player):
        """The end of a game that goes on from here, from what it makes of each cell.

        Args:
            owner: int8 [11, 10]: 1 where `player` owns the cell, -1 where the other one does,
                else 0.
            value: int8 [11, 10]: the value of each cell, 0 for flags, rocks and empty cells.
            player: 1 or 2.

        Raises:
            InvalidBoard: no game that goes on from here ends like this.
        """
        player = _checked_int(player, "player", 1, 2)
        cdef const signed char[:, ::1] owners = _checked_grid("owner", owner)
        cdef const signed char[:, ::1] values = _checked_grid("value", value)
        cdef Board board = self.copy()
        cdef int row, col, side, mover = player - 1
        for row in range(ROWS):
            for col in range(COLS - row % 2):
                side = owners[row, col]
                if not -1 <= side <= 1 or not _fill_cell(
                        &board.pos, row * COLS + col,
                        -1 if side == 0 else mover if side == 1 else 1 - mover, values[row, col]):
                    raise InvalidBoard(
                        f"the cell at row {row}, column {col} cannot end with owner {side} and "
                        f"value {values[row, col]}")
        if self.pos.over and board.pos.moves != self.pos.moves:
            raise InvalidBoard("the game was over before")
        _check_history(
            &board.pos, GEOMETRY.board & ~self.pos.grass, GEOMETRY.board & ~self.pos.empty)
        settle_turn(&board.pos, mover)
        if not board.pos.over:
            raise InvalidBoard("the game is not over with these cells")
        return board

    @property
    def turn(self):
        """The player to move, 1 or 2; meaningless once the game is over."""
        return self.pos.turn + 1

    @property
    def move_number(self):
        """Moves played so far by both players."""
        return self.pos.moves

    @property
    def score(self):
        """The scores of players 1 and 2."""
        return self.pos.score[0], self.pos.score[1]

    @property
    def flags_left(self):
        """The flags that players 1 and 2 have left."""
        return self.pos.flags_left[0], self.pos.flags_left[1]

    @property
    def is_over(self):
        """Whether the game has ended."""
        return bool(self.pos.over)

    @property
    def winner(self):
        """1 or 2, or 0 while the game runs and after a draw."""
        cdef int lead = self.pos.score[0] - self.pos.score[1]
        if not self.pos.over or lead == 0:
            return 0
        return 1 if lead > 0 else 2

    @property
    def num_empty(self):
        """The number of empty cells."""
        return popcount(self.pos.empty)

    @property
    def num_normal_moves(self):
        """For players 1 and 2, the empty cells that they can take with a normal move."""
        return popcount(normal_moves(&self.pos, 0)), popcount(normal_moves(&self.pos, 1))

    def to_text(self):
        """The 105 characters that `from_text` reads; only start positions have such a text.

        Raises:
            InvalidBoard: a player owns a cell.
        """
        if self.pos.own[0] | self.pos.own[1]:
            raise InvalidBoard("only a board without moves can be written as a text")
        cdef int i
        return "".join(
            "." if contains(self.pos.empty, GEOMETRY.grid_of[i])
            else str(self.pos.value[GEOMETRY.grid_of[i]] or "#")
            for i in range(NUM_CELLS))

    def legal_moves(self):
        """The moves of the player to move, flags first, then by row and column; [] at the end."""
        cdef uint8_t actions[NUM_ACTIONS]
        cdef int count = list_actions(&self.pos, actions)
        return [
            Move("normal" if actions[i] >= GRID else "flag",
                 actions[i] % GRID // COLS, actions[i] % COLS)
            for i in range(count)
        ]

    def play(self, move):
        """Plays a move; raises IllegalMove, the board unchanged, if the rules forbid it."""
        if not isinstance(move, Move):
            raise TypeError(f"a move is a Move, not {type(move).__name__}")
        # Not move.index: a subclass may say anything there, and the engine trusts its actions.
        cdef int action = Move.index.fget(move)
        if self.pos.over:
            raise IllegalMove("the game is over")
        if not is_legal(&self.pos, action):
            raise IllegalMove(f"player {self.turn} cannot play {move}: {self._refusal(action)}")
        play_action(&self.pos, action)

    def play_index(self, index):
        """Plays the move of an action index, see `Move.index`."""
        self.play(Move.from_index(index))

    cdef str _refusal(self, int action):
        if not contains(self.pos.empty, action % GRID):
            return "the cell is not empty"
        if action < GRID:
            return "no flag left"
        if contains(self.pos.near5[self.pos.turn], action % GRID):
            return "the cell is next to a 5 of the player"
        return "the player owns no cell next to it"

    def copy(self):
        """An independent copy."""
        return Board.wrap(&self.pos)

    def __copy__(self):
        return self.copy()

    def __deepcopy__(self, memo):
        return self.copy()

    def __reduce__(self):
        return _restore, (self.cells()[:, :3], self.turn, self.flags_left, self.move_number)

    def cells(self):
        """int8 [105, 6], row by row: type (0 normal or empty, 2 grass, 3 rock, 5 flag), owner,
        value, next values of players 1 and 2 (-1 blocked), and blocked bits (bit 0 player 1).
        The last three are 0 on cells that are not empty."""
        result = np.zeros((NUM_CELLS, 6), np.int8)
        cdef signed char[:, ::1] view = result
        cdef int i, cell, player
        for i in range(NUM_CELLS):
            cell = GEOMETRY.grid_of[i]
            view[i, 2] = self.pos.value[cell]
            if contains(self.pos.empty, cell):
                for player in range(2):
                    if contains(self.pos.near5[player], cell):
                        view[i, 3 + player] = -1
                        view[i, 5] |= 1 << player
                    elif contains(self.pos.near[player], cell):
                        view[i, 3 + player] = self.pos.next[player][cell]
            elif contains(self.pos.grass, cell):
                view[i, 0] = GRASS
            elif contains(self.pos.own[0] | self.pos.own[1], cell):
                view[i, 1] = 1 if contains(self.pos.own[0], cell) else 2
                if contains(self.pos.flags[0] | self.pos.flags[1], cell):
                    view[i, 0] = FLAG
            else:
                view[i, 0] = ROCK
        return result

    def planes(self):
        """float32 [11, 11, 10] from the view of the player to move: 0 own flags, 1 own values,
        2 blocked for me, 3 my next values, 4 my flags left, 5..9 the same for the opponent,
        10 grass values."""
        result = np.empty((NUM_PLANES, ROWS, COLS), np.float32)
        cdef float[:, :, ::1] view = result
        write_planes(&self.pos, &view[0, 0, 0])
        return result

    def legal_mask(self):
        """bool [220]: which actions are legal, indexed like `Move.index`."""
        cdef uint8_t actions[NUM_ACTIONS]
        cdef int count = list_actions(&self.pos, actions)
        result = np.zeros(NUM_ACTIONS, np.bool_)
        cdef uint8_t[::1] view = result.view(np.uint8)
        cdef int i
        for i in range(count):
            view[actions[i]] = 1
        return result

    def transformed(self, symmetry):
        """The mirrored position; see `hexz.engine.SYMMETRIES`."""
        check_symmetry(symmetry)
        cdef Board board = Board.__new__(Board)
        cdef Position* to = &board.pos
        cdef int i, cell, mirrored, player
        cdef const uint8_t* mirror = &GEOMETRY.mirrored[<int>symmetry][0]
        for i in range(NUM_CELLS):
            cell = GEOMETRY.grid_of[i]
            mirrored = mirror[cell]
            if contains(self.pos.empty, cell):
                continue
            to.empty ^= bit(mirrored)
            to.value[mirrored] = self.pos.value[cell]
            if contains(self.pos.grass, cell):
                to.grass |= bit(mirrored)
            for player in range(2):
                if contains(self.pos.flags[player], cell):
                    to.flags[player] |= bit(mirrored)
                if contains(self.pos.own[player], cell):
                    own_cell(to, player, mirrored, self.pos.value[cell])
        for player in range(2):
            to.flags_left[player] = self.pos.flags_left[player]
        to.turn, to.over, to.moves = self.pos.turn, self.pos.over, self.pos.moves
        return board

    def __eq__(self, other):
        if not isinstance(other, Board):
            return NotImplemented
        cdef const Position* a = &self.pos
        cdef const Position* b = &(<Board>other).pos
        return (
            a.empty == b.empty and a.grass == b.grass
            and a.own[0] == b.own[0] and a.own[1] == b.own[1]
            and a.flags[0] == b.flags[0] and a.flags[1] == b.flags[1]
            and memcmp(&a.value[0], &b.value[0], sizeof(a.value)) == 0
            and (a.over or a.turn == b.turn) and a.moves == b.moves
        )

    __hash__ = None

    def __repr__(self):
        state = f"winner {self.winner}" if self.is_over else f"turn {self.turn}"
        return f"<Board move {self.move_number}, {state}, score {self.score[0]}:{self.score[1]}>"


cdef uint64_t checked_seed(seed) except? 0:
    """A seed as an integer; raises ValueError if it is none in 0..2**64-1."""
    try:
        number = operator.index(seed)
    except TypeError:
        number = -1
    if not 0 <= number < 1 << 64:
        raise ValueError(f"seed must be an integer in 0..2**64-1, not {seed!r}")
    return number


def _restore(cells, turn, flags_left, move_number):
    return Board.from_cells(cells, turn=turn, flags_left=flags_left, move_number=move_number)


cdef object _mirrored_array():
    return np.array([[GEOMETRY.mirrored[s][i] for i in range(GRID)] for s in range(4)])


_MIRRORED = _mirrored_array()


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
