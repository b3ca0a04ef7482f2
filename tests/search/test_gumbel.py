"""Gumbel search: the schedule of visits, the noise, and the improved policy.

All seeds are fixed: a statistical test here passes always or never for one state of the code.
"""

from collections import Counter
from typing import Any

import numpy as np
import pytest

from hexz.engine import Board, Search, SearchSettings

from .helpers import HashEvaluator, after, assert_fits, board_at, board_with_moves, constant, search
from .reference_search import halving_sequence, softmax

BOARD = Board.random(1)  # 85 legal moves, and no end of the game is near


FEW = board_with_moves(7)
ACTIONS = [move.index for move in FEW.legal_moves()]
LOGITS = np.zeros(220, np.float32)
LOGITS[ACTIONS] = np.linspace(-1.2, 1.0, len(ACTIONS))
PRIOR = softmax(LOGITS[ACTIONS].astype(float))


# --- Sequential halving --------------------------------------------------------------------------

# By hand: (simulations, actions considered, visits of the actions in falling order).
SCHEDULES = [
    (1, 16, [1]),
    (5, 16, [1] * 5),
    (16, 16, [1] * 16),
    (20, 16, [2] * 4 + [1] * 12),
    # 4 phases of 16 visits: 16 actions once, 8 twice, 4 four times, 2 eight times
    (64, 16, [15] * 2 + [7] * 2 + [3] * 4 + [1] * 8),
    # 3 phases of 8 visits: 8 actions once, 4 twice, 2 four times
    (24, 8, [7] * 2 + [3] * 2 + [1] * 4),
    # 2 phases of 16 visits: 4 actions four times, 2 eight times
    (32, 4, [12] * 2 + [4] * 2),
    # 1 phase: 2 actions all the time
    (10, 2, [5, 5]),
    (11, 2, [6, 5]),
    (9, 1, [9]),
    # 2 phases: 3 actions int(30 / 6) = 5 times, and 2 (not 1) until the 30 are spent
    (30, 3, [13, 12, 5]),
]


@pytest.mark.parametrize(
    "settings", [{"explore": False}, {"explore": True}, {"c_scale": 1e6, "c_visit": 1e6}]
)
@pytest.mark.parametrize(("simulations", "considered", "expected"), SCHEDULES)
def test_the_visits_follow_sequential_halving(simulations, considered, expected, settings):
    """Whatever the noise, and however much values weigh."""
    for seed in range(3):
        tree = search(
            BOARD,
            HashEvaluator(seed),
            seed,
            algorithm="gumbel",
            simulations=simulations,
            max_considered=considered,
            **settings,
        )
        visits = np.sort(tree.suggestion().visits)[::-1]
        assert visits[: len(expected)].tolist() == expected
        assert visits.sum() == simulations


@pytest.mark.parametrize("simulations", [1, 2, 7, 16, 50, 123])
@pytest.mark.parametrize("considered", [1, 2, 3, 5, 6, 7, 16, 85, 200])
def test_any_schedule_sums_up(simulations, considered):
    """Against the reference, whose sequence says how many visits the chosen action has already."""
    tree = search(
        BOARD,
        HashEvaluator(1),
        9,
        algorithm="gumbel",
        simulations=simulations,
        max_considered=considered,
    )
    visits = tree.suggestion().visits
    sequence = Counter(halving_sequence(min(considered, 85), simulations))
    assert visits.sum() == simulations
    for before, number in sequence.items():
        assert np.sum(visits > before) == number
    assert np.sum(visits > 0) <= min(considered, simulations)


def test_the_worse_half_is_dropped():
    """Without noise and with equal priors, the actions with the highest values go on."""
    values = {move.index: i / 200 for i, move in enumerate(BOARD.legal_moves())}
    logits = np.full(220, -30.0, np.float32)
    considered = list(values)[3:67:8]
    logits[considered] = 0.0
    known = {after(BOARD, action).planes().tobytes(): v for action, v in values.items()}

    def evaluate(planes):
        # Values are from the view of the player who moves after the action.
        value = [-known.get(one.tobytes(), 0.0) for one in planes]
        return np.tile(logits, (len(planes), 1)), np.array(value, np.float32)

    tree = search(
        BOARD, evaluate, algorithm="gumbel", simulations=24, max_considered=8, explore=False
    )
    suggestion = tree.suggestion()
    by_visits = {n: set(np.flatnonzero(suggestion.visits == n)) for n in (7, 3, 1)}
    assert by_visits[7] | by_visits[3] == set(considered[4:])
    assert by_visits[1] == set(considered[:4])
    assert suggestion.move.index in by_visits[7]


