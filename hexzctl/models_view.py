"""What `hexzctl models` prints."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from hexz.checkpoints.catalog import CatalogEntry, flat

if TYPE_CHECKING:
    from hexz.schema.records import Ratings

_SHOWN: Final = 30
"""Checkpoints of a table, unless all are asked for."""
_PLAIN_WIDTH: Final = 200
LOSSES: Final = ("total", "policy", "value")
"""Those that tables have, of all in a report."""


def print_models(catalogs: Mapping[str, Sequence[CatalogEntry]]) -> None:
    """Prints a line for each model: its newest and its best checkpoint."""
    table = _table("model", "checkpoints", "newest", "saved", "examples", "best rated", "Elo")
    for name, entries in catalogs.items():
        newest = entries[-1]
        rated = [entry for entry in entries if entry.elo]
        best = max(rated, key=lambda entry: entry.elo.value if entry.elo else 0, default=None)
        table.add_row(
            Text(name),
            f"{len(entries):,}",
            str(newest.info.number),
            _date(newest.info.unix_seconds),
            _count(newest.info.record.examples),
            "" if best is None else str(best.info.number),
            "" if best is None else _elo(best),
        )
    _print(table)


def print_catalog(entries: Sequence[CatalogEntry], *, every: bool) -> None:
    """Prints a line for each checkpoint, or for some 30 of them, all rated ones included."""
    table = _table("checkpoint", "saved", "KB", "examples", *LOSSES, "Elo", "95 % interval")
    step = 1 if every else -(-len(entries) // _SHOWN)
    for place, entry in enumerate(reversed(entries)):
        if place % step and not entry.elo:
            continue
        elo = entry.elo
        table.add_row(
            str(entry.info.number),
            _date(entry.info.unix_seconds),
            f"{entry.info.size / 1000:,.0f}",
            _count(entry.info.record.examples),
            *(f"{entry.losses[name]:.3f}" if name in entry.losses else "" for name in LOSSES),
            _elo(entry),
            "" if not elo else f"{elo.low:.0f} to {elo.high:.0f}",
        )
    _print(table)


def print_ratings(ratings: Ratings) -> None:
    """Prints a line for each rated checkpoint, the newest first, and for the player `uct`."""
    table = _table("checkpoint", "examples", "hours", "boards", "Elo", "95 % interval")
    for number, elo in reversed(ratings.checkpoints.items()):
        table.add_row(
            str(number),
            _count(elo.examples),
            "" if elo.hours is None else f"{elo.hours:.2f}",
            f"{elo.boards:,}",
            f"{elo.value:.0f}",
            f"{elo.low:.0f} to {elo.high:.0f}",
        )
    for name, other in ratings.references.items():
        interval = "" if other.low == other.high else f"{other.low:.0f} to {other.high:.0f}"
        table.add_row(name, "", "", "", f"{other.value:.0f}", interval)
    _print(table)


def print_facts(facts: Mapping[str, Any], heading: str) -> None:
    """Prints a line for each thing that is known of a checkpoint or a file."""
    table = _table("", heading)
    for name, value in flat(facts):
        if name != "checkpoint" and value is not None:
            table.add_row(Text(_label(name)), Text(_text(name, value)))
    _print(table)


def print_differences(numbers: Sequence[int], found: Mapping[str, Sequence[Any]]) -> None:
    """Prints a line for each thing in which two checkpoints differ."""
    table = _table("", *map(str, numbers), "difference")
    for name, (first, second) in found.items():
        if name != "checkpoint":
            texts = [_text(name, value) for value in (first, second)]
            table.add_row(Text(_label(name)), *map(Text, texts), Text(_change(name, first, second)))
    _print(table)


def _label(name: str) -> str:
    return "saved" if name == "unix_seconds" else name


def _text(name: str, value: Any) -> str:
    if value is None:
        return ""
    if name == "unix_seconds":
        return _date(value)
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return f"{value:,}" if type(value) is int else str(value)


def _change(name: str, first: Any, second: Any) -> str:
    """The difference of two numbers."""
    if not {type(first), type(second)} <= {int, float}:
        return ""
    if name == "unix_seconds":
        return f"{(second - first) / 3600:+,.2f} hours"
    return (
        f"{second - first:+,.5g}" if isinstance(second - first, float) else f"{second - first:+,}"
    )


def _table(first: str, *others: str) -> Table:
    table = Table(first, box=SIMPLE_HEAD)
    for head in others:
        table.add_column(head, justify="right")
    return table


def _print(table: Table) -> None:
    console = Console()
    if not console.is_terminal:
        console = Console(width=_PLAIN_WIDTH)
    console.print(table, highlight=False)


def _date(unix_seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(unix_seconds))


def _count(number: int | None) -> str:
    return "" if number is None else f"{number:,}"


def _elo(entry: CatalogEntry) -> str:
    return f"{entry.elo.value:.0f}" if entry.elo else ""
