"""How a game will end, by the heads of a network that a search does not need."""

from __future__ import annotations

import numpy as np
import torch

from hexz.engine import CELLS, COLS, Board, RandomPlayer
from hexz.model.checkpoint import (
    Checkpoint,
    decode_checkpoint,
    encode_checkpoint,
    load_checkpoint,
    new_checkpoint,
)
from hexz.model.config import ModelConfig
from hexz.model.network import HexzNet
from hexz.model.outlook import outlook_of
from hexz.places import SHIPPED


def late_position(seed: int) -> Board:
    """Most cells are owned, and stay so."""
    board, mover = Board.random(seed), RandomPlayer(seed)
    while not board.is_over and board.move_number < 50:
        board.play(mover.suggest(board).move)
    return board


def test_the_network_that_ships_knows_whose_the_cells_are_and_who_leads() -> None:
    outlook = outlook_of(load_checkpoint(SHIPPED).weights)
    assert outlook is not None
    for board in filter(lambda board: not board.is_over, map(late_position, range(8))):
        found = outlook.evaluate(board)
        owners = board.cells()[:, 1]
        expected = np.array([found.ownership[row * COLS + col] for row, col in CELLS])
        signs = np.array([0, 1, -1])[owners[owners > 0]]
        assert (np.sign(expected[owners > 0]) == signs).mean() > 0.95
        assert abs(found.margin - (board.score[0] - board.score[1])) < 40


def test_a_mirrored_position_has_the_mirrored_outlook() -> None:
    """Of a position and of the same with the sides changed, one is the other's negative."""
    outlook = outlook_of(load_checkpoint(SHIPPED).weights)
    assert outlook is not None
    board = late_position(3)
    flipped = board.transformed(1)
    found, other = outlook.evaluate(board), outlook.evaluate(flipped)
    assert abs(found.margin - other.margin) < 8


def test_a_file_keeps_the_heads_and_one_without_loads() -> None:
    plain = new_checkpoint(ModelConfig(blocks=1, filters=8))
    assert outlook_of(decode_checkpoint(encode_checkpoint(plain), "x").weights) is None
    assert isinstance(plain.net, HexzNet)
    with_heads = HexzNet(ModelConfig(blocks=1, filters=8), outlook=True)
    with_heads.load_state_dict(plain.net.state_dict(), strict=False)
    heavy = Checkpoint(with_heads.weights(), "tiny", 1)
    again = decode_checkpoint(encode_checkpoint(heavy), "x")
    assert outlook_of(again.weights) is not None
    loaded = again.net
    planes = torch.from_numpy(Board.random(1).planes())[None]
    for ours, theirs in zip(plain.net.eval()(planes), loaded(planes), strict=True):
        assert torch.equal(ours, theirs)
