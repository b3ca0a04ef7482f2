"""A slow model of the rules of Flagz that is obviously right: every rule is one sentence of code.

It shares nothing with `hexz.engine`: a board is a dictionary from (row, column) to a `Cell`, and
all that follows from the cells (next values, scores, legal moves) is computed afresh whenever it
is asked for. The tests compare the engine with it. It is checked itself against recorded games.
"""

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple

import numpy as np

# --- The board ---------------------------------------------------------------------------------

# Even rows have 10 cells, odd rows 9. This is also the order of the cells in the text form.
COORDS = [(r, c) for r in range(11) for c in range(10 - r % 2)]

Coord = tuple[int, int]
RefMove = tuple[str, int, int]  # ("F" for a flag or "N" for a normal move, row, column)

SYMMETRIES = range(4)  # bit 0: left-right mirror, bit 1: top-bottom mirror


@cache
def neighbours(coord: Coord) -> list[Coord]:
    """The up to six adjacent cells; odd rows are shifted right by half a cell."""
    r, c = coord
    s = r % 2
    around = [(r, c + 1), (r - 1, c + s), (r - 1, c - 1 + s)]
    around += [(r, c - 1), (r + 1, c - 1 + s), (r + 1, c + s)]
    return [n for n in around if n in COORDS]


def mirrored(coord: Coord, symmetry: int) -> Coord:
    """Where a cell goes under one of the four symmetries."""
    r, c = coord
    if symmetry & 1:
        c = 9 - r % 2 - c
    if symmetry & 2:
        r = 10 - r
    return r, c


# --- Cells -------------------------------------------------------------------------------------


class Cell(NamedTuple):
    """What is in a cell; the owner is 0 where nobody owns it, the value 0 where it has none."""

    kind: str  # "empty", "rock", "grass", "flag" or "normal"
    owner: int = 0
    value: int = 0


EMPTY, ROCK = Cell("empty"), Cell("rock")

# The numbers of FORMAT.md; an empty cell and a normal one differ in their owner.
TYPE_NUMBER = {"empty": 0, "normal": 0, "grass": 2, "rock": 3, "flag": 5}
BLOCKED = -1


def opponent(player: int) -> int:
    return 3 - player


