"""The engine's side of the protocol that docs/protocol.md describes: lines of text, in the manner
of GTP."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final

from hexz.engine import Board, Suggestion
from hexz.engine.notation import position_text, read_position
from hexz.errors import HexzError
from hexz.player.player import Player
from hexz.player.spec import MAX_PLAYOUTS, MAX_SECONDS, Budget
from hexz.version import __version__

PROTOCOL: Final = 1
MAX_LINE: Final = 4096
"""Of a command or an answer; what is longer is read as several lines."""


class BadCommand(HexzError, ValueError):
    """A line is no command of the protocol."""


class EngineSession:
    """Answers the commands of a program that uses a player as its engine.

    Args:
        player: that is asked for moves.
        spec: what it is called.

    Attributes:
        has_ended: whether there will be no more commands.
    """

    def __init__(self, player: Player, spec: str) -> None:
        self.has_ended = False
        self._player = player
        self._name = f"hexzctl {__version__} {spec}"
        self._board = Board.random(0)
        self._commands: dict[str, Callable[[Sequence[str]], list[str]]] = {
            "protocol": lambda _: [str(PROTOCOL)],
            "name": lambda _: [self._name],
            "board": self._take_board,
            "play": self._play,
            "genmove": self._genmove,
            "analyse": self._analyse,
            "quit": self._quit,
        }

    def answer(self, line: str) -> str:
        """The answer to a line, with the empty line that ends it; empty if it needs none."""
        words = [] if line.startswith("#") else line.split()
        if not words:
            return ""
        try:
            command = self._commands.get(words[0])
            if command is None:
                raise BadCommand(f"unknown command: expected one of {', '.join(self._commands)}")
            said = "\n".join(command(words[1:]))
            return f"= {said}\n\n" if said else "=\n\n"
        except HexzError as error:
            return f"? {' '.join(str(error).split())}\n\n"

    def _take_board(self, words: Sequence[str]) -> list[str]:
        if words:
            self._board = read_position(" ".join(words))
        return [position_text(self._board)]

    def _play(self, words: Sequence[str]) -> list[str]:
        if len(words) != 1:
            raise BadCommand("play takes one move, as play d5 or play Fd5")
        self._board.play(words[0])
        return [""]

    def _genmove(self, words: Sequence[str]) -> list[str]:
        suggestion = self._suggestion(words)
        self._board.play(suggestion.move)
        return [f"{suggestion.move} {suggestion.value:.4f}"]

    def _analyse(self, words: Sequence[str]) -> list[str]:
        suggestion = self._suggestion(words)
        line = " ".join(map(str, suggestion.principal_variation))
        return [f"{suggestion.value:.4f} {line}", *_moves(suggestion)]

    def _suggestion(self, words: Sequence[str]) -> Suggestion:
        if self._board.is_over:
            raise BadCommand("the game is over")
        return self._player.suggest(self._board, _budget(words)).suggestion

    def _quit(self, _: Sequence[str]) -> list[str]:
        self.has_ended = True
        return [""]


def _moves(suggestion: Suggestion) -> list[str]:
    """A line for each move that has a share of the decision, largest first."""
    return [
        f"{move} {share:.4f} {suggestion.q[move.index]:.4f}"
        for move, share in suggestion.best(len(suggestion.visits))
    ]


def _budget(words: Sequence[str]) -> Budget | None:
    """The limits that a command names: `time SECONDS`, `simulations NUMBER`, both or none."""
    if not words:
        return None
    limits = dict(zip(words[::2], words[1::2], strict=False))
    if len(limits) * 2 != len(words) or not limits.keys() <= {"time", "simulations"}:
        raise BadCommand("limits are time SECONDS and simulations NUMBER")
    try:
        seconds = float(limits["time"]) if "time" in limits else None
        simulations = int(limits["simulations"]) if "simulations" in limits else None
    except ValueError:
        raise BadCommand("limits are time SECONDS and simulations NUMBER") from None
    if seconds is not None and not (math.isfinite(seconds) and 0 < seconds <= MAX_SECONDS):
        raise BadCommand(f"the time must be more than 0 and at most {MAX_SECONDS:g} seconds")
    if simulations is not None and not 1 <= simulations <= MAX_PLAYOUTS:
        raise BadCommand(f"the simulations must be 1 to {MAX_PLAYOUTS:,}")
    return Budget(simulations=simulations, seconds=seconds)
