"""What the results of matches say, and how sure that is.

A board is played twice, once from each seat, and its two games depend on each other: a board may
be good for one side. So the boards are what is counted, and a board's score is the mean of its
games, in 0..1.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from hexz.schema.records import Estimate

_Floats = npt.NDArray[np.floating[Any]]

ELO: Final = 400 / math.log(10)
"""Elo points of one unit of log-odds."""

_QUANTILE: Final = NormalDist().inv_cdf(0.975)
_FEW: Final = 3.0
"""Boards' worth of points below which their spread says little."""


# --- One pair ------------------------------------------------------------------------------------


def estimate_score(scores: npt.ArrayLike) -> Estimate:
    """The expected score of a player, from its scores on the boards, [n] with n >= 1.

    Wilson's interval (JASA 22, 1927), which stays in 0..1 and is honest near its ends, for as many
    independent games as tell as much as these boards do; with the quantile of Student's t.
    """
    boards = np.asarray(scores, float)
    count, mean = len(boards), float(boards.mean())
    games = 2 * count / _design_effect(boards)
    square = student_quantile(count - 1) ** 2
    centre = (mean + square / (2 * games)) / (1 + square / games)
    half = math.sqrt(square * (mean * (1 - mean) / games + square / (4 * games**2)))
    half /= 1 + square / games
    # Rounding must not take the ends out of 0..1.
    low, high = max(0.0, min(mean, centre - half)), min(1.0, max(mean, centre + half))
    return Estimate(value=mean, low=low, high=high)


def _design_effect(boards: _Floats) -> float:
    """The variance of a board's score over that of two independent games without draws. Where
    nearly all games have one result it cannot be seen, and is at least 1."""
    count, mean = len(boards), float(boards.mean())
    independent = mean * (1 - mean) / 2
    if count < 2 or independent == 0:
        return 1.0
    effect = float(boards.var(ddof=1)) / independent
    return max(effect, 1.0 if count * min(mean, 1 - mean) < _FEW else 0.1)


def student_quantile(degrees: int) -> float:
    """The 97.5 % quantile of Student's t, by the expansion in Abramowitz and Stegun 26.7.5: within
    1 % from 3 degrees of freedom on."""
    z, n = _QUANTILE, max(degrees, 1)
    return (
        z
        + (z**3 + z) / (4 * n)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * n**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * n**3)
    )


def estimate_mean(values: npt.ArrayLike) -> Estimate:
    """The expected value of what was drawn independently, [n] with n >= 2, as the differences that
    an experiment found with several seeds; by Student's t."""
    drawn = np.asarray(values, float)
    mean = float(drawn.mean())
    half = student_quantile(len(drawn) - 1) * float(drawn.std(ddof=1)) / math.sqrt(len(drawn))
    return Estimate(value=mean, low=mean - half, high=mean + half)


def elo_of_score(score: float) -> float:
    """The difference in Elo of which a score is expected; infinite at 0 and 1."""
    if score in (0.0, 1.0):
        return math.copysign(math.inf, score - 0.5)
    return ELO * math.log(score / (1 - score))


def score_of_elo(elo: float) -> float:
    """The score that is expected at a difference in Elo."""
    return 1 / (1 + math.exp(-elo / ELO))


# --- A sequential test ---------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Sprt:
    """A sequential test of two hypotheses on the difference in Elo (Wald 1945), for scores whose
    distribution is not known: the generalized test with a normal approximation (Van den Bergh,
    "A practical introduction to the GSPRT", 2019), on boards.

    Attributes:
        elo0, elo1: the hypotheses; elo0 < elo1.
        alpha: probability to accept elo1 where elo0 is true, and the other way round.
    """

    elo0: float
    elo1: float
    alpha: float = 0.05

    @property
    def bound(self) -> float:
        """The log-likelihood ratio that decides for elo1; its negative decides for elo0."""
        return math.log((1 - self.alpha) / self.alpha)

    def ratios(self, scores: npt.ArrayLike) -> _Floats:
        """The log-likelihood ratios of elo1 to elo0 after each board, given the scores, [n]."""
        boards = np.asarray(scores, float)
        counts = np.arange(1, len(boards) + 1)
        means = np.cumsum(boards) / counts
        # A few boards of equal scores do not mean that there is no variance: as if there had been
        # some of independent games already.
        spreads = np.cumsum(boards**2) - counts * means**2 + _PRIOR_BOARDS * _PRIOR_VARIANCE
        variances = spreads / (counts + _PRIOR_BOARDS)
        low, high = score_of_elo(self.elo0), score_of_elo(self.elo1)
        ratios: _Floats = counts * (high - low) * (2 * means - low - high) / (2 * variances)
        return ratios

    def decision(self, scores: npt.ArrayLike) -> float | None:
        """The hypothesis that is accepted first, in Elo, where the test looks after each board, or
        None while it is to go on."""
        ratios = self.ratios(scores)
        decided = np.flatnonzero(np.abs(ratios) >= self.bound)
        if len(decided) == 0:
            return None
        return self.elo1 if ratios[decided[0]] > 0 else self.elo0


