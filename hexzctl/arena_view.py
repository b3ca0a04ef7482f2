"""What `hexzctl arena` shows: a live display on a terminal, log lines elsewhere, then results."""

from __future__ import annotations

import json
import time
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from hexz.arena.games import Played
from hexz.arena.pool import Progress
from hexz.arena.report import report
from hexz.arena.run import ArenaRun
from hexz.ratings.results import Pairing, PairingResult
from hexz.schema.records import Estimate
from hexz.wording import number_of
from hexzctl.display import Display, notice

_SHOWN_PAIRS: Final = 15
"""Of the live display: those that were played last."""
_LOGGED_PAIRS: Final = 3
"""Of a log line: those that were played last."""
_PLAIN_WIDTH: Final = 200
_NAME_WIDTH: Final = 10
_WIDE: Final = 100
"""Columns of a terminal that has room for all figures."""


class ArenaView:
    """Shows a run on stderr, and its results on stdout."""

    def __init__(self) -> None:
        self._progress: dict[int, Progress] = {}
        self._started = time.monotonic()
        self._latest: dict[Pairing, None] = {}
        self._new = 0

    def watch(self, run: ArenaRun) -> None:
        """Plays a run to its end and shows how far it is."""
        with Display(
            Console(stderr=True),
            lambda: self._render(run),
            lambda: ", ".join([self._state(run), *self._scores(run, _LOGGED_PAIRS)]),
            transient=True,
        ) as display:
            for event in run.events():
                if isinstance(event, Progress):
                    self._progress[event.process] = event
                else:
                    self._tell_forfeits(run, event)
                    self._new += 1
                    self._latest.pop(event.pair.pairing, None)
                    self._latest[event.pair.pairing] = None
                display.step()
            display.log()

    def _tell_forfeits(self, run: ArenaRun, played: Played) -> None:
        for order, forfeit in zip(
            (played.pair.pairing, played.pair.pairing[::-1]), played.forfeits, strict=True
        ):
            if forfeit is not None:
                loser = run.results.names[order[forfeit.player - 1]]
                notice(f"{loser} loses a game on board {played.pair.number + 1}: {forfeit.reason}")

    def _state(self, run: ArenaRun) -> str:
        seconds = time.monotonic() - self._started
        done = run.results.boards
        moves = sum(p.moves for p in self._progress.values())
        evaluations = sum(p.evaluations for p in self._progress.values())
        parts = [f"{done:,} of {number_of(run.total, 'board')}", number_of(moves, "move")]
        if run.resumed:
            parts.insert(1, f"{run.resumed:,} from {run.config.log}")
        if evaluations:
            parts.append(f"{evaluations / seconds:,.0f} evaluations/s")
        parts.append(f"{seconds:.0f} s")
        if self._new and not run.decisions:
            left = seconds / self._new * (run.total - done)
            left = min(left, (run.config.max_seconds or left + seconds) - seconds)
            parts.append(f"about {max(left, 0):.0f} s left")
        return ", ".join(parts)

    def _scores(self, run: ArenaRun, most: int) -> list[str]:
        """The scores so far of the pairings that were played last."""
        scores = []
        for pairing in list(self._latest)[-most:]:
            result = run.results.of(pairing)
            if result is not None:
                a, b = (run.results.names[number] for number in pairing)
                scores.append(
                    f"{a} against {b}: {_percent(result.score)} on "
                    f"{number_of(result.boards, 'board')}" + _state_of_test(run, pairing)
                )
        return scores

    def _render(self, run: ArenaRun) -> Panel:
        lines = [Text(self._state(run), "dim"), *map(Text, self._scores(run, _SHOWN_PAIRS))]
        return Panel(Group(*lines), title="arena", expand=False)

    def print_results(self, run: ArenaRun, *, as_json: bool) -> None:
        """Prints what a run has found."""
        if as_json:
            print(json.dumps(report(run)))
            return
        if not run.results.boards:
            return
        console = Console()
        if not console.is_terminal:
            console = Console(width=_PLAIN_WIDTH)
        console.print(_pairs_table(run, console.width), _ratings_table(run), highlight=False)


def _pairs_table(run: ArenaRun, width: int) -> Table:
    figures = ["score", "95 % interval", "boards", "won", "=", "lost"]
    if width >= _WIDE:
        figures += ["margin", "seats"]
    elif run.config.sprt is None:
        figures.append("margin")
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in ("", "against"):
        table.add_column(name, overflow="fold", min_width=_NAME_WIDTH)
    for name in figures:
        table.add_column(name, justify="right", no_wrap=True)
    if run.config.sprt is not None:
        table.add_column(f"LLR ±{run.config.sprt.bound:.2f}", justify="right", no_wrap=True)
    for pairing in run.results.pairings:
        result = run.results.of(pairing)
        if result is None:
            continue
        cells = [
            *(run.results.names[number] for number in pairing),
            *_cells(result)[: len(figures)],
        ]
        if run.config.sprt is not None:
            cells.append(_test(run, pairing))
        table.add_row(*map(Text, cells))
    return table


def _cells(result: PairingResult) -> list[str]:
    score, seats = result.score, result.by_seat
    return [
        f"{100 * score.value:.1f}%",
        f"{100 * score.low:.1f} to {100 * score.high:.1f}",
        *(str(count) for count in (result.boards, result.wins, result.draws, result.losses)),
        f"{result.margin:+.1f}",
        f"{100 * seats[0]:.0f}, {100 * seats[1]:.0f}",
    ]


def _state_of_test(run: ArenaRun, pairing: Pairing) -> str:
    if run.config.sprt is None:
        return ""
    found = _test(run, pairing)
    is_open = pairing not in run.decisions
    return f", LLR {found} of ±{run.config.sprt.bound:.2f}" if is_open else f", {found} accepted"


def _test(run: ArenaRun, pairing: Pairing) -> str:
    """The Elo that was accepted, or until then the log-likelihood ratio."""
    decision = run.decisions.get(pairing)
    if decision is None:
        return f"{run.log_likelihood_ratio(pairing):+.2f}"
    return f"{decision:+g} Elo"


def _ratings_table(run: ArenaRun) -> Table:
    table = Table("", "Elo", "95 % interval", box=SIMPLE_HEAD)
    for column in table.columns[1:]:
        column.justify = "right"
    ranked = sorted(run.results.ratings().items(), key=lambda item: -item[1].value)
    for name, elo in ranked:
        interval = "" if elo.low == elo.high else f"{elo.low:.0f} to {elo.high:.0f}"
        table.add_row(Text(name), f"{elo.value:.0f}", interval)
    return table


def _percent(score: Estimate) -> str:
    return f"{100 * score.value:.1f} % ({100 * score.low:.1f} to {100 * score.high:.1f})"
