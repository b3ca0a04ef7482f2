"""What is known of how players did against each other, from many runs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from hexz.ratings.statistics import ratings
from hexz.schema.records import Estimate, Result


class Evidence:
    """Scores on boards, for pairs of players. A board counts once for a pair, however often it is
    added.

    Args:
        results: what `results` gave before; see `Ratings`.
    """

    def __init__(self, results: Iterable[Result] = ()) -> None:
        self._scores: dict[tuple[str, str], dict[str, float]] = {}
        for first, second, scores in results:
            for board, score in scores.items():
                self._add((first, second), board, score)

    def add(self, players: tuple[str, str], board: str, score: float) -> None:
        """Counts the two games of a board.

        Args:
            players: who played.
            board: the start position, as `Board.to_text()`.
            score: of the first player, the mean of two games.
        """
        self._add(players, _digest(board), score)

    def update(self, other: Evidence) -> None:
        """Takes over what another one has."""
        for players, scores in other._scores.items():
            for board, score in scores.items():
                self._add(players, board, score)

    def has(self, players: tuple[str, str], board: str) -> bool:
        """Tells whether two players have played a board."""
        return _digest(board) in self._scores.get(_in_order(players), {})

    def boards(self, players: tuple[str, str]) -> int:
        """Counts the boards that two players have played."""
        return len(self._scores.get(_in_order(players), {}))

    def boards_of(self, player: str) -> int:
        """Counts the boards that a player has played with all others."""
        return sum(len(scores) for pair, scores in self._scores.items() if player in pair)

    def ratings(self, anchor: str) -> Mapping[str, Estimate]:
        """Elo ratings of all players that results connect with the anchor, which has 0."""
        scores = {pair: list(boards.values()) for pair, boards in self._scores.items()}
        return ratings(scores, anchor)

    def results(self) -> list[Result]:
        """All of it, to be kept."""
        return [(*pair, scores) for pair, scores in sorted(self._scores.items())]

    def _add(self, players: tuple[str, str], board: str, score: float) -> None:
        pair = _in_order(players)
        self._scores.setdefault(pair, {})[board] = score if pair == players else 1 - score


def _in_order(players: tuple[str, str]) -> tuple[str, str]:
    first, second = sorted(players)
    return first, second


def _digest(board: str) -> str:
    return hashlib.sha256(board.encode()).hexdigest()[:8]
