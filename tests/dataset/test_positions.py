"""The page of examples shows each position with its target, its prior and its figures."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hexz.dataset.filters import Filter, GameParts, by_game
from hexz.dataset.positions import greatest_surprise, positions_page
from hexz.dataset.statistics import surprise
from hexz.engine import Board, Move
from hexz.example import Example
from hexz.render.page import PLAYER_URL

from ..games import finished_games, game_examples
from ..render.test_page import Loads, page_data
from ..render.test_svg import expected_cells
from .files import found


def parts_of(*games: Sequence[Example]) -> list[GameParts[Example]]:
    examples = found([example for game in games for example in game])
    return list(by_game(examples, Filter(), lambda found: found.example))


def letters_of(board: Board) -> str:
    """A board as the page's data write it."""
    letters = []
    for kind, owner, value, *_ in board.cells().tolist():
        if kind == 5:
            letters.append(".fF"[owner])
        elif owner:
            letters.append(("abcde" if owner == 1 else "ABCDE")[value - 1])
        else:
            letters.append({0: ".", 2: str(value), 3: "#"}[kind])
    return "".join(letters)


def looks_like(board: Board, letters: str) -> str:
    """The board with rocks, as in some letters, also where both players are blocked: without the
    initial board the two cannot always be told apart."""
    return "".join(
        "#" if blocked == 3 and shown == "#" else letter
        for letter, shown, (*_, blocked) in zip(
            letters_of(board), letters, board.cells().tolist(), strict=True
        )
    )


@pytest.mark.parametrize("forget", [(), ("initial_board",), ("initial_board", "legal_mask")])
def test_positions_are_those_of_the_games(forget: tuple[str, ...]) -> None:
    missing: dict[str, Any] = dict.fromkeys(forget)
    if "legal_mask" in forget:
        missing |= {"priors": None, "visits": None}
    games = [[replace(e, **missing) for e in game] for game in game_examples(10)]
    data = page_data(positions_page(parts_of(*games), title="Games"))
    assert data["title"] == "Games"
    for shown, finished in zip(data["games"], finished_games(10), strict=True):
        board = finished.initial.copy()
        assert shown["length"] == len(shown["positions"]) == len(finished.actions)
        for position, action in zip(shown["positions"], finished.actions.tolist(), strict=True):
            cells = position["cells"]
            assert cells == (looks_like(board, cells) if forget else letters_of(board))
            assert (position["player"], position["number"]) == (board.turn, board.move_number)
            assert tuple(position["score"]) == board.score
            assert tuple(position["flags"]) == board.flags_left
            assert position["action"] == action
            board.play_index(action)
        assert shown["end"]["score"] == list(board.score)
        cells = shown["end"]["cells"]
        assert cells == (looks_like(board, cells) if forget else letters_of(board))


def test_the_moves_of_a_position() -> None:
    [game] = game_examples(1)
    example = game[20]
    assert example.priors is not None
    assert example.visits is not None
    [shown] = page_data(positions_page(parts_of([example]), title=""))["games"][0]["positions"]
    moves = {action: rest for action, *rest in shown["moves"]}
    for action in np.flatnonzero(example.legal_mask):
        target, prior, visits = moves.pop(int(action), (0, 0, 0))
        assert target == pytest.approx(example.policy[action], abs=5.1e-4)
        assert prior == pytest.approx(example.priors[action], abs=5.1e-4)
        assert visits == example.visits[action]
    assert not moves
    targets = [target for _, target, *_ in shown["moves"]]
    assert targets == sorted(targets, reverse=True)
    assert shown["surprise"] == pytest.approx(surprise(example), abs=1e-3)
    assert shown["rootValue"] == pytest.approx(example.root_value, abs=1e-3)


def test_a_page_is_complete_in_itself_and_names_are_data() -> None:
    [game] = game_examples(1)
    name = "</script><script>alert(1)</script>{{DATA}}é"
    page = positions_page(parts_of([replace(e, game_id=name) for e in game]), title=name)
    parser = Loads()
    parser.feed(page)
    assert all(address.startswith(("#", "data:")) for address in parser.addresses)
    assert "default-src 'none'" in page
    assert "<script>alert" not in page
    data = page_data(page)
    assert data["title"] == data["games"][0]["name"] == name
    assert set(re.findall(r"https?://[^\"' ]+", page)) == {"http://www.w3.org/2000/svg", PLAYER_URL}


def test_greatest_surprise() -> None:
    [game] = game_examples(1)
    surprises = [surprise(example) or 0 for example in game]
    assert greatest_surprise(parts_of(game)[0]) == max(surprises) > 0
    unknown = [replace(example, priors=None) for example in game]
    assert greatest_surprise(parts_of(unknown)[0]) == 0


# --- In a browser --------------------------------------------------------------------------------


