"""Checkpoint files: what is written is read again, and nothing else is."""

from __future__ import annotations

import copy
import os
import pickle
import resource
import signal
import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch

from hexz.errors import InvalidModel, OutputError
from hexz.model.checkpoint import Checkpoint, load_checkpoint, new_checkpoint, save_checkpoint
from hexz.model.config import ModelConfig
from hexz.model.network import HexzNet

from ..memory import run_measured

SMALL = ModelConfig(blocks=1, filters=8)


@pytest.fixture
def small() -> Checkpoint:
    fresh = new_checkpoint(SMALL, seed=1)
    return Checkpoint(fresh.weights, "susan", 17, {"steps": 1200, "note": "ä", "loss": [1.5]})


@pytest.fixture
def content(small: Checkpoint, tmp_path: Path) -> dict[str, Any]:
    """What a file of `small` holds."""
    save_checkpoint(small, tmp_path / "original.pt")
    loaded: dict[str, Any] = torch.load(tmp_path / "original.pt", weights_only=True)
    return loaded


def put(checkpoint: Checkpoint, model: Path, number: str) -> None:
    directory = model / "checkpoints" / number
    directory.mkdir(parents=True)
    save_checkpoint(checkpoint, directory / "model.pt")


def refusal(path: Path) -> str:
    """The message with which a path is refused, which must be one line that names it."""
    with pytest.raises(InvalidModel) as caught:
        load_checkpoint(path)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


def test_round_trip(small: Checkpoint, tmp_path: Path) -> None:
    save_checkpoint(small, tmp_path / "model.pt")
    loaded = load_checkpoint(tmp_path / "model.pt")
    assert (loaded.config, loaded.model_name, loaded.number) == (SMALL, "susan", 17)
    assert loaded.metadata == small.metadata
    assert not loaded.net.training
    for key, weights in small.net.state_dict().items():
        assert torch.equal(loaded.net.state_dict()[key], weights), key
    planes = torch.rand(3, 11, 11, 10)
    assert torch.equal(loaded.net(planes)[0], small.net(planes)[0])


def test_the_file_describes_itself(content: dict[str, Any]) -> None:
    assert content["config"] == {"blocks": 1, "filters": 8, "kernel": "ring"}
    assert content["metadata"]["model_name"] == "susan"
    assert sorted(content) == ["config", "format", "metadata", "state_dict"]


def test_the_newest_checkpoint_of_a_model_is_the_one_with_the_highest_number(
    small: Checkpoint, tmp_path: Path
) -> None:
    for number in (2, 10, 9):
        one = Checkpoint(small.weights, "susan", number)
        put(one, tmp_path / "susan", str(number))
    (tmp_path / "susan" / "checkpoints" / "11").mkdir()  # one that is being written
    (tmp_path / "susan" / "checkpoints" / "notes").mkdir()
    assert load_checkpoint(tmp_path / "susan").number == 10
    assert load_checkpoint(tmp_path / "susan" / "checkpoints" / "9").number == 9
    assert load_checkpoint(str(tmp_path / "susan" / "checkpoints" / "2" / "model.pt")).number == 2


def test_a_missing_path(tmp_path: Path) -> None:
    assert "there is no model" in refusal(tmp_path / "nothing.pt")


def test_directories_without_a_model(tmp_path: Path) -> None:
    assert "holds no model" in refusal(tmp_path)
    (tmp_path / "checkpoints" / "3").mkdir(parents=True)
    assert "holds no model" in refusal(tmp_path)


