"""Whatever is broken or foreign is left out, with its file and entry, and nothing else."""

import io
import os
import struct
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hexz.dataset.reading import ExampleReader
from hexz.dataset.sources import find_archives
from hexz.errors import InvalidExample
from hexz.wire import hexz_pb2 as pb
from hexz.wire.archive import write_examples
from hexz.wire.example import encode_example

from ..games import game_examples
from ..wire.sample import assert_same
from .files import reader_of, write_zip


def test_all_files_in_order(tmp_path: Path) -> None:
    games = game_examples(3)
    for i, game in enumerate(games):
        write_zip(tmp_path / f"{i}.zip", game)
    reader = reader_of(tmp_path)
    found = list(reader)
    expected = [example for game in games for example in game]
    for item, example in zip(found, expected, strict=True):
        assert_same(example, item.example)
    assert reader.examples == len(expected)
    assert reader.share_read == 1
    assert found[-1].origin == f"{tmp_path}/2.zip, entry '{len(games[2]) - 1}.pb'"
    assert (found[-1].archive, found[-1].entry) == (2, len(games[2]) - 1)


def test_copies_are_left_out(tmp_path: Path) -> None:
    [game] = game_examples(1)
    anonymous = [replace(example, example_id=None, game_id="other") for example in game[:5]]
    write_zip(tmp_path / "a.zip", [*game, *anonymous])
    write_zip(tmp_path / "b.zip", [game[3], game[3], anonymous[2]])
    reader = reader_of(tmp_path)
    assert len(list(reader)) == reader.examples == len(game) + 5
    assert reader.copies == 3
    assert len(list(reader)) == len(game) + 5  # and once more


def test_chosen_entries(tmp_path: Path) -> None:
    games = game_examples(3)
    for i, game in enumerate(games):
        write_zip(tmp_path / f"{i}.zip", game)
    found = list(reader_of(tmp_path).read_chosen({2: frozenset({4, 1}), 0: frozenset({7})}))
    assert [(f.archive, f.example.game_id, f.example.move_number) for f in found] == [
        (0, games[0][0].game_id, 7),
        (2, games[2][0].game_id, 1),
        (2, games[2][0].game_id, 4),
    ]


def changed(message: pb.NumpyExample, **fields: Any) -> bytes:
    for name, value in fields.items():
        setattr(message, name, value)
    return message.SerializeToString()


def npy_header(shape: tuple[int, ...], descr: str = "<f4") -> bytes:
    file = io.BytesIO()
    header = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    return file.getvalue()


def object_array() -> bytes:
    file = io.BytesIO()
    np.save(file, np.array([os.system, 1], object))
    return file.getvalue()


BAD_ENTRIES: dict[str, tuple[Callable[[pb.NumpyExample], bytes], str]] = {
    "empty": (lambda m: b"", "no board"),
    "text": (lambda m: b"To whom it may concern: hello", "not a NumpyExample message"),
    "cut off": (lambda m: m.SerializeToString()[:-9], "cut off|writer_version"),
    "a bomb": (lambda m: bytes(50_000_000), "50000000 bytes are too many"),
    "an absurd size": (
        lambda m: changed(m, board=npy_header((10**9, 10**9))),
        r"board is <f4 \[1000000000, 1000000000\]",
    ),
    "a negative size": (lambda m: changed(m, board=npy_header((-1,))), "board has a numpy header"),
    "another shape": (lambda m: changed(m, move_probs=npy_header((2, 11, 10))), "is cut off"),
    "a pickle": (lambda m: changed(m, board=object_array()), "board"),
    "not a number": (
        lambda m: changed(m, root_value=float("nan")),
        "root_value is not a finite number",
    ),
    "of the future": (
        lambda m: changed(m, board=b"", writer_version="99.1.0"),
        r"no board; a newer hexzctl 99\.1\.0 wrote it, and this is .*: update this one",
    ),
    "a lie": (lambda m: changed(m, score_margin=-m.score_margin), "contradicts score_margin"),
}


