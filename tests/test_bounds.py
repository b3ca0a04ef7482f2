"""Whatever is read is bounded by its use before it is read, as the peak of the memory shows."""

import os
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hexz.arena.log import MAX_LINE_BYTES, ArenaLog
from hexz.arena.run import MAX_BOARDS_BYTES, read_boards
from hexz.checkpoints import open_store
from hexz.checkpoints.store import MAX_RATINGS_BYTES
from hexz.errors import HexzError
from hexz.gameplay.game import Game
from hexz.schema.document import MAX_DOCUMENT_BYTES
from hexz.schema.fleet import FleetSettings
from hexz.schema.programs import ServerConfig
from hexz.schema.resolution import resolve
from hexz.wire.archive import MAX_READ_BYTES, read_examples

from .arena.helpers import field

LARGE = 1 << 40


@contextmanager
def at_most(size: int) -> Iterator[None]:
    """The block takes so many bytes of memory at most."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < size
    finally:
        tracemalloc.stop()


def read_config(path: Path) -> object:
    return resolve(ServerConfig, options={"config": str(path)}, environment={}, notify=print)


def read_log(path: Path) -> object:
    return ArenaLog(path, field("random", "uct:1"))


def read_ratings(path: Path) -> object:
    folder = path.parent / "models/flagz/flagz"
    folder.mkdir(parents=True)
    (folder / "ratings.json").symlink_to(path)
    return open_store(str(path.parent), "flagz").ratings()


def read_metadata(path: Path) -> object:
    folder = path.parent / "models/flagz/flagz/checkpoints/1"
    folder.mkdir(parents=True)
    (folder / "model.pt").touch()
    (folder / "metadata.json").symlink_to(path)
    return open_store(str(path.parent), "flagz").list()


def read_archive(path: Path) -> object:
    return list(read_examples(path))


SMALL = 1 << 20
READERS: list[tuple[Callable[[Path], object], int]] = [
    (read_config, MAX_DOCUMENT_BYTES),
    (FleetSettings.read, MAX_DOCUMENT_BYTES),
    (read_log, MAX_LINE_BYTES),
    (read_boards, MAX_BOARDS_BYTES),
    (Game.load, SMALL),
    (read_ratings, MAX_RATINGS_BYTES),
    (read_metadata, SMALL),
    (read_archive, MAX_READ_BYTES),
]


@pytest.mark.parametrize(
    ("read", "size"), READERS, ids=lambda value: getattr(value, "__name__", "")
)
@pytest.mark.parametrize("content", ["much", "without end"])
def test_a_file_that_is_too_large_is_refused_before_it_is_read(
    tmp_path: Path, read: Callable[[Path], object], size: int, content: str
) -> None:
    path = tmp_path / "file"
    if content == "much":
        path.touch()
        os.truncate(path, LARGE)
    else:
        path.symlink_to("/dev/zero")
    with at_most(2 * size + (2 << 20)), pytest.raises(HexzError) as caught:
        read(path)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("text", ["[" * 60_000, "a=" + "[" * 60_000, ".".join("a" * 30_000) + "=1"])
def test_documents_and_lines_that_are_nested_deeply_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "file"
    for read in (read_config, FleetSettings.read, Game.load, read_log):
        path.write_text(text + "\n")
        with at_most(64 << 20), pytest.raises(HexzError) as caught:
            read(path)
        assert len(str(caught.value)) < 500
