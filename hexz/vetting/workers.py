"""Watches what each worker posts, and quarantines those that do not play like the fleet.

Who a worker is, its token says if it has one of its own; whoever shows the shared token is who it
says it is, by the game ids, which begin with its name, but none of those that have their own.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from math import isnan
from pathlib import Path
from typing import Final

from hexz.errors import HexzError
from hexz.rate import Rate
from hexz.schema.fleet import ConductOrder
from hexz.schema.status import FIGURES, Comparison, State, WorkerConduct
from hexz.vetting.copies import GameMemory
from hexz.vetting.figures import LENGTH, FigureSums, GameLook
from hexz.vetting.outliers import Finding, Outliers
from hexz.vetting.quarantine import Quarantine, QuarantineError, Verdict

_log = logging.getLogger(__name__)

UNNAMED: Final = "unnamed"
"""Stands for all workers that nobody has heard of."""
COPIES: Final = 3
"""So many games that were there before are no accident."""
SHOWN_WORKERS: Final = 200
"""The status has so many workers: those in quarantine, and those that posted last."""

MAX_WORKERS: Final = 16_384
"""So many workers that were heard of last are remembered."""

_MAX_OPEN_GAMES: Final = 4096
_FIRST_GAMES: Final = 1024
"""Games that a worker of which nothing is known may have going."""
_GENERATIONS: Final = 3
"""Of games that began together short ones end first. Their ends are mixed after so many games, in
games that are going at once; before that, lengths say nothing."""
_MAX_IN_FLIGHT: Final = 32_768
"""Games that a worker may claim to have going, 128 on each of 256 cores: its lengths would never be
looked at if it claimed any number."""


@dataclass(eq=False)
class _Worker:
    """What is known of a worker beside its figures."""

    in_flight: int = _FIRST_GAMES
    games: int = 0
    copies: int = 0
    rate: Rate = field(default_factory=Rate)


@dataclass(eq=False)
class _OpenGame:
    """A game that comes example by example."""

    sums: FigureSums
    moves: int | None
    start: str | None


class UnknownWorker(HexzError):
    """There is no worker of that name."""


class Vetting:
    """The workers of a server. Threads may call all methods at once.

    Args:
        directory: where the quarantine and the memory of games are kept.

    Raises:
        QuarantineError: the quarantine cannot be opened.
    """

    def __init__(self, directory: Path) -> None:
        self.quarantine = Quarantine(directory)
        self._memory = GameMemory(directory / "games.bin")
        self._outliers = Outliers(len(FIGURES))
        self._workers: OrderedDict[str, _Worker] = OrderedDict()
        self._open: OrderedDict[tuple[str, str], _OpenGame] = OrderedDict()
        self._lock = threading.Lock()

    def close(self) -> None:
        with self._lock:
            self._memory.close()
            self.quarantine.close()

    def take_heartbeat(self, worker: str, games_in_flight: int) -> str | None:
        """Takes note of a worker; returns what it shall be told."""
        with self._lock:
            self._known(worker).in_flight = min(games_in_flight, _MAX_IN_FLIGHT)
        verdict = self.quarantine.verdict(worker)
        if verdict is None or not verdict.quarantined:
            return None
        return f"the train server sets the examples of this worker aside: {verdict.reason}"

    def poster(self, owner: str | None, game_id: str) -> str:
        """The name of the worker that posted a game: of the owner of its token, or the name that
        the game id begins with if such a worker was heard of."""
        if owner is not None:
            return owner
        name = game_id.rpartition("-")[0]
        known = name in self._workers or self.quarantine.verdict(name) is not None
        return name if known else UNNAMED

    def note(self, worker: str, look: GameLook) -> None:
        """Looks at examples that were accepted, and puts their worker into quarantine if it has
        come to that."""
        with self._lock:
            known = self._known(worker)
            known.rate.add(look.sums.examples)
            if look.sums.examples == look.moves:
                self._note_start(worker, look.start, look.game_id)
                self._note_game(worker, look.sums)
            else:
                self._note_part(worker, look)

    def order(self, worker: str, order: ConductOrder) -> None:
        """Sets aside what a worker posts from now on, or takes it again, with all that was set
        aside; then statistics do not count against it any more.

        Raises:
            UnknownWorker: nobody has heard of it, and it is not UNNAMED.
            QuarantineError: it is not kept beyond the end of the process.
        """
        with self._lock:
            known = worker in self._workers or worker == UNNAMED
            if not known and self.quarantine.verdict(worker) is None:
                raise UnknownWorker(f"no worker {worker!r} was heard of since the server started")
            self._decide(worker, quarantined=order.quarantined, reason=order.reason)
        _log.info("worker %s: %s", worker, order)

    def conduct(self) -> list[WorkerConduct]:
        """What there is to know of the workers in quarantine and of those that posted last."""
        with self._lock:
            aside, verdicts = self.quarantine.examples, self.quarantine.verdicts
            shown = {name for name, verdict in verdicts.items() if verdict.quarantined}
            recent = [name for name in reversed(self._workers) if name not in shown]
            return [
                self._conduct(name, verdicts.get(name), aside.get(name, 0))
                for name in sorted([*shown, *recent][:SHOWN_WORKERS])
            ]

    def _conduct(self, name: str, verdict: Verdict | None, aside: int) -> WorkerConduct:
        worker, means = self._workers.get(name), self._outliers.means(name)
        figures = {}
        if means is not None:
            figures = {
                figure: Comparison(own=round(own, 4), fleet=round(fleet, 4))
                for figure, own, fleet in zip(FIGURES, *map(list, means), strict=True)
                if not (isnan(own) or isnan(fleet))
            }
        return WorkerConduct(
            worker=name,
            state=_state(verdict, is_compared=bool(figures)),
            reason=None if verdict is None else verdict.reason,
            since=None if verdict is None else verdict.since,
            games=0 if worker is None else worker.games,
            copies=0 if worker is None else worker.copies,
            per_second=0.0 if worker is None else round(worker.rate.per_second(), 2),
            set_aside=aside,
            figures=figures,
        )

    def _known(self, name: str) -> _Worker:
        worker = self._workers.setdefault(name, _Worker())
        self._workers.move_to_end(name)
        if len(self._workers) > MAX_WORKERS:
            oldest, _ = self._workers.popitem(last=False)
            self._outliers.forget(oldest)
        return worker

    def _note_part(self, worker: str, look: GameLook) -> None:
        """Adds examples to their game, which is looked at when all are there, or when too many
        others have begun."""
        key = (worker, look.game_id)
        game = self._open.get(key)
        if game is None:
            game = self._open[key] = _OpenGame(FigureSums(), None, None)
        if game.start is None and look.start is not None:
            game.start = look.start
            self._note_start(worker, look.start, look.game_id)
        game.sums.merge(look.sums)
        game.moves = game.moves or look.moves
        self._open.move_to_end(key)
        if game.sums.examples == game.moves:
            del self._open[key]
            self._note_game(worker, game.sums)
        elif len(self._open) > _MAX_OPEN_GAMES:
            (oldest, _), game = self._open.popitem(last=False)
            self._note_game(oldest, game.sums)

    def _note_start(self, name: str, start: str | None, game_id: str) -> None:
        if start is None or not self._memory.is_copy(start, game_id):
            return
        worker = self._known(name)
        worker.copies += 1
        if worker.copies >= COPIES and self.quarantine.verdict(name) is None:
            self._find(name, f"{worker.copies} of its games were there before, under other ids")

    def _note_game(self, name: str, sums: FigureSums) -> None:
        worker = self._known(name)
        worker.games += 1
        checkpoint, values = sums.figures()
        if worker.games <= _GENERATIONS * worker.in_flight:
            values[LENGTH] = float("nan")
        if self.quarantine.verdict(name) is None:
            finding = self._outliers.add(name, checkpoint, values)
            if finding is not None:
                self._find(name, _reason(finding, worker.games))

    def _find(self, worker: str, reason: str) -> None:
        _log.warning(
            "worker %s is quarantined: %s. `hexzctl fleet release %s` takes its examples again",
            worker, reason, worker,
        )  # fmt: skip
        try:
            self._decide(worker, quarantined=True, reason=reason)
        except QuarantineError as error:
            _log.error("this will be forgotten when the server ends: %s", error)

    def _decide(self, worker: str, *, quarantined: bool, reason: str) -> None:
        self._outliers.forget(worker)
        self.quarantine.decide(worker, quarantined=quarantined, reason=reason)


def _state(verdict: Verdict | None, *, is_compared: bool) -> State:
    if verdict is not None:
        return "quarantined" if verdict.quarantined else "released"
    return "ordinary" if is_compared else "new"


def _reason(finding: Finding, games: int) -> str:
    name, meaning = list(FIGURES.items())[finding.figure]
    kind = {1: "high", -1: "low", 0: "far from the fleet's median"}[finding.direction]
    return (
        f"{name} ({meaning}) is too {kind}: {finding.own:.3g}, the fleet has {finding.fleet:.3g}; "
        f"found after {games} games"
    )
