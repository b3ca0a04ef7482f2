"""The page, driven in a real browser."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hexz.engine import Board, Move
from hexz.gameplay.game import Game
from hexz.player.page import page_files

from .browser import PHONE, Page, start_chromium, webdriver
from .page_server import PageServer

Keys = webdriver.Keys
By = webdriver.common.by.By
TWO_PERSONS = "seed=17&blue=person&orange=person"
AGAINST_COMPUTER = "seed=17&blue=person&orange=uct:50"
OPENING = "Fd5-Fe8-c5-Ff4-Fh7-Fa5-d4-a4-b4-b3-b6"


WATCH = """
window.seen = { moved: [], usable: null };
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) {
    if (entry.hadRecentInput) continue;
    window.seen.moved.push(...entry.sources.map(({ node }) => node?.outerHTML.slice(0, 80)));
  }
}).observe({ type: "layout-shift", buffered: true });
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
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    driver = start_chromium(tmp_path_factory.mktemp("downloads"))
    driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": WATCH})
    yield driver
    driver.quit()


@pytest.fixture
def page(driver: Any, server: PageServer) -> Iterator[Page]:
    """The page; after any test nothing may be wrong in the console, and nothing may have moved."""
    server.reset()
    page = Page(driver, server.url)
    yield page
    assert page.errors("503") == []
    assert page.run("return window.seen.moved") == []
    driver.get(server.url + "static/rules.html")
    driver.execute_script("localStorage.clear()")


# --- Playing -------------------------------------------------------------------------------------


def test_a_whole_game_by_clicks(page: Page) -> None:
    page.open(TWO_PERSONS)
    while not (board := page.board()).is_over:
        assert page("#counter").text == f"{board.move_number} / {board.move_number}"
        if board.flags_left[board.turn - 1] and board.move_number % 9 < 3:
            page.click("[value=flag]")
        choices = page.all(".choice")
        choices[board.move_number * 7 % len(choices)].click()
    assert [int(side.text) for side in page.all(".points")] == list(board.score)
    outcome = f"{['', 'Blue', 'Orange'][board.winner]} wins, {max(board.score)}"
    assert outcome in page.status
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
    page.cell("g3").click()
    assert page.status == "Blue placed 1 on g3 and captured 1. Orange\u2019s turn."
    assert page.labels()["h3"] == "h3: Blue 1"
    assert page.all('[data-name="g3"] .appears')
    assert page.all('[data-name="h3"] .captured')
    assert [use.get_attribute("href") for use in page.all(".hz-marks use")] == [
        "#hz-last", "#hz-taken"
    ]  # fmt: skip


def test_a_click_on_the_board_of_a_computer_changes_nothing(page: Page) -> None:
    page.open(f"{TWO_PERSONS}&moves={OPENING}")
    page.cell("b1").click()
    page.cell("j9").click()
    assert page.moves == OPENING.split("-")


def test_against_the_computer_and_back(page: Page) -> None:
    page.open(AGAINST_COMPUTER)
    assert "Your turn" in page.status
    page.cell("d5").click()
    page.until(lambda: len(page.moves) == 2)
    assert page.moves[0] == "Fd5"
    page.until(lambda: "Your turn" in page.status)
    page.cell("c5").click()
    page.until(lambda: len(page.moves) == 4)
    page.click("#undo")
    assert len(page.moves) == 2
    page.click("#undo")
    assert page.moves == []
    assert not page("#undo").is_enabled()


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


def test_resigning_can_be_taken_back(page: Page) -> None:
    page.open(f"{TWO_PERSONS}&moves={OPENING}")
    page.click("#resign")
    assert page.status.endswith("Orange resigned. Blue wins.")
    assert page.fields["resigned"] == "2"
    page.driver.refresh()
    page.until(lambda: "Blue wins" in page.status)
    page.click("#undo")
    assert "resigned" not in page.fields
    assert page.moves == OPENING.split("-")


def test_a_new_game(page: Page) -> None:
    page.open(f"{TWO_PERSONS}&moves={OPENING}")
    page.click("#new")
    form = "#setup form"
    assert [o.text for o in page.all(f"{form} [name=orange] option")] == [
        "Person",
        "Playouts, 2000",
        "Playouts, 50",
    ]
    page(f"{form} [name=orange]").send_keys("Playouts, 50")
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