class Shown:
    """A page of examples in a browser."""

    def __init__(self, driver: Any, page: str, directory: Path) -> None:
        path = directory / "page.html"
        path.write_text(page, encoding="utf-8")
        self._driver = driver
        driver.get_log("browser")  # of others
        driver.get(path.as_uri())

    def text(self, selector: str) -> str:
        return str(self.run("return document.querySelector(arguments[0]).innerText", selector))

    def run(self, script: str, *arguments: object) -> Any:
        return self._driver.execute_script(script, *arguments)

    def click(self, selector: str) -> None:
        self._driver.find_element("css selector", selector).click()

    def press(self, key: str) -> None:
        self._driver.find_element("css selector", "body").send_keys(key)

    def cells(self, board: str) -> list[tuple[str, str]]:
        script = """return [...document.querySelectorAll(arguments[0] + ' .hz-cells > g')]
            .map(g => [g.getAttribute('class'), g.textContent])"""
        return [tuple(cell) for cell in self.run(script, board)]

    def heat(self, board: str) -> dict[int, str]:
        """The text on each cell that has a colour, by the index of the cell."""
        script = """const at = g => g.getAttribute('transform');
            const cells = [...document.querySelectorAll(arguments[0] + ' .hz-cells > g')].map(at);
            return [...document.querySelectorAll(arguments[0] + ' .hz-heat > g')]
                .map(g => [cells.indexOf(at(g)),
                           [...g.querySelectorAll('text')].map(t => t.textContent).join(' ')])"""
        return dict(self.run(script, board))

    def errors(self) -> list[Any]:
        return [entry["message"] for entry in self._driver.get_log("browser")]


def expected_heat(probabilities: Any) -> dict[int, str]:
    texts: dict[int, str] = {}
    for plane, prefix in ((1, ""), (0, "F")):
        for action in np.flatnonzero(probabilities[plane * 110 : plane * 110 + 110] >= 0.005):
            row, col = divmod(int(action), 10)
            percent = int(100 * round(float(probabilities[plane * 110 + action]), 4) + 0.5)
            cell = row * 10 - row // 2 + col
            texts[cell] = f"{texts.get(cell, '')} {prefix}{max(percent, 1)}".strip()
    return texts


def test_boards_and_heat_maps_in_the_browser(chromium: Any, tmp_path: Path) -> None:
    games, finished = game_examples(2), finished_games(2)
    shown = Shown(chromium, positions_page(parts_of(*games), title="Two games"), tmp_path)
    assert shown.text("h1") == "Two games"
    assert shown.text("#summary") == f"{sum(map(len, games))} positions of 2 games."
    shown.click("#entries li:nth-child(2) button")
    board, game = finished[1].initial.copy(), games[1]
    for number in range(25):
        if number % 8 == 0:
            assert shown.cells("#target") == shown.cells("#prior") == expected_cells(board)
            assert shown.heat("#target") == expected_heat(game[number].policy)
            assert shown.heat("#prior") == expected_heat(game[number].priors)
            assert shown.text("#counter") == f"{number} / {len(game)}"
        shown.press("\ue014")  # the right arrow
        board.play_index(int(finished[1].actions[number]))
    played = Move.from_index(int(finished[1].actions[25]))
    assert shown.text("#what") == f"Played {played}."
    assert str(played) in shown.text("#moves .played")
    assert shown.text("#plies [aria-current]").split()[:2] == ["26", str(played)]
    shown.click("#last")
    assert shown.cells("#target") == expected_cells(finished[1].final)
    assert shown.heat("#target") == shown.heat("#prior") == {}
    first, second = finished[1].final.score
    assert f"{first} to {second}" in shown.text("#what")
    assert shown.errors() == []


def test_the_figures_of_a_position_in_the_browser(chromium: Any, tmp_path: Path) -> None:
    [game] = game_examples(1)
    example = replace(game[4], root_value=-0.25, network_value=0.5, simulations=33, checkpoint=12)
    shown = Shown(chromium, positions_page(parts_of([example]), title=""), tmp_path)
    figures = shown.text("#values")
    assert re.search(r"Value, network\s+\+0.50 \(75 %\)", figures)
    assert re.search(r"Value, search\s+\u22120.25 \(38 %\)", figures)
    outcome = ("lost", "drawn", "won")[example.result + 1]
    assert re.search(rf"Result for the mover\s+{outcome}", figures)
    assert re.search(r"Simulations\s+33\s+Checkpoint\s+12", figures)
    assert "Moves 1 to 4 are missing" in shown.text("#plies")
    assert f"Moves 6 to {len(game)} are missing" in shown.text("#plies")
    assert "Moves are missing in one of them." in shown.text("#summary")


def test_the_worst_disagreements_first(chromium: Any, tmp_path: Path) -> None:
    games = game_examples(3)
    worst = max((e for game in games for e in game), key=lambda e: surprise(e) or 0)
    page = positions_page(parts_of(*games), title="", by_surprise=True)
    shown = Shown(chromium, page, tmp_path)
    assert (
        shown.text("#position h2")
        == f"Move {worst.move_number + 1}: {('Blue', 'Orange')[worst.turn - 1]}"
    )
    assert shown.heat("#target") == expected_heat(worst.policy)
    names = "return [...document.querySelectorAll('#entries .name')].map(e => e.innerText)"
    numbers = [float(name.split()[0]) for name in shown.run(names)]
    assert numbers == sorted(numbers, reverse=True)
    assert numbers[0] == pytest.approx(surprise(worst), abs=0.006)
    assert len(numbers) == 200
    shown.click("#entries li:nth-child(5) button")
    assert shown.text("#values").count(f"{numbers[4]:.2f} nats") == 1
    shown.click("#by-game")
    assert shown.run("return document.querySelectorAll('#entries li').length") == 3
    assert shown.errors() == []


def test_examples_of_other_programs_in_the_browser(chromium: Any, tmp_path: Path) -> None:
    from ..wire.sample import old_example

    shown = Shown(chromium, positions_page(parts_of([old_example()]), title="Old"), tmp_path)
    assert "not known" in shown.text("#what")
    assert "not recorded" in shown.text("#what")
    assert shown.text("#counter") == "0 / 0"
    assert shown.heat("#prior") == {}
    assert shown.errors() == []
