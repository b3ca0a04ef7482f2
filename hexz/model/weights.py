"""A network as arrays: its size, and its weights under the names that PyTorch gives them."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from hexz.errors import InvalidModel
from hexz.model.config import HEAD_WIDTH, ModelConfig
from hexz.model.features import GLOBAL, SPATIAL
from hexz.model.peer import PeerConfig, norm_shapes

if TYPE_CHECKING:
    from torch import nn

Array = NDArray[Any]
Shapes = dict[str, tuple[int, ...]]

COUNTER: Final = "num_batches_tracked"
"""Part of a batch norm that is no weight."""
_STATISTICS: Final = ("running_mean", "running_var", COUNTER)
_EPSILON: Final = 1e-5


@dataclass(frozen=True, eq=False)
class Weights:
    """What a network is made of.

    Attributes:
        config: its kind and size.
        tensors: float32, but for counters of batch norms, which are int64.
    """

    config: ModelConfig | PeerConfig
    tensors: Mapping[str, Array]

    @property
    def has_outlook(self) -> bool:
        """Tells whether it has the heads that tell how a game will end."""
        return any(key.startswith("outlook_heads.") for key in self.tensors)

    @property
    def num_parameters(self) -> int:
        """How many numbers training would change."""
        return sum(
            tensor.size
            for key, tensor in self.tensors.items()
            if not key.endswith(_STATISTICS) and not key.startswith("feature_encoder.")
        )

    def __getitem__(self, key: str) -> Array:
        return self.tensors[key]

    def folded(self, conv: str, norm: str) -> tuple[Array, Array]:
        """Weights and bias of one convolution that computes what a convolution and the batch norm
        behind it do in inference."""
        gamma, beta, mean, var = (
            self.tensors[f"{norm}.{name}"]
            for name in ("weight", "bias", "running_mean", "running_var")
        )
        scale = gamma / np.sqrt(var + np.float32(_EPSILON))
        bias = self.tensors.get(f"{conv}.bias", np.float32(0))
        weight = self.tensors[f"{conv}.weight"] * scale[:, None, None, None]
        return weight, beta + (bias - mean) * scale

    def digest(self) -> str:
        """SHA-256 of all of it, in hexadecimal."""
        digest = hashlib.sha256(repr(self.config).encode())
        for key in sorted(self.tensors):
            tensor = np.ascontiguousarray(self.tensors[key])
            digest.update(f"{key} {tensor.dtype.str} {tensor.shape}".encode())
            digest.update(tensor.tobytes())
        return digest.hexdigest()


def tensors_of(net: nn.Module) -> dict[str, Array]:
    """Copies of the weights of a network of PyTorch."""
    return {key: value.detach().cpu().numpy().copy() for key, value in net.state_dict().items()}


def checked(config: ModelConfig | PeerConfig, found: Mapping[str, Any], origin: str) -> Weights:
    """Weights from the tensors of a file.

    Raises:
        InvalidModel: they are not those of such a network, or not all finite.
    """
    outlook = any(str(key).startswith("outlook_heads.") for key in found)
    if isinstance(config, ModelConfig):
        expected = hexz_shapes(config, outlook=outlook)
    else:
        expected = config.shapes()
    problem = _mismatch(expected, found)
    if problem:
        raise InvalidModel(f"{origin} is a model of another architecture: {problem}")
    tensors = {}
    for key, tensor in found.items():
        if not np.isfinite(tensor).all():
            raise InvalidModel(f"{origin} is damaged: {key} holds numbers that are not finite")
        tensors[key] = tensor.astype(np.int64 if key.endswith(COUNTER) else np.float32)
    return Weights(config, tensors)


def _mismatch(expected: Shapes, found: Mapping[str, Any]) -> str | None:
    """What is wrong with the tensors of a file, if anything."""
    for key in expected.keys() ^ found.keys():
        return f"{key} is {'missing' if key in expected else 'unexpected'}"
    for key, tensor in found.items():
        if not isinstance(tensor, np.ndarray):
            return f"{key} is not a tensor"
        if tensor.shape != expected[key]:
            return f"{key} has shape {list(tensor.shape)}, not {list(expected[key])}"
    return None


def fresh_weights(config: ModelConfig, seed: int) -> Weights:
    """Random weights that depend on the seed alone, uniform in ±1 / sqrt(inputs) as PyTorch's
    layers begin with."""
    random = np.random.default_rng(seed)
    shapes = hexz_shapes(config, outlook=False)
    tensors: dict[str, Array] = {}
    for key, shape in shapes.items():
        layer, _, name = key.rpartition(".")
        if f"{layer}.{COUNTER}" in shapes:
            ones = name in ("weight", "running_var")
            kind = np.int64 if name == COUNTER else np.float32
            tensors[key] = np.full(shape, int(ones), kind)
        else:
            limit = 1 / math.sqrt(math.prod(shapes[f"{layer}.weight"][1:]))
            tensors[key] = random.uniform(-limit, limit, shape).astype(np.float32)
    return Weights(config, tensors)


def hexz_shapes(config: ModelConfig, *, outlook: bool) -> Shapes:
    """The tensors of a network of this size, in the order of its file."""
    filters, scalars = config.filters, 2 * config.filters + len(GLOBAL)
    stem = (filters, len(SPATIAL), *config.kernel_shape)
    shapes = {"stem.0.weight": stem, **norm_shapes("stem.1", filters)}
    shapes["stem_bias.weight"] = (filters, len(GLOBAL))
    for block in range(config.blocks):
        for conv in ("conv1", "conv2"):
            shapes[f"blocks.{block}.{conv}.0.weight"] = (filters, filters, *config.kernel_shape)
            shapes |= norm_shapes(f"blocks.{block}.{conv}.1", filters)
    shapes |= _layer("policy_head.local", HEAD_WIDTH, filters, 1, 1)
    shapes["policy_head.pooled.weight"] = (HEAD_WIDTH, 2 * filters)
    shapes |= _layer("policy_head.out", 2, HEAD_WIDTH, 1, 1)
    shapes |= _layer("value_head.hidden", HEAD_WIDTH, scalars)
    shapes |= _layer("value_head.out", 1, HEAD_WIDTH)
    if outlook:
        shapes |= _layer("outlook_heads.ownership", 1, filters, 1, 1)
        shapes |= _layer("outlook_heads.margin", 1, scalars)
    return shapes


def _layer(name: str, *shape: int) -> Shapes:
    return {f"{name}.weight": shape, f"{name}.bias": shape[:1]}
