"""Where a player's network comes from."""

import os
from pathlib import Path

import pytest

from hexz.checkpoints import NewCheckpoint, open_store
from hexz.errors import HexzError, InvalidModel
from hexz.model.checkpoint import Checkpoint, encode_checkpoint, new_checkpoint
from hexz.model.config import ModelConfig
from hexz.player.models import open_source

from ..gcs_fixture import GcsEmulator, gcs

__all__ = ["gcs"]


def model(number: int) -> bytes:
    fresh = new_checkpoint(ModelConfig(blocks=1, filters=8))
    return encode_checkpoint(Checkpoint(fresh.weights, "tiny", number))


def save(url: str, number: int, name: str = "flagz") -> None:
    open_store(url, name).save(NewCheckpoint(number=number, model=model(number)))


@pytest.fixture
def bucket(gcs: GcsEmulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", gcs.url)
    return f"gs://{gcs.bucket}/{tmp_path.name}"


def test_without_a_path_it_is_the_network_that_ships() -> None:
    source = open_source(None)
    assert source.load().model_name == "flagz"
    assert source.version() == source.version()


@pytest.mark.parametrize(
    "path",
    [
        "",
        "models/flagz/flagz",
        "models/flagz/flagz/checkpoints/12",
        "models/flagz/flagz/checkpoints/12/model.pt",
    ],
)
def test_a_directory_or_a_file_of_a_store(path: str, tmp_path: Path) -> None:
    for number in (9, 12):
        save(str(tmp_path), number)
    assert open_source(str(tmp_path / path)).load().number == 12


@pytest.mark.parametrize(
    ("path", "number"),
    [
        ("", 12),
        ("/", 12),
        ("/models/flagz/flagz", 12),
        ("/models/flagz/other", 3),
        ("/models/flagz/flagz/checkpoints", 12),
        ("/models/flagz/flagz/checkpoints/9", 9),
        ("/models/flagz/flagz/checkpoints/9/model.pt", 9),
    ],
)
def test_a_bucket(path: str, number: int, bucket: str) -> None:
    for saved in (9, 12):
        save(bucket, saved)
    save(bucket, 3, "other")
    source = open_source(bucket + path)
    assert source.version() == str(number)
    assert source.load().number == number


@pytest.mark.parametrize("where", ["store", "model", "bucket"])
def test_a_newer_checkpoint_is_another_version(where: str, tmp_path: Path, bucket: str) -> None:
    url = bucket if where == "bucket" else str(tmp_path)
    save(url, 1)
    source = open_source(f"{url}/models/flagz/flagz" if where == "model" else url)
    first = source.version()
    assert source.version() == first
    save(url, 2)
    assert source.version() != first
    assert source.load().number == 2


def test_a_file_that_is_replaced_is_another_version(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(model(1))
    source = open_source(str(path))
    first = source.version()
    new = tmp_path / "new.pt"
    new.write_bytes(model(2))
    os.replace(new, path)
    assert source.version() != first
    assert source.load().number == 2


def test_two_models_in_a_store_need_a_name(tmp_path: Path) -> None:
    save(str(tmp_path), 1, "one")
    save(str(tmp_path), 1, "two")
    with pytest.raises(InvalidModel, match="one, two"):
        open_source(str(tmp_path)).version()


@pytest.mark.parametrize("path", ["nothing", "", "models/flagz/no", "models"])
def test_places_without_a_network(path: str, tmp_path: Path) -> None:
    (tmp_path / "models" / "flagz" / "no").mkdir(parents=True)
    source = open_source(str(tmp_path / path))
    for ask in (source.version, source.load):
        with pytest.raises(InvalidModel, match="no model"):
            ask()


def test_buckets_without_a_network(bucket: str) -> None:
    source = open_source(bucket)
    with pytest.raises(InvalidModel, match="no checkpoint"):
        source.version()
    with pytest.raises(HexzError):
        open_source(f"{bucket}/models/flagz/flagz/checkpoints/7").load()
