"""Drawings of boards show every cell and are well-formed."""

import xml.etree.ElementTree as ET

import pytest

from hexz.engine import Board
from hexz.render.svg import board_svg

from .readme_board import PICTURE, readme_board

SVG = "{http://www.w3.org/2000/svg}"
KINDS = {(0, 0): "empty", (2, 0): "grass", (3, 0): "rock"} | {
    (kind, owner): f"{name}{owner}" for kind, name in ((0, "cell"), (5, "flag")) for owner in (1, 2)
}


def layer(svg: str, name: str) -> ET.Element:
    """The group of that class; the text is our own and holds no entities."""
    root = ET.fromstring(svg)  # noqa: S314
    return next(group for group in root.iter(f"{SVG}g") if group.get("class") == name)


def shown_cells(svg: str) -> list[tuple[str, str]]:
    """The kind and the text of each cell; the drawing is that of the kind."""
    cells = []
    for group in layer(svg, "hz-cells"):
        use, text = group
        assert use.get("href") == f"#{group.get('class')}"
        cells.append((str(group.get("class")), text.text or ""))
    return cells


def expected_cells(board: Board) -> list[tuple[str, str]]:
    return [
        (f"hz-{KINDS[kind, owner]}", str(value) if value else "")
        for kind, owner, value, *_ in board.cells().tolist()
    ]


def played(seed: int, moves: int) -> Board:
    board = Board.random(seed)
    for number in range(moves):
        legal = board.legal_moves()
        board.play(legal[number * 7 % len(legal)])
    return board


@pytest.mark.parametrize("moves", [0, 1, 20, 40])
def test_every_cell_is_shown(moves: int) -> None:
    board = played(3, moves)
    assert shown_cells(board_svg(board)) == expected_cells(board)


def test_every_drawing_that_is_used_is_defined() -> None:
    root = ET.fromstring(readme_board())  # noqa: S314
    defined = {element.get("id") for element in root.iter() if element.get("id")}
    used = {str(use.get("href"))[1:] for use in root.iter(f"{SVG}use")}
    assert used <= defined
    assert {"hz-cell1", "hz-cell2", "hz-flag1", "hz-grass", "hz-rock", "hz-last"} <= used


def test_odd_rows_are_shifted_by_half_a_cell() -> None:
    places = []
    for group in layer(board_svg(Board.random(1)), "hz-cells"):
        x, y = str(group.get("transform"))[len("translate(") : -1].split()
        places.append((float(x), float(y)))
    width = places[1][0] - places[0][0]
    assert places[10][0] - places[0][0] == pytest.approx(width / 2, abs=0.1)
    assert places[10][1] - places[0][1] == pytest.approx(width * 3**0.5 / 2, abs=0.1)
    assert len(set(places)) == 105


def test_the_readme_shows_the_current_drawing() -> None:
    assert PICTURE.read_text(encoding="utf-8") == readme_board(), "see readme_board.py"
