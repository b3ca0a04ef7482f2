"""Intervals, the sequential test and ratings, by hand and against simulation."""

import itertools
import math
from typing import Any

import numpy as np
import pytest

from hexz.ratings.statistics import (
    Sprt,
    elo_of_score,
    estimate_mean,
    estimate_score,
    ratings,
    score_of_elo,
    student_quantile,
)


def simulate(
    rng: np.random.Generator, strength: float, shape: tuple[int, ...], bias: float, draws: float
) -> np.ndarray:
    """Scores of boards: games with log-odds `strength`, changed by how good the board is for one
    side, which helps in one game and harms in the other; some are drawn whatever happens."""
    favour = rng.normal(0, bias, shape)
    games = []
    for sign in (1, -1):
        won = rng.random(shape) < 1 / (1 + np.exp(-(strength + sign * favour)))
        games.append(np.where(rng.random(shape) < draws, 0.5, won))
    return (games[0] + games[1]) / 2


# --- One pair ------------------------------------------------------------------------------------


def test_by_hand():
    # Mean 0.75; the spread of the boards, 1/12 + ..., is that of independent games times 4/3.
    boards = [1.0, 0.5, 1.0, 0.5] * 10
    variance = np.var(boards, ddof=1)  # 0.0641 where independent games have 0.09375
    games = 80 / (variance / 0.09375)
    t = student_quantile(39)
    centre = (0.75 + t**2 / (2 * games)) / (1 + t**2 / games)
    estimate = estimate_score(boards)
    assert estimate.value == 0.75
    assert (estimate.low + estimate.high) / 2 == pytest.approx(centre)
    # Close to the textbook's mean +- t * s / sqrt(n).
    assert estimate.high - estimate.low == pytest.approx(2 * t * math.sqrt(variance / 40), rel=0.03)


@pytest.mark.parametrize(
    ("degrees", "quantile"), [(3, 3.182), (5, 2.571), (10, 2.228), (29, 2.045), (1000, 1.962)]
)
def test_students_t(degrees, quantile):
    assert student_quantile(degrees) == pytest.approx(quantile, rel=0.01)


@pytest.mark.parametrize("score", [0.0, 1.0])
def test_an_interval_stays_in_its_bounds(score):
    """Rounding would take it beyond, to "-0.0" and 1.0000000000000002."""
    for boards in range(1, 400):
        estimate = estimate_score([score] * boards)
        assert 0 <= estimate.low <= score <= estimate.high <= 1
        assert math.copysign(1, estimate.low) == 1


def test_one_result_only():
    """30 boards won: by the rule of three, the player may lose about 1 game in 20."""
    estimate = estimate_score([1.0] * 30)
    assert (estimate.value, estimate.high) == (1.0, 1.0)
    assert 0.92 < estimate.low < 0.96
    assert estimate_score([0.0]).high > 0.7
    narrow = estimate_score([0.5] * 100)  # each board was won from one seat only
    assert 0.46 < narrow.low < 0.5 < narrow.high < 0.54


@pytest.mark.parametrize("count", [30, 100])
@pytest.mark.parametrize("strength", [0.0, 0.8, 1.6])
@pytest.mark.parametrize(("bias", "draws"), [(0.0, 0.02), (1.5, 0.02), (0.0, 0.4)])
def test_intervals_cover_the_true_score(count, strength, bias, draws):
    rng = np.random.default_rng(count)
    truth = simulate(rng, strength, (400_000,), bias, draws).mean()
    estimates = [estimate_score(row) for row in simulate(rng, strength, (4000, count), bias, draws)]
    covered = np.mean([e.low <= truth <= e.high for e in estimates])
    assert 0.93 <= covered <= 0.97


def test_elo():
    assert elo_of_score(0.5) == 0
    assert elo_of_score(10 / 11) == pytest.approx(400)
    assert elo_of_score(1) == math.inf
    assert elo_of_score(0) == -math.inf
    assert score_of_elo(elo_of_score(0.3)) == pytest.approx(0.3)


# --- The sequential test -------------------------------------------------------------------------


@pytest.mark.parametrize(("bias", "draws"), [(0.0, 0.02), (1.5, 0.02), (0.0, 0.4)])
@pytest.mark.parametrize("hypotheses", [(0.0, 50.0), (-20.0, 100.0)])
@pytest.mark.parametrize("truth", [0, 1])
def test_the_errors_of_the_test_stay_under_their_bound(bias, draws, hypotheses, truth):
    sprt = Sprt(elo0=hypotheses[0], elo1=hypotheses[1])
    rng = np.random.default_rng(1)
    strength = strength_with_score(score_of_elo(hypotheses[truth]), bias, draws)
    wrong, matches = 0, 600
    for scores in simulate(rng, strength, (matches, 1500), bias, draws):
        wrong += sprt.decision(scores) == hypotheses[1 - truth]
    # 5 % are allowed; 3 standard deviations of 600 matches on top.
    assert wrong / matches < 0.05 + 3 * math.sqrt(0.05 * 0.95 / matches)


