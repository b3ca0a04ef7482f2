"""Every page runs its own code and nothing that somebody has put into it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from hexz.arena.page import arena_page
from hexz.dataset.pages import write_page
from hexz.model.checkpoint import new_checkpoint
from hexz.model.config import ModelConfig
from hexz.player.offline import offline_page
from hexz.player.page import CONTENT_SECURITY_POLICY, CONTENT_TYPES, page_files
from hexz.ratings.results import Results
from hexz.render import games_page
from hexz.render.page import index_page
from hexz.render.policy import policy, with_policy
from hexz.trainserver.app import _status_page

from ..arena.helpers import field, pairs, play
from ..dataset.test_pages import first_positions
from .test_page import record_of

ATTACK = (
    "<script>document.title = 'attacked'</script>"
    "<style>body { --attacked: 1 }</style>"
    "<img src=x onerror=\"document.title = 'attacked'\">"
    "<a id=attack href=\"javascript:document.title='attacked'\">x</a></body>"
)
SEEN = "return [document.title, getComputedStyle(document.body).getPropertyValue('--attacked')]"


def arena() -> str:
    results = Results(["uct:2", "random"], [(0, 1)])
    games = play(field("uct:2", "random"), pairs(results.pairings, 1), at_once=2)
    for one in games:
        results.add(one.pair.pairing, one.pair.number, one.margins)
    return arena_page(results, games)


@pytest.fixture(scope="module")
def pages(
    sample_traces: Any, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, tuple[str, str]]:
    """Each kind of page with the policy that it is served with, if it has none in itself."""
    positions = tmp_path_factory.mktemp("pages") / "positions.html"
    write_page(positions, first_positions("a game"), by_surprise=False)
    tiny = new_checkpoint(ModelConfig(blocks=1, filters=8))
    return {
        "games": (games_page([record_of(sample_traces[0])]), ""),
        "positions": (positions.read_text("utf-8"), ""),
        "index": (index_page("Pages", "<li>a page</li>"), ""),
        "arena": (arena(), ""),
        "exported": (offline_page(tiny), ""),
        "status": _status_page(),
        "player": (page_files()["index.html"].decode(), CONTENT_SECURITY_POLICY),
        "rules": (page_files()["rules.html"].decode(), CONTENT_SECURITY_POLICY),
    }


@pytest.fixture(scope="module")
def url(pages: dict[str, tuple[str, str]]) -> Iterator[str]:
    """A server of the pages, as they are and with an attack in them."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kind, _, name = self.path.strip("/").partition("/")
            header, status, text = "", 200, "[]"
            if name in pages:
                text, header = pages[name]
                if kind == "attacked":
                    text = text.replace("</body>", ATTACK)
            elif name in page_files() or name.removeprefix("static/") in page_files():
                text = page_files()[name.removeprefix("static/")].decode(errors="replace")
            self.send_response_only(status)
            suffix = self.path.rpartition(".")[2]
            self.send_header("Content-Type", CONTENT_TYPES.get(suffix, CONTENT_TYPES["html"]))
            if header:
                self.send_header("Content-Security-Policy", header)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def violations(driver: Any) -> list[str]:
    """What the browser has refused since it was asked last."""
    lines = [entry["message"] for entry in driver.get_log("browser")]
    return [line for line in lines if "Content Security Policy" in line]


def test_no_page_does_what_its_policy_forbids_and_no_attack_runs(pages, url, chromium):
    for name in pages:
        violations(chromium)
        chromium.get(f"{url}/plain/{name}")
        title, _ = chromium.execute_script(SEEN)
        assert violations(chromium) == [], name
        chromium.get(f"{url}/attacked/{name}")
        chromium.execute_script("document.getElementById('attack').click()")
        assert chromium.execute_script(SEEN) == [title, ""], name
        assert len(violations(chromium)) >= 3, name


def test_without_a_policy_the_attack_runs(pages, chromium, tmp_path):
    text, _ = pages["status"]
    (tmp_path / "page.html").write_text(text.replace("</body>", ATTACK), "utf-8")
    chromium.get((tmp_path / "page.html").as_uri())
    assert chromium.execute_script(SEEN) == ["attacked", "1"]


def test_data_in_a_page_is_no_code_that_is_allowed():
    page = '<meta charset="utf-8">\n<script type="application/json">{"a": 1}</script>'
    assert "script-src" not in policy(page)
    assert policy(page, "connect-src 'self'").endswith("connect-src 'self'")
    assert json.dumps("unsafe") not in with_policy(page)
    assert with_policy(page).index("Content-Security-Policy") < with_policy(page).index("<script")


def test_pages_as_files_have_their_policy_before_any_code(pages):
    for name, (text, header) in pages.items():
        if not header:
            head = text[: text.index("Content-Security-Policy")]
            assert "<script" not in head, name
            assert "<style" not in head, name
            assert "unsafe" not in text[: text.index("</head>")].partition("<style")[0], name
