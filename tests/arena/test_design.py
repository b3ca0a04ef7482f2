"""Which games are chosen, and that they are worth it."""

import itertools

import numpy as np
import pytest

from hexz.arena.design import Design
from hexz.arena.statistics import ELO, ratings


def choose(design: Design, pairs, elo, boards=()) -> tuple[int, int]:
    played = dict(boards)
    gains = design.gains(np.array(elo) / ELO, [played.get(pair, 0) for pair in pairs])
    return pairs[int(gains.argmax())]


def all_pairs(count: int) -> list[tuple[int, int]]:
    return list(itertools.combinations(range(count), 2))


def test_equal_opponents_meet():
    """The fourth player is not known yet, and as strong as the third."""
    pairs = all_pairs(4)
    design = Design(pairs, [1, 1, 1, 1], [False, True, True, True], anchor=0)
    known = {(0, 1): 200, (1, 2): 200, (0, 2): 200}
    assert choose(design, pairs, [0, 100, 800, 800], known) == (2, 3)
    assert choose(design, pairs, [0, 100, 800, 80], known) in ((1, 3), (0, 3))


def test_a_far_player_is_reached_over_others():
    pairs = all_pairs(3)
    design = Design(pairs, [1, 1, 1], [False, True, True], anchor=0)
    gains = design.gains(np.array([0, 500, 1000]) / ELO, [20, 20, 0])
    assert gains[pairs.index((0, 2))] < gains.max() / 4


def test_what_is_cheap_is_played_more():
    pairs = [(0, 1), (0, 2)]
    for costs, best in (([1, 1, 5], (0, 1)), ([1, 5, 1], (0, 2))):
        design = Design(pairs, costs, [False, True, True], anchor=0)
        assert choose(design, pairs, [0, 0, 0]) == best


def test_what_is_not_wanted_is_played_only_as_a_bridge():
    pairs = [(0, 1), (1, 2)]
    strengths = np.zeros(3)
    bridge = Design(pairs, [1, 1, 1], [False, False, True], anchor=0)
    assert choose(bridge, pairs, strengths, {(1, 2): 50, (0, 1): 1}) == (0, 1)
    leaf = Design(pairs, [1, 1, 1], [False, True, False], anchor=0)
    assert choose(leaf, pairs, strengths, {(0, 1): 1000}) == (0, 1)


@pytest.mark.parametrize("seed", [1, 2])
def test_ratings_are_nearer_to_the_truth_than_after_a_round_robin(seed):
    """Ten players over 1100 Elo, with boards of two games each."""
    rng = np.random.default_rng(seed)
    truth = np.linspace(0, 1100, 10)
    pairs = all_pairs(10)

    def play(pair):
        expected = 1 / (1 + np.exp((truth[pair[1]] - truth[pair[0]]) / ELO))
        return rng.binomial(2, expected) / 2

    def error(scores):
        found = ratings({(str(a), str(b)): s for (a, b), s in scores.items()}, "0")
        return np.mean([(found[str(n)].value - truth[n]) ** 2 for n in range(10)]) ** 0.5

    robin, designed = [], []
    design = Design(pairs, [1] * 10, [n > 0 for n in range(10)], anchor=0)
    for _ in range(6):
        scores = {pair: [play(pair) for _ in range(8)] for pair in pairs}
        robin.append(error(scores))
        scores = {pair: [] for pair in pairs}
        for _ in range(len(pairs)):
            found = ratings({(str(a), str(b)): s for (a, b), s in scores.items()}, "0")
            elo = [found[str(n)].value if str(n) in found else 0 for n in range(10)]
            best = choose(design, pairs, elo, {p: len(s) for p, s in scores.items()})
            scores[best] += [play(best) for _ in range(8)]
        designed.append(error(scores))
    assert np.mean(designed) < 0.8 * np.mean(robin)
