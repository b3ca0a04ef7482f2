"""The page, driven in a real browser."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hexz.engine import Board, Move
from hexz.gameplay.game import Game
from hexz.player.levels import LEVELS

from ..browser import PHONE, Hands, Page, findings, themed, webdriver
from .page_server import PREFIX, PageServer
from .whole_games import SEED, SMALL, play_by_keyboard, play_by_touch

Keys = webdriver.Keys
By = webdriver.common.by.By
TWO_PERSONS = f"seed={SEED}&blue=person&orange=person"
AGAINST_COMPUTER = "seed=17&blue=person&orange=uct:50"
OPENING = "Fd5-Fe8-c5-Ff4-Fh7-Fa5-d4-a4-b4-b3-b6"


WATCH = """
window.seen = { moved: [], usable: null };
const shifts = new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) {
    if (entry.hadRecentInput) continue;
    window.seen.moved.push(...entry.sources.map(({ node }) => node?.outerHTML.slice(0, 80)));
  }
});
shifts.observe({ type: "layout-shift", buffered: true });
window.seen.forget = async () => {
  for (let frame = 0; frame < 2; frame++) await new Promise(requestAnimationFrame);
  shifts.takeRecords();
  window.seen.moved = [];
};
new MutationObserver((_, observer) => {
  if (!document.querySelector(".choice")) return;
  window.seen.usable = performance.now();
  observer.disconnect();
}).observe(document, { subtree: true, childList: true, attributes: true });
"""


@pytest.fixture(scope="module")
def server() -> Iterator[PageServer]:
    with PageServer().running() as server:
        yield server


@pytest.fixture(scope="module")
def driver(chromium: Any) -> Iterator[Any]:
    added = chromium.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": WATCH})
    chromium.execute_cdp_cmd("Network.enable", {})
    yield chromium
    chromium.execute_cdp_cmd("Network.setExtraHTTPHeaders", {"headers": {}})
    chromium.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)


@pytest.fixture
def page(request: pytest.FixtureRequest, driver: Any, server: PageServer) -> Iterator[Page]:
    """The page; after any test nothing may be wrong in the console, and nothing may have moved."""
    server.reset()
    server.asker = request.node.name.encode("unicode_escape").decode()
    driver.execute_cdp_cmd("Network.setExtraHTTPHeaders", {"headers": {"Asker": server.asker}})
    page = Page(driver, server.url)
    page.errors()  # of others
    yield page
    assert page.errors("503") == []
    assert page.run("return window.seen.moved") == []
    driver.get("about:blank")  # which ends what the page does
    stored = {"origin": server.root, "storageTypes": "local_storage"}
    driver.execute_cdp_cmd("Storage.clearDataForOrigin", stored)


# --- Playing -------------------------------------------------------------------------------------


def test_a_whole_game_by_clicks(page: Page) -> None:
    page.open(f"{SMALL}&blue=person&orange=person")
    while not (board := page.board()).is_over:
        assert page("#counter").text == f"{board.move_number} / {board.move_number}"
        if board.flags_left[board.turn - 1] and board.move_number % 9 < 3:
            page.click("[value=flag]")
        page.click(".choice", board.move_number * 7 % len(page.all(".choice")))
    assert [int(side.text) for side in page.all(".points")] == list(board.score)
    outcome = f"{['', 'Blue', 'Orange'][board.winner]} wins, {max(board.score)} to "
    assert page.status.startswith(outcome)
    assert page.status.endswith(("nobody can move.", "no cell is empty.", "is behind."))
    assert not page.all(".choice")


def test_choices_and_labels_follow_the_rules(page: Page) -> None:
    page.open(f"{TWO_PERSONS}&moves={OPENING}")
    board = page.board()
    values = {
        str(Move("normal", *divmod(cell, 10))): value
        for cell, value in enumerate(board.planes()[8 if board.turn == 0 else 3].ravel())
        if value
    }
    shown = {c.get_attribute("data-name"): c.text for c in page.all(".choice")}
    assert {name: int(text) for name, text in shown.items()} == values
    labels = page.labels()
    assert len(labels) == 105
    assert labels["d5"] == "d5: Blue flag"
    assert labels["b1"] == "b1: rock"
    assert labels["c1"] == "c1: grass worth 2"
    assert "Orange can place 1" in labels["e4"]


def test_a_capture_is_announced_and_animated(page: Page, driver: Any) -> None:
    page.open(f"{TWO_PERSONS}&moves=Ff3-Fa1")
    webdriver.ActionChains(driver).move_to_element(page.cell("g3")).perform()
    assert page("#detail").text.startswith("g3: Blue can place 1, captures grass 1")
    assert len(page.all(".preview")) == 2
    page.click("[data-name=g3]")
    assert page.status == "Blue placed 1 on g3 and captured 1. Orange\u2019s turn."
    assert page.labels()["h3"] == "h3: Blue 1"
    assert page.all('[data-name="g3"] .appears')
    assert page.all('[data-name="h3"] .captured')
    assert [use.get_attribute("href") for use in page.all(".hz-marks use")] == [
        "#hz-last", "#hz-taken"
    ]  # fmt: skip


def test_a_click_on_the_board_of_a_computer_changes_nothing(page: Page) -> None:
    page.open(f"{TWO_PERSONS}&moves={OPENING}")
    page.click("[data-name=b1]")
    page.click("[data-name=j9]")
    assert page.moves == OPENING.split("-")


def test_against_the_computer_and_back(page: Page) -> None:
    page.open(AGAINST_COMPUTER)
    assert "Your turn" in page.status
    page.click("[data-name=d5]")
    page.until(lambda: len(page.moves) == 2)
    assert page.moves[0] == "Fd5"
    page.until(lambda: "Your turn" in page.status)
    page.click("[data-name=c5]")
    page.until(lambda: len(page.moves) == 4)
    moves = page.moves
    page.click("#undo")
    assert len(page.moves) == 2
    page.click("#undo")
    assert page.moves == []
    assert not page("#undo").is_enabled()
    page.click("#redo")
    page.click("#redo")
    assert page.moves == moves
    assert not page("#redo").is_enabled()


def test_the_computer_moves_first_if_it_is_blue(page: Page, server: PageServer) -> None:
    page.open("seed=3&blue=uct:50&orange=person")
    page.until(lambda: page.moves)
    assert server.asked[0] == {
        "board": Board.random(3).to_text(),
        "moves": [],
        "player": "uct:50",
    }


def test_computers_can_be_watched_and_stopped(page: Page) -> None:
    page.open("seed=4&blue=uct:50&orange=uct:2000")
    page.until(lambda: len(page.moves) >= 2)
    page.click("#go")
    assert "Paused" in page.status
    count = len(page.moves)
    page.click("#undo")
    assert len(page.moves) == count - 1
    page.click("#go")
    page.until(lambda: len(page.moves) > count)


def resign(page: Page) -> None:
    """Resigns; the page hears the answer of a dialog after the click, when that has closed."""
    page.click("#resign")
    page.click("#yes")
    page.until(lambda: "resigned" in page.fields)


def test_resigning_can_be_taken_back(page: Page) -> None:
    page.open(f"{TWO_PERSONS}&moves={OPENING}")
    page.click("#resign")
    page.click("#confirm [value=no]")
    assert "resigned" not in page.fields
    resign(page)
    assert page.status == "Orange resigned. Blue wins."
    assert page.fields["resigned"] == "2"
    page.driver.refresh()
    page.until(lambda: "Blue wins" in page.status)
    page.click("#undo")
    assert "resigned" not in page.fields
    assert page.moves == OPENING.split("-")
    page.click("#redo")
    assert page.status == "Orange resigned. Blue wins."


def test_a_new_game(page: Page) -> None:
    page.open(f"{TWO_PERSONS}&moves={OPENING}")
    page.click("#new")
    page.run("document.querySelector('#setup').click()")  # its padding, or the end of a selection
    assert page("#setup").is_displayed()
    form = "#setup form"
    assert [o.text for o in page.all(f"{form} [name=orange] option")] == [
        "Person",
        "Beginner",
        "Novice",
        "Playouts, 2000",
    ]
    page(f"{form} [name=orange]").send_keys("Novice")
    assert [note.text for note in page.all(".who-plays small")] == ["", "uct:50, Elo \u2212700"]
    assert page("#gives-up").is_displayed()
    page.click("#swap")
    page(f"{form} [name=seed]").clear()
    page(f"{form} [name=seed]").send_keys("nonsense")
    page.click(f"{form} .primary")
    assert page("#setup").is_displayed()
    page(f"{form} [name=seed]").clear()
    page(f"{form} [name=seed]").send_keys("99")
    page.click(f"{form} .primary")
    page.until(lambda: page.moves)
    fields = page.fields
    assert (fields["seed"], fields["blue"], fields["orange"]) == ("99", "uct:50", "person")
    page.driver.back()
    page.until(lambda: page.fields["seed"] == "17")
    assert page.shown == len(OPENING.split("-"))


# --- Replay, links and files ---------------------------------------------------------------------


REFUSE = """
window.addresses = 0;
const write = history.replaceState;
history.replaceState = (...all) => {
  if (window.addresses++) write.apply(history, all);
  else throw new DOMException("more than 100 times in 10 seconds", "SecurityError");
};
"""
"""Browsers do so where an address changes too often."""


def test_replay(page: Page) -> None:
    moves = OPENING.split("-")
    page.open(f"{TWO_PERSONS}&moves={OPENING}")
    page.run(REFUSE)
    page.click("#first")
    assert (page.shown, page.status) == (0, "The start of the game.")
    page.click("#next")
    assert page.status == "Move 1: Blue planted a flag on d5."
    page("#slider").send_keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    assert page.shown == 3
    page.click("#play")
    page.until(lambda: page.shown == len(moves))
    page.click("#moves li:nth-child(5) button")
    assert page.shown == 5
    assert page.run("return window.addresses") == 0  # all of this is the same game
    page.run("window.addresses++")
    page.click("#branch")
    assert page.moves == moves[:5]
    assert page.all(".choice")
    page.click("#moves .tried button")
    assert page.status.startswith("Tried: ")
    assert (page.shown, page.moves) == (6, moves[:5])
    page.click("#back")
    page.click("#redo")
    assert page.moves == moves
    page.run("window.addresses = 0")
    page.click("#undo")
    assert page("#counter").text == f"{len(moves) - 1} / {len(moves) - 1}"
    page.until(lambda: page.moves == moves[:-1])


def test_what_is_tried_changes_no_game(page: Page) -> None:
    """Reviewing never changes a game: what is played then is a line beside it, and keeps to it."""
    moves = OPENING.split("-")
    page.open(f"{TWO_PERSONS}&moves={OPENING}&resigned=1")
    for _ in range(3):
        page.click("#previous")
    assert not page("#undo").is_displayed()
    page("body").send_keys("u")
    page.click(".choice")
    page.click(".choice")
    assert (page.shown, page.moves) == (len(moves) - 1, moves)
    assert len(page.all("#moves .tried button")) == 2
    page.driver.refresh()
    page.until(lambda: page.all("#moves .tried button"))
    assert page.status == "Blue resigned. Orange wins."
    page.click("#moves .tried button", 1)
    page.click("#previous")
    page.click(".choice", 1)
    assert len(page.all("#moves .tried .tried button")) == 1
    page.click("#delete")
    assert not page.all("#moves .tried .tried button")
    assert page.fields["moves"].count("(") == 1
    page("body").send_keys(Keys.ESCAPE)
    assert (page.shown, page.moves) == (len(moves), moves)


def test_a_reload_keeps_the_game(page: Page) -> None:
    page.open(TWO_PERSONS)
    page.click("[data-name=d5]")
    page.click("[data-name=e8]")
    page.driver.refresh()
    page.until(lambda: page.status)
    assert page.moves == ["Fd5", "Fe8"]
    assert page.labels()["e8"] == "e8: Orange flag"


def test_a_saved_game_is_one_of_the_terminal(page: Page, driver: Any, tmp_path: Path) -> None:
    driver.execute_cdp_cmd(
        "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)}
    )
    page.open(f"{TWO_PERSONS}&moves={OPENING}")
    page.click("#save")
    path = tmp_path / "flagz-17.json"
    page.until(path.exists)
    game = Game.load(path)
    assert [str(move) for move in game.moves] == OPENING.split("-")
    assert game.board == page.board()


def test_a_saved_game_keeps_what_was_tried(page: Page, driver: Any, tmp_path: Path) -> None:
    driver.execute_cdp_cmd(
        "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)}
    )
    page.open(f"{TWO_PERSONS}&moves=Fd5-Fe8(c5-Ff4(Fh7))-d4")
    assert len(page.all("#moves .tried button")) == 3
    page.click("#save")
    path = tmp_path / "flagz-17.json"
    page.until(path.exists)
    page.open(TWO_PERSONS)
    page("#file").send_keys(str(path))
    page.until(lambda: page.moves == ["Fd5", "Fe8", "d4"])
    assert page.fields["moves"] == "Fd5-Fe8(c5-Ff4-Fh7)-d4"


def test_games_of_the_terminal_load(page: Page, tmp_path: Path) -> None:
    game = Game(Board.random(5), ("You", "uct:50"))
    for name in ("Fd6", "Fd8", "Fj5"):
        game.play(Move.parse(name))
    path = tmp_path / "game.json"
    game.save(path)
    page.open(TWO_PERSONS)
    page("#file").send_keys(str(path))
    page.until(lambda: page.moves[:3] == ["Fd6", "Fd8", "Fj5"])
    assert (page.fields["blue"], page.fields["orange"]) == ("person", "uct:50")
    assert page.board() != game.board or len(page.moves) == 3
    game.players = ("model", "beginner")
    game.save(path)
    page("#file").send_keys(str(path))
    page.until(lambda: page.fields["orange"] == "uct:20")
    assert page.fields["blue"] == "person"
    assert "in the place of \u201cmodel\u201d, which this page does not" in page("#notice").text


@pytest.mark.parametrize(
    "content",
    ["", "[]", '{"moves": []}', json.dumps({"board": "." * 105, "moves": ["d5"]}), "\x00\xff"],
)
def test_files_that_are_no_games(page: Page, tmp_path: Path, content: str) -> None:
    path = tmp_path / "<b>nothing</b>.json".replace("/", "-")
    path.write_text(content, encoding="utf-8")
    page.open(f"{TWO_PERSONS}&moves={OPENING}")
    page("#file").send_keys(str(path))
    page.until(lambda: "is no game that can be read" in page("#notice").text)
    assert "<b>nothing" in page("#notice").text
    assert page.moves == OPENING.split("-")


@pytest.mark.parametrize(
    "link",
    [
        *("moves=zz", "seed=-1", "board=.&moves=", "seed=1&moves=d5", "seed=1&resigned=7", "a"),
        *("seed=17&moves=Fd5(Fe8", "seed=17&moves=Fd5)", "seed=17&moves=Fd5(d5-zz)"),
    ],
)
def test_links_that_are_no_games(page: Page, link: str) -> None:
    page.open(link)
    assert "no game that can be read" in page("#notice").text
    assert "Your turn" in page.status


def test_a_link_to_an_unknown_player_is_for_a_person(page: Page, server: PageServer) -> None:
    page.open("seed=1&blue=<img src=x>&orange=model@9")
    assert "\u201c<img src=x>\u201d and \u201cmodel@9\u201d" in page("#notice").text
    page.click("[data-name=d5]")
    page.until(lambda: "Orange\u2019s turn" in page.status)
    assert (page.fields["blue"], page.fields["orange"]) == ("person", "person")
    assert server.asked == []


# --- Analysis ------------------------------------------------------------------------------------


def test_the_heat_map(page: Page, server: PageServer) -> None:
    page.open(f"{TWO_PERSONS}&moves={OPENING}")
    page.click("#analyse")
    page.until(lambda: page.all(".hz-heat circle"))
    assert server.asked[-1]["player"] == "uct:2000"
    rows = page.run(
        "return [...document.querySelectorAll('#top tbody tr')]"
        ".map((row) => row.innerText.split(/\\s+/))"
    )
    assert len(rows) == 5
    page.click("[name=overlay][value=none]")
    assert not page.all(".hz-heat circle")
    # The search goes on meanwhile, and what it finds is drawn anew.
    shown = "return [...document.querySelectorAll('.hz-heat text')].map((t) => t.textContent)"
    page.click("[name=overlay][value=line]")
    line = page("#line").text.split()
    page.until(lambda: page.run(shown) == [str(i) for i in range(1, len(line) + 1)])
    assert line[0] == rows[0][0]
    page.click("[name=overlay][value=chances]")
    assert rows[0][5] in page.run(shown)
    assert "of visits, wins" in page.labels()[line[0].removeprefix("F")]
    course = "return document.querySelector('#chart .course').getAttribute('d')"
    page.until(lambda: page("#thinking").text == "2,000 simulations")  # nothing is left to do
    chart = page.run(course)
    page.click(".choice")
    page.until(lambda: page.run(course) != chart)


def test_a_hint(page: Page) -> None:
    page.open(f"{TWO_PERSONS}&moves={OPENING}")
    page.click("#hint")
    page.until(lambda: page.status.startswith("I would "))
    assert page.all(".hinted")


@pytest.fixture(scope="module")
def played(sample_traces: list[dict[str, Any]]) -> str:
    return faulty_game(sample_traces)


def faulty_game(traces: list[dict[str, Any]]) -> str:
    """A link to the first moves of a game of random players, full of mistakes."""
    trace = next(trace for trace in traces if trace["mode"] == "random")
    kinds: dict[str, Any] = {"F": "flag", "N": "normal"}
    names = [str(Move(kinds[m["t"]], m["r"], m["c"])) for m in trace["moves"][:14]]
    return f"board={trace['board'].replace('#', '%23')}&moves={'-'.join(names)}"


def test_the_whole_game_is_analysed_once(page: Page, server: PageServer, played: str) -> None:
    page.open(played)
    page.click("#analyse")
    summary = page.until(lambda: page("#summary").text)
    asked = Counter(len(question["moves"]) for question in server.asked)
    assert set(asked) == set(range(15))
    assert all(asked[ply] == 1 for ply in range(14))  # the last one is shown, and looked at deeper
    mistakes = page.all("#moves :is(.mistake, .blunder)")
    assert mistakes
    assert len(mistakes) == len(page.all("#chart .mistake"))
    counts = [int(word.strip(",.")) for word in summary.split()[2:5:2]]
    assert sum(counts) == len(mistakes)
    # All of this is drawn anew while the last one is searched.
    page.click("#moves :is(.mistake, .blunder)")
    page.until(lambda: "it lost" in page("#detail").text)
    course = page.until(lambda: page("#chart .course").get_attribute("d"))
    assert course.count("M") == 1


def test_a_move_that_is_pressed_stays_under_the_finger(
    page: Page, driver: Any, played: str
) -> None:
    """Whatever the analysis finds meanwhile, and nobody who scrolls is taken elsewhere."""
    page.open(played)
    page.click("#analyse")
    scrolled = "return document.querySelector('#moves').scrollTop"
    page.run("document.querySelector('#moves').style.height = '60px'")
    page.run("document.querySelector('#moves').scrollTop = 0")
    page.run("return window.seen.forget()")  # what these lines have moved
    hand = webdriver.ActionChains(driver)
    hand.click_and_hold(page("#moves li:nth-child(2) button")).perform()
    page.until(lambda: page("#summary").text)
    assert page.run(scrolled) == 0
    hand.reset_actions()
    webdriver.ActionChains(driver).release().perform()
    assert page.shown == 2


def test_a_graph_joins_only_neighbours(page: Page) -> None:
    page.open(TWO_PERSONS)
    course = page.run(
        """
        return import("./modules/board.js").then(({ drawChart }) => {
          document.querySelector("#analysis-on").hidden = false;
          drawChart({ length: 9, points: [[0, .5], [1, .6], [4, .1], [7, .9], [8, .9]], now: 0 });
          return document.querySelector("#chart .course").getAttribute("d");
        });
        """
    )
    assert [part.count(" ") for part in course.split("M")[1:]] == [2, 1, 2]
    page.run("return window.seen.forget()")  # what the script above has moved


def test_a_lesson(page: Page, played: str) -> None:
    """The position before the mistake, a try, and the answer with both lines."""
    page.open(f"{played}&resigned=2")
    moves = page.moves
    page.click("#learn")
    page.until(lambda: "Find a better move" in page.status)
    words = page.status.split()
    count, bad = int(words[2].rstrip(":")), words[5].rstrip(",")
    assert moves[page.shown] == bad
    for choice in range(len(page.all(".choice"))):
        page.click(".choice", choice)
        page.until(lambda: "Thinking about it" not in page.status)
        if "There is a better move" in page.status:
            break
        page.click("#following")
        page.click("#leave")
        page.click("#learn")
    page.click("#again")
    assert "Find a better move" in page.status
    page.click("#answer")
    best = page.status.split("best is ")[1].split(".")[0]
    better = [disc.get_attribute("transform") for disc in page.all(".hz-heat g")]
    page.click("[name=line][value=played]")
    played_line = [disc.get_attribute("transform") for disc in page.all(".hz-heat g")]
    places = [page.cell(move.removeprefix("F")).get_attribute("transform") for move in (best, bad)]
    assert [better[0], played_line[0]] == places
    page.click("#previous")
    assert page.status.endswith("\u201cGo on\u201d returns to the review.")
    assert not page.all(".hz-heat g")
    page.click("#again")
    assert "best is" in page.status
    page.click("#again")
    page.click("#previous")
    assert "Find a better move" not in page.status
    assert not page.all(".choice")
    page.click("#again")
    assert page.status.startswith(f"1 of {count}: ")
    for _ in range(count):
        page.click("#following")
    assert page.status == "That was the last mistake."
    assert not page("#following").is_displayed()  # these were the mistakes of both
    page.click("#again")
    assert page.status.startswith(f"1 of {count}: ")
    page.click("#leave")
    assert page.moves == moves
    assert page.status == "Orange resigned. Blue wins."


def test_a_lesson_goes_on_with_the_mistakes_of_the_other_player(page: Page, played: str) -> None:
    page.open(f"{played}&blue=person&orange=uct:20&resigned=2")
    page.click("#learn")
    page.until(lambda: "1 of" in page.status or "There are no mistakes" in page.status)
    while not page.status.startswith(("That was", "There are")):
        page.click("#following")
    assert page("#following").text == "Orange\u2019s mistakes"
    page.click("#following")
    assert "1 of" in page.status
    assert ": Orange played" in page.status
    page("body").send_keys(Keys.ESCAPE)
    assert page.status == "Orange resigned. You win."


def test_no_key_changes_a_game_in_review(page: Page, played: str) -> None:
    """Also at its end, where the board shows the last position."""
    page.open(f"{played}&resigned=2")
    fields = page.fields
    page.click("#learn")
    while page.status != "That was the last mistake.":
        page.until(lambda: page("#following").is_enabled())
        page.click("#following")
    page("body").send_keys("uur")
    page.click("#leave")
    assert page.fields == fields
    page("body").send_keys("u")
    assert page.fields != fields


def test_whose_ground_each_cell_will_be(page: Page) -> None:
    page.open(f"{TWO_PERSONS}&moves={OPENING}")
    page.click("#analyse")
    page.until(lambda: page("#expected").text)
    page.click("[name=overlay][value=ground]")
    open_cells = len(page.all("#board :is(.hz-empty, .hz-grass)[data-cell]"))
    assert len(page.all("#board .ground + text")) == open_cells  # below what is written there
    labels = page.labels()
    assert labels["c1"] == "c1: grass worth 2. May be Blue\u2019s"
    assert labels["h3"].endswith(". Will be Orange\u2019s")
    assert (labels["b1"], labels["d5"]) == ("b1: rock", "d5: Blue flag")
    page.click("[name=overlay][value=visits]")
    assert not page.all("#board .ground")


@pytest.mark.parametrize("margin", [-9, 9])
def test_the_expected_result_does_not_contradict_the_chances(
    page: Page, server: PageServer, margin: int
) -> None:
    server.margin = margin
    page.open(f"{TWO_PERSONS}&moves={OPENING}")
    page.click("#analyse")
    page.until(lambda: page("#expected").text)
    blue, orange = map(int, re.findall(r"\d+", page(".bar").get_attribute("aria-label")))
    leader = "Blue" if margin > 0 else "Orange"
    agrees = (blue > orange) == (margin > 0)
    expected = f"{leader} by 9 points" if agrees else "close"
    assert blue != orange
    assert page("#expected").text == f"Expected result: {expected}"


# --- A server in trouble -------------------------------------------------------------------------


def test_a_busy_server_is_asked_again(page: Page, server: PageServer) -> None:
    page.open(AGAINST_COMPUTER)
    server.busy = 1
    page.click("[data-name=d5]")
    page.until(lambda: len(page.moves) == 2)
    assert len(server.asked) == 2


def test_two_people_need_no_players(page: Page, server: PageServer) -> None:
    server.offers = {}
    page.open()
    page.click("[data-name=e5]") if not page.labels()["e5"].endswith("rock") else None
    assert page.fields["orange"] == "person"
    assert not page("#hint").is_enabled()
    assert not page("#analyse").is_enabled()
    server.reset()
    page.click("#new")
    page.until(lambda: not page("#no-server").is_displayed())
    assert len(page.all("#setup [name=orange] option")) == 4


def test_a_game_waits_for_its_server(page: Page, server: PageServer) -> None:
    server.offers = {}
    page.open(f"{AGAINST_COMPUTER}&moves=Fd5")
    assert page.status == "The server does not answer."
    server.reset()
    page.click("#go")
    page.until(lambda: len(page.moves) == 2)


def test_a_dead_server_is_told_at_once_and_asked_again(page: Page, server: PageServer) -> None:
    page.open(AGAINST_COMPUTER)
    server.is_dead = True
    page.click("[data-name=d5]")
    page.until(lambda: page.status == "The server does not answer. Asking again \u2026")
    server.reset()
    page.until(lambda: len(page.moves) == 2)
    page.errors()


@pytest.fixture
def impatience(driver: Any) -> Iterator[Any]:
    """Lets waits of five seconds and more, up to so many, be over at once on pages to come."""
    scripts = []

    def limited(seconds: int) -> None:
        source = f"""const wait = window.setTimeout;
          window.setTimeout = (f, ms) => wait(f, ms >= 5000 && ms <= {1000 * seconds} ? 300 : ms)"""
        add = "Page.addScriptToEvaluateOnNewDocument"
        scripts.append(driver.execute_cdp_cmd(add, {"source": source}))

    yield limited
    for script in scripts:
        driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", script)


def test_a_server_that_stands_still_can_be_asked_again_at_any_time(
    page: Page, server: PageServer, impatience: Any
) -> None:
    impatience(10)
    page.open(AGAINST_COMPUTER)
    server.hang()
    page.cell("d5").click()
    page.until(lambda: "is thinking" in page.status)
    page.until(lambda: page.status == "The server does not answer yet.")
    page.click("#go")
    page.until(lambda: len(server.asked) == 2)
    server.reset()
    page.until(lambda: len(page.moves) == 2)
    assert page.moves[0] == "Fd5"
    assert not page("#go").is_displayed()


def test_a_server_that_stands_still_is_given_up_in_the_end(
    page: Page, server: PageServer, impatience: Any
) -> None:
    """Moves, hints and the analysis say so, and the game is still there."""
    impatience(70)
    page.open(f"{AGAINST_COMPUTER}&moves=")
    server.hang()
    page.click("#hint")
    page.until(lambda: page("#notice").text.startswith("The server does not answer."))
    page.click("#analyse")
    page.until(lambda: page("#thinking").text.endswith("The server does not answer."))
    page.cell("d5").click()
    page.until(lambda: page.status == "The server does not answer.")
    assert page.moves == ["Fd5"]
    server.reset()
    page.click("#go")
    page.until(lambda: len(page.moves) == 2)
    page.until(lambda: "Thinking" not in page("#thinking").text)


def test_a_page_that_did_not_arrive_whole_says_so(page: Page, server: PageServer) -> None:
    server.missing = {"main.js"}
    page.visit(TWO_PERSONS)
    assert page.status == "A part of this page could not be loaded."
    server.missing = set()
    page.click("#go")
    page.until(lambda: page.all(".choice"))
    assert page.status.startswith("Blue")
    assert page.errors("404") == []


def test_a_refusal_is_told_in_words_for_players(page: Page, server: PageServer) -> None:
    page.open(AGAINST_COMPUTER)
    server.refusal = '"moves" must be at most 105 whole numbers'
    page.click("[data-name=d5]")
    page.until(lambda: page.status == "The server could not deal with this game.")
    server.reset()
    page.click("#go")
    page.until(lambda: len(page.moves) == 2)
    assert any("whole numbers" in error for error in page.errors())


# --- Where people were lost ----------------------------------------------------------------------


@pytest.mark.parametrize(("name", "words"), [
    ("b1", "A rock: nothing can stand here."),
    ("c1", "Grass is captured: place a value of 2 or more beside it"),
    ("f4", "This cell is Orange\u2019s for good."),
    ("j9", "A rock"), ("i11", "Values grow from your cells"),
])  # fmt: skip
def test_a_click_that_is_no_move_is_explained(page: Page, name: str, words: str) -> None:
    page.open(f"{TWO_PERSONS}&moves={OPENING}")
    page.click(f"[data-name={name}]")
    assert page("#notice").text.startswith(words)
    notice, below = page("#notice").rect, page(".tools").rect
    assert notice["y"] + notice["height"] <= below["y"]
    page.click("#notice .close")
    assert not page("#notice").is_displayed()


def test_a_new_game_in_the_middle_of_one_and_the_unfinished_one(
    page: Page, server: PageServer
) -> None:
    page.open(AGAINST_COMPUTER)
    page.click("[data-name=d5]")
    page.until(lambda: len(page.moves) == 2)
    moves = page.moves
    page.open()
    offered = "Your game against Novice is at move 2."
    assert page("#notice").text.startswith(offered)
    assert page.moves == []
    page.click("#board .hz-rock")
    assert page("#notice").text.startswith(offered)
    page.driver.refresh()
    page.until(lambda: page("#notice").text.startswith(offered))
    server.hang()
    page.click(".choice")  # by mistake
    page.until(lambda: len(page.moves) == 1)
    page.click("#new")
    assert page("#unfinished button").text == "Novice, move 2"
    server.reset()
    page.until(lambda: len(page.moves) == 2)  # the dialog is open meanwhile
    page.click("#setup .primary")  # gives that up
    page.until(lambda: page.moves == [])
    page.click("#new")
    page.click("#unfinished button")
    page.until(lambda: page.moves == moves)
    page.open()
    assert page("#notice").text.startswith(offered)
    page.click("#notice .act")
    assert page.moves == moves
    resign(page)
    page.open()
    assert not page("#notice").is_displayed()


def test_games_that_are_only_looked_at_are_not_the_unfinished_one(page: Page) -> None:
    """Neither a link of somebody else nor the end of a game in another tab takes its place."""
    page.open(AGAINST_COMPUTER)
    page.click("[data-name=d5]")
    page.until(lambda: len(page.moves) == 2)
    remembered = "return localStorage.getItem('unfinished')"
    mine = page.run(remembered)
    for other in (f"{TWO_PERSONS}&moves={OPENING}", f"{TWO_PERSONS}&moves={OPENING}&resigned=1"):
        page.open(other)
        page.click("#previous")
        page.click("#last")
        assert page.run(remembered) == mine
    page.open("seed=3&moves=Fd5")
    page.click(".choice")
    assert page.run(remembered) != mine
    page.run("localStorage.setItem('unfinished', arguments[0])", mine)  # as another tab does
    resign(page)
    page.open()
    assert page("#notice").text.startswith("Your game against Novice is at move 2.")
    page.click("#notice .act")
    resign(page)
    assert page.run(remembered) is None


def test_a_first_visit_is_against_somebody_gentle(page: Page) -> None:
    page.open()
    assert [who.text for who in page.all(".who")] == ["You", "Beginner"]
    assert page.all(".choice")


def test_the_end_offers_a_rematch_and_the_next_level(page: Page, server: PageServer) -> None:
    page.open(f"seed=17&blue=uct:20&orange=person&moves={OPENING}&resigned=1")
    assert page.status == "Blue resigned. You win."
    assert page("#level").text == "Next: Novice"
    page.click("#level")
    page.until(lambda: page.fields["blue"] == "uct:50")
    assert page.fields["orange"] == "person"
    page.driver.back()
    page.until(lambda: page.status == "Blue resigned. You win.")
    page.click("#rematch")
    assert [page.fields[seat] for seat in ("blue", "orange")] == ["person", "uct:20"]
    page.open(f"seed=17&blue=uct:20&orange=person&moves={OPENING}&resigned=2")
    assert page.status == "You resigned. You lose."
    assert not page("#level").is_displayed()


def test_a_game_can_be_shared_as_a_link_and_a_picture(
    page: Page, driver: Any, tmp_path: Path
) -> None:
    driver.execute_cdp_cmd(
        "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)}
    )
    page.open(f"{TWO_PERSONS}&moves={OPENING}&resigned=1")
    page.click("#share")
    page.until(lambda: page("#link").get_property("value") == driver.current_url)
    page.until(lambda: "Orange wins" in page("#picture").get_attribute("aria-label"))
    assert not page("#only-here").is_displayed()
    page.click("#save-picture")
    page.until((tmp_path / "flagz-17.png").exists)
    colours = page.run(
        """
        const canvas = document.querySelector("#picture"), { width, height } = canvas;
        const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
        const seen = new Set();
        for (let i = 0; i < data.length; i += 4) seen.add(data.slice(i, i + 3).join());
        return [...seen];
        """
    )
    assert {"0,114,178", "230,159,0", "154,161,171"} <= set(colours)  # of both players and rocks
    page.click("#sharing .primary")


def test_a_clock_runs_from_the_first_move_and_ends_a_game(
    page: Page, server: PageServer, driver: Any
) -> None:
    page.open(TWO_PERSONS)
    page.click("#new")
    page.run("arguments[0].value = arguments[1]", page("[name=orange]"), "uct:20")
    page.run("arguments[0].value = arguments[1]", page("[name=clock]"), "60+1")
    page.click("#setup .primary")
    page.until(lambda: page(".clock").is_displayed())
    assert [clock.text for clock in page.all(".clock")] == ["1:00", "1:00"]
    page.click(".choice")
    page.until(lambda: len(page.moves) == 2)
    assert server.asked[-1]["within"] == pytest.approx(3.5, abs=0.2)
    page.until(lambda: page(".clock").text != "1:00")
    # Orange, whose move came with a second more, has more than a minute, or little less.
    assert page.all(".clock")[1].text in ("0:59", "1:00", "1:01")
    page.run("const now = performance.now; performance.now = () => now.call(performance) + 7e4;")
    page.until(lambda: page.status == "Your time is over. You lose.")
    assert page.run("return window.seen.moved") == []
    assert page.fields["late"] == "1"
    page.driver.refresh()
    page.until(lambda: page.status == "Your time is over. You lose.")
    assert not page(".clock").is_displayed()
    page.click("#undo")
    assert "late" not in page.fields


def test_a_clock_goes_on_after_a_reload(page: Page) -> None:
    page.open(TWO_PERSONS)
    page.click("#new")
    page.run("arguments[0].value = arguments[1]", page("[name=clock]"), "60+1")
    page.click("#setup .primary")
    page.until(lambda: page(".clock").is_displayed())
    page.click(".choice")
    page.until(lambda: page.all(".clock")[1].text == "0:57")
    page.driver.refresh()
    page.until(lambda: page(".clock").is_displayed())
    assert page.all(".clock")[1].text in ("0:57", "0:56", "0:55")
    page.click("#new")
    page.run("arguments[0].value = ''", page("[name=clock]"))
    page.click("#setup .primary")
    page.until(lambda: page.moves == [])
    assert not page(".clock").is_displayed()
    page.driver.back()
    page.until(lambda: page(".clock").is_displayed())
    assert len(page.moves) == 1


def test_sound_is_off_until_somebody_asks(page: Page) -> None:
    page.open(TWO_PERSONS)
    assert page("#sound").get_attribute("aria-pressed") == "false"
    page("body").send_keys("m")
    page.click("[data-name=d5]")
    assert page("#sound").get_attribute("aria-pressed") == "true"
    page.driver.refresh()
    page.until(lambda: page("#sound").get_attribute("aria-pressed") == "true")


# --- Everybody and everywhere --------------------------------------------------------------------

OVERFLOWING = """
return [...document.querySelectorAll("body *")]
  .filter((element) => element.getBoundingClientRect().right > innerWidth)
  .map((element) => element.outerHTML.slice(0, 80));
