"""Replay files of the Go server's trainers: each row is the example that it was made of."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hexz.dataset import reading, replay
from hexz.dataset.export import Export, ExportConfig
from hexz.dataset.filters import Filter, game_length
from hexz.dataset.reading import ExampleReader
from hexz.dataset.sources import find_archives
from hexz.engine import Board
from hexz.example import Example, validate_example

from ..games import game_examples
from ..memory import run_measured, traced_peak
from ..wire.sample import assert_same
from .files import reader_of
from .replay_files import columns_of, write_replay

h5py = pytest.importorskip("h5py", reason="the extra hdf5 is not installed")

PLACE = "models/flagz/edgar/h5/examples.h5"


@pytest.fixture(scope="module")
def games() -> list[list[Example]]:
    return game_examples(4, checkpoint=7)


@pytest.fixture
def columns(games: list[list[Example]]) -> dict[str, Any]:
    return columns_of([example for game in games for example in game])


def read(path: Path, problems: list[str] | None = None) -> list[Example]:
    return [found.example for found in reader_of(path, problems=problems)]


def assert_is_row(made: Example, found: Example, *, reply: bool = True) -> None:
    """All that a row can tell of an example is told."""
    for name in ("planes", "policy", "legal_mask"):
        np.testing.assert_array_equal(getattr(made, name), getattr(found, name))
    for name in ("result", "checkpoint", "move_number", "turn"):
        assert getattr(made, name) == getattr(found, name)
    assert (found.reply is not None) == (made.reply is not None and reply)
    assert found.action == (made.action if found.reply is not None else None)
    if found.reply is not None:
        np.testing.assert_array_equal(made.reply, found.reply)


@pytest.mark.parametrize("slab", [7, 128, replay.SLAB])
def test_rows_become_the_examples_that_they_were(
    slab: int,
    games: list[list[Example]],
    columns: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(replay, "SLAB", slab)
    found = read(write_replay(tmp_path / PLACE, columns))
    made = [example for game in games for example in game]
    for one, other in zip(made, found, strict=True):
        assert_is_row(one, other)
        assert other.model_name == "edgar"
    ids = [example.game_id for example in found]
    lengths = [ids.count(game_id) for game_id in dict.fromkeys(ids)]
    assert lengths == [len(game) for game in games]


def test_the_end_is_known_where_the_last_position_leaves_one_move(tmp_path: Path) -> None:
    games = game_examples(24, seed=5)
    found = iter(read(write_replay(tmp_path / PLACE, columns_of([e for g in games for e in g]))))
    known = 0
    for game in games:
        is_forced = game[-1].legal_mask is not None and game[-1].legal_mask.sum() == 1
        known += is_forced
        for made in game:
            example = next(found)
            if not is_forced:
                assert (example.final_owner, example.score_margin) == (None, None)
                continue
            assert example.final_owner is not None
            validate_example(example)
            assert example.score_margin == made.score_margin
            np.testing.assert_array_equal(example.final_owner, made.final_owner)
            np.testing.assert_array_equal(example.final_value, made.final_value)
            assert game_length(example) == len(game)
    assert 0 < known < len(games)


@pytest.mark.parametrize("format_", ["hdf5", "npz", "html", "jsonl"])
def test_a_last_position_that_is_over_by_our_rules_has_no_known_end(
    format_: str, games: list[list[Example]], columns: dict[str, Any], tmp_path: Path
) -> None:
    """The trainer's rules end some games a move later than ours."""
    rows = columns_of([games[0][-1]])
    board = Board.from_planes(games[0][-1].planes, turn=1, move_number=games[0][-1].move_number)
    assert games[0][-1].action is not None
    board.play_index(games[0][-1].action)
    assert board.is_over
    rows["boards"][0] = board.planes()
    rows.pop("action_masks")
    columns.pop("action_masks")
    both = {name: np.concatenate([columns[name], rows[name]]) for name in rows}
    found = read(write_replay(tmp_path / PLACE, both))
    assert len(found) == len(both["values"])
    assert found[-1].final_owner is None
    output = tmp_path / "out"
    problems: list[str] = []
    export = Export(reader_of(tmp_path / PLACE, problems=problems))
    export.run(ExportConfig(format=format_, output=output))
    assert output.exists()


def test_a_file_is_the_same_wherever_it_lies(columns: dict[str, Any], tmp_path: Path) -> None:
    path = write_replay(tmp_path / "a" / PLACE, columns)
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    first, second = read(path), read(tmp_path / "b")
    for one, other in zip(first, second, strict=True):
        assert_same(one, other, ignore=("unix_micros",))


def test_games_whose_first_moves_are_missing_do_not_know_whose_turn_it_is(
    games: list[list[Example]], tmp_path: Path
) -> None:
    rows = [*games[0][30:], *games[1][::2], *games[2][:2]]
    found = read(write_replay(tmp_path / "some.h5", columns_of(rows)))
    for one, other in zip(games[0][30:], found, strict=False):
        assert_is_row(replace(one, turn=None), other)
    half = found[len(games[0]) - 30 : -2]
    for one, other in zip(games[1][::2], half, strict=True):
        assert (other.move_number, other.reply) == (one.move_number, None)
        np.testing.assert_array_equal(one.planes, other.planes)
    assert len({example.game_id for example in found}) == 3
    assert {example.model_name for example in found} == {"some"}


