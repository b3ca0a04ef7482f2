"""Zip files of examples: atomic writing, and reading files that somebody tampered with."""

import errno
import io
import os
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from hexz.errors import InvalidExample, OutputError
from hexz.wire.archive import MAX_EXAMPLE_BYTES, ExampleArchive, read_examples, write_examples

ENTRIES = [(f"game-{i:03d}.pb", bytes([i]) * 1000) for i in range(5)]


def test_round_trip(tmp_path: Path) -> None:
    assert write_examples(tmp_path / "a.zip", iter(ENTRIES)) == 5
    assert list(read_examples(tmp_path / "a.zip")) == ENTRIES


def test_other_programs_can_read_it(tmp_path: Path) -> None:
    write_examples(tmp_path / "a.zip", ENTRIES)
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert archive.testzip() is None
        assert [(info.filename, archive.read(info)) for info in archive.infolist()] == ENTRIES
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_DEFLATED}


def test_files_of_other_programs_can_be_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:  # stored, with other names
        for name, data in ENTRIES:
            archive.writestr(f"folder/{name}.bin", data)
    assert [data for _, data in read_examples(tmp_path / "a.zip")] == [data for _, data in ENTRIES]


def test_no_entries(tmp_path: Path) -> None:
    assert write_examples(tmp_path / "a.zip", []) == 0
    assert list(read_examples(tmp_path / "a.zip")) == []


def test_the_same_entries_give_the_same_bytes(tmp_path: Path) -> None:
    for name in "ab":
        write_examples(tmp_path / name, ENTRIES)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_an_older_file_is_replaced_with_the_usual_permissions(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(b"old")
    write_examples(path, ENTRIES)
    assert list(read_examples(path)) == ENTRIES
    (tmp_path / "plain").touch()
    assert path.stat().st_mode == (tmp_path / "plain").stat().st_mode


def broken(error: BaseException) -> Iterator[tuple[str, bytes]]:
    yield from ENTRIES
    raise error


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("worker died")])
def test_a_failure_of_the_caller_leaves_the_older_file(
    tmp_path: Path, error: BaseException
) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(b"old")
    with pytest.raises(type(error)):
        write_examples(path, broken(error))
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.zip"]


@pytest.mark.parametrize("name", ["../a.pb", "a/b.pb", "", ".pb", "a", "a\n.pb", "game-000.pb"])
def test_entry_names_are_plain_and_distinct(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="entry name"):
        write_examples(tmp_path / "a.zip", [*ENTRIES, (name, b"")])
    assert os.listdir(tmp_path) == []


def test_a_full_disk_leaves_no_file(small_disk: Callable[[int], Path]) -> None:
    disk = small_disk(64)
    path = disk / "a.zip"
    with pytest.raises(OutputError) as caught:
        write_examples(path, ((f"{i}.pb", os.urandom(50_000)) for i in range(4)))
    assert str(caught.value) == f"cannot write {path}: No space left on device"
    assert os.listdir(disk) == []
    write_examples(path, ENTRIES)  # and there is room again
    assert list(read_examples(path)) == ENTRIES


def test_a_disk_that_fills_at_the_last_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = tmp_path / "a.zip"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OutputError, match="No space left on device"):
        write_examples(path, ENTRIES)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.zip"]


def test_a_missing_directory(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "a.zip"
    with pytest.raises(OutputError) as caught:
        write_examples(path, ENTRIES)
    assert str(caught.value) == f"cannot write {path}: No such file or directory"


def test_a_directory_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "a.zip").mkdir()
    with pytest.raises(OutputError, match=r"cannot write .*Is a directory"):
        write_examples(tmp_path / "a.zip", ENTRIES)
    assert os.listdir(tmp_path) == ["a.zip"]


def refusal(path: Path) -> str:
    with pytest.raises(InvalidExample) as caught:
        list(read_examples(path))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_no_zip_file(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    assert "No such file" in refusal(path)
    path.write_bytes(b"")
    assert "not a zip file" in refusal(path)
    path.write_bytes(os.urandom(1000))
    assert "not a zip file" in refusal(path)
    assert "Is a directory" in refusal(tmp_path)


def test_a_cut_off_file(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    write_examples(path, ENTRIES)
    data = path.read_bytes()
    for length in range(0, len(data), 7):
        path.write_bytes(data[:length])
        refusal(path)


def test_every_damaged_byte_is_refused_or_harmless(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    write_examples(path, ENTRIES[:2])
    data = path.read_bytes()
    for position in range(len(data)):
        for bit in (0, 6):
            damaged = bytearray(data)
            damaged[position] ^= 1 << bit
            path.write_bytes(damaged)
            try:
                entries = list(read_examples(path))
            except InvalidExample as error:
                assert str(path) in str(error)  # noqa: PT017  some damage does no harm
            else:
                assert {content for _, content in entries} <= {content for _, content in ENTRIES}


def test_a_corrupt_entry_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in ENTRIES:
            archive.writestr(name, data)
    path.write_bytes(path.read_bytes().replace(bytes([3]) * 1000, bytes([4]) * 1000))
    assert "'game-003.pb'" in refusal(path)
    assert "Bad CRC-32" in refusal(path)


def test_a_zip_bomb_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    write_examples(path, [("bomb.pb", bytes(100_000_000))])
    assert path.stat().st_size < 1_000_000
    assert "'bomb.pb'" in refusal(path)
    assert "100000000 bytes are too many" in refusal(path)


def test_a_zip_bomb_that_lies_about_its_size(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    size, claim = 100_000_000, 1000
    write_examples(path, [("bomb.pb", bytes(size))])
    path.write_bytes(path.read_bytes().replace(struct.pack("<I", size), struct.pack("<I", claim)))
    assert "'bomb.pb'" in refusal(path)


def test_the_largest_entry(tmp_path: Path) -> None:
    write_examples(tmp_path / "a.zip", [("a.pb", bytes(MAX_EXAMPLE_BYTES))])
    [(_, data)] = read_examples(tmp_path / "a.zip")
    assert len(data) == MAX_EXAMPLE_BYTES


def test_other_compressions_and_encryption_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("a.pb", b"a")
    assert "compression method 12 is not supported" in refusal(path)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.pb", b"a")
    data = bytearray(file.getvalue())
    data[data.index(b"PK\x01\x02") + 8] |= 1  # the bit that marks an encrypted entry
    path.write_bytes(data)
    assert "encrypted" in refusal(path)


def test_a_file_that_is_no_zip_is_closed_again(tmp_path: Path) -> None:
    path = tmp_path / "examples.zip"
    path.write_bytes(b"no zip")
    with pytest.raises(InvalidExample, match="not a zip file") as refused:
        ExampleArchive(path)
    assert str(path) not in {file.path for file in psutil.Process().open_files()}
    del refused  # whose traceback would have kept it open