def test_replay(page: Page) -> None:
    moves = OPENING.split("-")
    page.open(f"{TWO_PERSONS}&moves={OPENING}")
    page.click("#first")
    assert (page.shown, page.status) == (0, "The start of the game.")
    page.click("#next")
    assert page.status == "Move 1: Blue planted a flag on d5."
    assert not page.all(".choice")
    page("#slider").send_keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    assert page.shown == 3
    page.click("#play")
    page.until(lambda: page.shown == len(moves))
    page.click("#moves li:nth-child(5) button")
    assert page.shown == 5
    page.click("#branch")
    assert page.moves == moves[:5]
    assert page.all(".choice")
    page.driver.back()
    page.until(lambda: page.moves == moves)


def test_a_reload_keeps_the_game(page: Page) -> None:
    page.open(TWO_PERSONS)
    page.cell("d5").click()
    page.cell("e8").click()
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
    "link", ["moves=zz", "seed=-1", "board=.&moves=", "seed=1&moves=d5", "seed=1&resigned=7", "a"]
)
def test_links_that_are_no_games(page: Page, link: str) -> None:
    page.open(link)
    assert "no game that can be read" in page("#notice").text
    assert "Your turn" in page.status


def test_a_link_to_an_unknown_player_is_for_a_person(page: Page, server: PageServer) -> None:
    page.open("seed=1&blue=<img src=x>&orange=model@9")
    page.cell("d5").click()
    page.until(lambda: "Orange\u2019s turn" in page.status)
    assert (page.fields["blue"], page.fields["orange"]) == ("person", "person")
    assert server.asked == []


# --- Analysis ------------------------------------------------------------------------------------


def test_the_heat_map(page: Page, server: PageServer) -> None:
    page.open(f"{TWO_PERSONS}&moves={OPENING}")
    page.click("#analyse")
    page.until(lambda: page.all(".hz-heat circle"))
    assert server.asked[-1]["player"] == "uct:2000"
    rows = [row.text.split() for row in page.all("#top tbody tr")]
    assert len(rows) == 5
    page.click("[name=overlay][value=none]")
    assert not page.all(".hz-heat circle")
    page.click("[name=overlay][value=line]")
    line = page("#line").text.split()
    assert [text.text for text in page.all(".hz-heat text")] == [
        str(i + 1) for i in range(len(line))
    ]
    assert line[0] == rows[0][0]
    page.click("[name=overlay][value=chances]")
    assert rows[0][5] in [text.text for text in page.all(".hz-heat text")]
    assert "of visits, wins" in page.labels()[line[0].removeprefix("F")]
    chart = page("#chart .course").get_attribute("d")
    page.click("#previous")
    page.until(lambda: page("#chart .course").get_attribute("d") != chart)


def test_a_hint(page: Page) -> None:
    page.open(f"{TWO_PERSONS}&moves={OPENING}")
    page.click("#hint")
    page.until(lambda: page.status.startswith("I would "))
    assert page.all(".hinted")


def test_mistakes_are_marked(page: Page, sample_traces: list[dict[str, Any]]) -> None:
    trace = next(trace for trace in sample_traces if trace["mode"] == "random")
    kinds: dict[str, Any] = {"F": "flag", "N": "normal"}
    names = [str(Move(kinds[m["t"]], m["r"], m["c"])) for m in trace["moves"][:30]]
    board = trace["board"].replace("#", "%23")
    page.open(f"board={board}&moves={'-'.join(names)}")
    page.click("#analyse")
    page.click("#mistakes")
    page.until(lambda: "A mistake loses 10 % or more" in page("#found").text)
    mistakes = page.all("#moves .mistake")
    assert mistakes
    assert len(mistakes) == len(page.all("#chart .mistake"))
    counts = [int(word.strip(",.")) for word in page("#found").text.split()[2:5:2]]
    assert sum(counts) == len(mistakes)
    mistakes[0].click()
    assert page("#detail").text.startswith("A mistake: it lost ")


# --- A server in trouble -------------------------------------------------------------------------


def test_a_busy_server_is_asked_again(page: Page, server: PageServer) -> None:
    page.open(AGAINST_COMPUTER)
    server.busy = 1
    page.cell("d5").click()
    page.until(lambda: len(page.moves) == 2)
    assert len(server.asked) == 2


