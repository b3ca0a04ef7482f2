"""The page of games: its data replay to the same boards, and it needs nothing from outside."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest

from hexz.engine import Board, Move
from hexz.errors import IllegalMove, InvalidBoard
from hexz.record import Forfeit, GameRecord, top_moves
from hexz.render import games_page
from hexz.render.page import PLAYER_URL

from .test_svg import expected_cells

CELL = re.compile(
    r'<g class="([a-z0-9-]+)" transform="[^"]+"><use href="#([^"]+)">.*?>(\d?)</text>'
)


def record_of(trace: dict[str, Any], name: str = "A game") -> GameRecord:
    kinds = {"F": "flag", "N": "normal"}
    actions = [Move(kinds[m["t"]], m["r"], m["c"]).index for m in trace["moves"]]  # type: ignore[arg-type]
    return GameRecord(
        name=name,
        players=("one", "two"),
        initial_text=trace["board"],
        actions=actions,
        root_values=[0.5] * len(actions),
        policies=[[(action, 0.75), (0, 0.25)] for action in actions],
    )


def page_data(page: str) -> Any:
    match = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert match is not None
    return json.loads(match[1])


def test_changes_replay_to_the_recorded_games(sample_traces: list[dict[str, Any]]) -> None:
    data = page_data(games_page([record_of(trace) for trace in sample_traces]))
    for game, trace in zip(data["games"], sample_traces, strict=True):
        cells = [cell[:3] for cell in trace["states"][0]["cells"]]
        for move, state in zip(game["moves"], trace["states"][1:], strict=True):
            for i, (cell, value) in enumerate(move["cells"]):
                cells[cell] = [5 if move["flag"] and i == 0 else 0, move["player"], value]
            assert cells == [cell[:3] for cell in state["cells"]]
            assert (move["score"], move["flags"]) == (state["score"], state["flags"])
        assert [move["player"] for move in game["moves"]] == [m["p"] for m in trace["moves"]]
        assert (game["over"], game["winner"]) == (True, trace["states"][-1]["win"])


def test_the_placed_cell_comes_before_captured_ones(sample_traces: list[dict[str, Any]]) -> None:
    captures = 0
    for trace in sample_traces:
        [game] = page_data(games_page([record_of(trace)]))["games"]
        for move, played in zip(game["moves"], trace["moves"], strict=True):
            row, col = divmod(move["action"] % 110, 10)
            assert move["cells"][0] == [row * 10 - row // 2 + col, played["v"]]
            captures += len(move["cells"]) > 1
    assert captures > 10


def test_values_and_policies_are_in_the_data(sample_traces: list[dict[str, Any]]) -> None:
    record = record_of(sample_traces[0])
    [game] = page_data(games_page([record]))["games"]
    assert game["moves"][3]["value"] == 500
    assert game["moves"][3]["top"] == [[record.actions[3], 750], [0, 250]]


def test_sixteen_games_stay_far_below_a_megabyte(sample_traces: list[dict[str, Any]]) -> None:
    records = [record_of(sample_traces[i % 10]) for i in range(16)]
    records = [replace(r, policies=[[(219, 0.123)] * 5] * len(r.actions)) for r in records]
    assert len(games_page(records).encode()) < 300_000


class Loads(HTMLParser):
    """Collects every address that a page refers to."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = ("src", "href", "srcset", "action", "data", "poster")
        self.addresses += [value or "" for name, value in attrs if name in names]


def test_the_page_loads_nothing(sample_traces: list[dict[str, Any]]) -> None:
    page = games_page([record_of(sample_traces[0])])
    parser = Loads()
    parser.feed(page)
    assert all(address.startswith(("#", "data:")) for address in parser.addresses)
    assert "default-src 'none'" in page
    for word in ("url(", "@import", "fetch(", "XMLHttpRequest", "import("):
        assert word not in page
    hosts = set(re.findall(r"https?://[^\"' ]+", page))
    assert hosts == {"http://www.w3.org/2000/svg", PLAYER_URL}  # a name, and where links lead


def test_names_are_data_not_markup(sample_traces: list[dict[str, Any]]) -> None:
    name = "</script><script>alert(1)</script>{{DATA}}\u2028é"
    page = games_page([record_of(sample_traces[0], name)], title=name)
    assert "<script>alert" not in page
    data = page_data(page)
    assert (data["title"], data["games"][0]["name"]) == (name, name)


def test_names_of_files_need_not_be_text(sample_traces: list[dict[str, Any]]) -> None:
    name = "model:n\udcff.pt@64"  # as Python reads the byte 255
    page = games_page([record_of(sample_traces[0], name)], introduction=f"<p>{name}</p>")
    assert page_data(page.encode().decode())["games"][0]["name"] == "model:n?.pt@64"
    assert "<p>model:n?.pt@64</p>" in page


