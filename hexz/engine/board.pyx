# cython: language_level=3, boundscheck=True, wraparound=True, initializedcheck=True
"""`Board`: a position of Flagz, rules included. This layer checks its arguments and raises."""
import operator

import numpy as np

from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memcmp

from hexz.engine.bits cimport bit, contains, popcount
from hexz.engine.reachable cimport read_cells, read_end, read_planes
from hexz.engine.rules cimport (
    COLS, FLAG, GEOMETRY, GRASS, GRID, NUM_ACTIONS, NUM_CELLS, NUM_PLANES, ROCK, ROWS,
    Position, clear_position, is_legal, list_actions, normal_moves, own_cell, play_action,
    random_position, settle_turn, write_planes,
)

from hexz.engine.move import Move, check_symmetry
from hexz.errors import IllegalMove, InvalidBoard


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
        cdef Board board = Board.__new__(Board)
        read_cells(&board.pos, cells, turn, flags_left, move_number)
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
        cdef Board board = Board.__new__(Board)
        cdef const Position* first = NULL if initial is None else &(<Board?>initial).pos
        read_planes(&board.pos, planes, turn, move_number, first, empty)
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
        cdef Board board = self.copy()
        read_end(&board.pos, owner, value, player)
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
        """Plays a move, a `Move` or its name such as "d5" or "Fd5".

        Raises:
            IllegalMove: the rules forbid it, or there is no such move. The board is unchanged.
        """
        self._play(move)

    cdef int _play(self, move) except -1:
        """Does what `play` does, and returns the action."""
        if isinstance(move, str):
            move = Move.parse(move)
        elif not isinstance(move, Move):
            raise TypeError(f"a move is a Move or its name, not {type(move).__name__}")
        # Not move.index: a subclass may say anything there, and the engine trusts its actions.
        cdef int action = Move.index.fget(move)
        if self.pos.over:
            raise IllegalMove("the game is over")
        if not is_legal(&self.pos, action):
            raise IllegalMove(f"player {self.turn} cannot play {move}: {self._refusal(action)}")
        play_action(&self.pos, action)
        return action

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

    def _repr_svg_(self):
        """A drawing for notebooks, by the function that `draw_boards_with` was given; None if it
        was given none."""
        return None if _drawing is None else _drawing(self)


_drawing = None


def draw_boards_with(drawing):
    """Sets the function that draws boards as SVG in notebooks; the engine itself cannot draw."""
    global _drawing
    _drawing = drawing


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
