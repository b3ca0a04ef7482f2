"""An export: examples from files, filtered, to files of another format."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby, islice
from pathlib import Path
from typing import Literal, TypeVar

from hexz.dataset.filters import Filter, GameParts, by_game, sample
from hexz.dataset.hdf5 import require_h5py, write_hdf5
from hexz.dataset.jsonl import Ply, write_jsonl
from hexz.dataset.npz import write_npz
from hexz.dataset.pages import write_page, write_pages
from hexz.dataset.positions import greatest_surprise
from hexz.dataset.reading import ExampleReader, Found
from hexz.dataset.summary import Summary
from hexz.errors import NothingToExport
from hexz.example import Example

T = TypeVar("T")
Format = Literal["html", "hdf5", "npz", "jsonl"]


@dataclass(frozen=True, kw_only=True)
class ExportConfig:
    """What to export.

    Attributes:
        format: of the files that are written.
        output: the file, or for html also a directory of pages, which is made.
        wanted: which examples and games.
        limit: no more than so many of the first; None: all. Of examples for hdf5 and npz, else of
            games.
        sample: a random choice of so many; None: all. Only one of this and `limit` may be given.
        seed: of the choice.
        by_surprise: for html: worst disagreements first; with a limit only the games with the
            worst.
        page_per: for a directory of html: what one page shows.
    """

    format: Format
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
        written: examples (hdf5, npz) or games that are written.
        pages: files of html that are written.
        incomplete: games of which moves are missing: left out of jsonl, and noted in html.
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
        match config.format:
            case "hdf5":
                require_h5py()
                self.written = write_hdf5(config.output, self._examples(config))
            case "npz":
                self.written = write_npz(config.output, self._examples(config))
            case "jsonl":
                games = self._selected(self._whole_games(config), config)
                self.written = write_jsonl(config.output, games, self.reader.report)
            case "html":
                self._write_pages(config)

    def summary(self, wanted: Filter, limit: int | None) -> Summary:
        """The figures of the wanted examples."""
        found = (found for found in self.reader if wanted.takes(found.example))
        return Summary.of(islice(found, limit))

    def _examples(self, config: ExportConfig) -> Iterator[Example]:
        found: Iterator[Found] = (f for f in self.reader if config.wanted.takes(f.example))
        if config.sample is not None:
            # Two passes: the chosen examples themselves may be too many for the memory.
            places = sample(((f.archive, f.entry) for f in found), config.sample, config.seed)
            chosen = defaultdict(set)
            for archive, entry in places:
                chosen[archive].add(entry)
            found = self.reader.read_chosen({n: frozenset(chosen[n]) for n in chosen})
        return _not_empty((f.example for f in islice(found, config.limit)), self)

    def _whole_games(self, config: ExportConfig) -> Iterator[GameParts[Ply]]:
        for game in by_game(self.reader, config.wanted, Ply.of):
            if game.is_complete:
                yield game
            else:
                self.incomplete += 1

    def _selected(
        self, games: Iterable[GameParts[T]], config: ExportConfig
    ) -> Iterator[GameParts[T]]:
        if config.sample is not None:
            games = sample(games, config.sample, config.seed)
        return _not_empty(islice(games, config.limit), self)

    def _write_pages(self, config: ExportConfig) -> None:
        one_page = config.output.suffix == ".html"
        per_file = config.page_per == "file" and not one_page
        games = self._games_of_files(config) if per_file else self._games(config)
        if config.by_surprise and config.limit is not None:
            games = iter(_most_surprising(games, config.limit))
        games = self._noted(self._selected(games, config))
        if one_page:
            write_page(config.output, games, by_surprise=config.by_surprise)
            self.pages = 1
        else:
            page_of = self._file_of if per_file else _id_of
            self.pages = write_pages(config.output, games, page_of, by_surprise=config.by_surprise)

    def _games(self, config: ExportConfig) -> Iterator[GameParts[Example]]:
        return by_game(self.reader, config.wanted, _example)

    def _games_of_files(self, config: ExportConfig) -> Iterator[GameParts[Example]]:
        """The games of each file, in their order; a game in several files comes several times."""
        for _, found in groupby(self.reader, key=lambda found: found.archive):
            yield from by_game(found, config.wanted, _example)

    def _noted(self, games: Iterable[GameParts[Example]]) -> Iterator[GameParts[Example]]:
        """Counts the games that are written."""
        for game in games:
            self.written += 1
            self.incomplete += not game.is_complete
            yield game

    def _file_of(self, game: GameParts[Example]) -> str:
        [archive] = game.archives
        return self.reader.archives[archive].name


def _id_of(game: GameParts[Example]) -> str:
    return game.game_id


def _example(found: Found) -> Example:
    return found.example


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


def _most_surprising(games: Iterable[GameParts[Example]], count: int) -> list[GameParts[Example]]:
    """The games with the greatest surprises, in the order in which they came."""
    numbered = ((greatest_surprise(game), -number, game) for number, game in enumerate(games))
    best = heapq.nlargest(count, numbered, key=lambda item: item[:2])
    return [game for _, _, game in sorted(best, key=lambda item: -item[1])]