def test_a_directory_has_the_trainer_s_files_and_not_our_exports(
    columns: dict[str, Any], tmp_path: Path
) -> None:
    path = write_replay(tmp_path / "store" / PLACE, columns)
    shutil.copy(path, tmp_path / "store" / "flagz.h5")
    shutil.copy(path, tmp_path / "store" / "models" / "examples.h5")
    reader = reader_of(tmp_path / "store")
    assert [archive.name for archive in reader.archives] == [str(path)]
    assert len(list(reader)) == reader.examples == len(columns["values"])
    assert reader.share_read == 1
    assert len(read(tmp_path / "store" / "flagz.h5")) == reader.examples


def test_summary_and_exports(columns: dict[str, Any], tmp_path: Path) -> None:
    path = write_replay(tmp_path / PLACE, columns)
    summary = dict(Export(reader_of(path)).summary(Filter(), None).rows())
    assert summary["games"] == "4"
    assert summary["models"] == "edgar"
    assert summary["checkpoints"] == "7"
    assert (
        int(summary["won by Blue"].split()[0])
        + int(summary["won by Orange"].split()[0])
        + int(summary["drawn"].split()[0])
        == 4
    )
    for format_, output in (("hdf5", tmp_path / "out.h5"), ("npz", tmp_path / "out.npz")):
        Export(reader_of(path)).run(ExportConfig(format=format_, output=output, sample=20, seed=3))
    with h5py.File(tmp_path / "out.h5") as hdf5, np.load(tmp_path / "out.npz") as npz:
        assert hdf5["planes"].shape == npz["planes"].shape == (20, 11, 11, 10)
        np.testing.assert_array_equal(hdf5["policy"][:], npz["policy"])
        assert set(hdf5["turn"][:]) == {1, 2}


# --- What is broken ------------------------------------------------------------------------------


def _without(name: str) -> Callable[[dict[str, Any]], Any]:
    return lambda columns: columns.pop(name)


def _set(name: str, row: Any, value: Any) -> Callable[[dict[str, Any]], Any]:
    def change(columns: dict[str, Any]) -> None:
        columns[name] = columns[name].copy()
        columns[name][row] = value

    return change


def _with_nan(column: Any, row: int) -> Any:
    column = column.astype(np.float64)
    column[row] = np.nan
    return column


def _as(name: str, change: Callable[[Any], Any]) -> Callable[[dict[str, Any]], Any]:
    return lambda columns: columns.update({name: change(columns[name])})


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (_without("boards"), "is no replay file: it has no data set boards"),
        (_without("values"), "is no replay file: it has no data set values"),
        (_as("values", lambda a: a[:-1]), "its data sets have different lengths"),
        (_as("boards", lambda a: a[:, :9]), "boards is float32 .* not numbers"),
        (_as("values", lambda a: a[:, 0]), "values is float32 .* not numbers"),
        (_as("boards", lambda a: a.astype(np.complex64)), "boards is complex64"),
        (_set("values", 3, 0.5), "row 3: result is 0.5"),
        (_set("values", 3, np.nan), "row 3: result is nan"),
        (_set("move_probs", 3, 0.0), "row 3: policy sums to 0"),
        (_set("move_probs", 3, np.inf), "row 3: policy has a number that is not finite"),
        (_set("boards", 3, 7.0), "row 3: planes hold a number that is out of the range"),
        (_set("checkpoints", 3, -1), "row 3: checkpoint is -1"),
        (_as("checkpoints", lambda a: _with_nan(a, 3)), "row 3: checkpoint is nan"),
        (_set("action_masks", 3, True), "row 3: legal_mask has an action on a cell that does not"),
    ],
)
def test_what_is_no_replay_is_named_and_left_out(
    change: Callable[[dict[str, Any]], Any], problem: str, columns: dict[str, Any], tmp_path: Path
) -> None:
    change(columns)
    path = write_replay(tmp_path / "a.h5", columns)
    problems: list[str] = []
    found = read(path, problems)
    assert len(problems) == 1
    assert problems[0].startswith(str(path))
    with pytest.raises(AssertionError, match=problem):
        raise AssertionError(problems[0])
    assert len(found) == (len(columns["checkpoints"]) - 1 if "row 3" in problem else 0)


@pytest.mark.parametrize("kind", [np.bool_, np.uint8, np.int8, np.float64])
def test_results_may_be_numbers_of_any_type(
    kind: type[np.generic], columns: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "SLAB", 8)
    columns["values"] = np.ones_like(columns["values"])
    made = read(write_replay(tmp_path / "a.h5", columns))
    columns["values"] = columns["values"].astype(kind)
    for expected, found in zip(made, read(write_replay(tmp_path / "a.h5", columns)), strict=True):
        assert_same(expected, found, ignore=("unix_micros",))


