"""The networks of the Go server's own trainers, against a reference written from their formats."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from hexz.engine import Board
from hexz.errors import InvalidModel
from hexz.model.backends import create_evaluator
from hexz.model.checkpoint import encode_checkpoint, load_checkpoint
from hexz.model.legality import LegalMoves
from hexz.model.peer_network import PeerNet
from tests.model.conftest import Positions
from tests.model.peers import FAMILIES, Family, peer_state, reference, small_peer
from tests.player.positions import game


@pytest.fixture
def peer_file(tmp_path: Path) -> Path:
    directory = tmp_path / "models" / "flagz" / "sabrina" / "checkpoints" / "12"
    directory.mkdir(parents=True)
    torch.save(peer_state("A"), directory / "model.pt")
    return directory / "model.pt"


@pytest.mark.parametrize(
    ("blocks", "filters", "step", "head_bias"),
    [(3, 16, 10, False), (3, 16, 10, True), (10, 128, 60, False)],
)
@pytest.mark.parametrize("family", FAMILIES)
def test_outputs_are_those_of_the_reference(
    family: Family,
    blocks: int,
    filters: int,
    step: int,
    head_bias: bool,
    tmp_path: Path,
    new_positions: Positions,
) -> None:
    state = peer_state(family, blocks=blocks, filters=filters, head_bias=head_bias)
    torch.save(state, tmp_path / "model.pt")
    net = load_checkpoint(tmp_path / "model.pt").net
    assert isinstance(net, PeerNet)
    planes = torch.from_numpy(new_positions.planes[::step].copy())
    legal = torch.from_numpy(new_positions.legal[::step].copy())
    with torch.inference_mode():
        logits, values = net(planes)
    expected_logits, expected_values = reference(state, planes, legal)
    assert expected_values.std() > 0.005
    assert torch.allclose(logits, expected_logits, atol=1e-4)
    assert torch.allclose(values, expected_values, atol=1e-4)


@pytest.mark.parametrize("family", FAMILIES)
def test_int8_is_close(family: Family, tmp_path: Path, new_positions: Positions) -> None:
    state = peer_state(family, blocks=4, filters=32)
    torch.save(state, tmp_path / "model.pt")
    planes, legal = new_positions.planes[::4].copy(), new_positions.legal[::4]
    evaluator = create_evaluator(
        load_checkpoint(tmp_path / "model.pt").weights, batch_size=32, notify=pytest.fail
    )
    assert evaluator.name == "OpenVINO int8 on cpu"
    logits, values = evaluator.evaluate(planes)
    with torch.inference_mode():
        expected, expected_values = reference(state, *map(torch.from_numpy, (planes, legal)))
    assert np.abs(values - expected_values.numpy()).mean() < 0.02
    chances, right = (softmax(x, legal) for x in (logits, expected.numpy()))
    assert np.abs(chances - right).sum(1).mean() / 2 < 0.03


def softmax(logits: Any, legal: Any) -> Any:
    powers = np.where(legal, np.exp(logits - logits.max(1, keepdims=True)), 0)
    return powers / powers.sum(1, keepdims=True)


def test_legal_moves_follow_from_the_planes(new_positions: Positions) -> None:
    boards = new_positions.boards + [board for seed in range(20) for board in game(seed)]
    boards = [board for board in boards if not board.is_over]
    planes = torch.from_numpy(np.stack([board.planes() for board in boards]))
    found = LegalMoves()(planes).flatten(1).numpy()
    expected = np.stack([board.legal_mask() for board in boards])
    assert np.array_equal(found, expected)
    both = (planes[:, 2] + planes[:, 7] == 2) & (planes[:, [0, 1, 5, 6, 10]].sum(1) == 0)
    assert (both.sum((1, 2)) > 20).any(), (
        "cells between two 5s, beside 15 rocks and 5 that are none"
    )


def test_name_and_number_come_from_the_path(peer_file: Path) -> None:
    model_directory = peer_file.parents[2]
    for path in (peer_file, peer_file.parent, model_directory):
        checkpoint = load_checkpoint(path)
        assert checkpoint.config is None
        assert (checkpoint.model_name, checkpoint.number) == ("sabrina", 12)


def test_a_lone_file_is_named_after_itself(tmp_path: Path) -> None:
    torch.save(small_peer("B"), tmp_path / "old.pt")
    checkpoint = load_checkpoint(tmp_path / "old.pt")
    assert (checkpoint.model_name, checkpoint.number) == ("old", 0)


@pytest.mark.parametrize(
    ("family", "read"), [("A", False), ("B", True), ("C", True), ("E residual", True)]
)
def test_only_the_first_networks_do_not_read_the_flags_left(
    family: Family, read: bool, tmp_path: Path
) -> None:
    torch.save(small_peer(family), tmp_path / "model.pt")
    net = load_checkpoint(tmp_path / "model.pt").net
    planes = torch.from_numpy(Board.random(1).planes()[None])
    changed = planes.clone()
    changed[:, [4, 9]] -= 1
    with torch.inference_mode():
        assert torch.equal(net(planes)[0], net(changed)[0]) != read
        changed[:, 10] += 1
        assert not torch.equal(net(planes)[0], net(changed)[0])


@pytest.mark.parametrize("family", FAMILIES)
def test_it_is_written_in_its_own_form(family: Family, tmp_path: Path) -> None:
    state = small_peer(family)
    torch.save(state, tmp_path / "model.pt")
    copy = tmp_path / "copy.pt"
    copy.write_bytes(encode_checkpoint(load_checkpoint(tmp_path / "model.pt")))
    copied = torch.load(copy, weights_only=True)
    assert copied.keys() == state.keys()
    assert all(torch.equal(copied[key], state[key]) for key in state)


@pytest.mark.parametrize(
    ("family", "key", "weights"),
    [
        ("A", "cnn_blocks.0.0.weight", torch.zeros(16, 10, 3, 3)),
        ("A", "cnn_blocks.0.0.weight", torch.zeros(16, 45, 3, 3)),
        ("A", "cnn_blocks.0.0.weight", torch.zeros(16)),
        ("B", "cnn_blocks.0.0.weight", 5),
        ("B", "cnn_blocks.3.0.weight", torch.zeros(16, 16, 3, 3)),
        ("B", "cnn_blocks.101.0.weight", torch.zeros(16, 16, 3, 3)),
        ("C", "_torso._blocks.1.conv1.weight", torch.zeros(16, 16, 3, 3)),
        ("D", "_torso._blocks.2.bn1.running_var", None),
        ("D", "_torso._blocks.2.conv2.weight", torch.zeros(16, 16, 5, 5)),
        ("D", "feature_encoder.valid_cells", torch.ones(1, 1, 11, 10)),
        ("E plain", "feature_encoder.valid_cells", torch.ones(1, 1, 11, 10)),
        ("E plain", "feature_encoder.row_parity", torch.ones(1, 1, 11, 1)),
        ("E residual", "feature_encoder.row_parity", None),
        ("E residual", "value_head.4.weight", torch.zeros(2**13, 3520)),
        ("C", "value_head.6.bias", None),
    ],
)
def test_other_architectures_are_refused(
    family: Family, key: str, weights: Tensor | int | None, tmp_path: Path
) -> None:
    state: dict[str, Any] = small_peer(family)
    if weights is None:
        del state[key]
    else:
        state[key] = weights
    torch.save(state, tmp_path / "model.pt")
    with pytest.raises(InvalidModel, match="another architecture") as caught:
        load_checkpoint(tmp_path / "model.pt")
    assert "\n" not in str(caught.value)
