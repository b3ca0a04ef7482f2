"""What `hexzctl selfplay` shows: a live display on a terminal, log lines elsewhere."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from rich.columns import Columns
from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from hexz.selfplay.config import Event, FileWritten, SelfPlayConfig
from hexz.selfplay.messages import GameOver, Notice, Playing, ProcessFailed, Progress
from hexz.wording import number_of
from hexzctl.board import game_panel
from hexzctl.display import Display, notice


class SelfPlayView:
    """Adds up the events of a run and shows them.

    Attributes:
        games: that have ended.
        display: to be used as a context during the run.
    """

    def __init__(self, config: SelfPlayConfig) -> None:
        self.games = 0
        self._config = config
        self._console = Console()
        self._started = time.monotonic()
        self._playing_since: float | None = None
        self._evaluator = ""
        self._notices: set[str] = set()
        self._progress: dict[int, Progress] = {}
        self._examples = 0
        self._scores = [0, 0]
        self._written: list[FileWritten] = []
        self.display = Display(self._console, self._render, self._log_line)

    def show(self, event: Event) -> None:
        """Takes in what happened."""
        match event:
            case Playing():
                self._playing_since = self._playing_since or time.monotonic()
                self._evaluator = event.evaluator
            case Notice():
                if event.text not in self._notices:
                    self._notices.add(event.text)
                    notice(event.text)
            case Progress():
                self._progress[event.process] = event
            case GameOver():
                self.games += 1
                self._examples += event.examples
                self._scores = [a + b for a, b in zip(self._scores, event.score, strict=True)]
                if self.games == 1:
                    self.display.log()  # the first game is worth a line at once
            case ProcessFailed():
                self._last_words(event.process)
                notice(f"worker {event.process} failed: {event.reason}")
            case FileWritten():
                self._written.append(event)
        self.display.step()

    def _last_words(self, process: int) -> None:
        """What a dead process has counted stays; its games are gone."""
        if process in self._progress:
            self._progress[process] = replace(self._progress[process], game=None)

    def print_summary(self, page: Path | None) -> None:
        """Says what the run has left behind."""
        self.display.log()
        for file in self._written:
            self._say(f"Wrote {number_of(file.examples, 'example')} to {file.path}")
        if page is not None:
            self._say(f"Games to look at: {page.resolve().as_uri()}")

    def _say(self, text: str) -> None:
        # Paths stay whole and plain, so that they can be copied and clicked.
        self._console.print(text, soft_wrap=True, highlight=False, markup=False)

    def _rows(self) -> list[tuple[str, str]]:
        """The figures of the display, in order."""
        now = time.monotonic()
        seconds = now - (self._playing_since or now)
        evaluations = sum(p.evaluations for p in self._progress.values())
        rows = sum(p.batch_rows for p in self._progress.values())
        per_second = 1 / seconds if seconds > 0 else 0.0
        games = max(self.games, 1)
        running = [p.mean_move for p in self._progress.values() if p.game]
        return [
            ("games", f"{self.games:,}{self._of(self._config.max_games)}"),
            ("examples", f"{self._examples:,}"),
            ("examples/s", f"{self._examples * per_second:,.1f}"),
            ("evaluations/s", f"{evaluations * per_second:,.0f}"),
            ("batch fill", f"{100 * evaluations / rows if rows else 0:.0f} %"),
            ("running games at move", f"{sum(running) / len(running) if running else 0:.0f}"),
            ("mean length", f"{self._examples / games:.1f} moves"),
            ("mean score", f"{self._scores[0] / games:.1f} : {self._scores[1] / games:.1f}"),
            ("time", self._time(now)),
        ]

    @staticmethod
    def _of(limit: int | None) -> str:
        return "" if limit is None else f" of {limit:,}"

    def _time(self, now: float) -> str:
        elapsed = now - self._started
        left = []
        if self._config.max_seconds is not None:
            left.append(self._config.max_seconds - elapsed)
        if self._config.max_games is not None and self.games and self._playing_since:
            left.append((self._config.max_games / self.games - 1) * (now - self._playing_since))
        return f"{elapsed:.0f} s" + (f", {max(0.0, min(left)):.0f} s left" if left else "")

    def _log_line(self) -> str:
        return ", ".join(f"{name} {figure}" for name, figure in self._rows())

    def _render(self) -> Panel:
        table = Table.grid(padding=(0, 2))
        for name, figure in self._rows():
            table.add_row(f"[dim]{name}[/dim]", figure)
        game = next((p.game for p in self._progress.values() if p.game), None)
        return Panel(
            Columns([table, *([] if game is None else [game_panel(game)])], padding=(0, 3)),
            title=f"self-play, {self._config.settings.simulations} runs a move",
            subtitle=escape(self._evaluator or "starting"),
            expand=False,
        )
