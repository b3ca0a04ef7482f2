"""A game that people play: its moves can be taken back, and it can be saved and loaded.

A saved game is a JSON object, which the web page reads and writes as well:

    {"board": "105 characters", "moves": ["Fd5", "d6"], "players": ["name", "name"], "resigned": 0}
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, TypeGuard

from hexz.engine import MAX_MOVES, Board, Move
from hexz.errors import HexzError, InvalidGame, OutputError
from hexz.files import atomic_file
from hexz.similar import slip

_MAX_BYTES: Final = 1 << 16
"""Longest file that is read; a game has about 600 bytes."""


class Game:
    """The start of a game, its moves, and the position that they lead to.

    Attributes:
        players: names of players 1 and 2.
        resigned: the player who gave up, or 0.
    """

    def __init__(self, initial: Board, players: tuple[str, str] = ("", "")) -> None:
        self.players = players
        self.resigned = 0
        self._positions = [initial.copy()]
        self._moves: list[Move] = []
        self._undone: list[tuple[list[Move], int]] = []

    @property
    def board(self) -> Board:
        """The position now; it is not to be played on."""
        return self._positions[-1]

    @property
    def moves(self) -> tuple[Move, ...]:
        """The moves so far."""
        return tuple(self._moves)

    def history(self) -> Iterator[tuple[Board, Move, Board]]:
        """The position before each move, the move, and the position after it."""
        return zip(self._positions[:-1], self._moves, self._positions[1:], strict=True)

    @property
    def is_over(self) -> bool:
        """Tells whether the game has ended, by the rules or since a player gave up."""
        return self.resigned != 0 or self.board.is_over

    @property
    def winner(self) -> int:
        """The winner, 1 or 2; 0 for a draw and while the game is running."""
        return 3 - self.resigned if self.resigned else self.board.winner

    def play(self, move: Move) -> None:
        """Plays a move; raises IllegalMove, the game unchanged, if the rules forbid it."""
        board = self.board.copy()
        board.play(move)
        self._positions.append(board)
        self._moves.append(move)
        self._undone.clear()

    def undo(self, player: int) -> bool:
        """Takes back a resignation, or else the last move of a player and all moves after it.

        Returns:
            whether there was anything to take back.
        """
        if self.resigned:
            self._undone.append(([], self.resigned))
            self.resigned = 0
            return True
        mine = [i for i, (before, _, _) in enumerate(self.history()) if before.turn == player]
        if not mine:
            return False
        self._undone.append((self._moves[mine[-1] :], 0))
        del self._moves[mine[-1] :], self._positions[mine[-1] + 1 :]
        return True

    def redo(self) -> bool:
        """Plays again what was taken back last, if nothing else was played since.

        Returns:
            whether there was anything to play again.
        """
        if self.is_over or not self._undone:
            return False
        moves, resigned = self._undone.pop()
        others = self._undone.copy()
        for move in moves:
            self.play(move)
        self.resigned, self._undone = resigned, others
        return True

    def to_json(self) -> str:
        """The game as a line of JSON."""
        content = {
            "board": self._positions[0].to_text(),
            "moves": [str(move) for move in self._moves],
            "players": list(self.players),
            "resigned": self.resigned,
        }
        return json.dumps(content) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Game:
        """The game that `to_json` wrote; raises InvalidGame with the reason if there is none."""
        try:
            content = json.loads(text)
        except (ValueError, RecursionError):
            raise InvalidGame("this is not JSON") from None
        if not isinstance(content, dict):
            raise InvalidGame("this is not a JSON object")
        board, moves = content.get("board"), content.get("moves")
        if not isinstance(board, str) or not _is_list_of_texts(moves, MAX_MOVES):
            raise InvalidGame('"board" must be a text and "moves" a list of texts')
        players, resigned = content.get("players", ["", ""]), content.get("resigned", 0)
        if not _is_list_of_texts(players, 2) or len(players) != 2 or resigned not in (0, 1, 2):
            raise InvalidGame('"players" must be two names, and "resigned" 0, 1 or 2')
        try:
            game = cls(Board.from_text(board), (players[0], players[1]))
            for move in moves:
                game.play(Move.parse(move))
        except HexzError as error:
            raise InvalidGame(str(error)) from None
        game.resigned = int(resigned)
        return game

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the game to a file. Another saved game may be there, but nothing else: a slip of
        the keyboard must not cost anybody a file.

        Raises:
            OutputError: the file cannot be written, or holds something else.
        """
        path = Path(path)
        if os.path.exists(path):  # which is False, and no error, for a name that is too long
            try:
                Game.load(path)
            except InvalidGame:
                raise OutputError(
                    f"{path} exists and is no saved game: choose another name"
                ) from None
        with atomic_file(path) as file:
            file.write(self.to_json().encode())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Game:
        """The game in a file; raises InvalidGame naming the file and the reason."""
        path = Path(path)
        try:
            with open(path, "rb") as file:
                data = file.read(_MAX_BYTES + 1)
            if len(data) > _MAX_BYTES:
                raise InvalidGame("the file is too long")
            return cls.from_json(data.decode())
        except OSError as error:
            why = f"{error.strerror or error}{slip(path)}"
            raise InvalidGame(f"cannot read {path}: {why}") from None
        except (InvalidGame, UnicodeDecodeError) as error:
            reason = error if isinstance(error, InvalidGame) else "it is not text"
            raise InvalidGame(f"{path} is no saved game: {reason}") from None


def _is_list_of_texts(value: Any, most: int) -> TypeGuard[list[str]]:
    return (
        isinstance(value, list)
        and len(value) <= most
        and all(isinstance(text, str) for text in value)
    )
