"""What `hexzctl play` shows and asks, on a terminal or as plain text in a pipe."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Final

import numpy as np
from rich.console import Console, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from hexz.engine import CELLS, Board, CellKind, Move, Suggestion
from hexz.errors import HexzError
from hexz.gameplay.game import Game
from hexz.gameplay.session import COLOURS
from hexz.player.levels import name_of
from hexzctl.board import BRACKETS, PLAYER_STYLES, play_board

_OUTLINED_LINES: Final = 32
"""Terminals of so many lines have room for cells with an outline, and for messages below."""

_WIDTH: Final = 79
"""Columns that the board and the panel beside it take; on narrower terminals it stands below."""

_PANEL_WIDTH: Final = 31
_NAME_WIDTH: Final = 12
_SHOWN_HINTS: Final = 5
_BAR_WIDTH: Final = 8
_LONGEST_LINE: Final = 1 << 20
"""Characters of what is not typed, but comes from a file."""
_ECHOED: Final = 200
"""Characters of an input line that are repeated in a log."""

_ASCII: Final = str.maketrans(
    {"▲": "F", "▒": "#", "ψ": '"', "·": ".", "▸": ">", "█": "=", "…": "."}
)

_COMMANDS: Final = [
    ("d5", "place a value on d5"), ("undo", "take back your last move"),
    ("Fd5", "plant a flag on d5"), ("resign", "give up"),
    ("hint", "what would you play?"), ("save FILE", "keep the game in a file"),
    ("new NUMBER", "play on another board"), ("load FILE", "go on with such a game"),
    ("quit", "leave"), ("redo", "play again what you took back"),
]  # fmt: skip


class PlayView:
    """Shows the position, reads what the person types, and says what takes a while.

    Attributes:
        redraws: whether what is shown takes the place of what was shown before. If not, it is a
            log for programs and files.
    """

    def __init__(self) -> None:
        self._console = Console(highlight=False)
        self._interactive = self._console.is_terminal and sys.stdin.isatty()
        self.redraws = self._interactive and not self._console.is_dumb_terminal
        self._shown: tuple[object, ...] = ()
        sys.stdin.reconfigure(errors="replace")  # type: ignore[union-attr]  # a TextIOWrapper
        if self._interactive:
            with contextlib.suppress(ImportError):
                import readline  # noqa: F401 (line editing and history for input())

    def show(
        self,
        game: Game,
        *,
        human: int | None,
        title: str,
        message: str,
        hint: Suggestion | None = None,
    ) -> None:
        """Draws everything anew; in a log, what has not changed is not repeated.

        Args:
            game: the game.
            human: the player whom the only person plays; None: there are two.
            title: stands above the scores.
            message: below the board, with rich's markup.
            hint: to show instead of the list of moves.
        """
        shown = (game, len(game.moves), game.resigned, hint)
        if self.redraws or shown != self._shown:
            self._shown = shown
            self._draw(game, human, title, hint)
        if message:
            self._print(Text.from_markup(message), soft_wrap=not self._interactive)

    def _draw(self, game: Game, human: int | None, title: str, hint: Suggestion | None) -> None:
        if self.redraws:
            self._console.clear()
        tall = self._interactive and self._console.height >= _OUTLINED_LINES
        board = play_board(
            game.board,
            outlined=tall,
            last=game.moves[-1] if game.moves else None,
            hint=hint.move if hint else None,
        )
        panel = Table.grid()
        for part in _panel(game, human, title, hint, lines=24 if tall else 12):
            panel.add_row(part)
        if self._console.width < _WIDTH:
            self._print(board)
            self._print(panel)
        else:
            page = Table.grid(padding=(0, 2))
            page.add_row(board, panel)
            self._print(page)
        self._print(Text())

    @contextlib.contextmanager
    def busy(self, doing: str) -> Iterator[None]:
        """Says what takes a while."""
        if not self.redraws:
            yield
            return
        with self._console.status(escape(doing), spinner="line"):
            yield

    def ask(self, prompt: str) -> str | None:
        """A line that the person types; None once there are no more."""
        try:
            if self._interactive:
                return input(f"{prompt}: ")
            line = sys.stdin.readline(_LONGEST_LINE)
            if not line:
                raise EOFError
            if not line.endswith("\n") and len(sys.stdin.readline(_LONGEST_LINE)) == _LONGEST_LINE:
                raise HexzError(f"a line of more than {_LONGEST_LINE:,} characters is no command")
            line = line.removesuffix("\n")
        except EOFError:
            self._print(Text())
            return None
        except KeyboardInterrupt:
            self._print(Text())
            raise
        self._print(Text(f"{prompt}: {line[:_ECHOED]}"), soft_wrap=True)
        return line

    def _print(self, content: RenderableType, *, soft_wrap: bool = False) -> None:
        with self._console.capture() as capture:
            self._console.print(content, soft_wrap=soft_wrap)
        text = "\n".join(line.rstrip() for line in capture.get().split("\n"))
        if self._console.options.ascii_only:
            text = text.translate(_ASCII).encode("ascii", "replace").decode()
        print(text, end="", flush=True)


def help_text() -> str:
    """Returns what can be typed, as markup."""
    cells = [f"[bold]{name:11}[/]{what:24}" for name, what in _COMMANDS]
    return "\n".join("".join(cells[i : i + 2]).rstrip() for i in range(0, len(cells), 2))


def player_text(player: int) -> str:
    """The name of a player in its colours, as markup."""
    left, right = BRACKETS[player]
    return f"[{PLAYER_STYLES[player]}]{escape(left)}{COLOURS[player]}{right}[/]"


def describe(before: Board, move: Move, after: Board) -> str:
    """Says what a move did, as markup."""
    taken = captured(before, after)
    value = after.cells()[CELLS.index(move[1:]), 2]
    what = "planted a flag on" if move.kind == "flag" else f"placed {value} on"
    grass = f" and captured {' + '.join(map(str, taken))}" if taken else ""
    return f"{player_text(before.turn)} {what} [bold]{move.cell}[/]{grass}."


def captured(before: Board, after: Board) -> list[int]:
    """The values of the grass that a move captured."""
    grass, still = (board.cells()[:, 0] == CellKind.GRASS for board in (before, after))
    values: list[int] = before.cells()[grass & ~still, 2].tolist()
    return values


def percent(value: float) -> str:
    """A result in -1..1 as the share of games that are won."""
    return f"{50 * (1 + value):.0f} %"


def _panel(
    game: Game, human: int | None, title: str, hint: Suggestion | None, *, lines: int
) -> list[RenderableType]:
    """What stands beside the board, in so many lines."""
    top: list[RenderableType] = [
        Text(title, "bright_black", no_wrap=True, overflow="ellipsis"),
        _scores(game, human),
        Text(),
    ]
    room = lines - 4
    return [*top, _moves(game, room) if hint is None else _hint(hint, room)]


def _scores(game: Game, human: int | None) -> Table:
    """A line for each player: whether it is to move, score, flags left, and who it is."""
    table = Table.grid(padding=(0, 1))
    for width in (1, 8, 3, 3, _NAME_WIDTH):
        table.add_column(width=width, no_wrap=True, overflow="ellipsis")
    for player in (1, 2):
        name = "" if human is None else name_of(game.players[player - 1])
        table.add_row(
            "▸" if player == game.board.turn and not game.is_over else " ",
            Text.from_markup(player_text(player)),
            Text(f"{game.board.score[player - 1]:>3}", "bold"),
            "▲" * game.board.flags_left[player - 1],
            Text("you" if player == human else name),
        )
    return table


def _moves(game: Game, lines: int) -> Table:
    """The last moves: number, player, move, points, and the grass that fell."""
    table = Table.grid(padding=(0, 1))
    table.add_column(justify="right", style="bright_black", width=3)
    table.add_column(width=6)
    history = list(enumerate(game.history(), start=1))
    for number, (before, move, after) in history[-lines:]:
        gained = after.score[before.turn - 1] - before.score[before.turn - 1]
        table.add_row(
            str(number),
            COLOURS[before.turn],
            Text(str(move), "bold"),
            f"+{gained}" if gained else "",
            Text(" ".join(f"ψ{value}" for value in captured(before, after)), "green"),
        )
    return table


def _hint(hint: Suggestion, lines: int) -> Table:
    """The moves that were searched most, how often each of them wins, and the expected line."""
    moves = Table.grid(padding=(0, 1))
    moves.add_row("move", "", "searched", "wins", style="bright_black")
    total, most = max(int(hint.visits.sum()), 1), hint.visits.max()
    best = sorted(np.flatnonzero(hint.visits), key=lambda action: -hint.visits[action])
    for action in best[: min(_SHOWN_HINTS, lines - 4)]:
        moves.add_row(
            Text(str(Move.from_index(int(action))), "bold"),
            Text("█" * round(hint.visits[action] / most * _BAR_WIDTH), "magenta"),
            f"{100 * hint.visits[action] / total:.0f} %",
            percent(float(hint.q[action])),
        )
    line = " ".join(str(move) for move in hint.principal_variation[:5])
    table = Table.grid()
    table.add_column(width=_PANEL_WIDTH)
    table.add_row(moves)
    table.add_row(Text.assemble(("expected ", "bright_black"), line))
    return table
