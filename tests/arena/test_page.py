"""The page that shows the results of an arena and its games."""

from pathlib import Path

import pytest

from hexz.arena.page import arena_page
from hexz.ratings.results import Results

from .helpers import field, pairs, play


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Path:
    """Of three players, of which one has a name that is no HTML."""
    results = Results(["uct:40", "<b>random</b>", "uct:10"], [(0, 1), (0, 2), (1, 2)])
    games = play(field("uct:40", "random", "uct:10"), pairs(results.pairings, 2), at_once=6)
    for one in games:
        results.add(one.pair.pairing, one.pair.number, one.margins)
    path: Path = tmp_path_factory.mktemp("page") / "arena.html"
    path.write_text(arena_page(results, games), encoding="utf-8")
    return path


def test_the_page_loads_nothing_and_shows_names_as_they_are(page):
    text = page.read_text(encoding="utf-8")
    assert "<b>random" not in text
    assert "http://www.w3.org/2000/svg" in text
    assert "src=" not in text.replace("default-src", "")


def test_a_page_of_some_games_says_so():
    """Also of a pair of which it has none, whose score it shows all the same."""
    results = Results(["uct:10", "random", "uct:1"], [(0, 1), (0, 2)])
    games = play(field("uct:10", "random"), pairs([(0, 1)], 2), at_once=2)
    for one in games:
        results.add(one.pair.pairing, one.pair.number, one.margins)
    assert "boards are on this page" not in arena_page(results, games)
    for number in range(2000):
        results.add((0, 2), number, (9, -5))
    page = arena_page(results, games[:1])
    assert "Those of 1 of 2,002 boards are on this page" in page
    assert page.count('"name":"Board ') == 2
    assert page.count("data-game=") == 2
    assert page.count("50 %<small>") >= 2


def test_the_cross_table_leads_to_games(page, chromium):
    chromium.get_log("browser")
    chromium.get(page.as_uri())
    cells = chromium.find_elements("css selector", ".arena td button")
    assert len(cells) == 6
    assert len(chromium.find_elements("css selector", ".ratings circle")) == 3
    assert len(chromium.find_elements("css selector", "nav li")) == 12
    last = max(cells, key=lambda cell: int(cell.get_attribute("data-game")))
    last.click()
    current = chromium.find_element("css selector", "nav [aria-current] .name").text
    assert current == "Board 1: <b>random</b> \u2013 uct:10"
    assert not chromium.get_log("browser")
