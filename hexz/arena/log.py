"""The log of an arena: what was played is kept, and never played again.

A line is a JSON object, a game pair:

    {"players": ["uct:800", "model@64"], "networks": [null, "{sha256}"], "board": "105 characters",
     "games": [{"score": [50, 41], "moves": ["d5", "Fd6", ...], "values": [0.1, ...],
                "top": [[["d5", 0.7], ...], ...]}, {...}], "unix_seconds": 1764120000,
     "version": "0.1.0"}

The first player moves first in the first game. `values` and `top` are what the player of each move
expected, in -1..1, and the moves that it searched most with their shares. A game that a program
lost because it failed has `"forfeit": {"player": 2, "reason": "..."}`, too.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import stat
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, Self

from hexz.arena.entrants import Entrant, Field
from hexz.arena.games import GamePair, Played, PlayedMove
from hexz.engine import Board, Move
from hexz.errors import HexzError, OutputError
from hexz.record import Forfeit
from hexz.version import __version__

_START: Final = b'{"players":'
"""How every line begins."""

MAX_LINE_BYTES: Final = 1 << 17
"""Longest line; two games of 105 moves have some 10 KB."""

_Key = tuple[str, str | None, str, str | None, str]
"""Name and digest of the first and of the second player, and the board."""


_ODD_CONTENT: Final = (
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    OverflowError,
    RecursionError,
)
"""What JSON of another kind raises where it is taken for games."""


class InvalidLog(HexzError, ValueError):
    """A file is not the log of an arena, or another arena writes to it."""


class ArenaLog:
    """The log at a path, which is made. Nobody else can open it while it is open here.

    Args:
        path: the file. A last line that was cut off is removed, and one that only lacks its end is
            completed; other files are left as they are.
        players: whose games are of interest.

    Raises:
        InvalidLog: the file is not such a log, or it is in use.
        OutputError: it cannot be read or written.
    """

    def __init__(self, path: Path, players: Field) -> None:
        self.path = path
        self._players = players
        self._names = {entrant.name for entrant in players.entrants}
        self._places: dict[_Key, tuple[int, int]] = {}  # offset and bytes of its lines
        with self._errors():
            self._file = open(path, "a+b", buffering=0)  # noqa: SIM115 - open as long as this is
        try:
            if not stat.S_ISREG(os.fstat(self._file.fileno()).st_mode):
                raise InvalidLog(f"{path} keeps no games to be read again: give another --log")
            with self._errors():
                self._lock()
                self._read()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def find(self, pair: GamePair) -> Played | None:
        """The games of a pair, if they were played; also once the log is closed."""
        for pairing in (pair.pairing, pair.pairing[::-1]):
            place = self._places.get(self._key(pairing, pair.board))
            if place is not None:
                found = self._games_at(*place)
                first, second = found if pairing == pair.pairing else found[::-1]
                return Played(
                    pair=pair,
                    games=(_moves(first), _moves(second)),
                    scores=(_score(first), _score(second)),
                    forfeits=(_forfeit(first), _forfeit(second)),
                )
        return None

    def append(self, played: Played) -> None:
        """Adds the games of a pair; they survive the end of this process.

        Raises:
            OutputError: there is no space, for example.
        """
        pair = played.pair
        entrants = [self._players.entrants[number] for number in pair.pairing]
        line = {
            "players": [entrant.name for entrant in entrants],
            "networks": [entrant.digest for entrant in entrants],
            "board": pair.board,
            "games": [
                _game(moves, score, forfeit)
                for moves, score, forfeit in zip(
                    played.games, played.scores, played.forfeits, strict=True
                )
            ],
            "unix_seconds": round(time.time()),
            "version": __version__,
        }
        data = json.dumps(line, separators=(",", ":")).encode() + b"\n"
        with self._errors():
            place = os.fstat(self._file.fileno()).st_size, len(data)
            while data:
                data = data[self._file.write(data) :]
        self._places[self._key(pair.pairing, pair.board)] = place

    def _key(self, pairing: tuple[int, int], board: str) -> _Key:
        first, second = (self._players.entrants[number] for number in pairing)
        return (*_identity(first), *_identity(second), board)

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InvalidLog(
                f"{self.path} is in use by another arena: wait for it, or give another --log"
            ) from None

    def _read(self) -> None:
        offset, is_ended = 0, True
        with open(self.path, "rb") as file:
            lines = iter(lambda: file.readline(MAX_LINE_BYTES + 1), b"")
            for number, line in enumerate(lines, 1):
                is_ended = line.endswith(b"\n")
                if not is_ended and _is_cut_off(line):
                    os.truncate(self.path, offset)
                    return
                self._take(line, number, offset)
                offset += len(line)
        if not is_ended:
            self._file.write(b"\n")

    def _take(self, line: bytes, number: int, offset: int) -> None:
        try:
            if len(line) > MAX_LINE_BYTES:
                raise ValueError("no two games are so long")
            content = json.loads(line)
            first, second = content["players"]
            networks = content["networks"]
            key = (first, networks[0], second, networks[1], content["board"])
            a, b = content["games"]
            if self._names >= {first, second}:
                _replay(content["board"], a)
                _replay(content["board"], b)
                self._places[key] = offset, len(line)
        except _ODD_CONTENT:
            raise InvalidLog(
                f"line {number} of {self.path} is not the result of games: remove the line, or "
                "give another --log"
            ) from None

    def _games_at(self, offset: int, size: int) -> tuple[Any, Any]:
        with self._errors(), open(self.path, "rb") as lines:
            lines.seek(offset)
            first, second = json.loads(lines.read(size))["games"]
        return first, second

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise OutputError(f"cannot write {self.path}: {error.strerror or error}") from None


def _is_cut_off(line: bytes) -> bool:
    """Whether a line without an end is the beginning of one that we write, and no more."""
    if len(line) > MAX_LINE_BYTES or not line.startswith(_START[: len(line)]):
        return False
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return True
    return False


def _identity(entrant: Entrant) -> tuple[str, str | None]:
    return entrant.name, entrant.digest


def _game(
    moves: list[PlayedMove], score: tuple[int, int], forfeit: Forfeit | None
) -> dict[str, Any]:
    return {
        "score": score,
        **({} if forfeit is None else {"forfeit": asdict(forfeit)}),
        "moves": [str(Move.from_index(move.action)) for move in moves],
        "values": [round(move.value, 3) for move in moves],
        "top": [
            [(str(Move.from_index(action)), round(share, 3)) for action, share in move.top]
            for move in moves
        ],
    }


def _moves(game: Any) -> list[PlayedMove]:
    return [
        PlayedMove(
            action=Move.parse(move).index,
            value=_number(value, -1),
            top=[(Move.parse(other).index, _number(share, 0)) for other, share in top],
        )
        for move, value, top in zip(game["moves"], game["values"], game["top"], strict=True)
    ]


def _number(value: Any, least: int) -> float:
    if not least <= value <= 1:  # nor is NaN
        raise ValueError(f"{value} is not in {least}..1")
    return float(value)


def _replay(initial_text: str, game: Any) -> None:
    board = Board.from_text(initial_text)
    for move in _moves(game):
        board.play_index(move.action)
    if board.is_over == bool(_forfeit(game)) or board.score != _score(game):
        raise ValueError("the moves do not lead to the score")


def _forfeit(game: Any) -> Forfeit | None:
    if "forfeit" not in game:
        return None
    player, reason = int(game["forfeit"]["player"]), str(game["forfeit"]["reason"])
    if player not in (1, 2):
        raise ValueError("nobody forfeited the game")
    return Forfeit(player, reason)


def _score(game: Any) -> tuple[int, int]:
    first, second = game["score"]
    return int(first), int(second)
