"""What `hexzctl models` prints."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from hexz.checkpoints.catalog import CatalogEntry

_SHOWN: Final = 30
"""Checkpoints of a table, unless all are asked for."""
_PLAIN_WIDTH: Final = 200
_LOSSES: Final = ("total", "policy", "value")


def print_models(catalogs: Mapping[str, Sequence[CatalogEntry]]) -> None:
    """A line for each model: its newest and its best checkpoint."""
    table = _table("model", "checkpoints", "newest", "saved", "examples", "best rated", "Elo")
    for name, entries in catalogs.items():
        newest = entries[-1]
        rated = [entry for entry in entries if entry.elo]
        best = max(rated, key=lambda entry: entry.elo["value"] if entry.elo else 0, default=None)
        table.add_row(
            Text(name),
            f"{len(entries):,}",
            str(newest.info.number),
            _date(newest.info.unix_seconds),
            _count(newest.examples),
            "" if best is None else str(best.info.number),
            "" if best is None else _elo(best),
        )
    _print(table)


def print_catalog(entries: Sequence[CatalogEntry], *, every: bool) -> None:
    """A line for each checkpoint, or for some 30 of them, all rated ones included."""
    table = _table("checkpoint", "saved", "KB", "examples", *_LOSSES, "Elo", "95 % interval")
    step = 1 if every else -(-len(entries) // _SHOWN)
    for place, entry in enumerate(reversed(entries)):
        if place % step and not entry.elo:
            continue
        elo = entry.elo
        table.add_row(
            str(entry.info.number),
            _date(entry.info.unix_seconds),
            f"{entry.info.size / 1000:,.0f}",
            _count(entry.examples),
            *(f"{entry.losses[name]:.3f}" if name in entry.losses else "" for name in _LOSSES),
            _elo(entry),
            "" if not elo else f"{elo['low']:.0f} to {elo['high']:.0f}",
        )
    _print(table)


def print_facts(facts: Sequence[Mapping[str, Any]]) -> None:
    """A line for each thing known, with a column for each checkpoint."""
    columns = [dict(_flat(fact)) for fact in facts]
    table = _table("", *(column["checkpoint"] for column in columns))
    for key in dict.fromkeys(key for column in columns for key in column):
        if key != "checkpoint":
            table.add_row(Text(key), *(Text(column.get(key, "")) for column in columns))
    _print(table)


def _flat(content: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Names and texts of what is in nested objects."""
    for key, value in content.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        elif value is not None:
            name = "saved" if prefix + key == "unix_seconds" else prefix + key
            yield name, _date(value) if name == "saved" else _text(value)


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return f"{value:,}" if type(value) is int else str(value)


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
    return f"{entry.elo['value']:.0f}" if entry.elo else ""
