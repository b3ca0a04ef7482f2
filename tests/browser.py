"""A headless Chromium that plays on the page."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self, TypeVar

import pytest

from hexz.engine import Board, Move

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
from selenium.common.exceptions import StaleElementReferenceException  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.remote.webelement import WebElement  # noqa: E402
from selenium.webdriver.support.ui import WebDriverWait  # noqa: E402

# The first one draws no windows, and needs two thirds of the CPU time. It is Debian's; what starts
# it, in /usr/bin, would be ended in its place.
CHROMIUMS = ("/usr/lib/chromium/chromium-headless-shell", "chromium", "chromium-browser")
CHROMIUM = next(filter(None, map(shutil.which, CHROMIUMS)), None)
DRIVER = shutil.which("chromedriver")
DESKTOP, PHONE = (1280, 860), (360, 740)
FLAGS = (
    "headless",
    f"window-size={DESKTOP[0]},{DESKTOP[1]}",  # each has another one
    "no-sandbox",
    "disable-gpu",
    "disable-dev-shm-usage",
    # A page takes over the process of the one before: a new one costs as much again.
    "disable-features=BackForwardCache,ProactivelySwapBrowsingInstance,SpareRendererForSitePerProcess",
    "disable-site-isolation-trials",
)
WAIT_SECONDS = 20
POLL_SECONDS = 0.05
"""Asking costs a tenth of it, in three processes."""

AXE = Path(__file__).parent / "javascript/node_modules/axe-core/axe.min.js"

_MIDDLE = """
const element = document.querySelectorAll(arguments[0])[arguments[1]];
if (!element?.checkVisibility()) return null;
element.scrollIntoView({ block: "nearest", behavior: "instant" });
const { left, top, width, height } = element.getBoundingClientRect();
const place = [left + width / 2, top + height / 2];
return element.contains(document.elementFromPoint(...place)) ? place : null;
"""

_T = TypeVar("_T")


def start_chromium(downloads: Path) -> Any:
    """A WebDriver; skips the test if the machine has no Chromium. Tests have one in common, the
    fixture `chromium`."""
    if CHROMIUM is None or DRIVER is None:
        pytest.skip("no browser (Debian: apt-get install chromium-headless-shell chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in FLAGS:
        options.add_argument(f"--{flag}")
    options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))


def resize(driver: Any, width: int, height: int, *, mobile: bool = False) -> None:
    """Gives the page this size, as on a phone or not."""
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def renew(driver: Any) -> None:
    """Takes back what `resize` and `themed` have changed."""
    driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    themed(driver, None)


def themed(driver: Any, theme: str | None) -> None:
    """Has the browser's user prefer "light" or "dark", or nothing any more."""
    features = [] if theme is None else [{"name": "prefers-color-scheme", "value": theme}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def findings(driver: Any) -> list[str]:
    """What axe-core finds wrong in what is shown; skips the test if it is not there."""
    if not AXE.exists():
        pytest.skip("axe-core is not there: make lint installs it")
    driver.execute_script(AXE.read_text(encoding="utf-8"))
    return driver.execute_async_script(
        """
        const done = arguments[0];
        const said = ({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`);
        axe.run({ resultTypes: ["violations"] })
          .then(({ violations }) => done(violations.flatMap(said)));
        """
    )


class Page:
    """The page in a browser, as somebody sees it who plays."""

    def __init__(self, driver: Any, url: str) -> None:
        self.driver = driver
        self.url = url

    def open(self, link: str = "", size: tuple[int, int] = DESKTOP) -> None:
        """Opens a game in a fresh tab's state; `link` is what follows `#`."""
        resize(self.driver, *size, mobile=size == PHONE)
        self.driver.get("about:blank")
        self.driver.get(self.url + (f"#{link}" if link else ""))
        self.until(lambda: self("#status").text)

    def visit(self, link: str = "", size: tuple[int, int] = DESKTOP) -> None:
        """Opens a game in a browser that has nothing of the page yet."""
        self.driver.execute_cdp_cmd("Network.clearBrowserCache", {})
        self.open(link, size)

    def __call__(self, selector: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def until(self, condition: Callable[[], _T]) -> _T:
        waiting = WebDriverWait(
            self.driver, WAIT_SECONDS, POLL_SECONDS, [StaleElementReferenceException]
        )
        return waiting.until(lambda _: condition())

    def run(self, script: str, *args: object) -> Any:
        return self.driver.execute_script(script, *args)

    def cell(self, name: str) -> WebElement:
        return self(f'[data-name="{name}"]')

    def click(self, selector: str, nth: int = 0) -> None:
        """Clicks the middle of the first element, or another one, as soon as nothing lies over it.

        WebDriver's own click takes so many steps that it costs more than what the page does.
        """
        place = self.until(lambda: self.run(_MIDDLE, selector, nth))
        for kind in ("mousePressed", "mouseReleased"):
            mouse = {"type": kind, "x": place[0], "y": place[1], "button": "left", "clickCount": 1}
            self.driver.execute_cdp_cmd("Input.dispatchMouseEvent", mouse)

    @property
    def status(self) -> str:
        return self("#status").text

    @property
    def fields(self) -> dict[str, str]:
        """What the address says about the game."""
        pairs = self.run("return [...new URLSearchParams(location.hash.slice(1))]")
        return dict(pairs)

    @property
    def moves(self) -> list[str]:
        """The moves of the game, without what was tried beside it."""
        text, tried = self.fields.get("moves", ""), None
        while text != tried:
            tried, text = text, re.sub(r"\([^()]*\)", "", text)
        return [move for move in text.split("-") if move]

    @property
    def shown(self) -> int:
        """How many moves the board shows."""
        return int(self("#counter").text.split()[0])

    def board(self) -> Board:
        """The position at the end of the game, by our engine."""
        fields = self.fields
        board = (
            Board.random(int(fields["seed"]))
            if "seed" in fields
            else Board.from_text(fields["board"])
        )
        for move in self.moves:
            board.play(Move.parse(move))
        return board

    def labels(self) -> dict[str, str]:
        """What a screen reader says of each cell."""
        pairs = self.run(
            "return [...document.querySelectorAll('[data-cell]')]"
            ".map(c => [c.dataset.name, c.getAttribute('aria-label')])"
        )
        return dict(pairs)

    def errors(self, *expected: str) -> list[str]:
        """The errors in the console since the last call, but for the expected ones."""
        return [
            entry["message"]
            for entry in self.driver.get_log("browser")
            if entry["level"] in ("SEVERE", "WARNING")
            and not any(text in entry["message"] for text in expected)
        ]


class Hands:
    """Somebody at a page, a `Browser` of tests/player/whole_games.py.

    Args:
        page: the page, with a screen to touch while this is used as a context.
    """

    def __init__(self, page: Page) -> None:
        self._driver = page.driver

    def __enter__(self) -> Self:
        self._touch(enabled=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._touch(enabled=False)

    def run(self, script: str, *args: object) -> Any:
        return self._driver.execute_script(
            f"return (async (args) => {{{script}}})([...arguments])", *args
        )

    def press(self, *keys: str) -> None:
        webdriver.ActionChains(self._driver, duration=0).send_keys(*keys).perform()

    def tap(self, x: float, y: float) -> None:
        touch = {"touchPoints": [{"x": x, "y": y}], "type": "touchStart"}
        self._driver.execute_cdp_cmd("Input.dispatchTouchEvent", touch)
        lifted = {"touchPoints": [], "type": "touchEnd"}
        self._driver.execute_cdp_cmd("Input.dispatchTouchEvent", lifted)

    def _touch(self, *, enabled: bool) -> None:
        self._driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": enabled})
