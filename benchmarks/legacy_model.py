"""Writes an older model (5 layers, 128 filters) with random weights, to measure its speed with.

python benchmarks/legacy_model.py legacy.pt
"""

import sys
from pathlib import Path

import torch

from hexz.model.checkpoint import Checkpoint, save_checkpoint
from hexz.model.legacy import LegacyNet

if __name__ == "__main__":
    torch.manual_seed(0)
    save_checkpoint(Checkpoint(LegacyNet().eval(), None, "legacy", 0), Path(sys.argv[1]))
