"""Many games stepped at once are the games that `Board` plays one by one."""

import threading
from collections.abc import Callable

import numpy as np
import pytest

from hexz.engine import Board, IllegalMove, VectorEnv

STEPS = 200


def assert_shows(env: VectorEnv, boards: list[Board]) -> None:
    """All arrays are those of the positions."""
    planes = env.observe()
    for i, board in enumerate(boards):
        assert env.board(i) == board
        assert env.turns[i] == board.turn
        np.testing.assert_array_equal(env.legal_mask[i], board.legal_mask())
        np.testing.assert_array_equal(planes[i], board.planes())


def test_every_game_is_that_of_its_board() -> None:
    env = VectorEnv(5, seed=3)
    boards = [Board.random(int(number)) for number in env.boards]
    assert_shows(env, boards)
    ended = repeated = 0
    for _ in range(STEPS):
        actions = env.sample()
        turns = env.turns.copy()
        env.step(actions)
        for i, board in enumerate(boards):
            board.play_index(actions[i])
            assert env.done[i] == board.is_over
            results = [0, 0]
            if board.is_over:
                ended += 1
                results = [(board.winner == p) - (board.winner == 3 - p) for p in (1, 2)]
                assert tuple(env.scores[i]) == board.score
                boards[i] = Board.random(int(env.boards[i]))
            else:
                repeated += env.turns[i] == turns[i]
            assert list(env.rewards[i]) == results
        assert_shows(env, boards)
    assert ended >= 5
    assert repeated > 0  # a player moved twice in a row


def test_a_game_depends_on_the_seed_and_its_slot_alone() -> None:
    few, many = VectorEnv(3, seed=9), VectorEnv(40, seed=9)
    for _ in range(STEPS):
        few.step(few.sample())
        many.step(many.sample())
    assert [few.board(i) == many.board(i) for i in range(3)] == [True] * 3
    many.reset(9)
    fresh = VectorEnv(40, seed=9)
    np.testing.assert_array_equal(many.boards, fresh.boards)
    np.testing.assert_array_equal(many.sample(), fresh.sample())
    assert not many.done.any()
    assert not many.scores.any()
    assert len(set(fresh.boards)) == 40
    assert list(VectorEnv(40, seed=10).boards) != list(fresh.boards)


def test_the_arrays_are_the_same_memory_in_every_step() -> None:
    env = VectorEnv(4)
    names = ("turns", "legal_mask", "boards", "done", "rewards", "scores")
    before = [getattr(env, name) for name in names]
    env.step(env.sample())
    assert all(getattr(env, name) is array for name, array in zip(names, before, strict=True))
    planes = np.empty((4, 11, 11, 10), np.float32)
    assert env.observe(planes) is planes


@pytest.mark.parametrize(
    "bad", [-1, 220, 109, 2**31 - 1, -(2**31), 2**32, -(2**32), 2**63 - 1, -(2**63)]
)
def test_an_illegal_action_changes_no_game(bad: int) -> None:
    env = VectorEnv(4, seed=1)
    boards = [env.board(i) for i in range(4)]
    actions = env.sample().astype(np.int64)
    actions[2] = np.flatnonzero(~env.legal_mask[2])[0] if bad == 109 else bad
    with pytest.raises(IllegalMove, match=f"action {actions[2]} of game 2 is illegal"):
        env.step(actions)
    assert [env.board(i) for i in range(4)] == boards


def test_what_is_no_environment_is_refused() -> None:
    with pytest.raises(ValueError, match="num_games must be at least 1"):
        VectorEnv(0)
    with pytest.raises(ValueError, match="seed must be an integer"):
        VectorEnv(1, seed=-1)
    env = VectorEnv(2)
    for actions in (np.zeros(3, np.int32), np.zeros((2, 1), np.int32)):
        with pytest.raises(ValueError, match=r"actions must be \[2\]"):
            env.step(actions)
    with pytest.raises(TypeError, match="actions must be integers, not float64"):
        env.step(env.sample().astype(float))
    with pytest.raises(ValueError, match="out must be"):
        env.observe(np.empty((3, 11, 11, 10), np.float32))
    with pytest.raises(IndexError, match="there is no game 2"):
        env.board(2)


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int16, np.uint64])
def test_actions_may_be_any_integers(kind: type) -> None:
    env, same = VectorEnv(4), VectorEnv(4)
    actions = np.array([np.flatnonzero(legal)[0] for legal in env.legal_mask])
    env.step(actions.astype(kind))
    same.step(actions)
    assert [env.board(i) for i in range(4)] == [same.board(i) for i in range(4)]


@pytest.mark.parametrize(
    "call",
    [
        lambda env: env.step(env.legal_mask.argmax(1)),
        VectorEnv.reset,
        VectorEnv.observe,
        VectorEnv.sample,
        lambda env: env.board(0),
    ],
    ids=["step", "reset", "observe", "sample", "board"],
)
def test_two_threads_in_one_environment_get_errors_and_no_crash(
    call: Callable[[VectorEnv], object],
) -> None:
    env = VectorEnv(2_000)
    refused = set()

    def use(call: Callable[[VectorEnv], object]) -> None:
        try:
            call(env)
        except (RuntimeError, IllegalMove) as error:
            refused.add(str(error))

    def step() -> None:
        for _ in range(300):
            use(lambda env: env.step(env.legal_mask.argmax(1)))

    thread = threading.Thread(target=step)
    thread.start()
    while thread.is_alive():
        use(call)
    assert "another thread is using this VectorEnv" in refused


def test_samples_are_even() -> None:
    env = VectorEnv(1, seed=5)
    legal = np.flatnonzero(env.legal_mask[0])
    drawn = np.bincount([int(env.sample()[0]) for _ in range(100 * len(legal))], minlength=220)
    assert set(np.flatnonzero(drawn)) == set(legal)
    assert ((drawn[legal] - 100) ** 2 / 100).sum() < 2 * len(legal)
