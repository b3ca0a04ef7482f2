"""Pictures of every state of every page in both themes at five sizes, on ten sheets to look at:

python -m tests.player.contact_sheet DIRECTORY
"""

from __future__ import annotations

import base64
import logging
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from hexz.model.checkpoint import load_checkpoint
from hexz.places import SHIPPED
from hexz.player.offline import offline_page

from ..browser import Page, resize, start_chromium, themed
from ..conftest import SAMPLE_TRACES, read_traces
from ..render.test_accessibility import of_an_arena, of_an_export, of_an_index, of_selfplay
from ..trainserver.status_server import StatusServer, watched
from .page_server import PageServer
from .positions import played, solved_game
from .test_page import AGAINST_COMPUTER, OPENING, TWO_PERSONS, faulty_game

SIZES: Final = [(1440, 900), (1024, 700), (844, 390), (390, 844), (320, 640)]
SHEET_WIDTH: Final = 2400
GROUND: Final = "document.querySelector('[value=ground]').click(); return true"

TRIED: Final = "Fd5-Fe8(c5-Ff4(Fh7))-d4(Ff4-c5)-Fh7"

Act = Callable[[Page], None]
State = tuple[str, Act]


def after(act: Act, ready: Callable[[Page], object]) -> Act:
    """Waits for something after an act."""

    def both(page: Page) -> None:
        act(page)
        page.until(lambda: ready(page))

    return both


def then(act: Act, selector: str) -> Act:
    """Clicks on something after an act."""

    def both(page: Page) -> None:
        act(page)
        page.click(selector)

    return both


def states_of_the_page(server: PageServer, faulty: str) -> Iterator[State]:
    """What people meet on the page to play on; `faulty` is a link to a game with mistakes."""

    def opened(link: str, *clicks: str) -> Act:
        def act(page: Page) -> None:
            server.reset()
            page.driver.get(f"{server.url}static/rules.html")
            page.run("localStorage.clear()")
            page.driver.get(f"{server.url}#{link}")
            page.until(lambda: page("#status").text)
            for selector in clicks:
                page.until(lambda selector=selector: page(selector).is_enabled())  # type: ignore[misc]
                page.click(selector)

        return act

    def dead(page: Page) -> None:
        opened(AGAINST_COMPUTER)(page)
        server.is_dead = True
        page.click('[data-name="d5"]')
        page.until(lambda: "does not answer" in page.status or "not" in page.status)

    def timed(page: Page) -> None:
        opened(AGAINST_COMPUTER, "#new")(page)
        page.run("arguments[0].value = arguments[1]", page("[name=clock]"), "60+1")
        page.click("#setup .primary")
        page.until(lambda: page.all(".clock")[0].is_displayed() and page.all(".choice"))
        page.click(".choice")
        page.until(lambda: len(page.moves) == 2)

    middle = f"{TWO_PERSONS}&moves={OPENING}"
    ended = f"{AGAINST_COMPUTER}&moves={OPENING}&resigned=2"
    analysed = after(opened(middle, "#analyse"), lambda page: page.all("#top tbody tr"))
    yield "first visit", opened("")
    yield "in the middle", opened(middle)
    yield "a hint", after(opened(middle, "#hint"), lambda page: page.all(".hinted"))
    yield "analysis", analysed
    yield "ground", after(analysed, lambda page: page.run(GROUND))
    yield "a click on grass", opened(middle, '[data-name="c1"]')
    yield "looking back", opened(middle, "#previous")
    yield "variations", opened(f"{TWO_PERSONS}&moves={TRIED}", "#moves .tried button")
    yield "a clock", timed
    yield "resign", opened(middle, "#resign")
    yield "won", opened(ended)
    yield "new game", opened(middle, "#new")
    lesson = after(
        opened(f"{faulty}&resigned=2", "#learn"), lambda page: "better move" in page.status
    )
    yield "lesson", lesson
    yield "answer", then(lesson, "#answer")
    yield "away from a lesson", then(lesson, "#next")
    yield (
        "mistakes",
        after(opened(faulty, "#analyse"), lambda page: page("#summary").text),
    )
    yield "share", after(opened(ended, "#share"), lambda page: page.all("#sharing[open]"))
    yield "keyboard", opened(middle, "#help")
    yield "no server", dead
    yield "rules", lambda page: page.driver.get(f"{server.url}static/rules.html")


