"""What the tests of the train server share: real examples, and services with a tiny network."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hexz.schema.programs import ServerConfig
from hexz.schema.training import TrainingConfig
from hexz.trainserver.service import TrainingService
from hexz.trainserver.supervisor import constant_rates
from hexz.wire.example import encode_example

from ..games import game_examples

QUICK = TrainingConfig(batch_size=64, window_min=2000, window_max=10_000)


@pytest.fixture(scope="session")
def games() -> list[list[bytes]]:
    """The serialized examples of 40 games by checkpoint 0 of the model flagz."""
    return [[encode_example(example) for example in game] for game in game_examples(40)]


def tiny_config(directory: Path, **changes: Any) -> ServerConfig:
    """A server that is ready in seconds, with all its files in one directory."""
    values: dict[str, Any] = {
        "store": str(directory),
        "data_dir": directory,
        "blocks": 1,
        "filters": 8,
    }
    return ServerConfig(**(values | {"training": QUICK} | changes))


@contextlib.contextmanager
def running_service(
    config: ServerConfig, rate_share: Callable[[], float] = constant_rates
) -> Iterator[TrainingService]:
    """A service with a trainer process; `problems` must not end it."""
    fatal: list[str] = []
    service = TrainingService(config, on_fatal=fatal.append, rate_share=rate_share)
    try:
        yield service
    finally:
        service.close()
    assert fatal == []
