"""The network, its checkpoint files, and its conversion for inference.

Only this package and `hexz.training` need PyTorch, which takes a second or two to import: import
them where they are used.
"""

import torch

from hexz.model.backends import PRECISIONS, create_evaluator, prepare_model, usable_device
from hexz.model.checkpoint import (
    Checkpoint,
    decode_checkpoint,
    encode_checkpoint,
    load_checkpoint,
    new_checkpoint,
    save_checkpoint,
)
from hexz.model.legacy import LegacyNet
from hexz.model.network import HexzNet, ModelConfig, masked_log_softmax
from hexz.model.shipped import shipped_checkpoint

__all__ = [
    "PRECISIONS",
    "Checkpoint",
    "HexzNet",
    "LegacyNet",
    "ModelConfig",
    "create_evaluator",
    "decode_checkpoint",
    "encode_checkpoint",
    "load_checkpoint",
    "masked_log_softmax",
    "new_checkpoint",
    "prepare_model",
    "save_checkpoint",
    "shipped_checkpoint",
    "usable_device",
]

# PyTorch's OpenMP threads spin while they wait for each other, so as soon as another process
# takes a core, several of them are slower than one by orders of magnitude.
torch.set_num_threads(1)
