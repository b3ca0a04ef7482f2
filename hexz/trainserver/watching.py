"""What there is to watch: one of the games under way."""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter

from hexz.engine import Board
from hexz.errors import IllegalMove, InvalidBoard
from hexz.schema.fleet import GameUnderWay, Heartbeat
from hexz.schema.status import WatchedGame


def watched_game(workers: Iterable[Heartbeat]) -> WatchedGame | None:
    """The game of the first worker by name that has one, which stays the same to its end."""
    for worker in sorted(workers, key=attrgetter("worker")):
        game = worker.game
        if game is not None and _is_sound(game):
            return WatchedGame(
                board=game.board,
                moves=game.moves,
                worker=worker.worker,
                checkpoint=worker.checkpoint,
            )
    return None


def _is_sound(game: GameUnderWay) -> bool:
    """Whether the rules allow it, which a worker may not."""
    try:
        board = Board.from_text(game.board)
        for action in game.moves:
            board.play_index(action)
    except (InvalidBoard, IllegalMove):
        return False
    return True
