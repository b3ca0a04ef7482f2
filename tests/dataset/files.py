"""Files of real examples for the tests of exports."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from hexz.dataset.reading import ExampleReader, Found
from hexz.dataset.sources import find_archives
from hexz.example import Example
from hexz.wire.archive import write_examples
from hexz.wire.example import encode_example


def write_zip(path: Path, examples: Iterable[Example]) -> Path:
    """A file of examples, whose entries are called 0.pb, 1.pb, ..."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_examples(path, ((f"{i}.pb", encode_example(e)) for i, e in enumerate(examples)))
    return path


def reader_of(*sources: Path, problems: list[str] | None = None) -> ExampleReader:
    """A reader of some files; without a list of problems there must not be any."""

    def report(problem: str) -> None:
        assert problems is not None, problem
        problems.append(problem)

    return ExampleReader(find_archives([str(source) for source in sources]), report)


def found(examples: Sequence[Example], archive: int = 0) -> list[Found]:
    """The examples as if they had been read."""
    return [Found(e, archive, i, f"file {archive}, entry {i}") for i, e in enumerate(examples)]
