"""Boards for the terminal. Odd rows are shifted right by half a cell."""

from __future__ import annotations

from typing import Final

from rich.panel import Panel
from rich.text import Text

from hexz.engine import CELLS, COLS, NUM_CELLS, ROWS, Board, CellKind, Move
from hexz.schema.fleet import GameUnderWay

PLAYER_STYLES: Final = {1: "bold #ffffff on #0072b2", 2: "bold #000000 on #e69f00"}
"""Blue and orange of Okabe and Ito, which colour-blind people can tell apart."""

BRACKETS: Final = {1: ("[", "]"), 2: ("(", ")")}
"""Around what a player owns: they tell the players apart where there are no colours."""

# In the small board, player 1 is filled.
_FLAGS: Final = {1: "▲", 2: "△"}

_LABEL_WIDTH: Final = 4
_PITCH: Final = 4
"""Columns from the centre of a cell to that of the next."""


def board_text(board: Board) -> Text:
    """A small board of 32 columns and 11 lines: `·` empty, `▒▒` rock, green grass values, flags
    `▲` and `△`, and the players' values."""
    text = Text(no_wrap=True)
    cells = board.cells()
    cell = 0
    for row in range(ROWS):
        text.append(" " if row % 2 else "")
        for _ in range(COLS - row % 2):
            text.append_text(_small_cell(*(int(x) for x in cells[cell, :3])))
            text.append(" ")
            cell += 1
        text.append("\n" if cell < NUM_CELLS else "")
    return text


def game_panel(game: GameUnderWay) -> Panel:
    """The position of a game under way, with its move and its score."""
    board = Board.from_text(game.board)
    for action in game.moves:
        board.play_index(action)
    title = f"move {board.move_number}, {board.score[0]} : {board.score[1]}"
    return Panel(board_text(board), title=title, expand=False)


def _small_cell(kind: int, owner: int, value: int) -> Text:
    if kind == CellKind.ROCK:
        return Text("▒▒", "bright_black")
    if kind == CellKind.GRASS:
        return Text(f"{value}ψ", "green")
    if owner == 0:
        return Text("· ", "bright_black")
    mark = _FLAGS[owner] if kind == CellKind.FLAG else str(value)
    return Text(f"{mark} ", PLAYER_STYLES[owner])


def play_board(
    board: Board, *, outlined: bool, last: Move | None = None, hint: Move | None = None
) -> Text:
    """A board to play on, of 46 columns, with the names of columns and rows.

    Empty cells show what the player to move would place there: a value, `x` where only a flag may
    be, `·` where there is no cell of the player beside it.

    Args:
        board: the position.
        outlined: whether cells are hexagons, which takes 24 lines, or lie close, which takes 12.
        last: the move to mark, with `>` and `<`.
        hint: the move to propose, with `*`.
    """
    canvas = _Canvas(2 * ROWS + 1)
    for cell, (row, col) in zip(board.cells().tolist(), CELLS, strict=True):
        x, y = _LABEL_WIDTH + _PITCH * col + row % 2 * _PITCH // 2, 2 * row + 1
        for dx, dy, line in _OUTLINE if outlined else ():
            canvas.put(x + dx, y + dy, line, "bright_black")
        text, style = _cell(cell, board.turn)
        if hint is not None and (row, col) == hint[1:]:
            text, style = f"*{'F' if hint.kind == 'flag' else text[1]}*", "bold magenta"
        canvas.put(x + 1, y, text, style)
    for row in range(ROWS):
        canvas.put(0, 2 * row + 1, f"{row + 1:>2}", "bright_black")
    if last is not None:
        x, y = _LABEL_WIDTH + _PITCH * last.col + last.row % 2 * _PITCH // 2, 2 * last.row + 1
        canvas.put(x, y, ">", "bold")
        canvas.put(x + _PITCH, y, "<", "bold")
    lines = canvas.lines if outlined else canvas.lines[1::2]
    return Text("\n", no_wrap=True).join([_column_names(), *map(_line, lines)])


_OUTLINE: Final = [
    (1, -1, "/"), (3, -1, "\\"), (0, 0, "|"), (4, 0, "|"), (1, 1, "\\"), (3, 1, "/")
]  # fmt: skip


class _Canvas:
    """Characters and their styles at column x of line y."""

    def __init__(self, height: int) -> None:
        width = _LABEL_WIDTH + COLS * _PITCH + 1
        self.lines: list[list[tuple[str, str]]] = [[(" ", "")] * width for _ in range(height)]

    def put(self, x: int, y: int, text: str, style: str) -> None:
        self.lines[y][x : x + len(text)] = [(character, style) for character in text]


def _cell(cell: list[int], turn: int) -> tuple[str, str]:
    """Three characters and their style for a row of `Board.cells()`."""
    kind, owner, value, *next_values, _ = cell
    if kind == CellKind.ROCK:
        return "▒▒▒", "bright_black"
    if kind == CellKind.GRASS:
        return f"ψ{value}ψ", "bold green"
    if owner == 0:
        next_value = next_values[turn - 1]
        if next_value > 0:
            return f" {next_value} ", ""
        return " x " if next_value else " · ", "bright_black"
    left, right = BRACKETS[owner]
    return f"{left}{'▲' if kind == CellKind.FLAG else value}{right}", PLAYER_STYLES[owner]


def _column_names() -> Text:
    """Each letter stands above the cells of its column in the first and in the second row."""
    letters = (chr(ord("a") + col) for col in range(COLS))
    line = "".join(f"{letter:{_PITCH}}" for letter in letters)
    return Text(" " * (_LABEL_WIDTH + 3) + line.rstrip(), "bright_black")


def _line(characters: list[tuple[str, str]]) -> Text:
    return Text.assemble(*characters)