def test_a_file_of_another_kind_ends_soon(columns: dict[str, Any], tmp_path: Path) -> None:
    columns["values"] = columns["values"] * 0.5 + 0.25
    problems: list[str] = []
    assert read(write_replay(tmp_path / "a.h5", columns), problems) == []
    assert len(problems) == reading._MOST_PROBLEMS + 1
    assert problems[-1].endswith("is left out from row 100 on")


def test_masks_and_checkpoints_may_be_missing(
    games: list[list[Example]], columns: dict[str, Any], tmp_path: Path
) -> None:
    del columns["action_masks"], columns["checkpoints"]
    found = read(write_replay(tmp_path / "a.h5", columns))
    assert {(e.legal_mask is None, e.checkpoint) for e in found} == {(True, 0)}
    assert len(found) == sum(map(len, games))


def test_a_mask_without_the_flags_that_other_rules_forbid_is_left_out(
    games: list[list[Example]], tmp_path: Path
) -> None:
    """There they are forbidden beside own 5s, which may be all that is left."""
    row = next(e for e in games[0] if e.legal_mask[:110].any() and e.legal_mask[110:].any())
    columns = columns_of([row])
    columns["action_masks"][:, 0] = False
    columns["move_probs"][:] = columns["action_masks"] / columns["action_masks"].sum()
    (found,) = read(write_replay(tmp_path / "a.h5", columns))
    assert found.legal_mask is None


def test_data_of_other_files_are_not_read(columns: dict[str, Any], tmp_path: Path) -> None:
    write_replay(tmp_path / "secret.h5", columns)
    rest = {name: column for name, column in columns.items() if name != "boards"}
    outside = {
        "link": lambda file: file.__setitem__("boards", h5py.ExternalLink("secret.h5", "boards")),
        "soft": lambda file: file.__setitem__("boards", h5py.SoftLink("/values")),
        "virtual": lambda file: file.create_virtual_dataset("boards", _virtual(tmp_path, columns)),
        "external": lambda file: file.create_dataset(
            "boards", columns["boards"].shape, np.float32, external=[("/etc/passwd", 0, 10**9)]
        ),
        "group": lambda file: file.create_group("boards"),
        "huge": lambda file: file.create_dataset(
            "boards", (len(columns["values"]), 11, 11, 10), np.float32,
            maxshape=(None, 11, 11, 10), chunks=(10**5, 11, 11, 10),
        ),
    }  # fmt: skip
    for name, add in outside.items():
        path = write_replay(tmp_path / f"{name}.h5", rest)
        with h5py.File(path, "a") as file:
            add(file)
        problems: list[str] = []
        assert read(path, problems) == []
        assert len(problems) == 1, name
        assert any(
            words in problems[0]
            for words in ("of its own", "in another file", "is in pieces of", "not numbers")
        ), problems


def _virtual(directory: Path, columns: dict[str, Any]) -> Any:
    layout = h5py.VirtualLayout(columns["boards"].shape, np.float32)
    layout[:] = h5py.VirtualSource(str(directory / "secret.h5"), "boards", columns["boards"].shape)
    return layout


def test_damaged_files(columns: dict[str, Any], tmp_path: Path) -> None:
    whole = write_replay(tmp_path / "a.h5", columns).read_bytes()
    rng = np.random.default_rng(1)
    path = tmp_path / "b.h5"
    for number in range(60):
        data = bytearray(whole[: rng.integers(len(whole))] if number % 3 == 0 else whole)
        for place in rng.integers(8, max(9, len(data)), 20):
            data[min(place, len(data) - 1)] = rng.integers(256)
        path.write_bytes(data)
        read(path, [])  # whatever is left of it
    path.write_bytes(b"\x89HDF\r\n\x1a\n")
    problems: list[str] = []
    assert read(path, problems) == []
    assert "is no HDF5 file, or damaged" in problems[0]


# --- Size ----------------------------------------------------------------------------------------


def summarize(path: Path) -> int:
    """The number of examples of a file that is read whole."""
    export = Export(ExampleReader(find_archives([str(path)]), print))
    export.summary(Filter(), None)
    return export.reader.examples


def test_memory_does_not_grow_with_the_rows(columns: dict[str, Any], tmp_path: Path) -> None:
    """Three times the rows, 30 MB more as arrays, take no more of it."""
    small = write_replay(tmp_path / "small.h5", columns, times=10)
    large = write_replay(tmp_path / "large.h5", columns, times=30)
    assert summarize(large) > 6_000
    assert traced_peak(lambda: summarize(large)) < traced_peak(lambda: summarize(small)) + 2_000_000


@pytest.mark.soak
def test_a_million_rows(columns: dict[str, Any], tmp_path: Path) -> None:
    times = -(-1_000_000 // len(columns["values"]))
    path = write_replay(tmp_path / "large.h5", columns, times=times)
    code = """
        from pathlib import Path
        from tests.dataset.test_replay import summarize
        before = peak_memory()
        print(summarize(Path(sys.argv[1])), peak_memory() - before)
    """
    rows, grown = run_measured(code, path)
    assert rows >= 1_000_000
    assert grown < 250_000  # HDF5's index of 40,000 chunks: 105 MB
