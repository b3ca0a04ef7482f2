"""A network made larger, without a change to what it computes.

As in Net2Net (Chen et al. 2015, arXiv:1511.05641), what it has learnt is kept: new filters begin
as random ones that nobody listens to yet, and new blocks as identities. Both get gradients at once,
since the weights that read a filter depend on its output, and the scale of a block on its content.
"""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import torch
from torch import Tensor, nn

from hexz.errors import InvalidModel
from hexz.model.network import HexzNet, ResidualBlock


def grow(net: HexzNet, blocks: int, filters: int, *, seed: int = 0) -> HexzNet:
    """A network of another size that computes the same, up to rounding.

    Args:
        net: is not changed.
        blocks, filters: of the result, neither less than now.
        seed: of the new weights.

    Raises:
        InvalidModel: that would be a smaller network, or is no size of one.
    """
    now = net.config
    size = replace(now, blocks=blocks, filters=filters)
    if blocks < now.blocks or filters < now.filters:
        raise InvalidModel(
            f"a network of {now.blocks} blocks of {now.filters} filters cannot become one of "
            f"{blocks} of {filters}: networks only grow"
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        grown = HexzNet(size, outlook=net.outlook_heads is not None)
    for block in list(grown.blocks)[now.blocks :]:
        nn.init.zeros_(cast(ResidualBlock, block).conv2.norm.weight)
    plant(net, grown, now.filters, filters)
    return grown.train(net.training)


@torch.no_grad()
def plant(module: nn.Module, larger: nn.Module, filters: int, more_filters: int) -> None:
    """Copies the weights of a network, or of a part of one, into a larger one, where they compute
    what they did.

    Args:
        module: what is copied.
        larger: has the same layers and perhaps further ones.
        filters, more_filters: of the towers of the two.
    """
    target = larger.state_dict()
    for name, weights in module.state_dict().items():
        # The axes of weights are outputs, inputs, and whatever a kernel has.
        places = [
            _places(old, new, filters, more_filters)
            for old, new in zip(weights.shape[:2], target[name].shape[:2], strict=True)
        ]
        if len(places) == 2:
            target[name][places[0]] = 0
            target[name][places[0][:, None], places[1]] = weights
        elif places:
            target[name][places[0]] = weights
        else:
            target[name].copy_(weights)


def _places(old: int, new: int, filters: int, more_filters: int) -> Tensor:
    """Where the numbers of an axis lie in the longer one: the filters come first, or their means,
    their maxima, and then others."""
    if old in (new, filters):
        return torch.arange(old)
    return torch.cat(
        [
            torch.arange(filters),
            torch.arange(filters) + more_filters,
            torch.arange(old - 2 * filters) + 2 * more_filters,
        ]
    )
