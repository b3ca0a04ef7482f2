"""Self-play in one process: which games are played, and that they are played right."""

from typing import Any

import numpy as np
import pytest

from hexz.engine import Board, FinishedGame, SearchSettings
from hexz.inference import Evaluator
from hexz.model.checkpoint import new_checkpoint
from hexz.model.config import ModelConfig
from hexz.model.torch_evaluator import TorchEvaluator
from hexz.selfplay.loop import SelfPlay, board_seed

SETTINGS = SearchSettings(algorithm="gumbel", simulations=4)


def small_evaluator(seed: int) -> TorchEvaluator:
    net = new_checkpoint(ModelConfig(blocks=1, filters=8), seed=seed).net
    # One position at a time: then a position's evaluation does not depend on its batch.
    return TorchEvaluator(net, device="cpu", batch_size=1, half=False)


@pytest.fixture(scope="module")
def evaluator() -> TorchEvaluator:
    return small_evaluator(seed=3)


def play(evaluator: TorchEvaluator, **options: Any) -> dict[int, FinishedGame]:
    options = {"games_per_process": 5, "seed": 11, "max_games": 6} | options
    self_play = SelfPlay(evaluator, SETTINGS, **options)
    games = [game for finished in self_play.rounds() for game in finished]
    assert len({game.game_id for game in games}) == len(games)
    return {game.game_id: game for game in games}


@pytest.fixture(scope="module")
def unchanged(evaluator: TorchEvaluator) -> dict[int, FinishedGame]:
    """The games that no test has interfered with."""
    return play(evaluator)


def first(count: int, games: dict[int, FinishedGame]) -> dict[int, FinishedGame]:
    return {number: games[number] for number in range(count)}


def assert_same_games(a: dict[int, FinishedGame], b: dict[int, FinishedGame]) -> None:
    assert a.keys() == b.keys()
    for number, game in a.items():
        assert game.initial == b[number].initial
        np.testing.assert_array_equal(game.actions, b[number].actions)
        np.testing.assert_array_equal(game.policies, b[number].policies)


def test_as_many_games_as_asked_are_played_to_their_end(evaluator):
    games = play(evaluator, max_games=7)
    assert sorted(games) == list(range(7))
    for game in games.values():
        board = game.initial.copy()
        for action in game.actions:
            board.play_index(action)
        assert board.is_over
        assert board == game.final


def test_one_seed_gives_the_same_games_again(evaluator, unchanged):
    assert_same_games(play(evaluator), unchanged)


def test_another_seed_gives_other_boards(evaluator):
    games = [play(evaluator, seed=seed, max_games=1) for seed in (1, 2)]
    assert games[0][0].initial != games[1][0].initial


def test_processes_share_one_set_of_games(evaluator, unchanged):
    even = play(evaluator, first_game=0, game_stride=2, max_games=3)
    odd = play(evaluator, first_game=1, game_stride=2, max_games=3, games_per_process=2)
    assert_same_games(unchanged, even | odd)


def test_so_many_games_are_kept_going(evaluator):
    self_play = SelfPlay(evaluator, SETTINGS, games_per_process=5, seed=1)
    finished = 0
    for games in self_play.rounds():
        finished += len(games)
        boards = list(self_play.boards())
        assert len(boards) == 5
        board, moves = self_play.so_far() or (boards[0], [])
        assert board.move_number == 0
        for action in moves:
            board.play_index(action)
        assert board == boards[0]
        if finished >= 8:
            break
    assert self_play.evaluations > 0


def test_another_network_goes_on_with_the_running_games(evaluator, unchanged):
    self_play = SelfPlay(
        evaluator, SETTINGS, games_per_process=2, seed=11, checkpoint=4, max_games=3
    )
    games: dict[int, FinishedGame] = {}
    for i, finished in enumerate(self_play.rounds()):
        games |= {game.game_id: game for game in finished}
        if i == 100:
            self_play.use(small_evaluator(seed=4), 7)
    unchanged = first(3, unchanged)
    assert games.keys() == unchanged.keys()
    for number in (0, 1):
        before = int((games[number].checkpoints == 4).sum())
        assert 0 < before < len(games[number].actions)
        np.testing.assert_array_equal(
            games[number].actions[:before], unchanged[number].actions[:before]
        )
        assert set(games[number].checkpoints[before:].tolist()) == {7}
    assert set(games[2].checkpoints.tolist()) == {7}
    assert any(
        not np.array_equal(game.actions, unchanged[number].actions)
        for number, game in games.items()
    )


@pytest.mark.parametrize("games_per_process", [1, 2, 9])
def test_changed_settings_and_numbers_are_those_of_later_games(
    evaluator, unchanged, games_per_process
):
    self_play = SelfPlay(
        evaluator, SETTINGS, games_per_process=4, seed=11, checkpoint=2, max_games=9
    )
    later = SearchSettings(algorithm="gumbel", simulations=3)
    games: dict[int, FinishedGame] = {}
    for i, finished in enumerate(self_play.rounds()):
        games |= {game.game_id: game for game in finished}
        if i == 100:
            self_play.change(later, games_per_process)
        if i > 100 and set(games) >= {0, 1, 2, 3}:
            assert len(list(self_play.boards())) <= games_per_process
    assert sorted(games) == list(range(9))
    assert_same_games(first(4, games), first(4, unchanged))
    for number in range(4, 9):
        assert games[number].simulations.max() == 3
        assert set(games[number].checkpoints.tolist()) == {2}


def test_a_failing_evaluator_ends_the_loop_with_its_error():
    class Broken(Evaluator):
        name = "broken"
        batch_size = 4

        def start(self, planes):
            raise RuntimeError("out of GPU memory")

    self_play = SelfPlay(Broken(), SETTINGS, games_per_process=4, seed=1)
    with pytest.raises(RuntimeError, match="out of GPU memory"):
        list(self_play.rounds())


def test_board_seeds_are_distinct_and_stable():
    seeds = {board_seed(seed, game) for seed in range(20) for game in range(200)}
    assert len(seeds) == 4000
    assert board_seed(1, 2) == board_seed(1, 2)
    Board.random(board_seed(2**63 - 1, 2**40))
