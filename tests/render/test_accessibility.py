"""axe-core finds nothing on any page that is no page to play on; those have tests of their own."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from hexz.arena.page import arena_page
from hexz.dataset.positions import positions_page
from hexz.ratings.results import Results
from hexz.render import games_page
from hexz.render.page import index_page

from ..arena.helpers import field, pairs, play
from ..browser import findings, resize, themed
from ..dataset.test_positions import parts_of
from ..games import game_examples
from ..trainserver.status_server import StatusServer
from .test_page import record_of

SIZES = [(1440, 900), (320, 640)]


def of_selfplay(traces: Sequence[Any]) -> str:
    return games_page([record_of(trace) for trace in traces])


def of_an_arena(_: object) -> str:
    results = Results(["uct:10", "random"], [(0, 1)])
    games = play(field("uct:10", "random"), pairs(results.pairings, 1), at_once=2)
    for one in games:
        results.add(one.pair.pairing, one.pair.number, one.margins)
    return arena_page(results, games)


def of_an_export(_: object) -> str:
    return positions_page(parts_of(*game_examples(2)), title="Games")


def of_an_index(_: object) -> str:
    return index_page("Examples", '<li><a href="games-0.html">Games 1 to 8</a></li>')


def find(chromium: Any) -> None:
    """Looks at what is shown, in both themes and at two sizes."""
    for width, height in SIZES:
        resize(chromium, width, height)
        for theme in ("light", "dark"):
            themed(chromium, theme)
            assert "\n".join(findings(chromium)) == "", (width, theme)
            wide = chromium.execute_script("return document.documentElement.scrollWidth")
            assert wide <= width


@pytest.mark.parametrize("make", [of_selfplay, of_an_arena, of_an_export, of_an_index])
def test_a_page_of_results(
    make: Callable[[Any], str], sample_traces: Sequence[Any], chromium: Any, tmp_path: Path
) -> None:
    path = tmp_path / "page.html"
    path.write_text(make(sample_traces), encoding="utf-8")
    chromium.get(path.as_uri())
    find(chromium)


def test_the_status_page(chromium: Any) -> None:
    with StatusServer().running() as server:
        server.change(problems=["Redis cannot be reached"])
        chromium.get(server.url)
        title = "return document.querySelector('#strength-note').textContent"
        while not chromium.execute_script(title):
            pass
        find(chromium)
