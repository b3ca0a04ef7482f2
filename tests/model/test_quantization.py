"""How far int8 inference may be from the float network. These are the bounds we promise:

on positions of real games, with a network that is very sure of itself (it chooses its favourite
with 0.7 on average), the same favourite in at least 96 % of the positions, a total variation
distance between the policies of at most 0.02 on average and 0.15 at worst, and values that differ
by at most 0.02 on average and 0.2 at worst.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from hexz.model.calibration import calibration_planes
from hexz.model.checkpoint import load_checkpoint
from hexz.model.network import HexzNet, masked_log_softmax
from hexz.model.openvino_conversion import convert, weight_levels
from hexz.model.peer import PeerNet
from hexz.model.quantization import NARROW_WEIGHT_LEVELS, QuantizedConv, quantize
from tests.model.conftest import Positions
from tests.model.peers import peer_state

Outputs = tuple[NDArray[np.float32], NDArray[np.float32]]


def policies(logits: NDArray[np.float32], positions: Positions) -> NDArray[np.float32]:
    legal = torch.from_numpy(positions.legal)
    return masked_log_softmax(torch.from_numpy(logits), legal).exp().numpy()


def float_outputs(net: nn.Module, positions: Positions) -> Outputs:
    with torch.inference_mode():
        logits, values = net(torch.from_numpy(positions.planes))
    return logits.numpy(), values.numpy()


def int8_outputs(net: nn.Module, positions: Positions) -> Outputs:
    prepared = convert(net, int8=True, batch_size=64, threads=1)
    return prepared.load().evaluate(positions.planes)


def simulated_outputs(net: nn.Module, positions: Positions, levels: int) -> Outputs:
    return float_outputs(quantize(net, torch.from_numpy(calibration_planes()), levels), positions)


def narrow_outputs(net: nn.Module, positions: Positions) -> Outputs:
    """What int8 inference computes on a CPU that adds products in 16 bits."""
    return simulated_outputs(net, positions, NARROW_WEIGHT_LEVELS)


@pytest.mark.parametrize("outputs", [int8_outputs, narrow_outputs])
@pytest.mark.parametrize("learnt", [True, False])
def test_int8_stays_within_the_bounds(
    learnt: bool,
    outputs: Callable[[nn.Module, Positions], Outputs],
    sharp_net: HexzNet,
    known_positions: Positions,
    new_positions: Positions,
) -> None:
    positions = known_positions if learnt else new_positions
    expected, found = float_outputs(sharp_net, positions), outputs(sharp_net, positions)
    expected_policy, policy = (policies(logits, positions) for logits, _ in (expected, found))
    assert expected_policy.max(1).mean() > 0.5, "the network is not sharp"
    assert (policy.argmax(1) == expected_policy.argmax(1)).mean() >= 0.96
    distance = np.abs(policy - expected_policy).sum(1) / 2
    assert distance.mean() <= 0.02
    assert distance.max() <= 0.15
    error = np.abs(found[1] - expected[1])
    assert error.mean() <= 0.02
    assert error.max() <= 0.2


def test_no_sum_is_too_large_for_this_cpu(sharp_net: HexzNet, new_positions: Positions) -> None:
    """On x86 without VNNI, weights of 127 levels would make the mean difference about 0.1."""
    expected = simulated_outputs(sharp_net, new_positions, weight_levels())
    found = int8_outputs(sharp_net, new_positions)
    assert np.abs(found[0] - expected[0]).mean() <= 0.01
    assert np.abs(found[1] - expected[1]).mean() <= 0.002


def test_narrow_weights_are_exact_in_16_bits(sharp_net: HexzNet) -> None:
    planes = torch.from_numpy(calibration_planes())
    quantized = quantize(sharp_net, planes, NARROW_WEIGHT_LEVELS)
    for module in quantized.modules():
        if isinstance(module, QuantizedConv):
            largest = (module.weight.abs() / module.scale[:, None, None, None]).round().max()
            assert 2 * 255 * int(largest) < 2**15


def test_int8_computes_in_8_bits(sharp_net: HexzNet, new_positions: Positions) -> None:
    """Were the float network compiled by mistake, the bounds above would hold as well."""
    expected, found = (f(sharp_net, new_positions) for f in (float_outputs, int8_outputs))
    assert np.abs(found[1] - expected[1]).max() > 1e-3


def test_an_older_model_in_int8(
    tmp_path_factory: pytest.TempPathFactory, new_positions: Positions
) -> None:
    path = tmp_path_factory.mktemp("peer") / "old.pt"
    torch.save(peer_state("A"), path)
    net = load_checkpoint(path).net
    assert isinstance(net, PeerNet)
    expected, found = float_outputs(net, new_positions), int8_outputs(net, new_positions)
    distance = np.abs(policies(found[0], new_positions) - policies(expected[0], new_positions))
    assert distance.sum(1).mean() / 2 <= 0.02
    assert np.abs(found[1] - expected[1]).mean() <= 0.02


def test_the_tower_is_quantized_and_the_heads_are_not(sharp_net: HexzNet) -> None:
    quantized = quantize(sharp_net, torch.from_numpy(calibration_planes()))
    convolutions = [name for name, m in quantized.named_modules() if isinstance(m, QuantizedConv)]
    assert len(convolutions) == 1 + 2 * 4
    assert not [name for name in convolutions if "head" in name]
    assert not any(isinstance(m, nn.BatchNorm2d) for m in quantized.modules())


def test_quantizing_leaves_the_network_alone(sharp_net: HexzNet, new_positions: Positions) -> None:
    before = float_outputs(sharp_net, new_positions)
    quantize(sharp_net, torch.from_numpy(calibration_planes()))
    after = float_outputs(sharp_net, new_positions)
    assert np.array_equal(before[0], after[0])


def test_each_channel_keeps_its_mean(sharp_net: HexzNet) -> None:
    planes = torch.from_numpy(calibration_planes())
    quantized = quantize(sharp_net, planes)
    means: list[torch.Tensor] = []
    for net in (sharp_net, quantized):
        conv = net.get_submodule("blocks.2.conv2")
        hook = conv.register_forward_hook(lambda _m, _i, out: means.append(out.mean((0, 2, 3))))
        with torch.inference_mode():
            net(planes)
        hook.remove()
    assert torch.allclose(means[0], means[1], atol=1e-3)


def test_calibration_positions_are_many_stages_of_many_games() -> None:
    planes = calibration_planes()
    empty = (planes[:, 2] + planes[:, 7] < 2).sum((1, 2))
    assert len(np.unique(empty)) > 40
    assert len(np.unique(planes.reshape(len(planes), -1), axis=0)) == len(planes)