"""


def test_a_phone(page: Page) -> None:
    page.open(AGAINST_COMPUTER, PHONE)
    assert page.run("return document.documentElement.scrollWidth") == PHONE[0]
    page.click("[data-name=d5]")
    page.until(lambda: len(page.moves) == 2)
    assert page.cell("d5").rect["width"] > 28
    assert page("#slider").rect["y"] + 30 < PHONE[1]
    assert page.run(OVERFLOWING) == []
    for button in page.all(".tools > button, #live button, .controls button"):
        assert button.rect["height"] >= 44
    page.click("#analyse")
    page.click("#new")
    assert page.run(OVERFLOWING) == []
    dialog = page("#setup")
    assert dialog.get_property("scrollWidth") == dialog.get_property("clientWidth")


def test_a_phone_on_its_side_shows_all_rows(page: Page) -> None:
    page.open(f"{TWO_PERSONS}&moves={OPENING}", (844, 390))
    assert page.run("return document.documentElement.scrollWidth") <= 844
    for name in ("a1", "j11"):
        rect = page.cell(name).rect
        assert rect["y"] >= 0
        assert rect["y"] + rect["height"] <= 390
        assert rect["width"] > 28
    for selector in ("#status", "#undo", "#slider", "#new", "#tool"):
        rect = page(selector).rect
        assert rect["y"] + rect["height"] <= 390
        assert rect["x"] > page("#board").rect["x"] + page("#board").rect["width"]


@pytest.mark.parametrize(
    "size",
    [
        *((1440, 900), (1024, 700), (844, 390), (390, 844), (320, 640)),
        *((667, 375), (640, 360), (720, 450)),  # small phones on their side, laptops at 200 %
    ],
)
def test_nothing_sticks_out_at_any_size(page: Page, size: tuple[int, int], played: str) -> None:
    for link in (AGAINST_COMPUTER, f"{TWO_PERSONS}&moves={OPENING}", f"{played}&resigned=2"):
        page.open(link, size)
        assert page.run(OVERFLOWING) == []
        assert page.run(CLIPPED) == []
        page.click("#previous") if page("#previous").is_enabled() else None
        assert page.run(CLIPPED) == []
    page.click(".choice", 1)  # the first one was played
    assert page("#delete").is_displayed()
    assert page.run(CLIPPED) == []
    page.click("#back")
    page.click("#learn")
    assert page.run(CLIPPED) == []
    page.until(lambda: "Find a better move" in page.status)
    assert page.run(CLIPPED) == []
    page.click("#answer")
    assert page.run(CLIPPED) == []
    page.click("#leave")
    page.click("#new")
    assert page.run(OVERFLOWING) == []


@pytest.mark.parametrize("width", [320, 390, 1024])
def test_every_name_of_a_level_fits(page: Page, width: int) -> None:
    """Beside three flags and two digits, with the star of the winner."""
    page.open(TWO_PERSONS, (width, 700))
    cut = page.run(
        """
        document.querySelectorAll(".points").forEach((points) => { points.textContent = "99"; });
        const who = document.querySelector("[data-player='2'] .who");
        who.closest(".side").classList.add("winner");
        return arguments[0].filter((name) => {
          who.textContent = name;
          return who.scrollWidth > who.clientWidth || who.scrollHeight > who.clientHeight + 1;
        });
        """,
        [level.name.capitalize() for level in LEVELS],
    )
    assert cut == []
    page.run("return window.seen.forget()")  # what the script above has moved


SHARE_SHEET = """
navigator.canShare = ({ files, url }) => files[0].type === "image/png" && url === location.href;
navigator.share = async ({ files, text, url }) => {
  window.sent = [files[0].name, files[0].size > 10_000, text, url];
  throw new DOMException("closed", "AbortError");
};
"""


def test_a_game_is_sent_by_the_share_sheet_where_there_is_one(page: Page) -> None:
    page.open(f"{TWO_PERSONS}&moves={OPENING}&resigned=1", PHONE)
    page.click("#share")
    page.until(lambda: page("#sharing").is_displayed())
    assert not page("#send").is_displayed()
    page.click("#sharing .primary")
    page.run(SHARE_SHEET)
    page.click("#share")
    page.until(lambda: page("#send").is_displayed())
    page.click("#send")
    sent = page.until(lambda: page.run("return window.sent"))
    assert sent == ["flagz-17.png", True, "Blue resigned. Orange wins.", page.driver.current_url]
    page.click("#sharing .primary")


@pytest.mark.parametrize(
    "size",
    [
        *((1440, 900), (1024, 700), (844, 390), (390, 844), (320, 640)),
        *((740, 360), (667, 375), (640, 360)),  # small phones on their side
    ],
)
def test_dialogs_show_all_that_can_be_done(page: Page, size: tuple[int, int]) -> None:
    page.open(f"{AGAINST_COMPUTER}&moves={OPENING}", size)
    for opener, dialog in (("#new", "#setup"), ("#copy", "#sharing")):
        page.click(opener)
        page.until(lambda dialog=dialog: page(f"{dialog}[open]"))  # type: ignore[misc]
        whole, seen = (page(dialog).get_property(f"{what}Height") for what in ("scroll", "client"))
        assert whole == seen
        for control in page.all(f"{dialog} :is(button:not([hidden]), input, select, canvas)"):
            top, height = control.rect["y"] - page.run("return scrollY"), control.rect["height"]
            assert 0 <= top <= top + height <= size[1], control.get_attribute("outerHTML")
        page.driver.switch_to.active_element.send_keys(Keys.ESCAPE)


CLIPPED = """
const all = "button, .segments span, .who, .tools, header, #notice span";
const cut = (element) => element.scrollWidth > element.clientWidth + 1
  || element.scrollHeight > element.clientHeight + 1;