def other_states(directory: Path, status: StatusServer, traces: list[Any]) -> Iterator[State]:
    """The other pages."""
    pages = {
        "self-play": of_selfplay(traces),
        "arena": of_an_arena(traces),
        "export": of_an_export(traces),
        "index": of_an_index(traces),
        "exported page": offline_page(load_checkpoint(SHIPPED)),
    }
    for name, text in pages.items():
        path = directory / f"{name}.html"
        path.write_text(text, encoding="utf-8")
        yield name, lambda page, path=path: page.driver.get(path.as_uri())  # type: ignore[misc]
    ended = f"seed=17&blue=person&orange=glance@2&moves={OPENING}&resigned=2"
    solved = f"seed=92&blue=person&orange=person&moves={'-'.join(map(str, played(solved_game())))}"

    def exported(link: str, button: str) -> Act:
        def act(page: Page) -> None:
            page.driver.get("about:blank")
            page.driver.get(f"{(directory / 'exported page.html').as_uri()}#{link}")
            page.until(lambda: page(button).is_displayed())
            page.click(button)

        return act

    shared = exported(ended, "#share")
    yield "exported page, shared", after(shared, lambda page: page.all("#sharing[open]"))
    analysed = exported(solved, "#analyse")
    yield "exported page, solved", after(analysed, lambda page: page.all("#top tbody tr"))
    status.change(game=watched(6)[0])

    def watch(page: Page) -> None:
        page.driver.get(status.url)
        page.until(lambda: page("#game-title").text.endswith("move 6"))

    yield "status", watch


def picture(driver: Any) -> str:
    """What is shown, as a data URL."""
    found = driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "jpeg", "quality": 80})
    return f"data:image/jpeg;base64,{found['data']}"


def sheet(driver: Any, title: str, pictures: list[tuple[str, str]], width: int) -> bytes:
    """All pictures of a size with their names, as a PNG."""
    shown = min(width, SHEET_WIDTH // (4 if width > 800 else 8)) - 14
    figures = "".join(
        f'<figure><figcaption>{name}</figcaption><img width="{shown}" src="{data}"></figure>'
        for name, data in pictures
    )
    style = "body{display:flex;flex-wrap:wrap;gap:8px;font:14px sans-serif}figure{margin:0}"
    resize(driver, SHEET_WIDTH, 800)
    driver.get("about:blank")
    driver.execute_script(
        "document.body.innerHTML = arguments[0]; document.body.style.background = '#888';"
        "return Promise.all(Array.from(document.images, (image) => image.decode()))",
        f"<style>{style}h1{{width:100%}}</style><h1>{title}</h1>{figures}",
    )
    found = driver.execute_cdp_cmd(
        "Page.captureScreenshot",
        {"format": "png", "captureBeyondViewport": True},
    )
    return base64.b64decode(found["data"])


def main() -> None:
    directory = Path(sys.argv[1])
    directory.mkdir(parents=True, exist_ok=True)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    with ExitStack() as stack:
        server = stack.enter_context(PageServer().running())
        status = stack.enter_context(StatusServer().running())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        driver = start_chromium(folder)
        stack.callback(driver.quit)
        page = Page(driver, server.url)
        traces = list(read_traces(SAMPLE_TRACES))
        states = [
            *states_of_the_page(server, faulty_game(traces)),
            *other_states(folder, status, traces),
        ]
        for width, height in SIZES:
            for theme in ("light", "dark"):
                pictures = []
                for name, act in states:
                    resize(driver, width, height, mobile=width < 900)
                    themed(driver, theme)
                    act(page)
                    pictures.append((name, picture(driver)))
                themed(driver, "light")
                title = f"{width} x {height}, {theme}"
                path = directory / f"{width}x{height}-{theme}.png"
                path.write_bytes(sheet(driver, title, pictures, width))
                print(path, flush=True)


if __name__ == "__main__":
    main()
