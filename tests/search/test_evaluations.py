"""Positions that have been evaluated are not evaluated again, and the search is none the wiser."""

import numpy as np
import pytest

from hexz.engine import Board, GameBatch, Search, SearchSettings

from .helpers import HashEvaluator, board_at, constant

GUMBEL = SearchSettings(
    algorithm="gumbel",
    simulations=40,
    full_search_share=0.3,
    fast_simulations=10,
    fast_considered=4,
)
PUCT = SearchSettings(simulations=40)


class Watched:
    """Counts how often it is asked about each position."""

    def __init__(self):
        self.asked: list[bytes] = []
        self.evaluate = HashEvaluator()

    def __call__(self, planes):
        self.asked += [one.tobytes() for one in planes]
        return self.evaluate(planes)

    @property
    def repeated(self):
        return len(self.asked) - len(set(self.asked))


def play(settings, forget):
    """A game in a batch; with `forget`, as if each round had another network."""
    batch, evaluate = GameBatch(1, settings, seed=1), Watched()
    batch.start_game(board_at(3, 12), 0)
    while count := batch.collect():
        batch.expand(*evaluate(batch.planes[:count]))
        batch.checkpoint += forget
    return batch.take_finished()[0], evaluate


@pytest.mark.parametrize(("settings", "share"), [(PUCT, 0.02), (GUMBEL, 0.2)])
def test_a_game_is_the_same_for_fewer_evaluations(settings, share):
    game, asked = play(settings, forget=False)
    expected, all_asked = play(settings, forget=True)
    for name in ("actions", "visits", "policies", "priors", "root_values", "network_values"):
        np.testing.assert_array_equal(getattr(game, name), getattr(expected, name))
    assert len(asked.asked) < (1 - share) * len(all_asked.asked)


@pytest.mark.parametrize("max_in_flight", [1, 4])
def test_a_search_evaluates_no_position_twice(max_in_flight):
    """But those that wait at the same time, which it cannot know of each other."""
    settings = SearchSettings(simulations=1000, explore=False)
    search = Search(board_at(3, 40), settings, max_in_flight=max_in_flight)
    evaluate = Watched()
    search.run(evaluate)
    assert len(evaluate.asked) < 0.98 * search.num_nodes
    assert evaluate.repeated <= (0 if max_in_flight == 1 else len(evaluate.asked) / 20)


def test_a_gumbel_search_knows_what_the_last_one_found():
    search, evaluate = Search(Board.random(5), GUMBEL), Watched()
    first = search.run(evaluate)
    search.advance(first.move)
    before = len(evaluate.asked)
    search.run(evaluate)
    assert len(evaluate.asked) - before < search.num_nodes
    assert evaluate.repeated == 0


def test_another_network_is_asked_anew():
    batch = GameBatch(1, GUMBEL, seed=1)
    batch.start_game(Board.random(2), 0)
    while batch.board(0).move_number < 3:
        batch.expand(*constant(0.25)(batch.planes[: batch.collect()]))
    batch.checkpoint = 1
    while count := batch.collect():
        batch.expand(*constant(-0.5)(batch.planes[:count]))
    game = batch.take_finished()[0]
    assert set(np.abs(game.network_values[:3])) == {0.25}
    assert set(np.abs(game.network_values[4:])) == {0.5}


def test_a_new_game_in_the_slot_knows_nothing_of_the_last_one():
    batch, evaluate = GameBatch(1, GUMBEL, seed=1), Watched()
    asked = []
    for game_id in range(2):
        batch.start_game(board_at(4, 40), 0)
        while count := batch.collect():
            batch.expand(*evaluate(batch.planes[:count]))
        asked.append(evaluate.asked)
        evaluate.asked = []
        batch.take_finished()
        assert asked[game_id]
    assert asked[0] == asked[1]
