"""A tiny network in the place of the one that ships, which takes a second to get ready."""

from collections.abc import Iterator

import pytest

from hexz import places
from hexz.model.checkpoint import new_checkpoint, save_checkpoint
from hexz.model.config import ModelConfig


@pytest.fixture(scope="module", autouse=True)
def _tiny_network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    path = tmp_path_factory.mktemp("shipped") / places.SHIPPED_FILE.name
    save_checkpoint(new_checkpoint(ModelConfig(blocks=1, filters=8)), path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(places, "SHIPPED_FILE", path)
        yield
