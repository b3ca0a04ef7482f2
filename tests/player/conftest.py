"""A service that plays with a tiny network."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from hexz.player.service import PlayerService
from hexz.schema.programs import PlayerConfig


@pytest.fixture(scope="session")
def service(tiny_model: Path) -> Iterator[PlayerService]:
    """One service for many tests."""
    with closing(PlayerService(PlayerConfig(model=str(tiny_model)))) as service:
        yield service