def test_two_people_need_no_players(page: Page, server: PageServer) -> None:
    server.offers = {}
    page.open()
    page.cell("e5").click() if not page.labels()["e5"].endswith("rock") else None
    assert page.fields["orange"] == "person"
    assert not page("#hint").is_enabled()
    assert not page("#analyse").is_enabled()


def test_a_game_waits_for_its_server(page: Page, server: PageServer) -> None:
    server.offers = {}
    page.open(f"{AGAINST_COMPUTER}&moves=Fd5")
    assert page.status == "The server does not answer."
    server.reset()
    page.click("#go")
    page.until(lambda: len(page.moves) == 2)


# --- Everybody and everywhere --------------------------------------------------------------------

OVERFLOWING = """
return [...document.querySelectorAll("body *")]
  .filter((element) => element.getBoundingClientRect().right > innerWidth)
  .map((element) => element.outerHTML.slice(0, 80));
"""


def test_a_phone(page: Page) -> None:
    page.open(AGAINST_COMPUTER, PHONE)
    assert page.run("return document.documentElement.scrollWidth") == PHONE[0]
    page.cell("d5").click()
    page.until(lambda: len(page.moves) == 2)
    assert page.cell("d5").rect["width"] > 28
    assert page("#slider").rect["y"] + 30 < PHONE[1]
    assert page.run(OVERFLOWING) == []
    for button in page.all(".tools button, .controls button"):
        assert button.rect["height"] >= 44
    page.click("#analyse")
    page.click("#new")
    assert page.run(OVERFLOWING) == []
    dialog = page("#setup")
    assert dialog.get_property("scrollWidth") == dialog.get_property("clientWidth")


def test_the_keyboard_alone(page: Page, driver: Any) -> None:
    page.open(f"{TWO_PERSONS}&moves=Fd5-Fe8-c5-Ff4-Fh7")
    focused = lambda: driver.switch_to.active_element  # noqa: E731
    for _ in range(40):
        focused().send_keys(Keys.TAB)
        if focused().get_attribute("data-cell"):
            break
    focused().send_keys(Keys.HOME)
    for _ in range(11):
        focused().send_keys(Keys.ARROW_UP)
    assert focused().get_attribute("data-name") == "a1"
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
    focused().send_keys("h")
    page.until(lambda: page.status.startswith("I would "))


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
            assert roles.count("combobox") == 2
            page.click("#cancel")
    assert roles.count("gridcell") == 105
    assert roles.count("row") >= 11


NAMED_ROLES = {"button", "gridcell", "switch", "slider", "radio", "image", "link", "combobox"}
NAMED_ROLES |= {"textbox", "grid", "dialog", "table"}


def test_light_and_dark(page: Page, driver: Any) -> None:
    def back() -> str:
        return page("body").value_of_css_property("background-color")

    page.open(TWO_PERSONS)
    light = back()
    page.click("#theme")
    dark = back()
    assert light != dark
    page.driver.refresh()
    assert back() == dark
    page.driver.get(page.url + "static/rules.html")
    assert back() == dark
    page.click("#theme")
    assert back() == light
    media = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    page.until(lambda: back() == dark)
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_it_is_small_and_quick(page: Page) -> None:
    assert sum(map(len, page_files().values())) < 150_000
    page.open(TWO_PERSONS)
    assert page.run("return window.seen.usable") < 1000


@pytest.mark.parametrize("button", ["new", "resign", "last"])
def test_nothing_moves_while_the_page_arrives(page: Page, server: PageServer, button: str) -> None:
    server.pause_before = f'<button type="button" id="{button}"'
    page.open(TWO_PERSONS)
    page.until(lambda: page.all(".choice"))


def test_it_loads_nothing_from_elsewhere(page: Page) -> None:
    page.open(TWO_PERSONS)
    names = page.run("return performance.getEntriesByType('resource').map(({ name }) => name)")
    assert len(names) > 8
    assert all(name.startswith(page.url) for name in names)
    links = page.all("a")
    assert [link.get_attribute("href") for link in links] == [page.url + "static/rules.html"]
    page.driver.find_element(By.LINK_TEXT, "Rules").click()
    assert len(page.all("figure svg")) == 7
    page.driver.find_element(By.LINK_TEXT, "Play").click()
    page.until(lambda: page.status)
