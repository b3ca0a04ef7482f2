"""How far int8 inference may be from the float network. These are the bounds we promise:

on positions of real games, with a network that is very sure of itself (it chooses its favourite
with 0.7 on average), the same favourite in at least 96 % of the positions, a total variation
distance between the policies of at most 0.02 on average and 0.15 at worst, and values that differ
by at most 0.02 on average and 0.2 at worst; with fewer levels of weights, too, as they are on a CPU
that adds products in 16 bits.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from hexz.inference.openvino import core, inference_settings
from hexz.model.arithmetic import Floats, NumpyOps
from hexz.model.calibration import calibration_planes
from hexz.model.checkpoint import load_checkpoint
from hexz.model.features import SPATIAL
from hexz.model.graph import Parts, forward
from hexz.model.network import HexzNet
from hexz.model.openvino_conversion import convert, weight_levels
from hexz.model.peer_network import PeerNet
from hexz.model.quantization import (
    NARROW_WEIGHT_LEVELS,
    quantize,
    round_weights,
    weight_scales,
)
from tests.model.conftest import Positions, Simulated, policies
from tests.model.peers import peer_state

Outputs = tuple[NDArray[np.float32], NDArray[np.float32]]


def float_outputs(net: nn.Module, positions: Positions) -> Outputs:
    with torch.inference_mode():
        logits, values = net(torch.from_numpy(positions.planes))
    return logits.numpy(), values.numpy()


def int8_outputs(net: HexzNet | PeerNet, positions: Positions) -> Outputs:
    prepared = convert(net.weights(), int8=True, batch_size=64, threads=1)
    return prepared.load().evaluate(positions.planes)


def simulated_outputs(net: HexzNet, positions: Positions, levels: int) -> Outputs:
    quantization = quantize(net.weights(), calibration_planes(), levels)
    return forward(Simulated(quantization), net.weights(), positions.planes)


def narrow_outputs(net: HexzNet, positions: Positions) -> Outputs:
    """What int8 inference computes on a CPU that adds products in 16 bits."""
    return simulated_outputs(net, positions, NARROW_WEIGHT_LEVELS)


@pytest.mark.slow
@pytest.mark.parametrize("outputs", [int8_outputs, narrow_outputs])
@pytest.mark.parametrize("learnt", [True, False])
def test_int8_stays_within_the_bounds(
    learnt: bool,
    outputs: Callable[[HexzNet, Positions], Outputs],
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


@pytest.mark.slow
def test_no_sum_is_too_large_for_this_cpu(sharp_net: HexzNet, new_positions: Positions) -> None:
    """On x86 without VNNI, weights of 127 levels would make the mean difference about 0.1."""
    expected = simulated_outputs(sharp_net, new_positions, weight_levels())
    found = int8_outputs(sharp_net, new_positions)
    assert np.abs(found[0] - expected[0]).mean() <= 0.01
    assert np.abs(found[1] - expected[1]).mean() <= 0.002


def test_narrow_weights_are_exact_in_16_bits(sharp_net: HexzNet) -> None:
    quantized = quantize(sharp_net.weights(), calibration_planes(), NARROW_WEIGHT_LEVELS)
    for conv in quantized.convs.values():
        assert 2 * 255 * int(np.abs(conv.weight.astype(int)).max()) < 2**15


def test_int8_computes_in_8_bits(sharp_net: HexzNet, new_positions: Positions) -> None:
    """Were the float network compiled by mistake, the bounds above would hold as well."""
    expected, found = (f(sharp_net, new_positions) for f in (float_outputs, int8_outputs))
    assert np.abs(found[1] - expected[1]).max() > 1e-3


@pytest.mark.slow
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


def test_the_tower_is_computed_in_8_bits_and_nothing_else(sharp_net: HexzNet) -> None:
    """As the compiled model says of itself: every convolution but those of the heads takes whole
    numbers."""
    prepared = convert(sharp_net.weights(), int8=True, batch_size=8, threads=1)
    model = core().import_model(prepared.compiled, "CPU", inference_settings(1))
    kinds = [
        (operation.get_rt_info()["runtimePrecision"].astype(str), operation.get_output_shape(0)[1])
        for operation in model.get_runtime_model().get_ops()
        if operation.get_rt_info()["layerType"].astype(str) == "Convolution"
    ]
    in_8_bits = [channels for precision, channels in kinds if precision in ("u8", "i8")]
    # Of even and of odd rows: the features, and then those of cells and of their rings.
    assert in_8_bits.count(len(SPATIAL)) == 2
    assert in_8_bits.count(32) == 4 * (1 + 2 * 4) == len(in_8_bits) - 2
    assert len(kinds) > len(in_8_bits)


def test_weights_are_rounded_for_what_they_compute() -> None:
    """Each to the nearest number changes twice as much where inputs go together, as those of
    neighbours do; what never varies does no harm."""
    rng = np.random.default_rng(1)
    causes = rng.standard_normal((6, 500)) ** 2
    inputs = (rng.random((32, 6)) @ causes + rng.random((32, 500))).astype(np.float32)
    inputs[5] = 0
    weight = rng.standard_normal((8, 16, 2, 1)).astype(np.float32)
    whole, scale = round_weights(weight, inputs, inputs, NARROW_WEIGHT_LEVELS)
    nearest = np.rint(weight / weight_scales(weight, NARROW_WEIGHT_LEVELS))
    errors = [
        np.std((rounded * scale - weight).reshape(8, -1) @ inputs) for rounded in (whole, nearest)
    ]
    assert errors[0] < 0.5 * errors[1]
    assert np.abs(whole).max() <= NARROW_WEIGHT_LEVELS


def test_each_channel_keeps_its_mean(sharp_net: HexzNet) -> None:
    planes, weights = calibration_planes(), sharp_net.weights()
    means: list[list[Floats]] = []

    class Seen(NumpyOps):
        def tower_relu(self, name: str, x: Parts[Floats]) -> Parts[Floats]:
            means[-1].append(self.stacked(*x).mean((0, 2, 3)))
            return super().tower_relu(name, x)

    class SeenInBits(Simulated):
        def tower_relu(self, name: str, x: Parts[Floats]) -> Parts[Floats]:
            means[-1].append(self.stacked(*x).mean((0, 2, 3)))
            return super().tower_relu(name, x)

    for ops in (Seen(), SeenInBits(quantize(weights, planes))):
        means.append([])
        forward(ops, weights, planes)
    assert len(means[0]) == 1 + 2 * 4 - 1
    for exact, rounded in zip(means[0][:2], means[1][:2], strict=True):  # before any skip
        assert np.allclose(exact, rounded, atol=1e-3)


def test_calibration_positions_are_many_stages_of_many_games() -> None:
    planes = calibration_planes()
    empty = (planes[:, 2] + planes[:, 7] < 2).sum((1, 2))
    assert len(np.unique(empty)) > 40
    assert len(np.unique(planes.reshape(len(planes), -1), axis=0)) == len(planes)