def strength_with_score(score: float, bias: float, draws: float) -> float:
    grid = np.linspace(-2, 2, 81)
    rng = np.random.default_rng(0)
    means = [simulate(rng, s, (40_000,), bias, draws).mean() for s in grid]
    return float(np.interp(score, np.poly1d(np.polyfit(grid, means, 5))(grid), grid))


def test_the_ratio_by_hand():
    """Two boards, won and halved; 10 boards of variance 1/8 are assumed."""
    sprt = Sprt(elo0=0, elo1=elo_of_score(0.6))
    variance = (2 * 0.25**2 + 10 / 8) / 12
    expected = 2 * 0.1 * (2 * 0.75 - 0.5 - 0.6) / (2 * variance)
    assert sprt.ratios([1.0, 0.5])[-1] == pytest.approx(expected)
    assert sprt.bound == pytest.approx(math.log(19))


def test_a_clear_difference_is_decided_soon():
    sprt = Sprt(elo0=0, elo1=30)
    assert sprt.decision([]) is None
    assert sprt.decision([1.0]) is None
    assert sprt.decision([1.0] * 30) == 30
    assert sprt.decision([0.0] * 30) == 0


# --- Ratings -------------------------------------------------------------------------------------


def matches(
    rng: np.random.Generator, strengths: dict[str, float], boards: int, bias: float = 0.0
) -> dict[tuple[str, str], list[float]]:
    """All pairs, with planted Elo ratings."""
    scale = math.log(10) / 400
    return {
        (a, b): simulate(rng, (strengths[a] - strengths[b]) * scale, (boards,), bias, 0.0).tolist()
        for a, b in itertools.combinations(strengths, 2)
    }


def test_two_players_by_hand():
    """15 of 20 games won, and the drawn one that is added: 15.5 of 21."""
    rated = ratings({("a", "b"): [1.0, 0.5] * 5}, anchor="b")
    assert rated["b"].value == rated["b"].low == 0
    assert rated["a"].value == pytest.approx(elo_of_score(15.5 / 21))


PLANTED = {"random": -700.0, "uct:800": 0.0, "a": 150.0, "b": 300.0, "c": 620.0}


def test_planted_ratings_are_recovered():
    rated = ratings(matches(np.random.default_rng(3), PLANTED, 4000), anchor="uct:800")
    for player, elo in PLANTED.items():
        assert rated[player].value == pytest.approx(elo, abs=35)
        assert rated[player].low <= rated[player].value <= rated[player].high


@pytest.mark.parametrize("bias", [0.0, 1.0])
def test_intervals_cover_planted_ratings(bias):
    rng = np.random.default_rng(5)
    planted = {"uct:800": 0.0, "a": 80.0, "b": -120.0, "c": 200.0}
    # A favour of the board pulls scores to the middle: what counts is the rating it leads to.
    truth = ratings(matches(rng, planted, 100_000, bias), anchor="uct:800")
    covered = []
    for _ in range(300):
        rated = ratings(matches(rng, planted, 40, bias), anchor="uct:800")
        covered += [rated[p].low <= truth[p].value <= rated[p].high for p in "abc"]
    assert 0.93 <= np.mean(covered) <= 0.995


def test_won_and_lost_games_only():
    rated = ratings({("a", "b"): [1.0] * 50, ("b", "c"): [1.0] * 50}, anchor="b")
    assert 500 < rated["a"].value < 1000
    assert rated["c"].value == pytest.approx(-rated["a"].value)
    assert rated["a"].high - rated["a"].low > 400


def test_players_without_a_link_to_the_anchor_have_no_rating():
    rated = ratings({("a", "b"): [1.0, 0.5], ("x", "y"): [0.5], ("a", "z"): []}, anchor="a")
    assert rated.keys() == {"a", "b"}
    assert ratings({}, anchor="a")["a"].value == 0


def test_ratings_are_not_drawn_together_where_few_boards_are_spread_over_many_pairs():
    """Ten players over 2050 Elo, a round-robin of 14 boards: half of the pairs are one-sided."""
    rng = np.random.default_rng(5)
    truth = np.array([0, 170, -800, 250, 600, 850, 1000, 1150, 1250, 1250.0])
    errors, covered = [], []
    for _ in range(40):
        scores: dict[Any, Any] = {
            (str(a), str(b)): rng.binomial(2, score_of_elo(truth[a] - truth[b]), 14) / 2
            for a, b in itertools.combinations(range(10), 2)
        }
        found = ratings(scores, "0")
        elo = [found[str(n)] for n in range(1, 10)]
        errors.append([e.value - t for e, t in zip(elo, truth[1:], strict=True)])
        covered.append([e.low <= t <= e.high for e, t in zip(elo, truth[1:], strict=True)])
    assert np.abs(np.mean(errors, axis=0)[truth[1:] >= 0]).max() < 40
    assert 0.92 < np.mean(covered) < 1


def test_the_mean_of_few_values_has_students_interval():
    mean = estimate_mean([107, 221, 14, 100, 64])
    assert mean.value == pytest.approx(101.2)
    # s = 76.4, and 2.776 is the 97.5 % quantile with four degrees of freedom
    assert mean.high - mean.value == pytest.approx(2.776 * 76.4 / 5**0.5, rel=0.01)
    assert mean.value - mean.low == pytest.approx(mean.high - mean.value)
