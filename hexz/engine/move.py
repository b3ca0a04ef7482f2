"""Moves, their indices in the 220 actions of the network, and their mirror images."""

from __future__ import annotations

import operator
import re
from typing import Final, Literal, NamedTuple

from hexz.errors import IllegalMove
from hexz.layout import COLS, GRID, NUM_ACTIONS, ROWS

SYMMETRIES: Final = (0, 1, 2, 3)
"""Bit 0 mirrors left-right, bit 1 top-bottom; each symmetry is its own inverse."""

_NOTATION: Final = re.compile(r"(f?)([a-z])([0-9]{1,2})", re.IGNORECASE | re.ASCII)


def check_symmetry(symmetry: int) -> None:
    """Raises ValueError unless `symmetry` is one of SYMMETRIES."""
    if symmetry not in SYMMETRIES:
        raise ValueError(f"symmetry {symmetry!r} is not one of {SYMMETRIES}")


class Move(NamedTuple):
    """Placing a flag or a normal cell. Moves sort by kind, row and column."""

    kind: Literal["flag", "normal"]
    row: int
    col: int

    @property
    def index(self) -> int:  # type: ignore[override]  # a move is no sequence to search
        """The action `plane * 110 + row * 10 + col`, plane 0 flags, 1 normal moves.

        Raises:
            IllegalMove: no cell of the board has this row and column, or the kind is unknown.
        """
        kind, row, col = self
        if kind not in ("flag", "normal"):
            raise IllegalMove(f"unknown kind of move {kind!r}: expected 'flag' or 'normal'")
        try:
            row, col = operator.index(row), operator.index(col)
        except TypeError:
            raise IllegalMove(f"row and column must be integers: {row!r}, {col!r}") from None
        if not (0 <= row < ROWS and 0 <= col < COLS - row % 2):
            raise IllegalMove(f"there is no cell at row {row}, column {col}")
        return (kind == "normal") * GRID + row * COLS + col

    @classmethod
    def from_index(cls, index: int) -> Move:
        """The move of an action; raises IllegalMove if no cell belongs to it."""
        index = operator.index(index)
        if not 0 <= index < NUM_ACTIONS:
            raise IllegalMove(f"action {index} is not in 0..{NUM_ACTIONS - 1}")
        plane, cell = divmod(index, GRID)
        move = cls("normal" if plane else "flag", cell // COLS, cell % COLS)
        if move.row % 2 and move.col == COLS - 1:
            raise IllegalMove(f"action {index} is on a cell that does not exist")
        return move

    @classmethod
    def parse(cls, text: str) -> Move:
        """The move that `str` writes as `text`, in upper or lower case.

        Raises:
            IllegalMove: the text is no move, or there is no such cell.
        """
        match = _NOTATION.fullmatch(text.strip())
        if match is None:
            raise IllegalMove(f"{text.strip()!r} is no move: a cell is d5, a flag on it Fd5")
        flag, column, number = match.groups()
        row, col = int(number) - 1, ord(column.lower()) - ord("a")
        if not 0 <= row < ROWS:
            raise IllegalMove(f"there is no cell {column}{number}: rows are 1 to {ROWS}")
        move = cls("flag" if flag else "normal", row, col)
        if col >= COLS - row % 2:
            last = chr(ord("a") + COLS - 1 - row % 2)
            raise IllegalMove(
                f"there is no cell {move.cell}: row {row + 1} has columns a to {last}"
            )
        return move

    @property
    def cell(self) -> str:
        """The name of the cell as in Hex: columns a to j from the left, rows 1 to 11 from above."""
        return f"{chr(ord('a') + self.col)}{self.row + 1}"

    def transformed(self, symmetry: int) -> Move:
        """Returns this move on the mirrored board."""
        check_symmetry(symmetry)
        row = ROWS - 1 - self.row if symmetry & 2 else self.row
        col = COLS - 1 - self.row % 2 - self.col if symmetry & 1 else self.col
        return Move(self.kind, row, col)

    def __repr__(self) -> str:
        try:
            self.index  # noqa: B018 (raises where this is no move)
        except (IllegalMove, TypeError, ValueError):
            return f"Move{tuple(self)!r}"
        return f"Move.parse({str(self)!r})"

    def __str__(self) -> str:
        """`d5` for a normal move, `Fd5` for a flag; see docs/rules.md."""
        return self.cell if self.kind == "normal" else f"F{self.cell}"
