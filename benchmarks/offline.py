"""How long a move takes on the page in one file.

    python benchmarks/offline.py [--games 20] [--seed 500]

Opens what `hexzctl export-page` writes in a headless Chromium, and has its worker answer each
position of whole games in which the policy plays against itself (`glance@100`), as `model@1` does:
one evaluation, or the exact solution of an endgame. Prints the milliseconds that moves took, by the
clock of the browser.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

import hexz
from hexz.model.checkpoint import load_checkpoint
from hexz.places import SHIPPED
from hexz.player.offline import offline_page
from tests.browser import start_chromium

ASK = """
const [games, done] = arguments, times = [];
const data = (id) => document.getElementById(id).textContent;
const code = new Blob([data("worker")], { type: "text/javascript" });
const worker = new Worker(URL.createObjectURL(code));
const weights = Uint8Array.from(atob(data("weights").trim()), (char) => char.charCodeAt(0)).buffer;
worker.postMessage({ header: JSON.parse(data("network")).header, weights }, [weights]);
const questions = games.flatMap(
  ([board, moves]) => moves.map((_, i) => ({ board, actions: moves.slice(0, i) })));
const ask = () => {
  if (times.length === questions.length) return done(times);
  worker.postMessage({ number: times.length, ...questions[times.length], player: "model@1" });
};
worker.onmessage = ({ data: { reply } }) => {
  times.push([reply.elapsed_ms, reply.simulations]);
  ask();
};
worker.onerror = (event) => done(event.message);
ask();
"""


def games(count: int, seed: int) -> list[tuple[str, list[int]]]:
    """Boards and the moves of the policy on them."""
    player = hexz.load_player("glance@100")
    found: list[tuple[str, list[int]]] = []
    for number in range(count):
        board = hexz.Board.random(seed + number)
        game = hexz.play(player, player, board)
        found.append((board.to_text(), [move.index for move in game.moves]))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--games", type=int, default=20)
    parser.add_argument("--seed", type=int, default=500)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "flagz.html"
        file.write_text(offline_page(load_checkpoint(SHIPPED)), encoding="utf-8")
        driver: Any = start_chromium(Path(directory))
        try:
            driver.get(file.as_uri())
            driver.set_script_timeout(600)
            answers = driver.execute_async_script(ASK, games(options.games, options.seed))
        finally:
            driver.quit()
    if isinstance(answers, str):
        raise SystemExit(answers)
    times, simulations = np.array(answers).T
    solved = int((simulations == 0).sum())
    print(f"{len(times)} moves, {solved} of them solved")
    for name, part in (("50 %", 0.5), ("90 %", 0.9), ("99 %", 0.99), ("all", 1.0)):
        print(f"{name} within {np.quantile(times, part):.0f} ms")


if __name__ == "__main__":
    main()
