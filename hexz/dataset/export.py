"""An export: examples from files, filtered, to files of another format."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from importlib import import_module
from itertools import groupby, islice
from pathlib import Path
from typing import Literal, TypeVar

from hexz.dataset.filters import Filter, GameParts, by_game, sample
from hexz.dataset.formats import FORMATS
from hexz.dataset.reading import ExampleReader, Found
from hexz.dataset.summary import Summary
from hexz.errors import NothingToExport
from hexz.example import Example

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class ExportConfig:
    """Settings of what to export.

    Attributes:
        format: of the files that are written, one of FORMATS.
        output: the file, or for html also a directory of pages, which is made.
        wanted: which examples and games.
        limit: no more than so many of the first, of what the format consists of; None: all.
        sample: a random choice of so many; None: all. Only one of this and `limit` may be given.
        seed: of the choice.
        by_surprise: for html: worst disagreements first; with a limit only the games with the
            worst.
        page_per: for a directory of html: what one page shows.
    """

    format: str
    output: Path
    wanted: Filter = field(default_factory=Filter)
    limit: int | None = None
    sample: int | None = None
    seed: int = 0
    by_surprise: bool = False
    page_per: Literal["file", "game"] = "file"


@dataclass
class Export:
    """Runs exports and summaries of what a reader reads.

    Attributes:
        reader: reads the examples, and counts them.
        written: examples or games that are written.
        pages: files of html that are written.
        incomplete: games of which moves are missing: left out, or noted in html.
    """

    reader: ExampleReader
    written: int = 0
    pages: int = 0
    incomplete: int = 0

    def run(self, config: ExportConfig) -> None:
        """Writes what the configuration says, each file all or nothing.

        Raises:
            NothingToExport: nothing passes the filters.
            OutputError: the output cannot be written.
        """
        self.written = load_format(config.format).write(self, config)

    def summary(self, wanted: Filter, limit: int | None) -> Summary:
        """The figures of the wanted examples."""
        found = (found for found in self.reader if wanted.takes(found.example))
        return Summary.of(islice(found, limit))

    def examples(self, config: ExportConfig) -> Iterator[Example]:
        """Yields the examples that are wanted, as they lie in the files."""
        found: Iterator[Found] = (f for f in self.reader if config.wanted.takes(f.example))
        if config.sample is not None:
            # Two passes: the chosen examples themselves may be too many for the memory.
            places = sample(((f.archive, f.entry) for f in found), config.sample, config.seed)
            chosen = defaultdict(set)
            for archive, entry in places:
                chosen[archive].add(entry)
            found = self.reader.read_chosen({n: frozenset(chosen[n]) for n in chosen})
        return _not_empty((f.example for f in islice(found, config.limit)), self)

    def games(
        self, config: ExportConfig, keep: Callable[[Found], T], *, per_file: bool = False
    ) -> Iterator[GameParts[T]]:
        """Yields the games that are wanted, before any choice among them.

        Args:
            config: what is wanted.
            keep: what to keep of an example until its game is yielded.
            per_file: whether the games of a file come together, in the order of the files. A game
                in several files then comes several times.
        """
        if not per_file:
            yield from by_game(self.reader, config.wanted, keep)
            return
        for _, found in groupby(self.reader, key=lambda found: found.archive):
            yield from by_game(found, config.wanted, keep)

    def whole_games(
        self, config: ExportConfig, keep: Callable[[Found], T]
    ) -> Iterator[GameParts[T]]:
        """Yields the chosen ones of those games that are complete, and counts the others."""

        def complete() -> Iterator[GameParts[T]]:
            for game in self.games(config, keep):
                if game.is_complete:
                    yield game
                else:
                    self.incomplete += 1

        return self.chosen(complete(), config)

    def chosen(self, games: Iterable[GameParts[T]], config: ExportConfig) -> Iterator[GameParts[T]]:
        """Yields the first games or a sample; raises NothingToExport if there is none."""
        if config.sample is not None:
            games = sample(games, config.sample, config.seed)
        return _not_empty(islice(games, config.limit), self)


@dataclass(frozen=True, kw_only=True)
class Format:
    """A format in which examples or games are exported.

    Attributes:
        unit: what it consists of.
        description: for people.
        write: writes the files of an export; returns how many units.
    """

    unit: Literal["example", "game"]
    description: str
    write: Callable[[Export, ExportConfig], int]


def load_format(name: str) -> Format:
    """The format of a name in FORMATS."""
    found: Format = import_module(FORMATS[name]).FORMAT
    return found


def _not_empty(items: Iterable[T], export: Export) -> Iterator[T]:
    """The items; raises NothingToExport if there are none."""
    empty = True
    for item in items:
        empty = False
        yield item
    if empty and export.incomplete:
        raise NothingToExport("nothing to export: there is no game of which all moves are there")
    if empty:
        raise NothingToExport("nothing to export: no example passes the filters")
