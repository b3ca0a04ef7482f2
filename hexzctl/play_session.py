"""A game in the terminal: what each command does, and whose turn it is."""

from __future__ import annotations

import secrets
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Final

from rich.markup import escape

from hexz.engine import Board, Move, Suggestion
from hexz.errors import HexzError
from hexz.game import Game
from hexz.player.player import Player
from hexz.player.spec import Budget
from hexzctl.play import MAX_SEED
from hexzctl.play_view import COLOURS, PlayView, describe, help_text, percent, player_text

PERSON: Final = "person"
"""What a player is called who is no computer; saved games and the web page call it so too."""

_RANDOM_SEEDS: Final = 1_000_000
"""Boards are drawn from so many, so that their numbers are short enough to tell a friend."""

_ADVISER: Final = "model"
_WELCOME: Final = (
    "A cell, such as [bold]d5[/], places a value there; [bold]Fd5[/] plants a flag. "
    "[bold]?[/] lists the rest."
)
_AFTERWARDS: Final = (
    "[bold]new[/], [bold]undo[/], [bold]save FILE[/] and [bold]quit[/] are possible now."
)


class BadCommand(HexzError, ValueError):
    """The person typed something that cannot be done."""


def new_game(seed: int | None, players: tuple[str, str]) -> tuple[Game, str]:
    """A game and its title, on the board of a number, or on any board."""
    if seed is None:
        seed = secrets.randbelow(_RANDOM_SEEDS)
    return Game(Board.random(seed), players), f"board {seed}"


def load_game(
    path: Path, human: int | None = None, opponent: str | None = None
) -> tuple[Game, str]:
    """A saved game and its title.

    Args:
        path: of the file.
        human: the player whom the person wants to be; None: as before.
        opponent: the spec of the other player, or PERSON; None: as before.
    """
    game = Game.load(path)
    blue, orange = (name or PERSON for name in game.players)
    if human is None:
        human = 2 if blue != PERSON and orange == PERSON else 1
    if opponent is None:
        opponent = orange if human == 1 else blue
    game.players = seats(human, opponent)
    return game, path.name


def seats(human: int, opponent: str) -> tuple[str, str]:
    """Who plays Blue and Orange."""
    return (PERSON, opponent) if human == 1 else (opponent, PERSON)


