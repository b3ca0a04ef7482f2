"""What the exact endgame solver finds out about a position."""

from __future__ import annotations

from dataclasses import dataclass

from hexz.engine.move import Move


@dataclass(frozen=True)
class Solution:
    """The outcome of a position under best play of both players, who maximise their margin.

    Margins are final score differences from the view of the player to move: positive is a win.

    Attributes:
        move: a move that reaches the best margin.
        margin: that margin.
        values: the margin that follows from each legal move.
        line: best play of both from here to the end of the game, `move` first.
    """

    move: Move
    margin: int
    values: dict[Move, int]
    line: list[Move]