@dataclass
class Position:
    """A position of a game, with the rules."""

    cells: dict[Coord, Cell]
    turn: int = 1  # player 1 moves first
    flags_left: dict[int, int] = field(default_factory=lambda: {1: 3, 2: 3})
    move_number: int = 0

    @classmethod
    def from_text(cls, text: str) -> "Position":
        """An initial position: `.` empty, `#` rock, `1`..`5` grass."""
        kinds = {".": EMPTY, "#": ROCK} | {str(v): Cell("grass", 0, v) for v in range(1, 6)}
        return cls({coord: kinds[char] for coord, char in zip(COORDS, text, strict=True)})

    def copy(self) -> "Position":
        return Position(dict(self.cells), self.turn, dict(self.flags_left), self.move_number)

    def empty_cells(self) -> list[Coord]:
        return [coord for coord in COORDS if self.cells[coord] == EMPTY]

    # --- Next value ---

    def next_value(self, coord: Coord, player: int) -> int:
        """What `player` would place on an empty cell; 0: nothing; BLOCKED: never anything."""
        adjacent = map(self.cells.__getitem__, neighbours(coord))
        owned = [value for _, owner, value in adjacent if owner == player]
        if not owned:
            return 0
        if 5 in owned:
            return BLOCKED
        return 1 + min(owned)

    # --- Moves ---

    def normal_moves(self, player: int) -> list[RefMove]:
        return [("N", *e) for e in self.empty_cells() if 1 <= self.next_value(e, player) <= 5]

    def flag_moves(self, player: int) -> list[RefMove]:
        return [("F", *e) for e in self.empty_cells() if self.flags_left[player] > 0]

    def legal_moves(self) -> list[RefMove]:
        """The moves of the player whose turn it is, flags first, each kind row by row."""
        if self.is_over:
            return []
        return self.flag_moves(self.turn) + self.normal_moves(self.turn)

    def is_legal(self, move: RefMove) -> bool:
        """What is among `legal_moves`, looked at alone."""
        kind, row, col = move
        if self.is_over or self.cells.get((row, col)) != EMPTY:
            return False
        if kind == "F":
            return self.flags_left[self.turn] > 0
        return 1 <= self.next_value((row, col), self.turn) <= 5

    def play(self, move: RefMove) -> None:
        assert self.is_legal(move), f"illegal move {move}"
        kind, row, col = move
        mover, coord = self.turn, (row, col)
        if kind == "F":
            self.cells[coord] = Cell("flag", mover)
            self.flags_left[mover] -= 1
        else:
            self.own(coord, mover, self.next_value(coord, mover))
        self.move_number += 1
        if self.can_move(opponent(mover)):
            self.turn = opponent(mover)

    def own(self, coord: Coord, player: int, value: int) -> None:
        """Gives a cell to a player, and with it the adjacent grass of up to its value."""
        self.cells[coord] = Cell("normal", player, value)
        for n in neighbours(coord):
            if self.cells[n].kind == "grass" and self.cells[n].value <= value:
                self.own(n, player, self.cells[n].value)

    # --- Turn and end ---

    def can_move(self, player: int) -> bool:
        empty = self.empty_cells()
        has_flag = bool(empty) and self.flags_left[player] > 0
        return has_flag or any(self.next_value(e, player) > 0 for e in empty)

    def score(self, player: int) -> int:
        return sum(cell.value for cell in self.cells.values() if cell.owner == player)

    @property
    def is_over(self) -> bool:
        stuck = [player for player in (1, 2) if not self.can_move(player)]
        behind = [player for player in stuck if self.score(player) < self.score(opponent(player))]
        return not self.empty_cells() or len(stuck) == 2 or bool(behind)

    @property
    def winner(self) -> int:
        """0 while the game runs and for a draw."""
        if not self.is_over or self.score(1) == self.score(2):
            return 0
        return 1 if self.score(1) > self.score(2) else 2

    # --- Forms in which a position is shown to others ---

    def cell_rows(self) -> list[list[int]]:
        """[105][6]: type, owner, value, next1, next2, blocked as in FORMAT.md."""
        rows = []
        for coord in COORDS:
            cell = self.cells[coord]
            next1, next2 = (self.next_value(coord, p) if cell == EMPTY else 0 for p in (1, 2))
            blocked = (next1 == BLOCKED) * 1 + (next2 == BLOCKED) * 2
            rows.append([TYPE_NUMBER[cell.kind], cell.owner, cell.value, next1, next2, blocked])
        return rows

    def planes(self) -> np.ndarray:
        """[11, 11, 10] float32, seen by the player whose turn it is (WIRE.md, "Board planes")."""
        planes = np.zeros((11, 11, 10), np.float32)
        planes[0:5] = self.planes_of(self.turn)
        planes[5:10] = self.planes_of(opponent(self.turn))
        for coord, cell in self.cells.items():
            planes[10][coord] = cell.value if cell.kind == "grass" else 0
        return planes

    def planes_of(self, player: int) -> np.ndarray:
        """[5, 11, 10]: flags, values, blocked cells, next values, flags left of one player."""
        planes = np.zeros((5, 11, 10), np.float32)
        planes[2] = 1  # blocked: all but the empty cells of the board that are not beside a 5
        for coord in COORDS:
            cell = self.cells[coord]
            planes[0][coord] = cell.kind == "flag" and cell.owner == player
            planes[1][coord] = cell.value if cell.owner == player else 0
            if cell == EMPTY and self.next_value(coord, player) != BLOCKED:
                planes[2][coord] = 0
                planes[3][coord] = self.next_value(coord, player)
        planes[4] = self.flags_left[player]
        return planes

    def legal_mask(self) -> np.ndarray:
        """[220] bool, indexed by `action_index`."""
        mask = np.zeros(220, bool)
        mask[[action_index(move) for move in self.legal_moves()]] = True
        return mask

    def transformed(self, symmetry: int) -> "Position":
        mirror = self.copy()
        mirror.cells = {mirrored(coord, symmetry): cell for coord, cell in self.cells.items()}
        return mirror


def action_index(move: RefMove) -> int:
    kind, row, col = move
    return "FN".index(kind) * 110 + row * 10 + col


def random_text(rng: random.Random) -> str:
    """An initial board: 15 rocks and grass of 1, 2, 3, 4 and 5 on distinct random cells."""
    special = rng.sample(range(105), 20)
    text = ["."] * 105
    for where, char in zip(special, "#" * 15 + "12345", strict=True):
        text[where] = char
    return "".join(text)


def random_game(text: str, rng: random.Random) -> Iterable[tuple[Position, RefMove]]:
    """Plays uniformly random moves; yields each position together with the move about to come."""
    position = Position.from_text(text)
    while not position.is_over:
        move = rng.choice(position.legal_moves())
        yield position, move
        position.play(move)
