"""The web page to play on: plain HTML, CSS and JavaScript; all modules come in one file.

Only what is drawn is put in here: the cells and the colours of the board are those of
`hexz.render`, so that a board looks the same everywhere.
"""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Final

from hexz.engine import CELLS, Board
from hexz.player.page.pictures import PICTURES, picture
from hexz.render.assets import asset, bare_script, fill, head, scripts_of, whole_script
from hexz.render.svg import board_svg

CONTENT_TYPES: Final = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "png": "image/png",
    "webmanifest": "application/manifest+json",
}

CONTENT_SECURITY_POLICY: Final = (
    "default-src 'self'; img-src 'self' data: blob:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
"""What the page may do, as a header: nothing with other servers, and no code that is not in a
file of its own."""

_TITLE: Final = "Flagz"
_ABOUT: Final = "Play Flagz, a strategy game on 105 hexagons, against a computer or a person"

_PREVIEW: Final = "static/preview.png"

_SHARED: Final = ("board.css", "page.css")
"""What this page has in common with those of `hexz.render`."""

_BOARD_ATTRIBUTES: Final = 'id="board" role="grid" aria-label="Board" aria-describedby="keys"'


@cache
def page_files() -> dict[str, bytes]:
    """The files of the page by their name, for `/static/NAME`; `index.html` is also `/`."""
    files = {
        file.name: file.read_bytes()
        for file in resources.files(__package__).iterdir()
        if file.name.rpartition(".")[2] in ("css", "png")
    }
    texts = {name: asset(name) for name in _SHARED} | {
        "index.html": page_html(
            head(_TITLE, _links("static/")),
            rules="static/rules.html",
            script='<script type="module" src="static/main.js"></script>',
        ),
        "rules.html": rules_html(head("The rules of Flagz", _styles(""))),
        "main.js": main_script(),
        **{name: bare_script(own_text(name)) for name in ("theme.js", "loading.js")},
        "icon.svg": _icon(),
        "flagz.webmanifest": json.dumps(_MANIFEST),
    }
    return files | {name: text.encode() for name, text in texts.items()}


def main_script(others: Mapping[str, str] | None = None) -> str:
    """The script of the page, complete in itself.

    Args:
        others: the text of modules in place of those of this package, by their names.
    """
    known = scripts_of(__name__) | dict(others or {})
    return bare_script(whole_script(known["main.js"], known))


def index_at(address: str) -> bytes:
    """`index.html` as it is served at an address that ends with a slash: what shows previews of
    links takes the picture from its whole address only (https://ogp.me)."""
    whole = html.escape(f"{address}{_PREVIEW}")
    index = page_files()["index.html"].decode()
    return index.replace(f'content="{_PREVIEW}"', f'content="{whole}"').encode()


def own_text(name: str) -> str:
    """A text file of this package."""
    return asset(name, __package__)


def page_html(head: str, *, rules: str, script: str) -> str:
    """The page to play on.

    Args:
        head: of the page, with its style sheets.
        rules: the address of the rules.
        script: HTML at the end, which loads the scripts or holds them.
    """
    return fill(
        own_text("index.html"),
        HEAD=head,
        RULES=rules,
        SCORES=asset("scores.html"),
        BOARD=board_svg(Board.from_text("." * len(CELLS)), _BOARD_ATTRIBUTES),
        CONTROLS=asset("controls.html"),
        THEME=own_text("theme.html"),
        KEYS=own_text("keys.html"),
        SCRIPT=script,
    )


def rules_html(head: str) -> str:
    """The page that explains the rules."""
    return fill(
        own_text("rules.html"),
        HEAD=head,
        CELLS=asset("cells.svg"),
        THEME=own_text("theme.html"),
        KEYS=own_text("keys.html"),
        **{f"PICTURE {name}": picture(name, complete=False) for name in PICTURES},
    )


def _styles(folder: str) -> str:
    sheets = [
        f'<link rel="stylesheet" href="{folder}{name}.css">' for name in ("board", "page", "play")
    ]
    return "\n".join([*sheets, f'<script src="{folder}theme.js"></script>'])


def _links(folder: str) -> str:
    """What the head of the page to play on links to. It is painted when all of it is there: half of
    a row of buttons would move for the other half."""
    return "\n".join(
        [
            f'<meta name="description" content="{_ABOUT}">',
            f'<meta property="og:title" content="{_TITLE}">',
            f'<meta property="og:description" content="{_ABOUT}">',
            '<meta property="og:type" content="website">',
            f'<meta property="og:image" content="{_PREVIEW}">',
            '<meta name="twitter:card" content="summary_large_image">',
            f'<link rel="manifest" href="{folder}flagz.webmanifest">',
            _styles(folder),
            f'<script src="{folder}loading.js"></script>',
            '<link rel="expect" href="#setup" blocking="render">',
            f'<link rel="modulepreload" href="{folder}main.js">',
        ]
    )


_MANIFEST: Final = {
    "name": _TITLE,
    "short_name": _TITLE,
    "description": _ABOUT,
    "start_url": "../",
    "scope": "../",
    "display": "standalone",
    "background_color": "#ffffff",
    "theme_color": "#0072b2",
    "icons": [{"src": "icon.svg", "sizes": "any", "type": "image/svg+xml"}],
}


def _icon() -> str:
    """The flag of Blue, as the icon of an installed page."""
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="-24 -24 48 48">'
        '<path fill="#0072b2" d="M0-22L19-11V11L0 22L-19 11V-11Z"/>'
        '<path stroke="#fff" stroke-width="3" d="M-6 13V-12"/>'
        '<path fill="#fff" d="M-6-13L11-6L-6 1Z"/></svg>'
    )
