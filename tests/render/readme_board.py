"""Draws docs/board.svg, the board in the README: `python -m tests.render.readme_board`."""

import gzip
import json
from pathlib import Path

from hexz.engine import Board, Move
from hexz.render.svg import center, whole_svg

REPOSITORY = Path(__file__).parents[2]
PICTURE = REPOSITORY / "docs" / "board.svg"
GAME, MOVES = 3, 36


def readme_board() -> str:
    """A recorded game in its middle, with its last move marked, complete in itself."""
    with gzip.open(REPOSITORY / "tests" / "data" / "traces_sample.jsonl.gz", "rt") as lines:
        trace = [json.loads(line) for line in lines][GAME]
    board = Board.from_text(trace["board"])
    moves = [
        Move("flag" if move["t"] == "F" else "normal", move["r"], move["c"])
        for move in trace["moves"][:MOVES]
    ]
    for move in moves:
        board.play(move)
    x, y = center(moves[-1].row, moves[-1].col)
    return whole_svg(board).replace(
        '<g class="hz-marks">', f'<g class="hz-marks"><use href="#hz-last" x="{x}" y="{y}"/>'
    )


if __name__ == "__main__":
    PICTURE.write_text(readme_board(), encoding="utf-8")
