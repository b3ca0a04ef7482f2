"""The dialog of `hexzctl play`: lines that a person types in, messages out."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import Final

from rich.markup import escape

from hexz.engine import Suggestion
from hexz.errors import HexzError
from hexz.gameplay.session import COLOURS, PlaySession
from hexzctl.play_view import PlayView, describe, help_text, percent, player_text

_WELCOME: Final = (
    "A cell, such as [bold]d5[/], places a value there; [bold]Fd5[/] plants a flag. "
    "[bold]?[/] lists the rest."
)
_AFTERWARDS: Final = (
    "[bold]new[/], [bold]undo[/], [bold]save FILE[/] and [bold]quit[/] are possible now."
)
_TRY_AGAIN: Final = "[bold]Enter[/] tries again, and [bold]save FILE[/] keeps the game."


class PlayDialog:
    """Asks for commands until the person leaves, and shows what they did.

    Args:
        view: where it is shown and asked.
        session: what is played.
    """

    def __init__(self, view: PlayView, session: PlaySession) -> None:
        self._view = view
        self._session = session
        self._hint: Suggestion | None = None
        # Each returns a message, with rich's markup.
        self._commands: dict[str, Callable[[str], str | None]] = {
            "?": lambda _: help_text(),
            "help": lambda _: help_text(),
            "hint": self._give_hint,
            "undo": lambda _: None if session.undo() else "There is nothing to take back.",
            "redo": lambda _: None if session.redo() else "There is nothing to play again.",
            "resign": lambda _: session.resign(),
            "save": self._save,
            "load": session.load,
            "new": session.new,
        }

    def run(self) -> None:
        """Goes on with the game of the session, and with others after it."""
        message = _WELCOME
        while True:
            try:
                messages = [self._let_computers_move(), message]
            except HexzError as error:
                messages = [f"[bold red]{escape(str(error))}[/]", _TRY_AGAIN]
            game = self._session.game
            if game.is_over:
                messages.append(self._outcome())
            self._show("\n".join(filter(None, messages)))
            turn = COLOURS[game.board.turn]
            line = self._view.ask("Game over" if game.is_over else turn)
            if line is None or line.strip().lower() in ("quit", "exit", "q"):
                return
            self._hint = None
            try:
                message = self._obey(line)
            except HexzError as error:
                reason = str(error).replace(f"player {self._session.game.board.turn}", turn)
                message = f"[bold red]{escape(reason)}[/]"

    def _obey(self, line: str) -> str:
        word, _, rest = line.strip().partition(" ")
        command = self._commands.get(word.lower())
        if command is not None:
            return command(rest.strip()) or ""
        if word:
            self._session.play(line)
        return ""

    def _let_computers_move(self) -> str:
        """Lets the computer move for as long as it is its turn; returns what it did last."""
        moves = 0
        while self._session.is_computers_turn:
            if self._view.redraws:
                self._show("")
            self._session.move_computer()
            moves += 1
        if not moves:
            return ""
        alone = f"You cannot move: {moves} moves in a row. " if moves > 1 else ""
        return alone + describe(*list(self._session.game.history())[-1])

    def _outcome(self) -> str:
        game = self._session.game
        if game.winner == 0:
            result = f"A draw, {game.board.score[0]} to {game.board.score[1]}."
        elif game.resigned:
            result = f"{player_text(game.winner)} wins: {COLOURS[game.resigned]} resigned."
        else:
            high, low = max(game.board.score), min(game.board.score)
            result = f"{player_text(game.winner)} wins, {high} to {low}."
        return f"{result}\n{_AFTERWARDS}"

    def _show(self, message: str) -> None:
        session = self._session
        self._view.show(
            session.game,
            human=session.human,
            title=session.title,
            message=message,
            hint=self._hint,
        )

    def _save(self, text: str) -> str:
        path = self._session.save(text)
        return f"Saved. [bold]hexzctl play --load {escape(shlex.quote(str(path)))}[/] goes on."

    def _give_hint(self, _: str) -> str:
        self._hint = hint = self._session.hint()
        what = "plant a flag on" if hint.move.kind == "flag" else "place a value on"
        return f"I would {what} [bold]{hint.move.cell}[/]: wins {percent(hint.value)}."
