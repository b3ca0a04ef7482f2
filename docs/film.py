"""Films a game on the page with its analysis, for README.md: docs/game.gif.

    python docs/film.py

needs Chromium and its driver, and takes some minutes. The network plays itself on one board; the
page is served as `hexzctl serve-player` does, and photographed position by position.
"""

from __future__ import annotations

import argparse
import functools
import io
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image
from selenium.webdriver.support.ui import WebDriverWait

sys.path.insert(0, str(Path(__file__).parents[1]))

import hexz
from hexz.player.levels import LEVELS
from tests.browser import Page, start_chromium

SEED = 23
PLAYER = "model@800"
CHAMPION = LEVELS[-1].spec
WIDTH, HEIGHT = 940, 850
FRAME_MS, LAST_MS = 330, 3000
COLOURS = 96


def game_link() -> str:
    """A whole game, as the page's address has it."""
    with hexz.load_player(PLAYER) as player:
        game = hexz.play(player, player, hexz.Board.random(SEED))
    moves = "-".join(str(move) for move in game.moves)
    return f"seed={SEED}&blue=person&orange={CHAMPION}&moves={moves}"


def photographs(page: Page, link: str, every: int) -> list[Image.Image]:
    """The page at every so many moves, from the first to the end, each with its analysis."""
    page.open(link, size=(WIDTH, HEIGHT))
    page.run("document.documentElement.style.overflow = 'hidden'")  # no scroll bar in the picture
    page.click("label:has(#analyse), #analyse")
    total = page.shown
    WebDriverWait(page.driver, 300, 0.5).until(lambda _: is_analysed(page, total))
    page.run("document.activeElement.blur()")
    press(page, "Home")
    found = []
    for shown in range(total + 1):
        if shown % every == 0 or shown == total:
            page.until(functools.partial(is_analysed, page, shown))
            picture = Image.open(io.BytesIO(page.driver.get_screenshot_as_png()))
            found.append(picture.convert("RGB"))
        press(page, "ArrowRight")
    return found


def is_analysed(page: Page, move: int) -> bool:
    """Tells whether the graph has all positions, and the panel the analysis of this one."""
    said = page("#thinking").text
    return page.shown == move and bool(said) and "positions" not in said and "Thinking" not in said


def press(page: Page, key: str) -> None:
    page.run("document.body.dispatchEvent(new KeyboardEvent('keydown', {key: arguments[0], "
             "bubbles: true}))", key)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name("game.gif"))
    parser.add_argument("--every", type=int, default=3, help="moves between two pictures")
    options = parser.parse_args()
    link = game_link()
    command = [sys.executable, "-m", "hexzctl", "serve-player", "--port", "0"]
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server,
    ):
        driver: Any = start_chromium(Path(folder))
        try:
            [url] = re.findall(r"http://\S+", server.stdout.readline() if server.stdout else "")
            pictures = photographs(Page(driver, url), link, options.every)
        finally:
            driver.quit()
            server.terminate()
    whole = Image.new("RGB", (WIDTH, 3 * HEIGHT))
    for number, picture in enumerate((pictures[0], pictures[len(pictures) // 2], pictures[-1])):
        whole.paste(picture, (0, number * HEIGHT))
    palette = whole.quantize(COLOURS)
    frames = [picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures]
    times = [FRAME_MS] * (len(frames) - 1) + [LAST_MS]
    frames[0].save(options.output, save_all=True, append_images=frames[1:], duration=times, loop=0)
    print(f"{options.output}: {len(frames)} pictures, {sum(times) / 1000:.0f} s, "
          f"{options.output.stat().st_size / 1e6:.2f} MB")  # fmt: skip


if __name__ == "__main__":
    main()
