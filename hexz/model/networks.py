"""From weights to networks of PyTorch."""

from __future__ import annotations

import torch

from hexz.model.config import ModelConfig
from hexz.model.network import HexzNet
from hexz.model.peer_network import PeerNet
from hexz.model.weights import Weights


def network_of(weights: Weights) -> HexzNet | PeerNet:
    """The network in inference mode on the CPU, with weights of its own."""
    net: HexzNet | PeerNet
    with torch.random.fork_rng(devices=[]):  # what layers begin with is not kept
        if isinstance(weights.config, ModelConfig):
            net = HexzNet(weights.config, outlook=weights.has_outlook)
        else:
            net = PeerNet(weights.config)
    net.load_state_dict({k: torch.from_numpy(v.copy()) for k, v in weights.tensors.items()})
    return net.eval()
