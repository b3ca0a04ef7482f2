"""The pictures of the rules tell the truth, and the documentation has the current ones."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from hexz.player.page import page_files
from hexz.player.page.pictures import PICTURES
from tests.engine.reference import neighbours

from .rules_pictures import DIRECTORY, rules_pictures

DOCUMENT = Path(__file__).parents[2] / "docs" / "rules.md"


def next_value(cells: dict[tuple[int, int], str], row: int, col: int, player: str) -> int:
    """What a player can place on a cell of a picture; -1 if it is blocked, 0 if nothing is near."""
    own = {"1": "bB", "2": "oO"}[player]
    near = [cells.get(place, "_") for place in neighbours((row, col))]
    values = [int(cell.rstrip("!*")[1:] or 0) for cell in near if cell[0] in own]
    if not values:
        return 0
    return -1 if 5 in values else 1 + min(values)


@pytest.mark.parametrize("name", PICTURES)
def test_what_can_be_placed_is_what_the_rules_say(name: str) -> None:
    cells = {
        (row, col): cell
        for row, line in enumerate(PICTURES[name][1])
        for col, cell in enumerate(line.split())
    }
    for (row, col), cell in cells.items():
        if cell[0] in "12":
            assert next_value(cells, row, col, cell[0]) == int(cell[1]), (row, col)
        elif cell[0] in "xy":
            assert next_value(cells, row, col, "1" if cell == "x" else "2") == -1, (row, col)


def test_the_documentation_has_the_current_pictures() -> None:
    pictures = {path.name: path.read_text(encoding="utf-8") for path in DIRECTORY.iterdir()}
    assert pictures == rules_pictures(), "see rules_pictures.py"
    shown = set(re.findall(r"\(rules/([^)]+)\)", DOCUMENT.read_text(encoding="utf-8")))
    assert shown == set(pictures)


class Text(HTMLParser):
    """Collects the paragraphs of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.paragraphs: list[str] = []
        self.inside = False

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag in ("p", "li"):
            self.inside = True
            self.paragraphs.append("")

    def handle_endtag(self, tag: str) -> None:
        self.inside = self.inside and tag not in ("p", "li")

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.paragraphs[-1] += data


def test_the_page_and_the_documentation_say_the_same() -> None:
    parser = Text()
    parser.feed(page_files()["rules.html"].decode())
    document = re.sub(r"[*`]", "", DOCUMENT.read_text(encoding="utf-8"))
    assert len(parser.paragraphs) > 10
    for paragraph in parser.paragraphs:
        for sentence in re.split(r"(?<=\.) ", paragraph):
            assert sentence.replace("\u2019", "'") in document
