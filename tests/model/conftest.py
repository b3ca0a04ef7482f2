"""Real positions, and a network that has learnt to play, for the tests of hexz.model."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from hexz.engine import Board, RandomPlayer, UctPlayer
from hexz.model import backends
from hexz.model.arithmetic import Floats, NumpyOps
from hexz.model.checkpoint import load_checkpoint, new_checkpoint
from hexz.model.graph import Parts
from hexz.model.network import HexzNet, masked_log_softmax
from hexz.model.quantization import Quantization

REPOSITORY = Path(__file__).parents[2]


class Positions(NamedTuple):
    """Positions of games between UCT players, the moves they chose, and the results."""

    boards: list[Board]
    planes: NDArray[np.float32]  # [N, 11, 11, 10]
    legal: NDArray[np.bool_]  # [N, 220]
    actions: NDArray[np.int64]  # [N]
    results: NDArray[np.float32]  # [N], mover's view


def play(seed: int) -> list[tuple[Board, int, float]]:
    """One game: its boards, the action chosen on each, and the result for the player to move."""
    board, opening, player = Board.random(seed), RandomPlayer(seed), UctPlayer(100, seed)
    moves = []
    while not board.is_over:
        move = (opening if board.move_number < 4 else player).suggest(board).move
        moves.append((board.copy(), move.index))
        board.play(move)
    won = {0: 0.0, 1: 1.0, 2: -1.0}[board.winner]
    return [(b, action, won if b.turn == 1 else -won) for b, action in moves]


def positions(seeds: range) -> Positions:
    moves = [move for seed in seeds for move in play(seed)]
    boards = [board for board, _, _ in moves]
    return Positions(
        boards,
        np.stack([board.planes() for board in boards]),
        np.stack([board.legal_mask() for board in boards]),
        np.array([action for _, action, _ in moves]),
        np.array([result for _, _, result in moves], np.float32),
    )


def policies(logits: NDArray[np.float32], positions: Positions) -> NDArray[np.float32]:
    legal = torch.from_numpy(positions.legal)
    return masked_log_softmax(torch.from_numpy(logits), legal).exp().numpy()


class Simulated(NumpyOps):
    """Computes what int8 inference does, in floats."""

    def __init__(self, quantization: Quantization) -> None:
        self._quantization = quantization

    def tower_conv(
        self, name: str, x: Parts[Floats], _weight: Floats, _bias: Floats
    ) -> Parts[Floats]:
        rounded = self._quantization.convs[name]
        return super().tower_conv(name, x, rounded.floats, rounded.bias)

    def tower_relu(self, name: str, x: Parts[Floats]) -> Parts[Floats]:
        scale = np.float32(self._quantization.scales[name])
        return tuple(np.rint(part / scale).clip(0, 255) * scale for part in x)


@pytest.fixture(scope="session")
def new_positions() -> Positions:
    """What `sharp_net` has not seen: six games."""
    return positions(range(2000, 2006))


@pytest.fixture(scope="session")
def fresh_net() -> HexzNet:
    net = new_checkpoint(seed=3).net
    assert isinstance(net, HexzNet)
    return net


@pytest.fixture(scope="session")
def sharp_net() -> HexzNet:
    """A network of the default size that is sure of itself.

    Confident outputs and trained batch norms are what inference in low precision has to cope
    with; a fresh network shows neither.
    """
    net = load_checkpoint(REPOSITORY / "benchmarks" / "rungs" / "fitted" / "4x32.pt").net
    assert isinstance(net, HexzNet)
    return net.eval()


@pytest.fixture(autouse=True)
def _forget_notices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines that a process says once may be said again in each test."""
    monkeypatch.setattr(backends, "_said", set())