return [...document.querySelectorAll(all)]
  .filter((element) => element.checkVisibility() && cut(element))
  .map((element) => element.outerHTML.slice(0, 80));
"""


def test_the_tab_key_leads_to_cells_and_buttons_only(page: Page, driver: Any) -> None:
    """Whatever has the focus shows it, and Enter there makes no move that is not shown."""
    page.open(TWO_PERSONS)
    stops = []
    for _ in range(40):
        driver.switch_to.active_element.send_keys(Keys.TAB)
        focused = driver.switch_to.active_element
        if focused.tag_name == "body":
            break
        stops.append(focused.get_attribute("id") or focused.get_attribute("data-name"))
        assert focused.tag_name != "svg"
        assert focused.accessible_name
    assert "e6" in stops
    page("body").send_keys(Keys.ENTER, Keys.SPACE, Keys.ARROW_DOWN, Keys.ENTER)
    assert page.moves == []


def test_no_key_makes_a_move_that_is_not_shown(page: Page) -> None:
    """On a cell where the board shows nothing, none plays."""
    page.open(f"{TWO_PERSONS}&moves={OPENING}")
    for key in (Keys.ENTER, Keys.SPACE, *"abcdeghijklmnopqrstvwxyz0123456789,.?"):
        page.run("document.querySelector('[data-name=j1]').focus()")
        page.driver.switch_to.active_element.send_keys(key)
        assert page.moves == OPENING.split("-"), key
        if opened := page.all("dialog[open]"):
            opened[0].send_keys(Keys.ESCAPE)
    page("body").send_keys("u")
    assert page.moves == OPENING.split("-")[:-1]


def test_a_whole_game_by_keyboard(page: Page) -> None:
    page.open(f"{SMALL}&blue=person&orange=person")
    with Hands(page) as hands:
        assert play_by_keyboard(hands) == page.board()


def walk_to(focused: Any, name: str) -> None:
    """Takes the focus to a cell with arrow keys."""
    rows = int(name[1:]) - int(focused().get_attribute("data-name")[1:])
    keys = [Keys.ARROW_DOWN if rows > 0 else Keys.ARROW_UP] * abs(rows)
    keys += [Keys.HOME, *[Keys.ARROW_RIGHT] * (ord(name[0]) - ord("a"))]
    webdriver.ActionChains(focused().parent).send_keys(*keys).perform()
    assert focused().get_attribute("data-name") == name


def test_a_whole_game_by_touch(page: Page) -> None:
    page.open(TWO_PERSONS, PHONE)
    with Hands(page) as hands:
        assert play_by_touch(hands) == page.board()


def test_letters_are_no_shortcuts_for_those_who_turn_them_off(page: Page) -> None:
    page.open(f"{TWO_PERSONS}&moves=Fd5-Fe8")
    page("body").send_keys("?")
    page.click("#letters")
    page.click("#shortcuts .primary")
    page.driver.refresh()
    page.until(lambda: len(page.moves) == 2)
    page("body").send_keys("u", "n", "?", ",")
    assert (len(page.moves), page.shown) == (2, 2)
    assert not page.all("dialog[open]")
    page("body").send_keys(Keys.ARROW_LEFT)  # which is no sign
    assert page.shown == 1
    page.click("#help")
    page.click("#letters")
    page.click("#shortcuts .primary")
    page("body").send_keys(Keys.ESCAPE, "u")
    assert len(page.moves) == 1


def test_the_keyboard_alone(page: Page, driver: Any, server: PageServer) -> None:
    page.open(f"{TWO_PERSONS}&moves=Fd5-Fe8-c5-Ff4-Fh7")
    focused = lambda: driver.switch_to.active_element  # noqa: E731
    page.run("document.querySelector('[data-cell][tabindex=\"0\"]').focus()")
    walk_to(focused, "a1")
    focused().send_keys(Keys.ARROW_DOWN)
    focused().send_keys(Keys.END)
    assert focused().get_attribute("data-name") == "i2"
    focused().send_keys(Keys.ARROW_DOWN)
    assert page("#detail").text.startswith("i3: ")
    focused().send_keys("f")
    focused().send_keys(Keys.ENTER)
    assert page.moves[-1] == "Fi3"
    assert page.status.startswith("Orange planted a flag on i3.")
    assert focused().get_attribute("data-name") == "i3"
    focused().send_keys("u")
    assert page.moves[-1] == "Fh7"
    focused().send_keys("r")
    assert page.moves[-1] == "Fi3"
    focused().send_keys(",", ",")
    assert page.shown == 4
    focused().send_keys(".", ".")
    focused().send_keys("h")
    page.until(lambda: page.status.startswith("I would "))
    focused().send_keys("?")
    assert page("#shortcuts").is_displayed()
    focused().send_keys("n")
    assert not page("#setup").is_displayed()
    focused().send_keys(Keys.ESCAPE)
    assert not page("#shortcuts").is_displayed()
    focused().send_keys(",")
    page.click(".choice")
    page.run("document.querySelector('#board [data-cell][tabindex=\"0\"]').focus()")
    asked = len(server.asked)
    focused().send_keys("h")  # a hint is for the game
    while focused().find_elements(By.XPATH, "ancestor::*[@id='moves']") == []:
        focused().send_keys(Keys.TAB)
    assert focused().get_attribute("aria-current")
    for key, start in ((Keys.ARROW_UP, "Move 5"), (Keys.ARROW_DOWN, "Tried: ")):
        focused().send_keys(key)
        focused().send_keys(Keys.ENTER)
        assert page.status.startswith(start)
    assert focused().get_attribute("aria-current")
    page.run("document.querySelector('#back').focus()")
    focused().send_keys(Keys.ENTER)
    assert focused().get_attribute("class") == "tools"
    assert len(server.asked) == asked


def test_everything_has_a_name(page: Page, driver: Any) -> None:
    page.open(f"{TWO_PERSONS}&moves={OPENING}")
    page.click("#analyse")
    page.until(lambda: page.all("#top tbody tr"))
    page.click("#new")
    for scope in ("dialog", "page"):
        nodes = driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
        roles = [node["role"]["value"] for node in nodes if not node["ignored"]]
        for node in nodes:
            role = node.get("role", {}).get("value")
            if not node["ignored"] and role in NAMED_ROLES:
                assert node["name"]["value"], (scope, role, node)
        if scope == "dialog":
            assert roles.count("combobox") == 3
            page.click("#cancel")
    assert roles.count("gridcell") == 105
    assert roles.count("row") >= 11


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing(page: Page, driver: Any, played: str, theme: str) -> None:
    themed(driver, theme)
    page.open(f"{TWO_PERSONS}&moves={OPENING}")
    assert findings(driver) == []
    page.click("[data-name=c1]")
    page.open(f"{played}&resigned=2")
    page.click("#analyse")
    page.until(lambda: page("#summary").text)
    assert findings(driver) == []
    page.click("#previous")
    assert findings(driver) == []
    page.click("#last")
    page.click("#learn")
    page.until(lambda: "Find a better move" in page.status)
    assert findings(driver) == []
    page.click("#answer")
    assert findings(driver) == []
    page.click("#leave")
    for opener, closer in (("new", "#cancel"), ("help", "#shortcuts .primary"),
                           ("share", "#sharing .primary")):  # fmt: skip
        page.click(f"#{opener}")
        assert findings(driver) == []
        page.click(closer)
    driver.get(f"{page.url}static/rules.html")
    assert findings(driver) == []


NAMED_ROLES = {"button", "gridcell", "switch", "slider", "radio", "image", "link", "combobox"}
NAMED_ROLES |= {"textbox", "grid", "dialog", "table"}


def test_who_wants_no_motion_gets_none(page: Page, driver: Any, server: PageServer) -> None:
    """Nothing goes on and on either: whoever thinks is named in words."""
    still = [{"name": "prefers-reduced-motion", "value": "reduce"}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": still})
    page.open(AGAINST_COMPUTER)
    server.is_dead = True
    page.click("[data-name=d5]")
    page.until(lambda: page.all("#status.busy"))
    page.click("#analyse")
    moving = "return document.getAnimations().map(({ effect: { target } }) => target.outerHTML)"
    assert page.run(moving) == []
    themed(driver, None)
    page.until(lambda: page.run(moving))
    server.reset()
    page.until(lambda: len(page.moves) == 2)
    page.errors()


def test_a_browser_that_may_remember_nothing(page: Page, driver: Any) -> None:
    """Where site data is forbidden, `localStorage` itself throws."""
    forbidden = """
    const refuse = () => { throw new DOMException("forbidden", "SecurityError"); };
    Object.defineProperty(window, "localStorage", { get: refuse });
    """
    script = driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": forbidden})
    page.open(AGAINST_COMPUTER)
    page.click("[data-name=d5]")
    page.until(lambda: len(page.moves) == 2)
    page.click("#sound")
    assert page("#sound").get_attribute("aria-pressed") == "true"
    page.click("#theme")
    page.open()
    assert "Your turn" in page.status
    driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", script)


def test_light_and_dark(page: Page, driver: Any) -> None:
    def back() -> str:
        return page("body").value_of_css_property("background-color")

    page.open(TWO_PERSONS)
    light = back()
    page.click("#theme")
    page.until(lambda: back() != light)
    dark = back()
    page.driver.refresh()
    page.until(lambda: back() == dark)
    page.driver.get(page.url + "static/rules.html")
    page.until(lambda: back() == dark)
    page.click("#theme")
    page.until(lambda: back() == light)
    themed(driver, "dark")
    page.until(lambda: back() == dark)


def test_it_is_small_and_quick(page: Page) -> None:
    page.visit(TWO_PERSONS)
    loaded = page.run(
        """
        const entries = (type) => performance.getEntriesByType(type);
        const all = [...entries("navigation"), ...entries("resource")];
        return all.map(({ name, decodedBodySize }) => [name, decodedBodySize]);
        """
    )
    assert any(name.endswith("main.js") for name, _ in loaded)
    assert sum(size for _, size in loaded) < 150_000
    assert min(times_to_play(page)) < 1000


def times_to_play(page: Page) -> Iterator[float]:
    """Milliseconds until the page can be played on, of some loads: of one, other work on the
    machine may take the most."""
    for _ in range(5):
        page.visit(TWO_PERSONS)
        yield page.run("return window.seen.usable")


@pytest.mark.parametrize("button", ["new", "resign", "last"])
def test_nothing_moves_while_the_page_arrives(page: Page, server: PageServer, button: str) -> None:
    server.pause_before = f'<button type="button" id="{button}"'
    page.visit(TWO_PERSONS)
    page.until(lambda: page.all(".choice"))


def test_it_works_below_a_path_of_a_proxy(driver: Any, page: Page, server: PageServer) -> None:
    below = Page(driver, f"{server.url}{PREFIX[1:]}/")
    below.open(AGAINST_COMPUTER)
    below.click("[data-name=d5]")
    below.until(lambda: len(below.moves) == 2)
    driver.find_element(By.LINK_TEXT, "Rules").click()
    driver.find_element(By.LINK_TEXT, "Play").click()
    assert driver.current_url.startswith(below.url)
    below.until(lambda: below.status)


def test_it_loads_nothing_from_elsewhere(page: Page) -> None:
    page.open(TWO_PERSONS)
    names = page.run("return performance.getEntriesByType('resource').map(({ name }) => name)")
    assert f"{page.url}static/main.js" in names
    assert all(name.startswith(page.url) for name in names)
    links = page.all("a")
    assert [link.get_attribute("href") for link in links] == [page.url + "static/rules.html"]
    page.driver.find_element(By.LINK_TEXT, "Rules").click()
    assert len(page.all("figure svg")) == 7
    page.driver.find_element(By.LINK_TEXT, "Play").click()
    page.until(lambda: page.status)