_PRIOR_BOARDS: Final = 10
_PRIOR_VARIANCE: Final = 1 / 8


# --- Ratings of many players ---------------------------------------------------------------------


Pair = tuple[str, str]


def ratings(results: Mapping[Pair, Sequence[float]], anchor: str) -> dict[str, Estimate]:
    """Elo ratings of all players that are connected with the anchor by matches, which has 0.

    The model of Bradley and Terry (Biometrika 39, 1952), with draws as half a win each, by
    likelihood with Firth's penalty (Biometrika 80, 1993): as if there were as many more drawn games
    as there are players but one, spread over the pairs by how much hangs on each. So a player that
    has won all its games has a finite rating, and ratings are not drawn together, however many
    pairs there are. Intervals are of the difference to the anchor; they allow for the dependence of
    the two games of a board.

    Args:
        results: for pairs of players, the scores of the first one on the boards, [n] each.
        anchor: a player.
    """
    played = {pair: np.asarray(scores, float) for pair, scores in results.items() if len(scores)}
    players = _connected(list(played), anchor)
    place = {player: i for i, player in enumerate(players)}
    pairs = [(place[a], place[b]) for a, b in played if a in place]
    boards = [scores for (a, _), scores in played.items() if a in place]
    if not pairs:
        return {anchor: Estimate(value=0, low=0, high=0)}
    strength, error = _fit(len(players), pairs, boards)
    values = ELO * (strength - strength[place[anchor]])
    halves = _QUANTILE * ELO * error(place[anchor])
    return {
        player: Estimate(value=float(value), low=float(value - half), high=float(value + half))
        for player, value, half in zip(players, values, halves, strict=True)
    }


def _connected(pairs: Sequence[Pair], anchor: str) -> list[str]:
    """The players that can be reached from the anchor over matches."""
    known, fresh = {anchor: None}, [anchor]
    while fresh:
        player = fresh.pop()
        for pair in pairs:
            for other in pair:
                if player in pair and other not in known:
                    known[other] = None
                    fresh.append(other)
    return list(known)


_STEPS: Final = 100


class _Errors:
    """Standard errors of differences in strength, from a covariance matrix."""

    def __init__(self, *covariances: _Floats) -> None:
        self._covariances = covariances

    def __call__(self, anchor: int) -> _Floats:
        variances = [
            np.diag(c) - c[:, anchor] - c[anchor] + c[anchor, anchor] for c in self._covariances
        ]
        largest: _Floats = np.sqrt(np.maximum(np.max(variances, axis=0), 0))
        return largest


def _fit(
    count: int, pairs: Sequence[tuple[int, int]], boards: Sequence[_Floats]
) -> tuple[_Floats, _Errors]:
    """Log-odds strengths [count], and their errors.

    Fisher's scoring. The errors are the larger of two: those of independent games, and those from
    the spread between boards (a sandwich estimate, which says nothing if all boards are alike).
    """
    contrasts = np.zeros((len(pairs), count))
    for row, (a, b) in zip(contrasts, pairs, strict=True):
        row[a], row[b] = 1, -1
    games = np.array([2 * len(scores) for scores in boards], float)
    points = np.array([2 * scores.sum() for scores in boards])
    strength = np.zeros(count)
    for _ in range(_STEPS):
        expected = 1 / (1 + np.exp(-contrasts @ strength))
        weight = games * expected * (1 - expected)
        # Only differences are determined: the pseudo-inverse keeps the mean at 0.
        inverse = np.linalg.pinv(contrasts.T @ (weight[:, None] * contrasts), hermitian=True)
        drawn = weight * (contrasts @ inverse * contrasts).sum(axis=1)
        gradient = contrasts.T @ (points + drawn / 2 - (games + drawn) * expected)
        step = np.clip(inverse @ gradient, -2, 2)
        strength += step
        if np.abs(step).max() < 1e-9:
            break
    spread = np.array(
        [
            np.square(2 * (scores - mean)).sum()
            for scores, mean in zip(boards, expected, strict=True)
        ]
    )
    sandwich = inverse @ (contrasts.T @ (spread[:, None] * contrasts)) @ inverse
    return strength, _Errors(inverse, sandwich)
