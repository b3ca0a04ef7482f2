"""Positions as a line of text, as other programs are told them; docs/protocol.md describes it."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from hexz.engine.board import Board
from hexz.errors import InvalidBoard
from hexz.layout import NUM_CELLS, CellKind

_FLAGS: Final = 3
"""Of each player at the start."""
_FLAG: Final = "F"


def position_text(board: Board) -> str:
    """The line of a position: 105 characters row by row, `.` empty, `#` rock, `1` to `5` grass,
    `A` to `E` values 1 to 5 and `F` flags of player 1, in lower case of player 2; then the player
    to move and the number of moves played."""
    cells = "".join(_letter(*cell[:3]) for cell in board.cells().tolist())
    return f"{cells} {board.turn} {board.move_number}"


def read_position(text: str) -> Board:
    """The position of a line that `position_text` wrote; of a start position, the 105 characters
    are enough.

    Raises:
        InvalidBoard: the line is none, or no game can have reached the position.
    """
    words = text.split()
    if len(words) == 1:
        return Board.from_text(words[0])
    if len(words) != 3 or not all(word.isascii() and word.isdigit() for word in words[1:]):
        raise InvalidBoard("a position is 105 characters, the player to move and a move number")
    letters, turn, move_number = words[0], int(words[1][:9]), int(words[2][:9])
    if len(letters) != NUM_CELLS:
        raise InvalidBoard(f"a board has 105 characters, this text has {len(letters)}")
    left = [_FLAGS - letters.count(flag) for flag in (_FLAG, _FLAG.lower())]
    cells = np.array([_cell(letter) for letter in letters])
    return Board.from_cells(cells, turn=turn, flags_left=left, move_number=move_number)


def _letter(kind: int, owner: int, value: int) -> str:
    if kind == CellKind.ROCK:
        return "#"
    if owner == 0:
        return str(value or ".")
    letter = _FLAG if kind == CellKind.FLAG else chr(ord("A") + value - 1)
    return letter if owner == 1 else letter.lower()


def _cell(letter: str) -> tuple[Any, int, int]:
    """The type, owner and value of a cell."""
    if letter == ".":
        return CellKind.NORMAL, 0, 0
    if letter == "#":
        return CellKind.ROCK, 0, 0
    if "1" <= letter <= "5":
        return CellKind.GRASS, 0, int(letter)
    owner = 1 if letter.isupper() else 2
    if letter.upper() == _FLAG:
        return CellKind.FLAG, owner, 0
    if letter not in "ABCDEabcde":
        raise InvalidBoard(f"{letter!r} is no cell: expected one of '.#12345ABCDEFabcdef'")
    return CellKind.NORMAL, owner, ord(letter.upper()) - ord("A") + 1
