"""Networks that grow."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from hexz.errors import InvalidModel
from hexz.model.arithmetic import NumpyOps
from hexz.model.config import ModelConfig
from hexz.model.graph import forward
from hexz.model.growth import grow
from hexz.model.network import HexzNet, OutlookHeads
from hexz.model.quantization import quantize
from tests.model.conftest import Positions, Simulated


@pytest.fixture
def net(sharp_net: HexzNet) -> HexzNet:
    """A network that has learnt something, with all heads that a network may have."""
    net = copy.deepcopy(sharp_net)
    torch.manual_seed(0)
    net.outlook_heads = OutlookHeads(net.config.filters)
    return net


@pytest.mark.parametrize("more", [(0, 0), (2, 0), (0, 1), (0, 32), (3, 16)])
@pytest.mark.parametrize("mode", ["inference", "training"])
def test_a_grown_network_computes_the_same(
    more: tuple[int, int], mode: str, net: HexzNet, new_positions: Positions
) -> None:
    size = net.config.blocks + more[0], net.config.filters + more[1]
    net.train(mode == "training")
    grown = grow(net, *size)
    assert grown.config == ModelConfig(*size)
    assert grown.training == net.training
    planes = torch.from_numpy(new_positions.planes[:64])
    with torch.no_grad():
        for one, other in zip(_outputs(net, planes), _outputs(grown, planes), strict=True):
            torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


def _outputs(net: HexzNet, planes: torch.Tensor) -> list[torch.Tensor]:
    assert net.outlook_heads is not None
    tower = net.tower(planes)
    return [*net.heads(tower), *net.outlook_heads.outlook(tower)]


@pytest.mark.slow
def test_in_8_bits_too(net: HexzNet, new_positions: Positions) -> None:
    planes = new_positions.planes[:256]
    grown = grow(net, net.config.blocks + 1, net.config.filters + 16)
    policy, value = forward(NumpyOps(), net.weights(), planes)
    (quantized_policy, quantized_value), (grown_policy, grown_value) = (
        forward(Simulated(quantize(weights, planes)), weights, planes)
        for weights in (net.weights(), grown.weights())
    )
    # No further from the float network than the small one's 8 bits are, by half.
    for exact, small, large in (
        (policy, quantized_policy, grown_policy),
        (value, quantized_value, grown_value),
    ):
        assert np.abs(large - exact).mean() < 1.5 * np.abs(small - exact).mean()


def test_all_that_is_new_learns(net: HexzNet, new_positions: Positions) -> None:
    grown = grow(net, net.config.blocks + 1, net.config.filters + 8).train()
    before = copy.deepcopy(grown.state_dict())
    optimizer = torch.optim.SGD(grown.parameters(), lr=0.01)
    planes = torch.from_numpy(new_positions.planes[:32])
    for _ in range(3):  # the first moves what is zero, the second what lies behind it
        optimizer.zero_grad()
        torch.cat([o.square().flatten() for o in _outputs(grown, planes)]).mean().backward()
        optimizer.step()
    old, new = net.config.filters, grown.config.filters
    for name, weights in grown.named_parameters():
        changed = weights != before[name]
        parts = [changed]
        for axis in range(min(weights.ndim, 2)):
            if weights.shape[axis] == new or weights.shape[axis] > 2 * new:
                parts.append(changed.narrow(axis, old, new - old))
        assert all(part.any() for part in parts), name


def test_another_seed_makes_other_weights(net: HexzNet) -> None:
    size = net.config.blocks, net.config.filters + 8
    first, again, other = (grow(net, *size, seed=seed).stem.conv.weight for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("less", [(-1, 8), (1, -8)])
def test_networks_do_not_shrink(less: tuple[int, int], net: HexzNet) -> None:
    with pytest.raises(InvalidModel, match="networks only grow"):
        grow(net, net.config.blocks + less[0], net.config.filters + less[1])
