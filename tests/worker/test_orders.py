"""What a worker does of what a train server orders."""

from typing import Any

import pytest

from hexz.schema.fleet import Orders, WorkerSettings
from hexz.schema.search import SearchSettings
from hexz.schema.shared import PlayChanges
from hexz.wire.versions import COMPACT_VERSION
from hexz.worker.run import _changed, _play_settings

SEARCH = SearchSettings(algorithm="gumbel", simulations=64)


def orders(post: Any, compact_games: int = COMPACT_VERSION) -> Orders:
    return Orders(settings=WorkerSettings(search=SEARCH, post=post), compact_games=compact_games)


@pytest.mark.parametrize(
    ("ordered", "own", "compact"),
    [
        (orders("examples"), None, False),
        (orders("games"), None, True),
        (orders("examples"), "games", True),
        (orders("games"), "examples", False),
        (orders("games", COMPACT_VERSION + 1), None, True),
        # An older server, to which games are something else.
        (orders("games", 0), None, False),
        (orders("examples", 0), "games", False),
    ],
)
def test_games_are_posted_to_whom_they_are_ordered_by_and_who_reads_them(ordered, own, compact):
    settings = _changed(ordered, PlayChanges(post=own))
    assert _play_settings(settings).compact == compact
    assert _play_settings(settings).search == SEARCH