@pytest.mark.parametrize(
    "data", [b"", b"\n", b"hello", b"PK\x03\x04", b"\x80\x02}q\x00.", b"\x00" * 999]
)
def test_files_that_hold_no_model(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "model.pt").write_bytes(data)
    refusal(tmp_path / "model.pt")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_files_cut_short(share: float, small: Checkpoint, tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    save_checkpoint(small, path)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    refusal(path)


class Trap:
    """Creates a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("as_zip", [True, False])
def test_code_in_a_file_is_not_run(as_zip: bool, tmp_path: Path) -> None:
    sprung, path = tmp_path / "sprung", tmp_path / "model.pt"
    content = {"cnn_blocks.0.0.weight": Trap(sprung)}
    if as_zip:
        torch.save(content, path)
    else:
        path.write_bytes(pickle.dumps(content))
    refusal(path)
    assert not sprung.exists()


@pytest.mark.parametrize("content", [[1, 2], torch.zeros(3), {}, {"format": "other"}, {1: 2}])
def test_files_of_something_else(content: object, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "model.pt")
    refusal(tmp_path / "model.pt")


@pytest.mark.parametrize(
    ("entry", "value", "reason"),
    [
        ("format", "hexzctl model 999", "version"),
        ("config", {"blocks": 1, "filters": 16}, "shape"),
        ("config", {"blocks": 2, "filters": 8}, "missing"),
        ("config", {"blocks": 1, "filters": 10**9}, "filters"),
        ("config", {"blocks": 1}, "shape"),
        ("config", {"blocks": 1, "filters": 8, "heads": 3}, "heads"),
        ("config", None, "config"),
        ("metadata", {}, "model_name"),
        ("metadata", {"model_name": "susan", "number": "17"}, "number"),
        ("metadata", {"model_name": "susan", "number": -1}, "number, -1"),
        ("metadata", {"model_name": "susan", "number": 2**31}, "number, 2147483648"),
        ("metadata", {"model_name": "", "number": 17}, "model_name"),
        ("metadata", {"model_name": "a\nb", "number": 17}, "model_name"),
        ("metadata", {"model_name": "susan", "number": 17, "x": torch.zeros(3)}, "metadata"),
        ("state_dict", {}, "missing"),
        ("state_dict", [], "state_dict"),
    ],
)
def test_contradictory_contents(
    entry: str, value: object, reason: str, content: dict[str, Any], tmp_path: Path
) -> None:
    torch.save(content | {entry: value}, tmp_path / "model.pt")
    assert reason in refusal(tmp_path / "model.pt")


def nested(depth: int, width: int) -> list[Any]:
    """A list in a list and so on, each as many times; files hold each of them once."""
    inner: list[Any] = []
    for _ in range(depth):
        inner = [inner] * width
    return inner


def endless() -> list[Any]:
    found: list[Any] = []
    found.append(found)
    return found


@pytest.mark.parametrize(
    "bomb",
    [nested(9, 10), nested(100, 1), endless(), ["long" * 1000] * 1000, {(1, 2): 3}],
    ids=["wide", "deep", "endless", "repeated", "key"],
)
@pytest.mark.parametrize("entry", ["metadata", "config", "state_dict"])
def test_what_would_be_large_or_no_text_once_it_is_shown_is_refused(
    entry: str, bomb: object, content: dict[str, Any], tmp_path: Path
) -> None:
    torch.save(content | {entry: content[entry] | {"x": bomb}}, tmp_path / "model.pt")
    assert "holds more than weights" in refusal(tmp_path / "model.pt")


def compressed(content: dict[str, Any], path: Path) -> None:
    """The same file with compressed entries, and an entry of zeros that hardly needs room."""
    torch.save(content | {"metadata": {"zeros": torch.zeros(1 << 26)}}, path)
    with zipfile.ZipFile(path) as archive:
        entries = [(entry.filename, archive.read(entry)) for entry in archive.infolist()]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries:
            archive.writestr(name, data)


def overlapping(content: dict[str, Any], path: Path) -> None:
    """A file whose directory names each entry many times."""
    torch.save(content, path)
    with zipfile.ZipFile(path, "a") as archive:
        largest = max(archive.infolist(), key=lambda entry: entry.file_size)
        for number in range(1000):
            again = copy.copy(largest)
            again.filename = f"archive/data/{number + 1000}"
            archive.filelist.append(again)
        archive._didModify = True  # type: ignore[attr-defined]


def repeated(content: dict[str, Any], path: Path) -> None:
    """Weights of a large network that are one number again and again."""
    config = ModelConfig(blocks=20, filters=1024)
    with torch.device("meta"):
        shapes = {key: weights.shape for key, weights in HexzNet(config).state_dict().items()}
    weights = {key: torch.zeros(()).expand(shape) for key, shape in shapes.items()}
    torch.save(content | {"config": asdict(config), "state_dict": weights}, path)


def nonsense(content: dict[str, Any], path: Path) -> None:
    """A configuration for which there are no weights."""
    torch.save(content | {"config": {"blocks": 20, "filters": 1024}}, path)


def sparse(_: dict[str, Any], path: Path) -> None:
    """A file of two gigabytes that takes no room on the disk."""
    with path.open("wb") as file:
        file.truncate(2 << 30)


@pytest.mark.slow
def test_a_small_file_cannot_claim_much_memory(content: dict[str, Any], tmp_path: Path) -> None:
    makers = [compressed, overlapping, repeated, nonsense, sparse]
    for make in makers:
        make(content, tmp_path / f"{make.__name__}.pt")
    load = """
        from hexz.errors import InvalidModel
        from hexz.model.checkpoint import load_checkpoint, new_checkpoint
        new_checkpoint()
        before = peak_memory()
        for path in sys.argv[1:]:
            try:
                load_checkpoint(path)
            except InvalidModel:
                print(peak_memory() - before)
    """
    grown = run_measured(load, *(tmp_path / f"{make.__name__}.pt" for make in makers))
    assert len(grown) == len(makers)
    assert max(grown) < 100 * 1024  # KiB
    for make in makers:
        refusal(tmp_path / f"{make.__name__}.pt")


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_weights_that_are_not_finite(bad: float, content: dict[str, Any], tmp_path: Path) -> None:
    content["state_dict"]["policy_head.out.bias"][1] = bad
    torch.save(content, tmp_path / "model.pt")
    assert "not finite" in refusal(tmp_path / "model.pt")


def test_weights_that_are_no_tensor(content: dict[str, Any], tmp_path: Path) -> None:
    content["state_dict"]["policy_head.out.bias"] = [1.0, 2.0]
    torch.save(content, tmp_path / "model.pt")
    assert "not a tensor" in refusal(tmp_path / "model.pt")


def test_a_directory_that_does_not_exist_is_an_output_error(
    small: Checkpoint, tmp_path: Path
) -> None:
    with pytest.raises(OutputError, match="cannot write the model"):
        save_checkpoint(small, tmp_path / "missing" / "model.pt")


def test_a_full_disk_leaves_the_old_file_and_nothing_else(
    small: Checkpoint, tmp_path: Path
) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(b"old")
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, limit[1]))
    try:
        with pytest.raises(OutputError, match="cannot write the model"):
            save_checkpoint(small, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, handler)
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.pt"]
    assert path.read_bytes() == b"old"


def test_an_interrupted_write_leaves_the_old_file_and_nothing_else(
    small: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(b"old")

    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        save_checkpoint(small, path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.pt"]
    assert path.read_bytes() == b"old"


def test_an_older_model_is_written_in_its_own_form(tmp_path: Path) -> None:
    from tests.model.peers import peer_state

    torch.save(peer_state("A"), tmp_path / "old.pt")
    save_checkpoint(load_checkpoint(tmp_path / "old.pt"), tmp_path / "copy.pt")
    copied = torch.load(tmp_path / "copy.pt", weights_only=True)
    assert copied.keys() == peer_state("A").keys()
    assert load_checkpoint(tmp_path / "copy.pt").config is None
