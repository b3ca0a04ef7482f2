"""The web page to play on: plain HTML, CSS and JavaScript, served as they are.

Only what is drawn is put in here: the cells and the colours of the board are those of
`hexz.render`, so that a board looks the same everywhere.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Final

from hexz.engine import CELLS, Board
from hexz.player.page.pictures import PICTURES, picture
from hexz.render.assets import asset
from hexz.render.svg import board_svg

CONTENT_TYPES: Final = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
}

CONTENT_SECURITY_POLICY: Final = (
    "default-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""What the page may do, as a header: nothing with other servers, and no code that is not in a
file of its own."""


_SHARED: Final = ("board.css", "board.js", "cells.js", "controls.js", "dom.js")
"""What this page has in common with those of `hexz.render`."""

_BOARD_ATTRIBUTES: Final = 'id="board" role="grid" aria-label="Board" aria-describedby="keys"'


@cache
def page_files() -> dict[str, bytes]:
    """The files of the page by their name, for `/static/NAME`; `index.html` is also `/`."""
    texts = {
        file.name: file.read_text(encoding="utf-8")
        for file in resources.files(__package__).iterdir()
        if file.name.rpartition(".")[2] in CONTENT_TYPES
    }
    texts |= {name: asset(name) for name in _SHARED}
    board = board_svg(Board.from_text("." * len(CELLS)), _BOARD_ATTRIBUTES)
    parts = {"board": board, **{name: asset(name) for name in ("cells.svg", "scores.html")}}
    parts |= {f"picture {name}": picture(name, complete=False) for name in PICTURES}
    return {name: _fill(text, parts).encode() for name, text in texts.items()}


def _fill(text: str, parts: dict[str, str]) -> str:
    for name, part in parts.items():
        text = text.replace(f"<!--{name}-->", part)
    return text
