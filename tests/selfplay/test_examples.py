"""Examples hold what the game and its search were, from the mover's view."""

import itertools

import numpy as np
import pytest

from hexz.engine import Board, FinishedGame, SearchSettings
from hexz.example import Example, validate_example
from hexz.model.checkpoint import new_checkpoint
from hexz.model.config import ModelConfig
from hexz.model.torch_evaluator import TorchEvaluator
from hexz.selfplay.examples import examples_of
from hexz.selfplay.loop import SelfPlay
from hexz.wire.example import decode_example, encode_example


@pytest.fixture(scope="module")
def game() -> FinishedGame:
    net = new_checkpoint(ModelConfig(blocks=1, filters=8), seed=5).net
    evaluator = TorchEvaluator(net, device="cpu", batch_size=2, half=False)
    play = SelfPlay(evaluator, SearchSettings(simulations=12), 2, seed=8, checkpoint=3, max_games=2)
    return next(game for finished in play.rounds() for game in finished)


@pytest.fixture(scope="module")
def examples(game: FinishedGame) -> list[Example]:
    return list(examples_of(game, game_name="run-7", model_name="net", unix_micros=1_000))


def test_every_position_of_the_game_is_an_example(game, examples):
    board = game.initial.copy()
    for i, example in enumerate(examples):
        np.testing.assert_array_equal(example.planes, board.planes())
        np.testing.assert_array_equal(example.legal_mask, board.legal_mask())
        assert (example.turn, example.move_number) == (board.turn, i)
        assert example.action == game.actions[i]
        board.play_index(example.action)
    assert len(examples) == len(game.actions)
    assert board.is_over


def test_examples_are_sound_and_survive_the_wire(examples):
    for example in examples:
        validate_example(example)
        copy = decode_example(encode_example(example))
        np.testing.assert_array_equal(copy.planes, example.planes)
        np.testing.assert_array_equal(copy.policy, example.policy)
        np.testing.assert_array_equal(copy.visits, example.visits)
        assert copy.example_id == example.example_id
        assert copy.result == example.result


def test_outcomes_are_from_the_movers_view(game, examples):
    winner, score = game.final.winner, game.final.score
    for example in examples:
        assert example.result == (0 if winner == 0 else 1 if winner == example.turn else -1)
        assert example.score_margin == score[example.turn - 1] - score[2 - example.turn]
        assert int((example.final_owner * example.final_value).sum()) == example.score_margin
        own_flags = example.planes[0] > 0
        assert (example.final_owner[own_flags] == 1).all()


def test_the_search_is_recorded(game, examples):
    for i, example in enumerate(examples):
        np.testing.assert_array_equal(example.policy, game.policies[i])
        np.testing.assert_array_equal(example.priors, game.priors[i])
        assert example.root_value == pytest.approx(game.root_values[i])
        assert example.visits.sum() >= max(1, example.simulations)


def test_the_reply_is_the_policy_of_the_next_position(examples):
    for example, following in itertools.pairwise(examples):
        np.testing.assert_array_equal(example.reply, following.policy.astype(np.float16))
    assert examples[-1].reply is None


def test_ids_name_the_game_and_the_move(examples):
    assert [example.example_id for example in examples[:2]] == ["run-7-000", "run-7-001"]
    assert {example.game_id for example in examples} == {"run-7"}
    assert Board.from_text(examples[0].initial_board).move_number == 0
