"""A board for the terminal: 32 columns, 11 lines, odd rows shifted right by half a cell."""

from __future__ import annotations

from rich.text import Text

from hexz.engine import COLS, NUM_CELLS, ROWS, Board

# Shapes tell the players apart where colours do not: player 1 is upper-case and filled.
_FLAGS = {1: "▲", 2: "△"}
_PLAYER_STYLES = {1: "bold white on blue", 2: "bold black on bright_yellow"}
_GRASS, _ROCK, _FLAG = 2, 3, 5


def board_text(board: Board) -> Text:
    """The cells of a board: `·` empty, `██` rock, green grass values, flags `▲` and `△`, and the
    players' values."""
    text = Text(no_wrap=True)
    cells = board.cells()
    cell = 0
    for row in range(ROWS):
        text.append(" " if row % 2 else "")
        for _ in range(COLS - row % 2):
            text.append_text(_cell(*(int(x) for x in cells[cell, :3])))
            text.append(" ")
            cell += 1
        text.append("\n" if cell < NUM_CELLS else "")
    return text


def _cell(kind: int, owner: int, value: int) -> Text:
    if kind == _ROCK:
        return Text("▒▒", "bright_black")
    if kind == _GRASS:
        return Text(f"{value}ψ", "green")
    if owner == 0:
        return Text("· ", "bright_black")
    mark = _FLAGS[owner] if kind == _FLAG else str(value)
    return Text(f"{mark} ", _PLAYER_STYLES[owner])
