"""Writes a network as the Go server's own trainers make them, with random weights, to measure its
speed with.

    python benchmarks/peer_model.py old.pt
    python benchmarks/peer_model.py today.pt --tower _torso --blocks 10 --input 11
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

import torch

from hexz.model.checkpoint import Checkpoint, save_checkpoint
from hexz.model.peer import Input, PeerConfig
from hexz.model.peer_network import PeerNet

_INPUTS: Final[dict[str, Input]] = {"9": "9 planes", "11": "11 planes", "rich_v1": "rich_v1"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path)
    parser.add_argument("--tower", choices=["cnn_blocks", "_torso"], default="cnn_blocks")
    parser.add_argument("--input", choices=[*_INPUTS], default="9")
    parser.add_argument("--plain", action="store_true", help="no skip connections in _torso")
    parser.add_argument("--blocks", type=int, default=5)
    parser.add_argument("--filters", type=int, default=128)
    options = parser.parse_args()
    is_rich = options.input == "rich_v1"
    torch.manual_seed(0)
    config = PeerConfig(
        tower="cnn_blocks" if options.tower == "cnn_blocks" else "_torso._blocks",
        residual=options.tower == "_torso" and not options.plain,
        input=_INPUTS[options.input],
        blocks=options.blocks,
        filters=options.filters,
        value_channels=32 if is_rich else 1,
        value_units=256 if is_rich else 110,
        head_bias=False,
        buffers=((1, 1, 11, 10),) * 2 if is_rich else (),
    )
    save_checkpoint(Checkpoint(PeerNet(config).weights(), "peer", 0), options.output)


if __name__ == "__main__":
    main()
