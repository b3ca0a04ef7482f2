"""Whole games on the page, by keyboard alone and by touch alone, in whatever browser."""

from __future__ import annotations

from typing import Any, Final, Protocol
from urllib.parse import quote

from hexz.engine import CELLS, Board, Move

SEED = 17


def _small_board() -> str:
    """Two corners and their edges are free, with grass of each value; all else is rock."""
    free = [(r < 4 and c < 5) or (r > 6 and c > 4) for r, c in CELLS]
    grass = {2: "1", 12: "2", 22: "3", 83: "4", 92: "5"}
    return "".join(grass.get(i, "." if is_free else "#") for i, is_free in enumerate(free))


SMALL: Final = f"board={quote(_small_board())}"
"""A link to a game of a third of the moves."""

TAB, ENTER, HOME = "\ue004", "\ue007", "\ue011"
UP, RIGHT, DOWN = "\ue013", "\ue014", "\ue015"

_FACTS = """
const fields = new URLSearchParams(location.hash.slice(1));
return {
  board: fields.get("board"),
  seed: fields.get("seed"),
  moves: (fields.get("moves") ?? "").split("-").filter(Boolean),
  choices: [...document.querySelectorAll(".choice")].map((cell) => cell.dataset.name),
  focused: document.activeElement.dataset.name ?? null,
  status: document.querySelector("#status").textContent,
};
"""
_MIDDLE = """
const element = document.querySelector(args[0]);
element.scrollIntoView({ block: "nearest" });
const { left, top, width, height } = element.getBoundingClientRect();
return [left + width / 2, top + height / 2];
"""
_WAIT = """
const moves = () => (new URLSearchParams(location.hash.slice(1)).get("moves") ?? "").split("-");
const goesOn = () => !/win|draw/.test(document.querySelector("#status").textContent);
while (moves().length < args[0] || (goesOn() && !document.querySelector(".choice"))) {
  await new Promise((done) => setTimeout(done, 10));
}
"""


class Browser(Protocol):
    """What a game needs of a browser that shows the page."""

    def run(self, script: str, *args: object) -> Any:
        """Returns what the body of an asynchronous function with `args` does."""

    def press(self, *keys: str) -> None:
        """Presses keys one after another."""

    def tap(self, x: float, y: float) -> None:
        """Puts a finger on a place and takes it away."""


def play_by_keyboard(browser: Browser) -> Board:
    """Plays the game that is shown to its end; returns its end."""
    while not browser.run(_FACTS)["focused"]:
        browser.press(TAB)
    while not (board := _board(facts := browser.run(_FACTS))).is_over:
        if _plants(board):
            browser.press("f")
            facts = browser.run(_FACTS)
        name = _choice(board, facts)
        rows = int(name[1:]) - int(facts["focused"][1:])
        columns = [RIGHT] * (ord(name[0]) - ord("a"))
        browser.press(*[DOWN if rows > 0 else UP] * abs(rows), HOME, *columns, ENTER)
        browser.run(_WAIT, board.move_number + 1)
    _check_end(board, facts)
    return board


def play_by_touch(browser: Browser) -> Board:
    """Plays the game that is shown to its end; returns its end."""
    while not (board := _board(facts := browser.run(_FACTS))).is_over:
        if _plants(board):
            browser.tap(*browser.run(_MIDDLE, "[value=flag] + span"))
            facts = browser.run(_FACTS)
        name = _choice(board, facts)
        browser.tap(*browser.run(_MIDDLE, f'[data-name="{name}"]'))
        browser.run(_WAIT, board.move_number + 1)
    _check_end(board, facts)
    return board


def _board(facts: dict[str, Any]) -> Board:
    text = facts["board"]
    board = Board.random(int(facts["seed"])) if text is None else Board.from_text(text)
    for move in facts["moves"]:
        board.play(Move.parse(move))
    return board


def _plants(board: Board) -> bool:
    """Whether the next move is a flag."""
    return bool(board.flags_left[board.turn - 1]) and board.move_number % 9 < 3


def _choice(board: Board, facts: dict[str, Any]) -> str:
    choices: list[str] = facts["choices"]
    return choices[board.move_number * 7 % len(choices)]


def _check_end(board: Board, facts: dict[str, Any]) -> None:
    assert board.is_over
    assert "win" in facts["status"].lower() or "draw" in facts["status"]
