"""Arrays hold the examples exactly, can be read without us, and are written in little memory."""

import builtins
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hexz.dataset.columns import COLUMNS, TEXT_COLUMNS, describe_columns
from hexz.dataset.hdf5 import write_hdf5
from hexz.dataset.npz import write_npz
from hexz.errors import HexzError, OutputError
from hexz.example import Example

from ..games import game_examples
from ..memory import traced_peak
from ..wire.sample import make_example, old_example
from .files import reader_of, write_zip

h5py = pytest.importorskip("h5py", reason="the extra hdf5 is not installed")

Writer = Callable[[Path, Iterable[Example]], int]


def read_hdf5(path: Path) -> dict[str, Any]:
    with h5py.File(path) as file:
        return {name: data_set[:] for name, data_set in file.items()}


def read_npz(path: Path) -> dict[str, Any]:
    with np.load(path, allow_pickle=False) as file:
        return dict(file)


FORMATS = {"hdf5": (write_hdf5, read_hdf5), "npz": (write_npz, read_npz)}


@pytest.fixture(params=FORMATS)
def format_(request: pytest.FixtureRequest) -> tuple[Writer, Callable[[Path], dict[str, Any]]]:
    return FORMATS[request.param]


@pytest.fixture
def write(format_: tuple[Writer, Any]) -> Writer:
    return format_[0]


@pytest.fixture
def read(format_: tuple[Any, Callable[[Path], dict[str, Any]]]) -> Any:
    return format_[1]


def assert_rows(arrays: dict[str, Any], examples: Sequence[Example]) -> None:
    """Each row is the example, field by field; what it lacks is the column's missing value."""
    assert set(arrays) == {field.name for field in fields(Example)}
    for column in COLUMNS:
        array = arrays[column.name]
        assert array.shape == (len(examples), *column.shape)
        assert array.dtype == np.dtype(column.dtype)
        for row, example in zip(array, examples, strict=True):
            value = getattr(example, column.name)
            expected = column.missing if value is None else value
            assert np.array_equal(row, np.broadcast_to(expected, column.shape), equal_nan=True), (
                column.name
            )
    for text in TEXT_COLUMNS:
        values = [getattr(example, text.name) or "" for example in examples]
        assert [value.decode() for value in arrays[text.name]] == values


def test_from_games_to_files_to_arrays(tmp_path: Path, write: Writer, read: Any) -> None:
    examples = [example for game in game_examples(8) for example in game]
    write_zip(tmp_path / "a.zip", examples[:300])
    write_zip(tmp_path / "b.zip", examples[300:])
    path = tmp_path / "arrays"
    reader = reader_of(tmp_path)
    assert write(path, (found.example for found in reader)) == len(examples)
    # Priors are stored in half precision.
    rounded = [
        replace(e, priors=e.priors.astype(np.float16).astype(np.float32))
        for e in examples
        if e.priors is not None
    ]
    assert len(rounded) == len(examples) > 512  # several batches
    assert_rows(read(path), rounded)


def test_what_an_example_lacks(tmp_path: Path, write: Writer, read: Any) -> None:
    examples = [
        old_example(),
        make_example(),
        make_example(priors=None, visits=None, initial_board=None, score_margin=None),
        make_example(final_owner=None, final_value=None, full_search=False, turn=None),
    ]
    path = tmp_path / "arrays"
    write(path, examples)
    arrays = read(path)
    assert_rows(
        arrays,
        [
            replace(e, priors=None if e.priors is None else e.priors.astype(np.float16))
            for e in examples
        ],
    )
    # Nothing that an example says looks as if it were missing.
    for column in COLUMNS:
        if column.missing is not None:
            said = getattr(examples[1], column.name)
            assert not np.array_equal(np.broadcast_to(column.missing, column.shape), said)


def test_any_text(tmp_path: Path, write: Writer, read: Any) -> None:
    names = ["a", "x" * 200, "Schöne Grüße ♜", "b" * 30]
    path = tmp_path / "arrays"
    write(path, [make_example(game_id=name, writer_version=None) for name in names])
    assert [name.decode() for name in read(path)["game_id"]] == names
    assert set(read(path)["writer_version"]) == {b""}


@pytest.mark.parametrize("count", [1, 255, 256, 257, 512])
def test_any_number(tmp_path: Path, write: Writer, read: Any, count: int) -> None:
    path = tmp_path / "arrays"
    examples = [make_example(checkpoint=i) for i in range(count)]
    assert write(path, examples) == count
    arrays = read(path)
    assert arrays["checkpoint"].tolist() == list(range(count))
    assert {len(array) for array in arrays.values()} == {count}


def failing(error: BaseException) -> Iterator[Example]:
    yield from [make_example()] * 600
    raise error


@pytest.mark.parametrize("error", [KeyboardInterrupt(), HexzError("nothing")])
def test_all_or_nothing(tmp_path: Path, write: Writer, error: BaseException) -> None:
    path = tmp_path / "arrays"
    path.write_bytes(b"old")
    with pytest.raises(type(error)):
        write(path, failing(error))
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["arrays"]


def test_places_that_cannot_be_written(tmp_path: Path, write: Writer) -> None:
    for path, reason in ((tmp_path / "none" / "a", "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(OutputError, match=reason) as caught:
            write(path, [make_example()])
        assert str(path) in str(caught.value)


def test_a_full_disk(small_disk: Callable[[int], Path], write: Writer) -> None:
    examples = [example for game in game_examples(30) for example in game]
    disk = small_disk(400)
    path = disk / "arrays"
    with pytest.raises(OutputError) as caught:
        write(path, examples)
    assert str(caught.value) == f"cannot write {path}: No space left on device"
    assert os.listdir(disk) == []


def test_memory_does_not_grow_with_the_examples(tmp_path: Path, write: Writer) -> None:
    example = make_example()

    def peak(count: int) -> int:
        return traced_peak(lambda: write(tmp_path / "arrays", (example for _ in range(count))))

    assert peak(8_000) < peak(2_000) + 2_000_000  # 24 MB more of arrays


def test_hdf5_explains_its_columns(tmp_path: Path) -> None:
    write_hdf5(tmp_path / "a.h5", [make_example()])
    with h5py.File(tmp_path / "a.h5") as file:
        for column in COLUMNS:
            attributes = file[column.name].attrs
            assert attributes["meaning"] == column.meaning
            if column.missing is None:
                assert "missing" not in attributes
            else:
                assert np.array_equal(attributes["missing"], column.missing, equal_nan=True)
        assert "meaning" in file["game_id"].attrs
    assert [name for name, *_ in describe_columns()] == [
        column.name for column in (*COLUMNS, *TEXT_COLUMNS)
    ]


def test_without_h5py(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = builtins.__import__

    def refuse(name: str, *rest: Any) -> Any:
        if name == "h5py":
            raise ImportError(name)
        return original(name, *rest)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(HexzError, match=r"pip install 'hexzctl\[hdf5\]'"):
        write_hdf5(tmp_path / "a.h5", [])
    assert os.listdir(tmp_path) == []
