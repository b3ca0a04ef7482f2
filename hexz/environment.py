"""Flagz as an environment of PettingZoo; `hexz.pettingzoo_env` makes one. Needs the extra
`pettingzoo`, as `pip install 'hexzctl[pettingzoo]'` brings it."""

from __future__ import annotations

from typing import Any, ClassVar, Final

import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from pettingzoo import AECEnv
from pettingzoo.utils import wrappers

from hexz.engine import COLS, NUM_ACTIONS, NUM_PLANES, ROWS, Board, Plane
from hexz.engine.notation import position_text

AGENTS: Final = ("player_1", "player_2")
"""The agents: players 1 and 2, Blue and Orange."""

Observation = dict[str, npt.NDArray[Any]]


class FlagzEnv(AECEnv[str, Observation, int | None]):  # type: ignore[misc]
    """A game of Flagz between the agents "player_1" and "player_2".

    An observation has the planes of the position from the view of its agent (`observation`, float32
    [11, 11, 10], see `Board.planes`) and the actions that are legal for it (`action_mask`, int8
    [220], indexed like `Move.index`), none while it is not its turn. The agent who moves may be
    the same twice in a row. Rewards come at the end: 1 won, -1 lost, 0 drawn.

    `reset(seed)` begins on the board that follows from the seed, and without one on another random
    board; `options={"board": text}` on the start position of a text, see `Board.from_text`.

    Args:
        render_mode: "ansi": `render` returns the position as text; None.

    Attributes:
        board: the position.
    """

    metadata: ClassVar[dict[str, Any]] = {
        "name": "flagz_v0",
        "render_modes": ["ansi"],
        "is_parallelizable": False,
    }

    def __init__(self, render_mode: str | None = None) -> None:
        super().__init__()
        self.render_mode = render_mode
        self.possible_agents = list(AGENTS)
        self.agents = list(AGENTS)
        self._observation_space = spaces.Dict(
            {
                "observation": spaces.Box(0, 5, (NUM_PLANES, ROWS, COLS), np.float32),
                "action_mask": spaces.Box(0, 1, (NUM_ACTIONS,), np.int8),
            }
        )
        self._action_spaces = {agent: spaces.Discrete(NUM_ACTIONS) for agent in AGENTS}
        self._rng = np.random.default_rng()
        self.board = Board.random(0)

    def observation_space(self, agent: str) -> spaces.Space[Any]:
        """Returns the space of the agent's observations."""
        return self._observation_space

    def action_space(self, agent: str) -> spaces.Space[Any]:
        """Returns the space of the agent's actions."""
        return self._action_spaces[agent]

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> None:
        """Begins another game; see the class."""
        if seed is not None:
            self._rng = np.random.default_rng(seed)
        text = (options or {}).get("board")
        if text is None:
            self.board = Board.random(int(self._rng.integers(2**63)))
        else:
            self.board = Board.from_text(text)
        self.agents = list(AGENTS)
        self.rewards = dict.fromkeys(AGENTS, 0)
        self._cumulative_rewards = dict.fromkeys(AGENTS, 0)
        self.terminations = dict.fromkeys(AGENTS, False)
        self.truncations = dict.fromkeys(AGENTS, False)
        self.infos: dict[str, dict[str, Any]] = {agent: {} for agent in AGENTS}
        self.agent_selection = AGENTS[self.board.turn - 1]

    def observe(self, agent: str) -> Observation:
        """The observation of an agent, whether it is its turn or not."""
        planes = self.board.planes()
        mask = np.zeros(NUM_ACTIONS, np.int8)
        if agent != AGENTS[self.board.turn - 1]:
            half = Plane.OPPONENT_FLAGS
            planes = np.concatenate([planes[half : 2 * half], planes[:half], planes[2 * half :]])
        elif not self.board.is_over:
            mask[:] = self.board.legal_mask()
        return {"observation": planes, "action_mask": mask}

    def step(self, action: int | None) -> None:
        """Plays a move of the agent whose turn it is; raises IllegalMove if it is none."""
        agent = self.agent_selection
        if self.terminations[agent] or self.truncations[agent]:
            self._was_dead_step(action)
            return
        self._cumulative_rewards[agent] = 0
        self.board.play_index(-1 if action is None else int(action))
        self._clear_rewards()
        if self.board.is_over:
            for number, player in enumerate(AGENTS, 1):
                won = self.board.winner == number
                self.rewards[player] = int(won) - int(self.board.winner == 3 - number)
                self.terminations[player] = True
            self.agent_selection = AGENTS[2 - self.agent_number(agent)]
        else:
            self.agent_selection = AGENTS[self.board.turn - 1]
        self._accumulate_rewards()

    def agent_number(self, agent: str) -> int:
        """Returns 1 for "player_1" and 2 for "player_2"."""
        return AGENTS.index(agent) + 1

    def render(self) -> str | None:
        """The position as rows of cells, as docs/protocol.md calls them, and the score."""
        if self.render_mode is None:
            return None
        cells = iter(position_text(self.board).split()[0])
        rows = [
            " " * (row % 2) + " ".join(next(cells) for _ in range(COLS - row % 2))
            for row in range(ROWS)
        ]
        return "\n".join([*rows, "player 1 has {}, player 2 has {}".format(*self.board.score), ""])

    def close(self) -> None:
        """Does nothing: there is nothing to end."""


def env(render_mode: str | None = None) -> AECEnv[str, Observation, int | None]:
    """A `FlagzEnv` as PettingZoo's tools expect it: an illegal action loses the game, and calls out
    of order are errors."""
    made: AECEnv[str, Observation, int | None] = FlagzEnv(render_mode)
    made = wrappers.TerminateIllegalWrapper(made, illegal_reward=-1)
    made = wrappers.AssertOutOfBoundsWrapper(made)
    return wrappers.OrderEnforcingWrapper(made)
