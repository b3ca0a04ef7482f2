"""Results of pairs, counted by hand, and the page that shows them."""

from pathlib import Path

import pytest

from hexz.arena.games import Played, Unit
from hexz.arena.page import arena_page
from hexz.arena.results import Results

from ..player.browser import start_chromium
from .helpers import field, play, units


def played(pair: tuple[int, int], number: int, margins: tuple[int, int]) -> Played:
    """The first of the pair moves first in the first game, and second in the second."""
    first, second = margins
    return Played(
        unit=Unit(pair, "", number), games=([], []), scores=((50 + first, 50), (50, 50 + second))
    )


def test_a_pair_by_hand():
    results = Results(["a", "b"], [(0, 1)])
    assert results.of((0, 1)) is None
    for number, margins in enumerate([(7, -3), (0, 4), (5, 1), (-2, -6)]):
        results.add(played((0, 1), number, margins))
    found = results.of((0, 1))
    assert found is not None
    assert (found.boards, found.wins, found.draws, found.losses) == (4, 4, 1, 3)
    assert found.margin == pytest.approx(6 / 8)
    assert found.score.value == pytest.approx(4.5 / 8)
    assert found.by_seat == (2.5 / 4, 2 / 4)
    assert results.boards == 4


def test_a_sequential_test_sees_the_boards_in_their_order():
    results = Results(["a", "b"], [(0, 1)])
    results.add(played((0, 1), 1, (5, 5)))
    results.add(played((0, 1), 3, (5, 5)))
    assert results.in_order((0, 1)) == []
    results.add(played((0, 1), 0, (5, -5)))
    assert results.in_order((0, 1)) == [0.5, 1.0]
    results.add(played((0, 1), 2, (-5, -5)))
    assert results.in_order((0, 1)) == [0.5, 1.0, 0.0, 1.0]


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Path:
    """Of three players, of which one has a name that is no HTML."""
    results = Results(["uct:40", "<b>random</b>", "uct:10"], [(0, 1), (0, 2), (1, 2)])
    games = play(field("uct:40", "random", "uct:10"), units(results.pairs, 2), at_once=6)
    for one in games:
        results.add(one)
    path: Path = tmp_path_factory.mktemp("page") / "arena.html"
    path.write_text(arena_page(results, games), encoding="utf-8")
    return path


def test_the_page_loads_nothing_and_shows_names_as_they_are(page):
    text = page.read_text(encoding="utf-8")
    assert "<b>random" not in text
    assert "http://www.w3.org/2000/svg" in text
    assert "src=" not in text.replace("default-src", "")


def test_the_cross_table_leads_to_games(page, tmp_path):
    driver = start_chromium(tmp_path)
    try:
        driver.get(page.as_uri())
        cells = driver.find_elements("css selector", ".arena td button")
        assert len(cells) == 6
        assert len(driver.find_elements("css selector", ".ratings circle")) == 3
        assert len(driver.find_elements("css selector", "nav li")) == 12
        last = max(cells, key=lambda cell: int(cell.get_attribute("data-game")))
        last.click()
        current = driver.find_element("css selector", "nav [aria-current] .name").text
        assert current == "Board 1: <b>random</b> \u2013 uct:10"
        assert not driver.get_log("browser")
    finally:
        driver.quit()
