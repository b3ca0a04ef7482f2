"""Games of persons and computer players, one after another: whose turn it is, and what each
command does."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

from hexz.engine import Board, Move, Suggestion
from hexz.errors import HexzError, InvalidSettings
from hexz.gameplay import MAX_SEED
from hexz.gameplay.game import Game
from hexz.places import local_path
from hexz.player.levels import name_of
from hexz.player.player import Player
from hexz.player.spec import SPECS, Budget

PERSON: Final = "person"
"""What a player is called who is no computer; saved games and the web page call it so too."""

COLOURS: Final = {1: "Blue", 2: "Orange"}
"""What players 1 and 2 are called."""

_RANDOM_SEEDS: Final = 1_000_000
"""Boards are drawn from so many, so that their numbers are short enough to tell a friend."""

_ADVISER: Final = "model"


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
    """Returns who plays Blue and Orange. Levels are called by their specs, which the web page
    knows, too."""
    opponent = SPECS.get(opponent, opponent)
    return (PERSON, opponent) if human == 1 else (opponent, PERSON)


class PlaySession:
    """Games of a person against a computer player or another person.

    Args:
        make: makes a computer player from its spec.
        budget: what computer players may spend on a move, besides what their spec says.
        busy: is entered while something takes a while, with what that is.

    Attributes:
        game: the present one, whose players are PERSON or the specs of computer players.
        title: what it is called.
    """

    game: Game
    title: str

    def __init__(
        self,
        make: Callable[[str], Player],
        budget: Budget | None,
        busy: Callable[[str], AbstractContextManager[None]],
    ) -> None:
        self._make = make
        self._budget = budget
        self._busy = busy
        self._computers: dict[str, Player] = {}

    def start(self, game: Game, title: str) -> None:
        """Goes on with a game, once all who play it are there."""
        for spec in game.players:
            if spec != PERSON:
                self._computer(spec)
        self.game, self.title = game, title

    def close(self) -> None:
        """Ends the computer players."""
        for computer in self._computers.values():
            computer.close()

    @property
    def human(self) -> int | None:
        """The player whom the only person plays; None if there are two."""
        players = self.game.players
        return players.index(PERSON) + 1 if players.count(PERSON) == 1 else None

    @property
    def is_computers_turn(self) -> bool:
        """Tells whether a computer player is to move."""
        return not self.game.is_over and self.game.players[self.game.board.turn - 1] != PERSON

    def move_computer(self) -> None:
        """Lets the computer player whose turn it is move."""
        self.game.play(self._suggestion(self.game.players[self.game.board.turn - 1]).move)

    def play(self, text: str) -> None:
        """Plays the move that a person types."""
        move = Move.parse(text.replace(" ", "")[:80])
        self._check_running()
        self.game.play(move)

    def hint(self) -> Suggestion:
        """Asks what a computer player would play."""
        self._check_running()
        specs = [spec for spec in self.game.players if spec not in (PERSON, "random")]
        return self._suggestion(specs[0] if specs else _ADVISER)

    def undo(self) -> bool:
        """Takes back the person's last move, or that of both; False if there is none."""
        history = list(self.game.history())
        return self.game.undo(self.human or (history[-1][0].turn if history else 1))

    def redo(self) -> bool:
        """Plays again what was taken back last; False if there is nothing."""
        return self.game.redo()

    def resign(self) -> None:
        """Gives up for the player whose turn it is."""
        self._check_running()
        self.game.resigned = self.game.board.turn

    def new(self, text: str) -> None:
        """Begins a game of the same players, on the board of the number in the text, or on any."""
        self.start(*new_game(_board_number(text) if text else None, self.game.players))

    def load(self, text: str) -> None:
        """Goes on with the game in a file."""
        self.start(*load_game(_path(text, "load")))

    def save(self, text: str) -> Path:
        """Writes the game to a file; returns its path."""
        path = _path(text, "save")
        self.game.save(path)
        return path

    def _check_running(self) -> None:
        if self.game.is_over:
            raise BadCommand("the game is over")

    def _suggestion(self, spec: str) -> Suggestion:
        computer = self._computer(spec)
        with self._busy(f"{COLOURS[self.game.board.turn]} is thinking"):
            return computer.suggest(self.game.board, self._budget).suggestion

    def _computer(self, spec: str) -> Player:
        if spec not in self._computers:
            with self._busy(f"Getting {name_of(spec)} ready"):
                self._computers[spec] = self._make(spec)
        return self._computers[spec]


def _board_number(text: str) -> int:
    digits = text.lstrip("0")[: len(str(MAX_SEED)) + 1] or "0"
    if not (text.isascii() and text.isdigit() and int(digits) <= MAX_SEED):
        raise BadCommand(f"{text[:30]!r} is no board: boards have numbers, as in new 17")
    return int(digits)


def _path(text: str, command: str) -> Path:
    if not text:
        raise BadCommand(f"{command} needs the name of a file, as in {command} game.json")
    if text.isprintable():
        try:
            return local_path(text)
        except InvalidSettings as error:
            raise BadCommand(str(error)) from None
    raise BadCommand(f"{text[:30]!r} is no name of a file")
