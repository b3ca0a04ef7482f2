"""What matches have shown so far: a result for each pairing, and ratings of all players."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hexz.ratings.references import ANCHOR
from hexz.ratings.statistics import estimate_score, ratings
from hexz.schema.records import Estimate

Pairing = tuple[int, int]
"""Two players by their numbers."""

Margins = tuple[int, int]
"""By how much the first of two players won each of the two games on a board."""


@dataclass(frozen=True, kw_only=True)
class PairingResult:
    """The games of two players, from the view of the first.

    Attributes:
        boards: played from both seats.
        wins, draws, losses: games.
        margin: mean difference of the final scores of a game.
        score: the share of points, with the board as the unit.
        by_seat: the share of points as player 1, who moves first, and as player 2.
    """

    boards: int
    wins: int
    draws: int
    losses: int
    margin: float
    score: Estimate
    by_seat: tuple[float, float]


class Results:
    """Collects the results of a match, pairing by pairing.

    Args:
        names: of all players.
        pairings: that play.
    """

    def __init__(self, names: Sequence[str], pairings: Sequence[Pairing]) -> None:
        self.names = names
        self._margins: dict[Pairing, dict[int, Margins]] = {pairing: {} for pairing in pairings}

    @property
    def pairings(self) -> Sequence[Pairing]:
        return list(self._margins)

    @property
    def boards(self) -> int:
        """The number of boards that all pairings have played."""
        return sum(len(margins) for margins in self._margins.values())

    @property
    def anchor(self) -> str:
        """The player with the rating 0."""
        return ANCHOR if ANCHOR in self.names else self.names[0]

    def add(self, pairing: Pairing, board: int, margins: Margins) -> None:
        """Counts the games on the board of a number."""
        self._margins[pairing][board] = margins

    def of(self, pairing: Pairing) -> PairingResult | None:
        """The result of a pairing; None before its first board."""
        margins = list(self._margins.get(pairing, {}).values())
        if not margins:
            return None
        games = [_points(margin) for both in margins for margin in both]
        return PairingResult(
            boards=len(margins),
            wins=games.count(1.0),
            draws=games.count(0.5),
            losses=games.count(0.0),
            margin=sum(a + b for a, b in margins) / len(games),
            score=estimate_score([score_of(both) for both in margins]),
            by_seat=(2 * sum(games[::2]) / len(games), 2 * sum(games[1::2]) / len(games)),
        )

    def first_boards(self, most: int) -> list[tuple[Pairing, int]]:
        """Pairings and the numbers of boards that they have played, in this order: the first
        boards of each, as many of all of them as there are, and `most` in total."""
        ranked = [
            (rank, pairing, board)
            for pairing, margins in self._margins.items()
            for rank, board in enumerate(sorted(margins))
        ]
        return sorted((pairing, board) for _, pairing, board in sorted(ranked)[:most])

    def in_order(self, pairing: Pairing) -> list[float]:
        """The scores of the first player on the first boards up to one that is not finished. Short
        games end first and may be of a certain kind: a sequential test must not look at the boards
        in the order in which they end."""
        scores: list[float] = []
        margins = self._margins[pairing]
        while (both := margins.get(len(scores))) is not None:
            scores.append(score_of(both))
        return scores

    def ratings(self) -> dict[str, Estimate]:
        """Elo of the players that have met the anchor, over others too; see `ratings`."""
        return ratings(
            {
                (self.names[a], self.names[b]): [score_of(both) for both in margins.values()]
                for (a, b), margins in self._margins.items()
            },
            self.anchor,
        )


def _points(margin: int) -> float:
    return 0.5 if margin == 0 else float(margin > 0)


def score_of(margins: Margins) -> float:
    """The score of a player on a board, from its margins in both games."""
    return (_points(margins[0]) + _points(margins[1])) / 2
