"""A tiny network in the place of the one that ships, which takes a second to get ready."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from hexz import places


@pytest.fixture(scope="module", autouse=True)
def _tiny_network(tiny_model: Path) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(places, "SHIPPED_FILE", tiny_model)
        yield