@pytest.mark.parametrize("kind", BAD_ENTRIES)
def test_a_bad_entry_is_named_and_left_out(tmp_path: Path, kind: str) -> None:
    [game] = game_examples(1)
    won = next(i for i, example in enumerate(game) if example.score_margin)
    break_it, words = BAD_ENTRIES[kind]
    entries = [(f"{i}.pb", encode_example(example)) for i, example in enumerate(game)]
    entries[won] = ("bad.pb", break_it(pb.NumpyExample.FromString(entries[won][1])))
    path = tmp_path / "a.zip"
    write_examples(path, entries)
    problems: list[str] = []
    reader = reader_of(path, problems=problems)
    numbers = [found.example.move_number for found in reader]
    assert numbers == [i for i in range(len(game)) if i != won]
    [problem] = problems
    assert problem.startswith(f"{path}, entry 'bad.pb': ")
    assert pytest.raises(AssertionError, match=words).matches(AssertionError(problem))
    assert reader.problems == 1


def rezipped(path: Path, change: Callable[[bytes], bytes]) -> None:
    path.write_bytes(change(path.read_bytes()))


def lying_bomb(data: bytes) -> bytes:
    return data.replace(struct.pack("<I", 60_001), struct.pack("<I", 1000))


def test_entries_that_cannot_be_unpacked(tmp_path: Path) -> None:
    [game] = game_examples(1)
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.mkdir("folder")
        archive.writestr("folder/0.pb", encode_example(game[0]), zipfile.ZIP_DEFLATED)
        archive.writestr("lzma.pb", b"a", zipfile.ZIP_LZMA)
        archive.writestr("liar.pb", bytes(60_001), zipfile.ZIP_DEFLATED)
        archive.writestr("damaged.pb", b"D" * 1000)
        archive.writestr("1.pb", encode_example(game[1]), zipfile.ZIP_DEFLATED)
    rezipped(path, lambda data: lying_bomb(data.replace(b"D" * 1000, b"E" * 1000)))
    problems: list[str] = []
    reader = reader_of(path, problems=problems)
    assert [found.example.move_number for found in reader] == [0, 1]
    assert len(problems) == 3
    for problem, words in zip(
        problems,
        [("'lzma.pb'", "method 14"), ("'liar.pb'", "corrupt"), ("'damaged.pb'", "Bad CRC-32")],
        strict=True,
    ):
        assert all(word in problem for word in (str(path), *words)), problem


def test_files_that_are_no_archives(tmp_path: Path) -> None:
    [game] = game_examples(1)
    good = write_zip(tmp_path / "good.zip", game)
    (tmp_path / "cut.zip").write_bytes(good.read_bytes()[:-30])
    (tmp_path / "empty.zip").touch()
    (tmp_path / "text.zip").write_text("hello")
    problems: list[str] = []
    reader = reader_of(tmp_path, problems=problems)
    (tmp_path / "text.zip").unlink()
    assert len(list(reader)) == len(game)
    assert problems == [
        f"{tmp_path}/cut.zip is not a zip file, or cut off",
        f"{tmp_path}/empty.zip is not a zip file, or cut off",
        f"cannot read {tmp_path}/text.zip: No such file or directory",
    ]
    assert reader.share_read == 1


def test_whoever_hears_of_a_problem_may_end_the_reading(tmp_path: Path) -> None:
    def refuse(problem: str) -> None:
        raise InvalidExample(problem)

    (tmp_path / "a.zip").write_text("hello")
    reader = ExampleReader(find_archives([str(tmp_path)]), refuse)
    with pytest.raises(InvalidExample, match="not a zip file"):
        list(reader)


def test_fast_searches_are_left_out_on_request(tmp_path: Path) -> None:
    [game] = game_examples(1)
    game = [replace(e, full_search=(None, True, False)[i % 3]) for i, e in enumerate(game)]
    path = write_zip(tmp_path / "a.zip", game)
    problems: list[str] = []
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("broken.pb", b"nonsense")
    reader = ExampleReader(find_archives([str(path)]), problems.append, fast_searches=False)
    expected = [example.move_number for example in game if example.full_search is not False]
    assert [found.example.move_number for found in reader] == expected
    assert reader.examples == len(expected)
    assert len(problems) == reader.problems == 1


def test_steps_are_told(tmp_path: Path) -> None:
    write_zip(tmp_path / "a.zip", [example for game in game_examples(4) for example in game])
    shares: list[float] = []
    reader = ExampleReader(
        find_archives([str(tmp_path)]), print, lambda: shares.append(reader.share_read)
    )
    list(reader)
    assert len(shares) >= 2
    assert shares == sorted(shares)
    assert 0 < shares[-1] < 1
