"""Shapes, bounds and masks of the network."""

from __future__ import annotations

import copy

import pytest
import torch

from hexz.errors import InvalidModel
from hexz.model.checkpoint import new_checkpoint
from hexz.model.config import ModelConfig
from hexz.model.network import HexzNet, masked_log_softmax
from hexz.model.weights import hexz_shapes
from tests.model.conftest import Positions


@pytest.mark.parametrize("config", [ModelConfig(), ModelConfig(blocks=1, filters=8)])
@pytest.mark.parametrize("batch", [1, 5])
def test_output_shapes(config: ModelConfig, batch: int) -> None:
    logits, values = HexzNet(config).eval()(torch.rand(batch, 11, 11, 10))
    assert logits.shape == (batch, 220)
    assert values.shape == (batch,)


def test_values_stay_between_minus_one_and_one(
    sharp_net: HexzNet, new_positions: Positions
) -> None:
    with torch.inference_mode():
        _, values = sharp_net(torch.from_numpy(new_positions.planes))
    assert values.abs().max() < 1
    assert values.std() > 0.3


def test_the_default_size_is_four_blocks_of_32_filters() -> None:
    net = HexzNet(ModelConfig())
    assert len(net.blocks) == 4
    assert len(net.stem.conv.weight) == 32


def test_cells_that_do_not_exist_do_not_reach_the_pools(
    sharp_net: HexzNet, new_positions: Positions
) -> None:
    seen = []
    hook = sharp_net.pool.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    with torch.inference_mode():
        sharp_net(torch.from_numpy(new_positions.planes))
    hook.remove()
    assert (seen[0][:, :, 1::2, 9] == 0).all()
    assert (seen[0][:, :, ::2, 9] != 0).any()


@pytest.mark.parametrize("output", ["policy", "value"])
def test_the_flags_left_reach_both_heads(
    output: str, sharp_net: HexzNet, new_positions: Positions
) -> None:
    net = copy.deepcopy(sharp_net)
    if output == "value":  # by its own way, not only through the tower
        torch.nn.init.zeros_(net.stem_bias.weight)
    planes = torch.from_numpy(new_positions.planes[:8].copy())
    changed = planes.clone()
    changed[:, 4] -= 1
    with torch.inference_mode():
        before, after = (net(p)[output == "value"] for p in (planes, changed))
    assert not torch.allclose(before, after, atol=1e-4)


def test_a_position_does_not_depend_on_the_rest_of_its_batch(
    sharp_net: HexzNet, new_positions: Positions
) -> None:
    planes = torch.from_numpy(new_positions.planes)
    with torch.inference_mode():
        together, alone = sharp_net(planes[:20]), sharp_net(planes[7:8])
    assert torch.allclose(together[0][7], alone[0][0], atol=1e-5)
    assert torch.allclose(together[1][7], alone[1][0], atol=1e-5)


def test_masked_log_softmax_is_a_distribution_over_the_legal_actions() -> None:
    logits = torch.randn(3, 220)
    legal = torch.zeros(3, 220, dtype=torch.bool)
    legal[0, 5] = True
    legal[1, 10:20] = True
    legal[2] = True
    probabilities = masked_log_softmax(logits, legal).exp()
    assert torch.allclose(probabilities.sum(1), torch.ones(3))
    assert (probabilities[~legal] == 0).all()
    assert probabilities[0, 5] == 1
    assert torch.allclose(probabilities[2], torch.softmax(logits[2], 0))


@pytest.mark.parametrize("outlook", [False, True])
def test_files_have_the_tensors_of_the_network(outlook: bool) -> None:
    config = ModelConfig(blocks=2, filters=8)
    state = HexzNet(config, outlook=outlook).state_dict()
    shapes = hexz_shapes(config, outlook=outlook)
    assert shapes == {key: tuple(tensor.shape) for key, tensor in state.items()}
    parameters = HexzNet(config, outlook=outlook).parameters()
    weights = HexzNet(config, outlook=outlook).weights()
    assert weights.num_parameters == sum(parameter.numel() for parameter in parameters)


@pytest.mark.parametrize("size", [0, -1, 10**9, 2.5, "4", True, None])
def test_impossible_sizes_are_refused(size: object) -> None:
    with pytest.raises(InvalidModel, match="blocks"):
        ModelConfig(blocks=size)  # type: ignore[arg-type]
    with pytest.raises(InvalidModel, match="filters"):
        ModelConfig(filters=size)  # type: ignore[arg-type]


def test_the_seed_alone_decides_the_weights() -> None:
    torch.manual_seed(99)
    one = new_checkpoint(seed=1).net.state_dict()
    state = torch.get_rng_state()
    same, other = (new_checkpoint(seed=seed).net.state_dict() for seed in (1, 2))
    assert all(torch.equal(one[key], same[key]) for key in one)
    assert not torch.equal(one["stem.0.weight"], other["stem.0.weight"])
    assert torch.equal(torch.get_rng_state(), state), "the caller's random numbers moved on"
