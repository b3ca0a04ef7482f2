"""Reading examples out of many files, past everything that is no example."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from hexz.dataset.replay import ReplayFile, is_replay_file
from hexz.dataset.sources import Archive
from hexz.errors import InvalidExample
from hexz.example import Example
from hexz.wire.archive import ExampleArchive
from hexz.wire.example import decode_example, is_fast_search

_ENTRIES_A_STEP: Final = 128
"""So often is progress noted."""

_MOST_PROBLEMS: Final = 100
"""Rows of a replay file that cannot be used before its rest is left out: it is of another kind."""

Chosen = Mapping[int, frozenset[int]]
"""Numbers of archives, and of entries in each of them."""


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """An example and where it lies: the number of its archive, and of its entry in there."""

    example: Example
    archive: int
    entry: int
    origin: str
    """File and entry, for messages."""
    is_copyable: bool = True
    """Whether there may be copies of it, as there are none of the rows of a replay file."""
    ends_game: bool = False
    """Whether it is known that no more of its game follows."""


class ExampleReader:
    """Reads the examples of some files, one after the other.

    Attributes:
        archives: the files.
        examples: how many were there.
        copies: how many more were left out because an example of the same id came before.
        problems: how many files and entries were left out because they cannot be read.
    """

    def __init__(
        self,
        archives: Sequence[Archive],
        on_problem: Callable[[str], None],
        on_step: Callable[[], None] = lambda: None,
        *,
        fast_searches: bool = True,
    ) -> None:
        """
        Args:
            archives: see `find_archives`.
            on_problem: takes a message about each file or entry that is left out. Whatever it
                raises ends the reading.
            on_step: is called whenever some more was read.
            fast_searches: whether examples of fast searches are among them, too; without, reading
                takes half the time.
        """
        self.archives = archives
        self._total_bytes = sum(archive.size for archive in archives)
        self._bytes_read = 0
        self.examples = 0
        self.copies = 0
        self.problems = 0
        self._on_problem = on_problem
        self._on_step = on_step
        self._fast_searches = fast_searches

    @property
    def share_read(self) -> float:
        """The share of all files that has been read in this pass, 0 to 1."""
        return min(1.0, self._bytes_read / max(1, self._total_bytes))

    def report(self, problem: str) -> None:
        """Counts a problem and passes it on."""
        self.problems += 1
        self._on_problem(problem)

    def __iter__(self) -> Iterator[Found]:
        """All examples, without copies."""
        self._bytes_read = self.examples = self.copies = 0
        # Whole ids would take several times the memory; two of a million have one hash with a
        # probability of 1 in 10 million.
        seen: set[int] = set()
        for number in range(len(self.archives)):
            for found in self.read_archive(number):
                if found.is_copyable:
                    identity = hash(_identity(found.example))
                    if identity in seen:
                        self.copies += 1
                        continue
                    seen.add(identity)
                self.examples += 1
                yield found

    def read_chosen(self, chosen: Chosen) -> Iterator[Found]:
        """The examples in some entries, which were read before."""
        self._bytes_read = 0
        for number in range(len(self.archives)):
            yield from self.read_archive(number, chosen.get(number, frozenset()))

    def read_archive(self, number: int, chosen: frozenset[int] | None = None) -> Iterator[Found]:
        """The examples of one archive, all or those in chosen entries, copies included."""
        archive = self.archives[number]
        end = self._bytes_read + archive.size
        if chosen is None or chosen:
            with archive.local() as path:
                kind = ReplayFile if is_replay_file(path) else ExampleArchive
                try:
                    file = kind(path, archive.name)
                except InvalidExample as error:
                    self.report(str(error))
                else:
                    with file:
                        yield from self._read_file(number, file, chosen)
        self._bytes_read = end

    def _read_file(
        self, number: int, file: ExampleArchive | ReplayFile, chosen: frozenset[int] | None
    ) -> Iterator[Found]:
        if isinstance(file, ReplayFile):
            yield from self._read_replay(number, file, chosen)
        else:
            yield from self._read_archive(number, file, chosen)

    def _read_replay(
        self, number: int, file: ReplayFile, chosen: frozenset[int] | None
    ) -> Iterator[Found]:
        start, problems = self._bytes_read, 0
        for row in file:
            if row.number % _ENTRIES_A_STEP == 0:
                self._bytes_read = start + self.archives[number].size * row.number // file.rows
                self._on_step()
            if chosen is not None and row.number not in chosen:
                continue
            origin = f"{file.name}, row {row.number}"
            if isinstance(row.example, Example):
                yield Found(row.example, number, row.number, origin, False, row.ends_game)
                continue
            problems += 1
            if problems > _MOST_PROBLEMS:
                self.report(f"{file.name} is left out from row {row.number} on")
                return
            self.report(f"{origin}: {row.example}")

    def _read_archive(
        self, number: int, file: ExampleArchive, chosen: frozenset[int] | None
    ) -> Iterator[Found]:
        size = 0
        for entry, name in enumerate(file.names):
            size += file.sizes[entry]
            if entry % _ENTRIES_A_STEP == 0:
                self._bytes_read += size
                size = 0
                self._on_step()
            if chosen is not None and entry not in chosen:
                continue
            origin = f"{file.name}, entry {name!r}"
            try:
                data = file.read(entry)
                if not self._fast_searches and is_fast_search(data):
                    continue
                example = decode_example(data)
            except InvalidExample as error:
                self.report(f"{origin}: {error}")
            else:
                yield Found(example, number, entry, origin)


def _identity(example: Example) -> object:
    return example.example_id or (example.game_id, example.move_number)
