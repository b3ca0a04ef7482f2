"""Which games are chosen, and that they are worth it."""

import itertools
from typing import Any

import numpy as np

from hexz.arena.rating_run import cost_of
from hexz.player.spec import parse_spec
from hexz.ratings.pairing import Design
from hexz.ratings.statistics import ELO, ratings, score_of_elo


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


def test_players_are_connected_with_the_anchor_first():
    """However cheap the games of two others are: without it they tell no rating."""
    pairs = all_pairs(4)
    design = Design(pairs, [1000, 1, 1, 1000], [False, True, True, True], anchor=0)
    assert choose(design, pairs, [0, 0, 0, 0]) in ((0, 1), (0, 2))
    gains = design.gains(np.zeros(4), [0, 10, 0, 0, 0, 0])
    connected = [0 in pair or 2 in pair for pair in pairs]
    assert ((gains > 0) == connected).all()


def test_what_is_cheap_is_played_more():
    pairs = [(0, 1), (0, 2)]
    for costs, best in (([1, 1, 5], (0, 1)), ([1, 5, 1], (0, 2))):
        design = Design(pairs, costs, [False, True, True], anchor=0)
        assert choose(design, pairs, [0, 0, 0]) == best


def test_players_cost_what_they_compute():
    specs = ("random", "uct:800", "gumbel@64", "uct:320000", "uct:1s", "model@2s")
    costs = [cost_of(parse_spec(spec)) for spec in specs]
    assert costs == sorted(costs)
    assert costs[5] == 2 * costs[4]


def test_what_is_not_wanted_is_played_only_as_a_bridge():
    pairs = [(0, 1), (1, 2)]
    strengths = np.zeros(3)
    bridge = Design(pairs, [1, 1, 1], [False, False, True], anchor=0)
    assert choose(bridge, pairs, strengths, {(1, 2): 50, (0, 1): 1}) == (0, 1)
    leaf = Design(pairs, [1, 1, 1], [False, True, False], anchor=0)
    assert choose(leaf, pairs, strengths, {(0, 1): 1000}) == (0, 1)


def test_ratings_are_nearer_to_the_truth_than_after_a_round_robin():
    """Eight checkpoints over 2500 Elo and two cheap references, in the same time."""
    rng = np.random.default_rng(1)
    truth = np.array([0, 175, -900, 260, 710, 1140, 1320, 1510, 1600, 1640])
    costs = [1, 4] + 8 * [24]
    pairs = all_pairs(10)
    budget = 12 * sum(costs[a] + costs[b] for a, b in pairs)
    design = Design(pairs, costs, [n > 1 for n in range(10)], anchor=0)

    def play(pair, boards):
        return list(rng.binomial(2, score_of_elo(truth[pair[0]] - truth[pair[1]]), boards) / 2)

    def rate(scores):
        found = ratings({(str(a), str(b)): s for (a, b), s in scores.items()}, "0")
        return np.array([found[str(n)].value if str(n) in found else 0 for n in range(10)])

    robin, designed = [], []
    for _ in range(16):
        robin.append(rate({pair: play(pair, 12) for pair in pairs}))
        scores: dict[Any, list[float]] = {pair: [] for pair in pairs}
        left = budget
        while left > 0:
            played = {pair: len(found) for pair, found in scores.items()}
            a, b = choose(design, pairs, rate(scores), played)
            scores[a, b] += play((a, b), 4)
            left -= 4 * (costs[a] + costs[b])
        designed.append(rate(scores))
    robin_error, designed_error = (
        np.sqrt(np.mean((np.array(found) - truth)[:, 2:] ** 2)) for found in (robin, designed)
    )
    assert designed_error < 0.85 * robin_error
