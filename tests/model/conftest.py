"""Real positions, and a network that has learnt something, for the tests of hexz.model."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from hexz.engine import Board, RandomPlayer, UctPlayer
from hexz.model import backends
from hexz.model.arithmetic import Floats, NumpyOps
from hexz.model.checkpoint import new_checkpoint
from hexz.model.graph import Parts
from hexz.model.network import HexzNet, masked_log_softmax
from hexz.model.quantization import Quantization

STEPS = 400
"""In which `sharp_net` has learnt enough to choose its favourite with 0.7 on average."""


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
def known_positions() -> Positions:
    """What `sharp_net` has learnt."""
    return positions(range(1000, 1012))


@pytest.fixture(scope="session")
def new_positions() -> Positions:
    """What `sharp_net` has not seen."""
    return positions(range(2000, 2006))


@pytest.fixture(scope="session")
def fresh_net() -> HexzNet:
    net = new_checkpoint(seed=3).net
    assert isinstance(net, HexzNet)
    return net


@pytest.fixture(scope="session")
def sharp_net(known_positions: Positions, run_dir: Path) -> HexzNet:
    """A network of the default size that has nearly learnt some games by heart.

    Confident outputs and trained batch norms are what inference in low precision has to cope
    with; a fresh network shows neither.
    """
    path = run_dir / "sharp_net.pt"
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            torch.save(train_sharp_net(known_positions).state_dict(), path)
    net = new_checkpoint().net
    assert isinstance(net, HexzNet)
    net.load_state_dict(torch.load(path, weights_only=True))
    return net.eval()


def train_sharp_net(positions: Positions) -> HexzNet:
    net = new_checkpoint(seed=4).net.train()
    net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # quicker
    assert isinstance(net, HexzNet)
    planes, legal, actions, results = map(torch.from_numpy, positions[1:])
    optimizer = torch.optim.AdamW(net.parameters(), lr=4e-3)
    generator = torch.Generator().manual_seed(5)
    for step in range(STEPS):
        for group in optimizer.param_groups:
            group["lr"] = 4e-3 * (1 - step / STEPS)
        rows = torch.randint(len(planes), (64,), generator=generator)
        logits, values = net(planes[rows])
        chosen = masked_log_softmax(logits, legal[rows])[range(64), actions[rows]]
        loss: Tensor = -chosen.mean() + (values - results[rows]).square().mean()
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
    net.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    return net


@pytest.fixture(autouse=True)
def _forget_notices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines that a process says once may be said again in each test."""
    monkeypatch.setattr(backends, "_said", set())
