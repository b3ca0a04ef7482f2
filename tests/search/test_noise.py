"""Root noise and temperature of PUCT, as seen in visits and moves over many seeds.

All seeds are fixed: a statistical test here passes always or never for one state of the code.
"""

import numpy as np
import pytest

from hexz.engine import Board, Search, SearchSettings

from .helpers import HashEvaluator, after, assert_fits, board_with_moves, constant, search, step
from .reference_search import softmax

FEW = board_with_moves(7)


def actions_of(board: Board) -> list[int]:
    return [move.index for move in board.legal_moves()]


def uneven_logits(board: Board) -> np.ndarray:
    logits = np.zeros(220, np.float32)
    actions = actions_of(board)
    logits[actions] = np.linspace(-1.2, 1.0, len(actions))
    return logits


def prior_of(board: Board) -> np.ndarray:
    return softmax(uneven_logits(board)[actions_of(board)].astype(float))


# --- Root noise ----------------------------------------------------------------------------------


def run_flat(tree: Search, logits: np.ndarray) -> None:
    """Completes a search in which all values are 0."""
    while step(tree, constant(0.0, logits)):
        pass


def noisy_prior(board: Board, seed: int, **settings) -> np.ndarray:
    """The root's priors as PUCT uses them.

    Where all values are 0 and nothing is proven, an action's score is its prior over 1 + visits.
    So visits are shared out as D'Hondt shares out seats, in proportion to the priors but for less
    than one visit an action.
    """
    tree = Search(board, SearchSettings(fpu_reduction=0.0, **settings), seed)
    run_flat(tree, uneven_logits(board))
    visits = tree.suggestion().visits[actions_of(board)]
    return (visits + 0.5) / (visits.sum() + 0.5 * len(visits))


def test_visits_show_the_prior():
    shown = noisy_prior(FEW, 0, explore=False, simulations=400)
    assert np.allclose(shown, prior_of(FEW), atol=0.003)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("moves", "total", "fraction"),
    [(7, 10.83, 0.25), (7, 10.83, 1.0), (7, 2.0, 1.0), (16, 10.83, 1.0), (7, 0.5, 0.25)],
)
def test_noise_has_the_moments_of_the_dirichlet_distribution(moves, total, fraction):
    """Mean 1/k, variance (1/k)(1 - 1/k) / (total + 1), each times the fraction (squared)."""
    board = FEW if moves == 7 else board_with_moves(moves)
    number, k = 400, moves
    settings = {"dirichlet_total": total, "dirichlet_fraction": fraction, "simulations": 300}
    samples = np.array([noisy_prior(board, seed, **settings) for seed in range(number)])
    prior = prior_of(board)
    mean = (1 - fraction) * prior + fraction / k
    variance = fraction**2 * (1 / k) * (1 - 1 / k) / (total + 1)
    assert np.all(np.abs(samples.mean(0) - mean) < 5 * np.sqrt(variance / number) + 1e-3)
    squares = (samples - mean) ** 2
    error = squares.mean(1).std() / np.sqrt(number)
    assert abs(squares.mean() - variance) < 5 * error
    assert error < 0.1 * variance, "the sample is too small to tell"


@pytest.mark.slow
@pytest.mark.parametrize("total", [10.83, 2.0])
def test_noise_has_the_shape_of_the_dirichlet_distribution(total):
    """One component has the beta distribution: Kolmogorov and Smirnov's test at about 1e-4."""
    number, k = 400, len(actions_of(FEW))
    settings = {"dirichlet_total": total, "dirichlet_fraction": 1.0, "simulations": 300}
    sample = np.sort([noisy_prior(FEW, 1000 + seed, **settings)[2] for seed in range(number)])
    rng = np.random.default_rng(1)
    exact = np.sort(rng.beta(total / k, total - total / k, 200_000))
    # Visits round to about 1/300, so that the distribution is compared at points, not everywhere.
    points = np.linspace(0.02, 0.9, 45)
    share, expected = (np.searchsorted(x, points) / len(x) for x in (sample, exact))
    assert np.max(np.abs(share - expected)) < 2.2 / np.sqrt(number)


def test_without_explore_there_is_no_noise():
    evaluate = HashEvaluator(1)
    for fraction in (0.25, 1.0):
        visits = {
            search(FEW, evaluate, seed, simulations=50, explore=False, dirichlet_fraction=fraction)
            .suggestion()
            .visits.tobytes()
            for seed in range(30)
        }
        assert len(visits) == 1
    noisy = {
        search(FEW, evaluate, s, simulations=50).suggestion().visits.tobytes() for s in range(30)
    }
    assert len(noisy) > 25


def test_a_fraction_of_0_is_no_noise():
    evaluate = HashEvaluator(1)
    quiet = search(FEW, evaluate, simulations=50, explore=False).suggestion().visits
    for seed in range(10):
        tree = search(FEW, evaluate, seed, simulations=50, dirichlet_fraction=0.0)
        assert np.array_equal(tree.suggestion().visits, quiet)