# --- The Gumbel trick ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("simulations", "considered"), [(1, 16), (1, 1), (4, 4), (8, 16), (16, 3), (20, 16)]
)
def test_without_values_a_move_is_drawn_from_the_prior(simulations, considered):
    """The arg max of logits plus Gumbel noise, however many simulations confirm it."""
    settings = SearchSettings(
        algorithm="gumbel", simulations=simulations, max_considered=considered
    )
    counts = np.zeros(220)
    for seed in range(2000):
        tree = Search(FEW, settings, seed)
        counts[tree.run(constant(0.0, LOGITS)).move.index] += 1
    assert_fits(counts[ACTIONS], PRIOR)


def test_the_considered_actions_are_drawn_without_replacement():
    """The top 2 of the noisy logits: P(i first, j second) = p_i p_j / (1 - p_i)."""
    settings = SearchSettings(algorithm="gumbel", simulations=2, max_considered=2)
    pairs = [(i, j) for i in range(len(ACTIONS)) for j in range(i)]
    counts: Counter[tuple[int, int]] = Counter()
    for seed in range(4000):
        visits = Search(FEW, settings, seed).run(constant(0.0, LOGITS)).visits
        j, i = np.flatnonzero(visits[ACTIONS])
        counts[int(i), int(j)] += 1
    expected = [PRIOR[i] * PRIOR[j] * (1 / (1 - PRIOR[i]) + 1 / (1 - PRIOR[j])) for i, j in pairs]
    assert_fits(np.array([counts[pair] for pair in pairs]), np.array(expected))


def test_noise_follows_the_seed_and_explore():
    def visits(seed, explore):
        tree = search(
            BOARD, HashEvaluator(1), seed, algorithm="gumbel", simulations=8, explore=explore
        )
        return tree.suggestion().visits.tobytes()

    assert visits(1, True) == visits(1, True)
    assert len({visits(seed, True) for seed in range(20)}) == 20
    assert len({visits(seed, False) for seed in range(20)}) == 1


def test_every_move_draws_new_noise():
    """Else the same noise would favour the same few actions all game long."""
    settings = SearchSettings(algorithm="gumbel", simulations=1)
    logits = np.zeros(220, np.float32)
    firsts: Counter[Any] = Counter()
    for seed in range(40):
        tree, board = Search(BOARD, settings, seed), BOARD.copy()
        picked = []
        for _ in range(3):
            suggestion = tree.run(constant(0.0, logits))
            legal = [move.index for move in board.legal_moves()]
            picked.append(legal.index(suggestion.move.index) / len(legal))
            board.play(suggestion.move)
            tree.advance(suggestion.move)
        firsts[round(abs(picked[0] - picked[2]), 1)] += 1
    assert firsts[0.0] < 20


def seed_of(bits: int) -> int:
    """The seed of the search whose first random number this is: SplitMix64 backwards."""
    golden, mask = 0x9E3779B97F4A7C15, 2**64 - 1

    def state(number: int) -> int:
        for factor, shift in ((1, 31), (0x94D049BB133111EB, 27), (0xBF58476D1CE4E5B9, 30)):
            number = number * pow(factor, -1, 2**64) & mask
            number ^= number >> shift ^ number >> 2 * shift
        return (number - golden) & mask

    stream = state(bits)
    return state(state(stream) ^ 3)


def test_the_largest_random_number_is_noise_of_finite_size():
    logits = np.zeros(220, np.float32)
    logits[ACTIONS[0]] = -100
    settings = SearchSettings(algorithm="gumbel", simulations=2, max_considered=2)
    found = Search(FEW, settings, seed_of(2**64 - 1)).run(constant(0.0, logits))
    assert found.visits[ACTIONS[0]] == 0


# --- The improved policy -------------------------------------------------------------------------


def completed(tree: Search, board: Board, evaluate, settings) -> tuple[np.ndarray, ...]:
    """Prior, completed Q and improved policy over the legal moves, from what the search shows."""
    actions = [move.index for move in board.legal_moves()]
    suggestion = tree.suggestion()
    logits, value = evaluate(board.planes()[np.newaxis])
    prior = softmax(logits[0, actions].astype(float))
    n, q = suggestion.visits[actions], suggestion.q[actions].astype(float)
    mean_q = np.sum((prior * q)[n > 0]) / np.sum(prior[n > 0])
    mixed = (value[0] + n.sum() * mean_q) / (1 + n.sum())
    q = np.where(n > 0, q, mixed)
    sigma = (settings.c_visit + n.max()) * settings.c_scale * q
    return prior, q, softmax(np.log(prior) + sigma)


