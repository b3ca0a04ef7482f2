"""A run of an arena that finds out how strong some players are, with as few games as it can."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import numpy as np

from hexz.arena.games import GamePair, Played
from hexz.arena.run import ArenaConfig, ArenaRun
from hexz.player.spec import Budget, PlayerSpec
from hexz.ratings.evidence import Evidence
from hexz.ratings.pairing import Design
from hexz.ratings.references import ANCHOR
from hexz.ratings.results import Pairing, score_of
from hexz.ratings.statistics import ELO

ROUND_BOARDS: Final = 4
"""A pairing is chosen for so many boards."""
_BLIND: Final = 0.1
"""Worth of further boards of a pairing that has more of them in flight than finished: their results
may show that others are better."""
_EVALUATION_COST: Final = 50
"""Games of random moves in the time of an evaluation by a network of the default size: 10 on a
CPU with AMX, about 100 on one with AVX2 only."""
_GAMES_A_SECOND: Final = 400_000
"""Games of random moves on a core, see docs/performance.md."""


class RatingRun(ArenaRun):
    """Plays those pairings that tell most about some of the players, see `Design`.

    Args:
        config: its pairings are those that may play, each on its boards at most.
        num_wanted: so many players, the first ones, are to be rated. All others play if that
            helps; the anchor is one of the players.
        evidence: what is known already, by the names in `ids`; grows with the run.
        ids: of the players.
        relatives: for each player, by likeness, those that stand for it until it has a rating.
        boards: to be known of each player that is to be rated, on average.
        notify: takes lines for people.
    """

    def __init__(
        self,
        config: ArenaConfig,
        num_wanted: int,
        evidence: Evidence,
        ids: Sequence[str],
        relatives: Sequence[Sequence[str]],
        boards: int,
        notify: Callable[[str], None],
    ) -> None:
        super().__init__(config, notify)
        self.evidence = evidence
        self._ids = ids
        self._relatives = [[name, *others] for name, others in zip(ids, relatives, strict=True)]
        self._wanted = range(num_wanted)
        self._boards = boards
        self._planned = 0
        self._design = Design(
            config.pairings,
            costs=[cost_of(spec) for spec in config.specs],
            wanted=[number in self._wanted for number in range(len(ids))],
            anchor=ids.index(ANCHOR),
        )

    @property
    def total(self) -> int:
        return self.resumed + self._planned

    def _count(self, played: Played) -> None:
        super()._count(played)
        score = score_of(played.margins)
        self.evidence.add(self._names(played.pair.pairing), played.pair.board, score)

    def _order(self, pairs: Sequence[GamePair]) -> Iterator[GamePair]:
        waiting: dict[Pairing, deque[GamePair]] = defaultdict(deque)
        for pair in pairs:
            if not self.evidence.has(self._names(pair.pairing), pair.board):
                waiting[pair.pairing].append(pair)
        playing = {number for pairing in waiting for number in pairing}
        missing = sum(
            max(0, self._boards - self.evidence.boards_of(self._ids[number]))
            for number in self._wanted
            if number in playing
        )
        left = min(missing, sum(map(len, waiting.values())))
        self._planned += left
        pairings = self.config.pairings
        given = np.array([self.evidence.boards(self._names(pairing)) for pairing in pairings])
        while left > 0:
            known = np.array([self.evidence.boards(self._names(pairing)) for pairing in pairings])
            gains = self._design.gains(self._strengths(), given)
            gains[[not waiting[pairing] for pairing in pairings]] = -1
            gains[given - known >= np.maximum(known, ROUND_BOARDS)] *= _BLIND
            best = int(gains.argmax())
            count = min(ROUND_BOARDS, left, len(waiting[pairings[best]]))
            given[best] += count
            left -= count
            for _ in range(count):
                yield waiting[pairings[best]].popleft()

    def _strengths(self) -> Sequence[float]:
        """Of all players as far as they can be guessed, in log-odds."""
        ratings = self.evidence.ratings(ANCHOR)
        rated = [[name for name in names if name in ratings] for names in self._relatives]
        return [ratings[names[0]].value / ELO if names else 0.0 for names in rated]

    def _names(self, pairing: Pairing) -> tuple[str, str]:
        return self._ids[pairing[0]], self._ids[pairing[1]]


def cost_of(spec: PlayerSpec) -> float:
    """Estimates what a move of a player costs, in games of random moves."""
    match spec.budget:
        case Budget(seconds=float(seconds)):
            return seconds * _GAMES_A_SECOND
        case Budget(simulations=int(simulations)):
            return float(simulations * (_EVALUATION_COST if spec.needs_network else 1))
    return 1.0  # `random`