def test_an_unfinished_game(sample_traces: list[dict[str, Any]]) -> None:
    record = record_of(sample_traces[0])
    cut = replace(
        record, actions=record.actions[:9], root_values=[0] * 9, policies=record.policies[:9]
    )
    [game] = page_data(games_page([cut]))["games"]
    assert (game["over"], game["winner"], len(game["moves"])) == (False, 0, 9)


@pytest.mark.parametrize("moves", [0, 9])
def test_a_forfeited_game_names_winner_and_reason(
    sample_traces: list[dict[str, Any]], tmp_path: Path, chromium: Any, moves: int
) -> None:
    record = record_of(sample_traces[0])
    forfeited = replace(
        record,
        actions=record.actions[:moves],
        root_values=[0] * moves,
        policies=record.policies[:moves],
        forfeit=Forfeit(2, "my-engine <b>crashed</b>"),
    )
    (tmp_path / "page.html").write_text(games_page([forfeited]))
    chromium.get((tmp_path / "page.html").as_uri())
    text = chromium.find_element("css selector", "#move p").text
    assert text.endswith(" Blue wins, since Orange failed: my-engine <b>crashed</b>.")
    summary = chromium.find_element("css selector", "#summary").text
    assert summary.endswith("Blue won 1, Orange won 0, 0 drawn.")
    assert len(chromium.find_elements("css selector", "nav .result .lost")) == 1


def test_a_game_that_is_over_before_its_first_move(tmp_path: Path, chromium: Any) -> None:
    """As on a board without an empty cell, which may be in a file of boards."""
    full = GameRecord(
        name="Full",
        players=("one", "two"),
        initial_text="#" * 105,
        actions=[],
        root_values=[],
        policies=[],
    )
    (tmp_path / "page.html").write_text(games_page([full]))
    chromium.get((tmp_path / "page.html").as_uri())
    text = chromium.find_element("css selector", "#move p").text
    assert text == "Blue moves first. A draw at 0 points each."


WRONG: dict[str, tuple[Callable[[GameRecord], GameRecord], type[Exception]]] = {
    "lengths": (lambda r: replace(r, root_values=[0.0]), ValueError),
    "an illegal move": (lambda r: replace(r, actions=[r.actions[0]] * len(r.actions)), IllegalMove),
    "a choice off the board": (
        lambda r: replace(r, policies=[[(19, 1.0)]] * len(r.actions)),
        IllegalMove,
    ),
    "no board": (lambda r: replace(r, initial_text="?"), InvalidBoard),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_record_is_refused(sample_traces: list[dict[str, Any]], name: str) -> None:
    change, error = WRONG[name]
    with pytest.raises(error):
        games_page([change(record_of(sample_traces[0]))])


def test_no_games() -> None:
    with pytest.raises(ValueError, match="at least one game"):
        games_page([])


def test_top_moves() -> None:
    policy = np.zeros(220, np.float32)
    policy[[3, 7, 200]] = 0.25, 0.5, 0.25
    assert top_moves(policy, 2) == [(7, 0.5), (3, 0.25)]
    assert top_moves(policy) == [(7, 0.5), (3, 0.25), (200, 0.25)]


@pytest.mark.parametrize("moves", [0, 1, 40, 58])
def test_the_browser_shows_the_board_after_any_move(
    sample_traces: list[dict[str, Any]], tmp_path: Path, chromium: Any, moves: int
) -> None:
    trace = sample_traces[1]
    (tmp_path / "page.html").write_text(games_page([record_of(sample_traces[0]), record_of(trace)]))
    chromium.get((tmp_path / "page.html").as_uri())
    chromium.execute_script(
        "document.querySelectorAll('nav button')[1].click();"
        "const slider = document.querySelector('#slider'); slider.value = arguments[0];"
        "slider.dispatchEvent(new Event('input'))",
        moves,
    )
    dom = chromium.page_source
    board = Board.from_text(trace["board"])
    for action in record_of(trace).actions[:moves]:
        board.play_index(action)
    found = CELL.findall(dom)
    assert [(kind, text) for kind, _, text in found] == expected_cells(board)
    assert all(kind == drawing for kind, drawing, _ in found)
    assert f">{moves} / {len(trace['moves'])}</output>" in dom
    link = chromium.find_element("id", "analyse").get_attribute("href")
    assert link.startswith(PLAYER_URL)
    assert len(parse_qs(urlsplit(link).fragment)["moves"][0].split("-")) == len(trace["moves"])
