"""The page in a real browser, with the real player behind it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ..browser import Page
from ..system.player_server import PlayerServer
from .whole_games import SMALL


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlayerServer]:
    with PlayerServer(tmp_path_factory.mktemp("server")) as server:
        yield server
        assert server.status()["refused"] == {}
        assert server.end() == 0


@pytest.fixture
def page(chromium: Any, server: PlayerServer) -> Iterator[Page]:
    """The page in a browser that does not know it yet."""
    chromium.execute_cdp_cmd("Network.clearBrowserCache", {})
    chromium.get_log("browser")  # of others
    page = Page(chromium, f"{server.url}/")
    yield page
    assert page.errors() == []
    chromium.execute_script("localStorage.clear()")
    chromium.get("about:blank")


def test_a_person_plays_a_whole_game_against_the_network(page: Page) -> None:
    page.open(f"{SMALL}&blue=person&orange=model@64")
    while not (board := page.board()).is_over:
        if board.turn == 1:
            choices = page.all(".choice")
            if not choices:  # flags are left, values cannot be placed
                page.click("[value=flag]")
                choices = page.all(".choice")
            page.click(".choice", board.move_number * 7 % len(choices))
        page.until(lambda: page.board().is_over or page.board().turn == 1)
    assert page.board().winner == 2
    assert page.status.startswith("You lose, ")


def test_players_play_each_other_and_the_network_analyses(page: Page) -> None:
    page.open("seed=5&blue=model@64&orange=uct:2000")
    page.until(lambda: page.board().move_number >= 10)
    page.open("seed=17&blue=person&orange=person&moves=Fd5-Fe8-c5")
    page.click("#analyse")
    page.until(lambda: "simulations" in page("#thinking").text)
    assert page("#line").text.split()


def test_the_page_is_loaded_once(page: Page) -> None:
    """The second time the browser only asks whether anything has changed."""
    page.open()
    first = transferred(page)
    page.open()
    assert sum(first.values()) < 60_000
    assert sum(transferred(page).values()) < sum(first.values()) / 3


def transferred(page: Page) -> dict[str, int]:
    """Bytes of the page's files that came over the network, headers included."""
    sizes = page.run(
        "return performance.getEntries().filter((e) => e.transferSize !== undefined)"
        ".map((e) => [e.name, e.transferSize])"
    )
    return {name: size for name, size in sizes if "/api/" not in name}
