"""The environment of PettingZoo: its own tests, and what they do not look at."""

import builtins
import sys
from typing import Any

import numpy as np
import pytest

import hexz

pytest.importorskip("pettingzoo", reason="the extra pettingzoo is not installed")

from pettingzoo.test import api_test, seed_test

from hexz.environment import AGENTS, FlagzEnv, env

# An observation with a mask is a dict, of which PettingZoo's tests warn.
pytestmark = pytest.mark.filterwarnings("ignore:Observation ")


@pytest.mark.parametrize("make", [env, FlagzEnv])
def test_it_passes_the_tests_of_pettingzoo(make: Any) -> None:
    api_test(make(), num_cycles=300)
    seed_test(make, num_cycles=150)


def test_observations_masks_turns_and_rewards_are_those_of_the_board() -> None:
    made = FlagzEnv()
    rng = np.random.default_rng(1)
    repeated = 0
    for seed in range(8):
        made.reset(seed=seed)
        before = None
        while not made.board.is_over:
            board = made.board
            agent, other = AGENTS[board.turn - 1], AGENTS[2 - board.turn]
            assert made.agent_selection == agent
            repeated += agent == before
            seen, unseen = made.observe(agent), made.observe(other)
            np.testing.assert_array_equal(seen["observation"], board.planes())
            np.testing.assert_array_equal(seen["action_mask"], board.legal_mask())
            np.testing.assert_array_equal(unseen["observation"][:5], board.planes()[5:10])
            np.testing.assert_array_equal(unseen["observation"][5:10], board.planes()[:5])
            assert not unseen["action_mask"].any()
            assert set(made.rewards.values()) == {0}
            made.step(int(rng.choice(np.flatnonzero(seen["action_mask"]))))
            before = agent
        results = [(made.board.winner == p) - (made.board.winner == 3 - p) for p in (1, 2)]
        assert [made.rewards[agent] for agent in AGENTS] == results
        assert all(made.terminations.values())
        assert not made.observe(made.agent_selection)["action_mask"].any()
    assert repeated > 0


def test_a_game_can_begin_on_a_board_and_is_shown_as_text() -> None:
    made = FlagzEnv("ansi")
    made.reset(options={"board": hexz.Board.random(17).to_text()})
    assert made.board == hexz.Board.random(17)
    drawing = made.render()
    assert drawing is not None
    assert len(drawing.splitlines()) == 12
    assert drawing.count("#") == 15
    assert FlagzEnv().render() is None


def test_an_illegal_action_loses_the_game() -> None:
    made = hexz.pettingzoo_env()
    made.reset(seed=1)
    made.step(int(np.flatnonzero(made.observe("player_1")["action_mask"] == 0)[0]))
    assert made.terminations["player_1"]
    assert made.rewards["player_1"] == -1


def test_without_pettingzoo(monkeypatch: pytest.MonkeyPatch) -> None:
    original = builtins.__import__

    def refuse(name: str, *rest: Any) -> Any:
        if name == "pettingzoo":
            raise ImportError(name)
        return original(name, *rest)

    monkeypatch.delitem(sys.modules, "hexz.environment")
    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(hexz.HexzError, match=r"pip install 'hexzctl\[pettingzoo\]'"):
        hexz.pettingzoo_env()
