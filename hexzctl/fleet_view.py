"""What `hexzctl fleet` prints."""

from __future__ import annotations

from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from hexz.schema.status import FIGURES, Comparison, WorkerConduct

_PLAIN_WIDTH: Final = 200


def print_conduct(workers: list[WorkerConduct]) -> None:
    """Prints a line for each worker: a figure of its games, and in brackets that of the fleet."""
    table = Table(box=None, pad_edge=False, collapse_padding=True, header_style="bold")
    labels = [name.replace("_", " ") for name in FIGURES]
    for title in ("worker", "state", "games", "ex./s", "set aside", *labels):
        is_word = title in ("worker", "state")  # whole, since commands want the name
        table.add_column(
            title, justify="left" if is_word else "right", no_wrap=is_word, overflow="fold"
        )
    for worker in workers:
        table.add_row(
            escape(worker.worker),
            f"[red]{worker.state}[/]" if worker.state == "quarantined" else worker.state,
            f"{worker.games:,}",
            f"{worker.per_second:,.1f}",
            f"{worker.set_aside:,}",
            *(_figure(worker.figures.get(name)) for name in FIGURES),
        )
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _PLAIN_WIDTH
    console.print(table if workers else "No worker has posted anything since the server started.")
    for worker in workers:
        if worker.reason is not None:
            console.print(escape(f"{worker.worker} is {worker.state}: {worker.reason}"))


def _figure(figure: Comparison | None) -> str:
    return "" if figure is None else f"{figure.own:.2f} ({figure.fleet:.2f})"
