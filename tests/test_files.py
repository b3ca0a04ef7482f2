"""Files that are written whole or not at all, and what else a path may lead to."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from hexz.dataset.hdf5 import write_hdf5
from hexz.dataset.npz import write_npz
from hexz.errors import OutputError
from hexz.example import Example
from hexz.files import atomic_file, new_directory, read_file
from tests.games import game_examples


def write(path: Path, content: bytes = b"new") -> None:
    with atomic_file(path) as file:
        file.write(content)


def test_a_file_is_there_once_it_is_complete(tmp_path: Path) -> None:
    with atomic_file(tmp_path / "page.html") as file:
        file.write(b"<p>")
        assert not (tmp_path / "page.html").exists()
    assert (tmp_path / "page.html").read_bytes() == b"<p>"


def test_a_directory_is_there_once_it_is_complete(tmp_path: Path) -> None:
    with new_directory(tmp_path / "a") as directory:
        (directory / "b").mkdir()
        (directory / "b" / "c").write_bytes(b"d")
        assert not (tmp_path / "a").exists()
    with pytest.raises(FileNotFoundError), new_directory(tmp_path / "e") as directory:
        (directory / "f" / "no").touch()
    with pytest.raises(OSError, match="not empty"), new_directory(tmp_path / "a") as directory:
        (directory / "g").touch()
    assert sorted(tmp_path.rglob("*")) == [tmp_path / part for part in ("a", "a/b", "a/b/c")]


def test_links_are_followed(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "old").write_bytes(b"old")
    for name in ("old", "yet-to-come"):
        (tmp_path / name).symlink_to(Path("there") / name)
        write(tmp_path / name)
        assert (tmp_path / name).is_symlink()
        assert (tmp_path / "there" / name).read_bytes() == b"new"
    assert sorted(os.listdir(tmp_path / "there")) == ["old", "yet-to-come"]


def test_a_device_stays_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/dev/null")
    for path in (Path("/dev/null"), tmp_path / "link"):
        write(path)
        assert path.is_char_device()
    assert (tmp_path / "link").is_symlink()


def test_a_pipe_gets_all_of_it_or_nothing(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert _received(pipe, fail=False) == b"new"
    assert _received(pipe, fail=True) == b""
    assert pipe.is_fifo()
    assert os.listdir(tmp_path) == ["pipe"]


def _received(pipe: Path, *, fail: bool) -> bytes:
    received = []
    reader = threading.Thread(target=lambda: received.append(pipe.read_bytes()), daemon=True)
    reader.start()
    try:
        with atomic_file(pipe) as file:
            file.write(b"new")
            if fail:
                raise KeyboardInterrupt
    except KeyboardInterrupt:
        pass
    reader.join(60)
    return received[0]


def test_standard_output_is_a_file_like_others() -> None:
    program = "with atomic_file('/dev/stdout') as file: file.write(b'x')"
    program = f"from hexz.files import atomic_file\n{program}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout == b"x"


@pytest.mark.parametrize("writer", [write_npz, write_hdf5])
def test_arrays_can_go_through_a_pipe(
    writer: Callable[[Path, Sequence[Example]], int], tmp_path: Path
) -> None:
    if writer is write_hdf5:
        pytest.importorskip("h5py")
    [examples] = game_examples(1)
    writer(tmp_path / "file", examples)
    os.mkfifo(tmp_path / "pipe")
    received = []
    reader = threading.Thread(
        target=lambda: received.append((tmp_path / "pipe").read_bytes()), daemon=True
    )
    reader.start()
    writer(tmp_path / "pipe", examples)
    reader.join(60)
    assert len(received[0]) == (tmp_path / "file").stat().st_size
    assert sorted(os.listdir(tmp_path)) == ["file", "pipe"]


def test_a_directory_in_the_way_is_found_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="Is a directory"), atomic_file(tmp_path):
        pytest.fail("it was opened")


def test_a_file_is_read_up_to_a_size(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * 100)
    assert read_file(path, 100) == b"x" * 100
    with pytest.raises(OSError, match="more than the 99 bytes"):
        read_file(path, 99)
    with pytest.raises(OSError, match="more than the 5,000,000 bytes"):
        read_file("/dev/zero", 5_000_000)
