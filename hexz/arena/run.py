"""A run of an arena: boards, pairings and a log in, results out."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hexz.arena.entrants import Field
from hexz.arena.games import GamePair, Played
from hexz.arena.log import ArenaLog
from hexz.arena.pool import (
    Event,
    batch_size,
    pairs_at_once,
    play_pairs,
)
from hexz.arena.preparation import prepare
from hexz.engine import Board
from hexz.errors import HexzError
from hexz.files import read_file
from hexz.machine import default_processes, usable_device
from hexz.player.spec import PlayerSpec
from hexz.ratings.results import Pairing, Results
from hexz.ratings.statistics import Sprt
from hexz.selfplay.loop import board_seed

MAX_BOARDS_BYTES: Final = 1 << 26
"""Longest file of boards; a board has 106 bytes."""


class InvalidArena(HexzError, ValueError):
    """What is asked of an arena makes no sense."""


def random_boards(count: int, seed: int) -> list[str]:
    """Start positions, as `Board.to_text()`. More of one seed begin with fewer."""
    return [Board.random(board_seed(seed, number)).to_text() for number in range(count)]


def read_boards(path: Path) -> list[str]:
    """Start positions from a file with one a line, as `Board.to_text()` writes them.

    Raises:
        InvalidArena: the file cannot be read, is empty, or a line is no new board.
    """
    try:
        lines = read_file(path, MAX_BOARDS_BYTES).decode("ascii").splitlines()
    except OSError as error:
        raise InvalidArena(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InvalidArena(f"{path} is not a file of boards") from None
    boards = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            boards.append(Board.from_text(line.strip()).to_text())
        except HexzError as error:
            raise InvalidArena(f"line {number} of {path} is no board: {error}") from None
    if not boards:
        raise InvalidArena(f"there is no board in {path}")
    return list(dict.fromkeys(boards))


@dataclass(frozen=True, kw_only=True)
class ArenaConfig:
    """Settings of what an arena plays.

    Attributes:
        specs: the players, no two the same.
        boards: start positions; a pairing plays each twice.
        log: where games are kept; those that are there already are not played again.
        names: what people call the players, no two the same; None: as their specs.
        round_boards: a pairing plays so many boards before the next one has its turn; None: all.
        sprt: a test that ends the games of a pairing once it is decided.
        seed: of `uct` and `random`.
        device: of networks.
        num_processes: None: one a core; no more than 4 on a GPU.
        max_seconds: ends the run; games under way are dropped, unless there is nothing else.
    """

    specs: Sequence[PlayerSpec]
    boards: Sequence[str]
    log: Path
    names: Sequence[str] | None = None
    round_boards: int | None = None
    sprt: Sprt | None = None
    seed: int = 0
    device: str = "cpu"
    num_processes: int | None = None
    max_seconds: float | None = None

    def __post_init__(self) -> None:
        for spec, name in zip(self.specs, self.all_names, strict=True):
            if self.specs.count(spec) > 1:
                raise InvalidArena(f"{name} is there twice: a player cannot play against itself")
        if len(self.specs) < 2:
            raise InvalidArena("an arena needs at least two players")

    @property
    def all_names(self) -> Sequence[str]:
        """The names of the players."""
        return self.names or [str(spec) for spec in self.specs]

    @property
    def pairings(self) -> Sequence[Pairing]:
        """All pairings of players, by their numbers."""
        return list(itertools.combinations(range(len(self.specs)), 2))


class ArenaRun:
    """Plays the games of a configuration that its log does not have.

    Iterate over `events()`; `stop()` may be called meanwhile, from a signal handler too.

    Args:
        config: what to play.
        notify: takes lines for people, such as that a device is missing.

    Attributes:
        results: so far, those of the log included.
        resumed: game pairs that were in the log.
        decisions: of the test: the hypothesis in Elo that was accepted for a pairing.
    """

    def __init__(self, config: ArenaConfig, notify: Callable[[str], None]) -> None:
        self.config = config
        self.results = Results(config.all_names, config.pairings)
        self.resumed = 0
        self.decisions: dict[Pairing, float] = {}
        self._notify = notify
        self._log: ArenaLog | None = None
        self._is_stopped = False
        self._is_prolonged = False

    @property
    def total(self) -> int:
        """Game pairs that there are."""
        return len(self.config.boards) * len(self.config.pairings)

    def log_likelihood_ratio(self, pairing: Pairing) -> float:
        """That of the test, after the boards of a pairing that it has looked at; see `Sprt`."""
        scores = self.results.in_order(pairing)
        if self.config.sprt is None or not scores:
            return 0.0
        return float(self.config.sprt.ratios(scores)[-1])

    def games(self, most: int) -> list[Played]:
        """The games of at most so many boards, read from the log, ordered by pairing and board. If
        there are more, all pairings have about as many: those of their first boards."""
        boards = self.results.first_boards(most)
        if self._log is None:
            return []
        pairs = (GamePair(pairing, self.config.boards[board], board) for pairing, board in boards)
        return [found for pair in pairs if (found := self._log.find(pair)) is not None]

    def stop(self) -> None:
        """Ends the run soon: games under way are dropped, finished boards are kept."""
        self._is_stopped = True

    def events(self) -> Iterator[Event]:
        """Plays and yields what happens.

        Raises:
            NoBudget, InvalidModel, StoreError, UnknownDevice: a player cannot play.
            InvalidLog, OutputError: the log cannot be used.
            ArenaFailed: a process has ended.
        """
        deadline = time.monotonic() + (self.config.max_seconds or float("inf"))
        device = usable_device(self.config.device, self._notify)
        num_processes = self.config.num_processes or default_processes(device)
        players = self._prepare(device, num_processes)
        with ArenaLog(self.config.log, players) as log:
            self._log = log
            todo = list(self._resume(log))
            for pairs in self._phases(players, todo):
                more = (pair for pair in self._order(pairs) if pair.pairing not in self.decisions)
                playing = play_pairs(
                    players, pairs, more, num_processes=num_processes, seed=self.config.seed
                )
                for events in playing:
                    for event in events:
                        if isinstance(event, Played):
                            log.append(event)
                            self._count(event)
                        yield event
                    if self._is_stopped or self._is_late(deadline):
                        playing.close()
                        return
                    if all(pair.pairing in self.decisions for pair in pairs):
                        playing.close()

    def _is_late(self, deadline: float) -> bool:
        """Whether time is up. A time that leaves nothing is prolonged to the first board's end."""
        if time.monotonic() < deadline:
            return False
        is_anything_known = self.results.boards > 0
        if not is_anything_known and not self._is_prolonged:
            self._is_prolonged = True
            self._notify("time is up, and the first boards are still under way: waiting for one")
        return is_anything_known

    def _prepare(self, device: str, num_processes: int) -> Field:
        specs = self.config.specs
        at_once = pairs_at_once(specs, len(self._pairs()), num_processes)
        size = batch_size(specs, at_once, mixed=self.config.round_boards is not None)
        return prepare(specs, device=device, batch_size=size, notify=self._notify)

    def _pairs(self) -> list[GamePair]:
        """All game pairs in the order in which they are to be played."""
        boards = list(enumerate(self.config.boards))
        size = self.config.round_boards or max(1, len(boards))
        return [
            GamePair(pairing, board, number)
            for start in range(0, len(boards), size)
            for pairing in self.config.pairings
            for number, board in boards[start : start + size]
        ]

    def _order(self, pairs: Sequence[GamePair]) -> Iterator[GamePair]:
        """Those of them that are to be played, taken one by one as there is room for them."""
        return iter(pairs)

    def _resume(self, log: ArenaLog) -> Iterator[GamePair]:
        """Counts what is in the log, and yields the other game pairs."""
        for pair in self._pairs():
            found = log.find(pair)
            if found is None:
                yield pair
            else:
                self.resumed += 1
                self._count(found)

    def _count(self, played: Played) -> None:
        self.results.add(played.pair.pairing, played.pair.number, played.margins)
        pairing = played.pair.pairing
        if self.config.sprt is not None and pairing not in self.decisions:
            decision = self.config.sprt.decision(self.results.in_order(pairing))
            if decision is not None:
                self.decisions[pairing] = decision

    def _phases(self, players: Field, pairs: Sequence[GamePair]) -> Iterator[list[GamePair]]:
        """Game pairs that are played together: those of players whose time is measured go last."""
        for timed in (False, True):
            group = [
                pair
                for pair in pairs
                if timed == any(players.entrants[number].is_timed for number in pair.pairing)
                and pair.pairing not in self.decisions
            ]
            if group:
                yield group