@pytest.mark.parametrize("explore", [False, True])
@pytest.mark.parametrize("simulations", [1, 2, 6, 16, 64, 150])
def test_the_policy_target_is_the_improved_policy(simulations, explore):
    for seed in range(4):
        board = board_at(seed, 12 * seed)
        settings = SearchSettings(algorithm="gumbel", simulations=simulations, explore=explore)
        evaluate = HashEvaluator(seed)
        tree = Search(board, settings, seed)
        tree.run(evaluate)
        _, _, expected = completed(tree, board, evaluate, settings)
        actions = [move.index for move in board.legal_moves()]
        assert np.allclose(tree.policy()[actions], expected, rtol=1e-3, atol=1e-5)
        assert tree.policy().sum() == pytest.approx(1, abs=1e-5)
        assert np.all(np.delete(tree.policy(), actions) == 0)


@pytest.mark.parametrize("simulations", [16, 64, 256])
def test_the_value_is_that_of_the_moves_that_would_be_played(simulations):
    """Not a mean over visits, half of which and more go to the worse ones of those considered."""
    move = BOARD.legal_moves()[5]
    won = after(BOARD, move.index).planes().tobytes()

    logits = np.zeros(220, np.float32)
    logits[move.index] = 5.0  # so that it is considered

    def evaluate(planes):
        # Values are from the view of the player who moves after the action.
        value = [-0.8 if one.tobytes() == won else 0.8 for one in planes]
        return np.tile(logits, (len(planes), 1)), np.array(value, np.float32)

    tree = search(BOARD, evaluate, algorithm="gumbel", simulations=simulations)
    suggestion = tree.suggestion()
    assert suggestion.move == move
    assert suggestion.q[move.index] * suggestion.visits[move.index] < 0.8 * simulations / 2
    assert suggestion.value == pytest.approx(suggestion.q[move.index], abs=0.05)


@pytest.mark.parametrize("simulations", [1, 3, 16, 50])
def test_the_improved_policy_expects_no_less_than_the_prior(simulations):
    """[GZ], appendix: sum of pi' q >= sum of pi q for the completed Q."""
    for seed in range(6):
        board = board_at(seed, 8 * seed)
        settings = SearchSettings(algorithm="gumbel", simulations=simulations, c_visit=2.0)
        evaluate = HashEvaluator(seed)
        tree = Search(board, settings, seed)
        tree.run(evaluate)
        prior, q, _ = completed(tree, board, evaluate, settings)
        policy = tree.policy()[[move.index for move in board.legal_moves()]]
        assert np.sum(policy * q) > np.sum(prior * q)


@pytest.mark.parametrize("simulations", [2, 4, 6])
def test_the_move_expects_more_than_the_prior(simulations):
    """With true action values and each considered action tried once, the move that is chosen is
    worth more on average than one drawn from the prior, by [GZ], equation 5."""
    rng = np.random.default_rng(3)
    values = dict(zip(ACTIONS, rng.uniform(-0.05, 0.05, len(ACTIONS)), strict=True))
    signs = {action: 1 if after(FEW, action).turn == FEW.turn else -1 for action in ACTIONS}
    known = {after(FEW, a).planes().tobytes(): signs[a] * v for a, v in values.items()}

    def evaluate(planes):
        value = [known.get(one.tobytes(), 0.0) for one in planes]
        return np.tile(LOGITS, (len(planes), 1)), np.array(value, np.float32)

    settings = SearchSettings(
        algorithm="gumbel", simulations=simulations, max_considered=simulations
    )
    chosen = np.array(
        [values[Search(FEW, settings, s).run(evaluate).move.index] for s in range(600)]
    )
    by_prior = np.sum(PRIOR * [values[action] for action in ACTIONS])
    assert chosen.mean() - by_prior > 4 * chosen.std() / np.sqrt(600)


def test_values_far_below_the_rest_of_the_prior_stay_finite():
    logits = np.full(220, -300.0, np.float32)
    logits[BOARD.legal_moves()[3].index] = 300.0
    tree = search(BOARD, constant(0.5, logits), algorithm="gumbel", simulations=40)
    assert np.all(np.isfinite(tree.policy()))
    assert tree.policy().sum() == pytest.approx(1, abs=1e-5)
    assert tree.suggestion().visits.sum() == 40