class PlaySession:
    """Games of a person against a computer player or another person.

    Args:
        view: where it is shown and asked.
        make: makes a computer player from its spec.
        budget: what computer players may spend on a move, besides what their spec says.
    """

    def __init__(
        self, view: PlayView, make: Callable[[str], Player], budget: Budget | None
    ) -> None:
        self._view = view
        self._make = make
        self._budget = budget
        self._computers: dict[str, Player] = {}
        self._hint: Suggestion | None = None
        self._commands: dict[str, Callable[[str], str]] = {
            "?": lambda _: help_text(),
            "help": lambda _: help_text(),
            "hint": self._give_hint,
            "undo": self._undo,
            "resign": self._resign,
            "save": self._save,
            "load": self._load,
            "new": self._new,
        }

    def run(self, game: Game, title: str) -> None:
        """Plays this game, and others after it, until the person leaves.

        Args:
            game: whose players are PERSON or the specs of computer players.
            title: what the game is called on the screen.
        """
        try:
            self._start(game, title)
            self._ask_and_answer()
        finally:
            for computer in self._computers.values():
                computer.close()

    def _ask_and_answer(self) -> None:
        message = _WELCOME
        while True:
            messages = [self._let_computers_move(), message]
            if self._game.is_over:
                messages.append(self._outcome())
            self._show("\n".join(filter(None, messages)))
            line = self._view.ask("Game over" if self._game.is_over else COLOURS[self._turn])
            if line is None or line.strip().lower() in ("quit", "exit", "q"):
                return
            self._hint = None
            try:
                message = self._obey(line)
            except HexzError as error:
                reason = str(error).replace(f"player {self._turn}", COLOURS[self._turn])
                message = f"[bold red]{escape(reason)}[/]"

    def _obey(self, line: str) -> str:
        """Does what a line says; returns a message about it, with rich's markup."""
        word, _, rest = line.strip().partition(" ")
        command = self._commands.get(word.lower())
        if command is not None:
            return command(rest.strip())
        if word:
            self._play(Move.parse(line.replace(" ", "")[:80]))
        return ""

    # --- Playing -------------------------------------------------------------------------------

    @property
    def _turn(self) -> int:
        return self._game.board.turn

    @property
    def _human(self) -> int | None:
        """The player whom the only person plays; None if there are two."""
        players = self._game.players
        return players.index(PERSON) + 1 if players.count(PERSON) == 1 else None

    def _let_computers_move(self) -> str:
        """Lets the computer move for as long as it is its turn; returns what it did last."""
        moves = 0
        while not self._game.is_over and self._game.players[self._turn - 1] != PERSON:
            if self._view.redraws:
                self._show("")
            self._play(self._suggestion(self._game.players[self._turn - 1]).move)
            moves += 1
        if not moves:
            return ""
        alone = f"You cannot move: {moves} moves in a row. " if moves > 1 else ""
        return alone + describe(*list(self._game.history())[-1])

    def _play(self, move: Move) -> None:
        if self._game.is_over:
            raise BadCommand("the game is over")
        self._game.play(move)

    def _suggestion(self, spec: str) -> Suggestion:
        computer = self._computer(spec)
        with self._view.busy(f"{COLOURS[self._turn]} is thinking"):
            return computer.suggest(self._game.board, self._budget).suggestion

    def _computer(self, spec: str) -> Player:
        if spec not in self._computers:
            with self._view.busy(f"Getting {spec} ready"):
                self._computers[spec] = self._make(spec)
        return self._computers[spec]

    def _outcome(self) -> str:
        game = self._game
        if game.winner == 0:
            result = f"A draw, {game.board.score[0]} to {game.board.score[1]}."
        elif game.resigned:
            result = f"{player_text(game.winner)} wins: {COLOURS[game.resigned]} resigned."
        else:
            high, low = max(game.board.score), min(game.board.score)
            result = f"{player_text(game.winner)} wins, {high} to {low}."
        return f"{result}\n{_AFTERWARDS}"

    def _show(self, message: str) -> None:
        self._view.show(
            self._game, human=self._human, title=self._title, message=message, hint=self._hint
        )

    # --- Commands ------------------------------------------------------------------------------

    def _start(self, game: Game, title: str) -> None:
        """Goes on with a game, once all who play it are there."""
        for spec in game.players:
            if spec != PERSON:
                self._computer(spec)
        self._game, self._title = game, title

    def _new(self, text: str) -> str:
        if text and not (text.isascii() and text.isdigit() and int(text[:30]) <= MAX_SEED):
            raise BadCommand(f"{text[:30]!r} is no board: boards have numbers, as in new 17")
        self._start(*new_game(int(text) if text else None, self._game.players))
        return ""

    def _load(self, text: str) -> str:
        self._start(*load_game(_path(text, "load")))
        return ""

    def _save(self, text: str) -> str:
        path = _path(text, "save")
        self._game.save(path)
        return f"Saved. [bold]hexzctl play --load {escape(shlex.quote(str(path)))}[/] goes on."

    def _undo(self, _: str) -> str:
        history = list(self._game.history())
        player = self._human or (history[-1][0].turn if history else 1)
        return "" if self._game.undo(player) else "There is nothing to take back."

    def _resign(self, _: str) -> str:
        if self._game.is_over:
            raise BadCommand("the game is over")
        self._game.resigned = self._turn
        return ""

    def _give_hint(self, _: str) -> str:
        if self._game.is_over:
            raise BadCommand("the game is over")
        specs = [spec for spec in self._game.players if spec not in (PERSON, "random")]
        hint = self._suggestion(specs[0] if specs else _ADVISER)
        self._hint = hint
        what = "plant a flag on" if hint.move.kind == "flag" else "place a value on"
        return f"I would {what} [bold]{hint.move.cell}[/]: wins {percent(hint.value)}."


def _path(text: str, command: str) -> Path:
    if not text:
        raise BadCommand(f"{command} needs the name of a file, as in {command} game.json")
    try:
        if text.isprintable():
            return Path(text).expanduser()
    except RuntimeError:  # ~ of somebody who is not known here
        pass
    raise BadCommand(f"{text[:30]!r} is no name of a file")
