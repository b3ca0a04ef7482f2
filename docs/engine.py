#!/usr/bin/env python3
"""An engine of Flagz in a few lines, which takes the move that scores most; see protocol.md.

hexzctl play --player 'cmd:docs/engine.py'
hexzctl arena --player 'cmd:docs/engine.py@1s' --player random
"""

import sys

import hexz


def best_move(board: hexz.Board) -> hexz.Move:
    """Returns the move after which the player to move has most points."""

    def points(move: hexz.Move) -> int:
        after = board.copy()
        after.play(move)
        return after.score[board.turn - 1]

    return max(board.legal_moves(), key=points)


def main() -> None:
    """Answers commands until there are no more."""
    board = hexz.Board.random(0)
    for line in sys.stdin:
        try:
            match line.split():
                case ["name"]:
                    answer = "greedy"
                case ["board", *position]:
                    board, answer = hexz.read_position(" ".join(position)), ""
                case ["genmove", *_]:  # it needs no time, and so need not read its limits
                    answer = str(best_move(board))
                    board.play(answer)
                case ["quit"]:
                    print("=\n", flush=True)
                    return
                case _:
                    raise ValueError(f"unknown command: {line.strip()}")
            print(f"= {answer}\n", flush=True)
        except ValueError as error:  # hexz's errors about positions and moves are such, too
            print(f"? {error}\n", flush=True)


if __name__ == "__main__":
    main()
