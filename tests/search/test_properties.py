"""What holds for every search, whatever the position, the settings and the evaluator."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hexz.engine import GameBatch, Search, SearchSettings

from .helpers import HashEvaluator, after, play_games, random_game


@st.composite
def positions(draw):
    """Any position of a random game that is not over."""
    game = random_game(draw(st.integers(0, 60)), draw(st.sampled_from([0.0, 0.6, 0.95])))
    return game[draw(st.integers(0, len(game) - 2))]


search_settings = st.builds(
    SearchSettings,
    algorithm=st.sampled_from(["puct", "gumbel"]),
    simulations=st.integers(1, 60),
    explore=st.booleans(),
    c_init=st.floats(0, 10),
    c_base=st.floats(1, 1e5),
    fpu_reduction=st.floats(0, 2),
    dirichlet_total=st.floats(0.01, 100),
    dirichlet_fraction=st.floats(0, 1),
    temperature=st.floats(0.001, 100),
    temperature_moves=st.integers(0, 105),
    max_considered=st.integers(1, 220),
    c_visit=st.floats(0, 100),
    c_scale=st.floats(0, 2),
)
evaluators = st.builds(
    HashEvaluator,
    seed=st.integers(0, 1000),
    logit_scale=st.sampled_from([0.0, 0.5, 3.0, 50.0]),
    value_scale=st.sampled_from([0.0, 0.5, 5.0]),
)
seeds = st.integers(0, 2**64 - 1)


def check(tree: Search, board, config: SearchSettings, kept: int = 0) -> None:
    suggestion, policy = tree.suggestion(), tree.policy()
    legal = board.legal_mask()
    forced = legal.sum() == 1
    budget = 1 if forced else config.simulations
    total = suggestion.visits.sum()
    assert total == budget + kept if tree.proven is None else kept <= total <= budget + kept
    assert suggestion.visits.min() >= 0
    assert not np.any(suggestion.visits[~legal])
    assert np.all(np.abs(suggestion.q) <= 1)
    assert np.all(suggestion.q[suggestion.visits == 0] == 0)
    assert abs(suggestion.value) <= 1
    assert policy.sum() == pytest.approx(1, abs=1e-4)
    assert policy.min() >= 0
    assert not np.any(policy[~legal])
    assert legal[suggestion.move.index]
    assert suggestion.principal_variation[0].index in np.flatnonzero(legal)
    assert tree.num_nodes <= total + 1
    assert tree.proven is None or suggestion.value == tree.proven


@given(positions(), search_settings, evaluators, seeds)
def test_one_search(board, config, evaluate, seed):
    tree = Search(board, config, seed)
    tree.run(evaluate)
    check(tree, board, config)


@given(positions(), search_settings, evaluators, seeds, st.integers(2, 6))
def test_several_moves_in_one_tree(board, config, evaluate, seed, moves):
    tree, kept = Search(board, config, seed), 0
    for _ in range(moves):
        suggestion = tree.run(evaluate)
        check(tree, board, config, kept)
        move = tree.suggestion().move
        board = after(board, move)
        if board.is_over:
            return
        tree.advance(move)
        kept = kept_visits(tree)
        visited, exact = suggestion.visits[move.index], abs(suggestion.q[move.index]) in (0, 1)
        assert kept <= max(0, visited - 1)
        assert config.algorithm == "puct" or kept == 0
        assert config.algorithm == "gumbel" or exact or kept == visited - 1


def kept_visits(tree: Search) -> int:
    """The visits of the root's actions right after a move."""
    try:
        return int(tree.suggestion().visits.sum())
    except ValueError:  # there is no tree, or no more than its root
        return 0


@pytest.mark.slow
@settings(max_examples=15)
@given(
    st.lists(positions(), min_size=1, max_size=5),
    search_settings,
    evaluators,
    st.integers(1, 4),
    seeds,
)
def test_games_of_a_batch(boards, config, evaluate, slots, seed):
    games = play_games(GameBatch(slots, config, seed), dict(enumerate(boards)), evaluate)
    assert games.keys() == set(range(len(boards)))
    for game_id, start in enumerate(boards):
        game, board = games[game_id], start.copy()
        assert game.initial == board
        for turn, action in enumerate(game.actions.tolist()):
            legal = board.legal_mask()
            assert legal[action]
            for target in (game.policies[turn], game.priors[turn]):
                assert target.sum() == pytest.approx(1, abs=1e-4)
                assert not np.any(target[~legal])
            assert 0 <= game.simulations[turn] <= config.simulations
            assert game.visits[turn].sum() >= max(1, game.simulations[turn])
            assert abs(game.root_values[turn]) <= 1
            board.play_index(action)
        assert board.is_over
        assert board == game.final
