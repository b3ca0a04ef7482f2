"""What `hexzctl export-examples` shows: a progress bar on a terminal, log lines elsewhere."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator, Sequence
from functools import partial

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from hexz.dataset.export import Export, ExportConfig, load_format
from hexz.errors import InvalidExample, NotAllExported
from hexz.wording import number_of
from hexzctl.display import Display, notice


class ExportView:
    """Shows how far an export is, the problems that it has, and its result."""

    def __init__(self, *, strict: bool) -> None:
        self._strict = strict
        self._started = time.monotonic()
        self._display: Display | None = None

    def problem(self, text: str) -> None:
        """Takes a problem of the reader; raises InvalidExample if that shall end the export."""
        if self._strict:
            raise InvalidExample(text)
        notice(f"left out: {' '.join(text.split())}")

    def step(self) -> None:
        """Takes notice that some more was read."""
        if self._display is not None:
            self._display.step()

    @contextlib.contextmanager
    def watching(self, export: Export) -> Iterator[None]:
        """Shows an export while the block runs."""
        console = Console(stderr=True)
        bar = Progress(
            TextColumn("{task.percentage:>3.0f} %"),
            BarColumn(),
            TextColumn("{task.description}"),
            TimeRemainingColumn(),
            console=console,
        )
        task = bar.add_task("", total=1.0)

        def render() -> Progress:
            bar.update(task, completed=export.reader.share_read, description=self._counts(export))
            return bar

        def line() -> str:
            share, seconds = export.reader.share_read, time.monotonic() - self._started
            left = f", about {seconds * (1 / share - 1):.0f} s left" if share else ""
            return f"{share:.0%}, {self._counts(export)}{left}"

        with Display(console, render, line, transient=True) as self._display:
            yield

    def _counts(self, export: Export) -> str:
        reader = export.reader
        counts = [number_of(reader.examples, "example")]
        counts += [number_of(reader.copies, "copy", "copies")] * bool(reader.copies)
        counts += [f"{reader.problems:,} left out"] * bool(reader.problems)
        rate = reader.examples / max(time.monotonic() - self._started, 0.001)
        return ", ".join([*counts, f"{rate:,.0f}/s"])

    def print_table(self, rows: Sequence[tuple[str, str]], export: Export) -> None:
        """Prints figures, and what of the files did not count into them."""
        reader = export.reader
        table = Table.grid(padding=(0, 2))
        for name, figure in (
            ("files", f"{len(reader.archives):,}"),
            *rows,
            ("duplicates", f"{reader.copies:,}"),
            ("unreadable files and entries", f"{reader.problems:,}"),
        ):
            table.add_row(name, figure)
        Console(highlight=False).print(table)

    def print_result(self, config: ExportConfig, export: Export) -> None:
        """Says what was written, and what was not."""
        # Standard output may be what the export was written to.
        is_saved = config.output.is_file() or config.output.is_dir()
        say = partial(print, file=sys.stdout if is_saved else sys.stderr)
        unit = load_format(config.format).unit
        pages = f" on {number_of(export.pages, 'page')}" if export.pages else ""
        say(f"Wrote {number_of(export.written, unit)}{pages} to {config.output}")
        if export.pages:
            index = config.output / "index.html" if config.output.is_dir() else config.output
            say(f"To look at: {index.resolve().as_uri()}")
        if export.incomplete:
            fate = "shown without them" if export.pages else "left out"
            games = number_of(export.incomplete, "game")
            say(f"{games} of which moves are missing {_were(export.incomplete)} {fate}")
        if copies := export.reader.copies:
            say(f"{number_of(copies, 'copy', 'copies')} of examples {_were(copies)} left out")

    def require_all_used(self, export: Export) -> None:
        """Raises NotAllExported if something was left out that had been printed as a problem."""
        if problems := export.reader.problems:
            count = number_of(problems, "file or entry", "files or entries")
            raise NotAllExported(f"{count} could not be used, see above")


def _were(count: int) -> str:
    return "was" if count == 1 else "were"
