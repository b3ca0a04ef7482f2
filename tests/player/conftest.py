"""A tiny network and a service that plays with it."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from hexz.model.checkpoint import new_checkpoint, save_checkpoint
from hexz.model.config import ModelConfig
from hexz.player.service import PlayerService
from hexz.schema.programs import PlayerConfig


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "model.pt"
    save_checkpoint(new_checkpoint(ModelConfig(blocks=1, filters=8), model_name="tiny"), path)
    return path


@pytest.fixture(scope="session")
def service(tiny_model: Path) -> Iterator[PlayerService]:
    """One service for many tests."""
    with closing(PlayerService(PlayerConfig(model=str(tiny_model)))) as service:
        yield service