def test_only_the_root_has_noise():
    """The second move of the line is that of the network's prior, the first that of the noise."""
    replies = set(actions_of(after(FEW, FEW.legal_moves()[0])))
    favourite = min(replies - set(actions_of(FEW)))
    logits = np.zeros(220, np.float32)
    logits[favourite] = 3.0
    settings = SearchSettings(
        simulations=60, dirichlet_fraction=1.0, temperature_moves=0, dirichlet_total=1.0
    )
    first_moves = set()
    for seed in range(40):
        line = Search(FEW, settings, seed).run(constant(0.0, logits)).principal_variation
        if favourite in actions_of(after(FEW, line[0])):
            assert line[1].index == favourite
            first_moves.add(line[0])
    assert len(first_moves) > 3


def test_every_move_has_its_own_noise():
    """Also where the tree is kept; and it is drawn over what is then legal."""
    settings = SearchSettings(
        simulations=400, dirichlet_fraction=1.0, dirichlet_total=2.0, fpu_reduction=0.0
    )
    distances = []
    for seed in range(10):
        tree = Search(FEW, settings, seed)
        logits = np.zeros(220, np.float32)
        run_flat(tree, logits)
        move = tree.suggestion().move
        tree.advance(move)
        run_flat(tree, logits)
        visits = tree.suggestion().visits[actions_of(after(FEW, move))]
        distances.append(np.abs(visits / visits.sum() - 1 / len(visits)).sum())
    assert min(distances) > 0.2


def test_noise_never_reaches_the_policy_of_the_network():
    """Visits are the only thing that noise changes: Q after one simulation is the network's."""
    evaluate = HashEvaluator(2)
    settings = SearchSettings(simulations=1, dirichlet_fraction=1.0)
    for seed in range(10):
        tree = Search(FEW, settings, seed)
        suggestion = tree.run(evaluate)
        successor = after(FEW, suggestion.move)
        value = evaluate(successor.planes()[np.newaxis])[1][0]
        sign = 1 if successor.turn == FEW.turn else -1
        assert suggestion.q[suggestion.move.index] == pytest.approx(sign * value)


# --- Temperature ---------------------------------------------------------------------------------


def moves_drawn(temperature: float, seeds: int, simulations: int = 30, **settings):
    """How often each legal move was drawn, and the visits, which are the same for all seeds."""
    actions, logits = actions_of(FEW), uneven_logits(FEW)
    settings = {"temperature_moves": FEW.move_number + 1, **settings}
    config = SearchSettings(
        simulations=simulations, temperature=temperature, dirichlet_fraction=0.0, **settings
    )
    counts, all_visits = np.zeros(220), set()
    for seed in range(seeds):
        tree = Search(FEW, config, seed)
        run_flat(tree, logits)
        suggestion = tree.suggestion()
        counts[suggestion.move.index] += 1
        all_visits.add(tuple(suggestion.visits[actions].tolist()))
    (visits,) = all_visits
    return counts[actions], np.array(visits, float)


@pytest.mark.parametrize("temperature", [0.25, 0.5, 1.0, 2.0, 10.0])
def test_moves_are_drawn_by_visits_to_the_inverse_temperature(temperature):
    counts, visits = moves_drawn(temperature, seeds=2000)
    assert len(set(visits)) > 3
    weights = visits ** (1 / temperature)
    assert_fits(counts, weights / weights.sum())


@pytest.mark.parametrize("temperature", [0.01, 0.001, 1e-6, 1e-60])
def test_low_temperatures_choose_the_most_visited(temperature):
    """Also where visits to the inverse temperature are larger or smaller than any double."""
    counts, visits = moves_drawn(temperature, seeds=30, simulations=200)
    assert counts[visits.argmax()] == 30


@pytest.mark.parametrize(("temperature_moves", "draws"), [(36, True), (35, False), (0, False)])
def test_moves_are_drawn_before_temperature_moves(temperature_moves, draws):
    assert FEW.move_number == 35
    counts, visits = moves_drawn(1.0, seeds=60, temperature_moves=temperature_moves)
    assert np.count_nonzero(counts) > 3 if draws else counts[visits.argmax()] == 60


def test_without_explore_no_move_is_drawn():
    counts, visits = moves_drawn(1.0, seeds=60, explore=False)
    assert counts[visits.argmax()] == 60


def test_an_action_without_visits_is_never_drawn():
    counts, visits = moves_drawn(100.0, seeds=400, simulations=4)
    assert np.array_equal(counts > 0, visits > 0)
    assert np.any(visits == 0)


def test_the_temperature_leaves_the_policy_target_alone():
    """The target is the visit counts as they are."""
    for temperature in (0.1, 1.0, 10.0):
        tree = search(FEW, HashEvaluator(1), simulations=50, temperature=temperature)
        visits = tree.suggestion().visits
        assert np.allclose(tree.policy(), visits / visits.sum(), atol=1e-6)
