"""The networks of the Go server's own trainers, written from the description of the formats alone:
random weights under the keys of their files, and what they compute, with plain functions."""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

Family = Literal["A", "B", "C", "D", "E plain", "E residual"]
FAMILIES: tuple[Family, ...] = ("A", "B", "C", "D", "E plain", "E residual")
"""As in the description; E is C or D with the input `rich_v1`."""


def peer_state(
    family: Family, *, blocks: int = 5, filters: int = 128, head_bias: bool = False
) -> dict[str, Tensor]:
    """A state_dict of random weights."""
    generator = torch.Generator().manual_seed(7)

    def weights(*shape: int, fan_in: int, gain: float = 1.0) -> Tensor:
        return torch.randn(*shape, generator=generator) * gain * math.sqrt(2 / fan_in)

    def norm(key: str, channels: int) -> dict[str, Tensor]:
        def uniform(low: float, high: float) -> Tensor:
            return torch.empty(channels).uniform_(low, high, generator=generator)

        return {
            f"{key}.weight": uniform(0.5, 1.5),
            f"{key}.bias": uniform(-0.3, 0.3),
            f"{key}.running_mean": uniform(-0.3, 0.3),
            f"{key}.running_var": uniform(0.5, 2),
            f"{key}.num_batches_tracked": torch.tensor(1000),
        }

    inputs = {"A": 9}.get(family, 45 if family[0] == "E" else 11)
    tower = "cnn_blocks" if family in ("A", "B") else "_torso._blocks"
    residual = family in ("D", "E residual")
    state = {}
    if family[0] == "E":
        state["feature_encoder.valid_cells"] = valid_cells()
        state["feature_encoder.row_parity"] = row_parity()
    for i in range(blocks):
        fan_in = 9 * (filters if i else inputs)
        if i and residual:
            for k in (1, 2):
                key = f"{tower}.{i}.conv{k}.weight"
                state[key] = weights(filters, filters, 3, 3, fan_in=fan_in, gain=0.7)
                state |= norm(f"{tower}.{i}.bn{k}", filters)
        else:
            shape = (filters, filters if i else inputs, 3, 3)
            state[f"{tower}.{i}.0.weight"] = weights(*shape, fan_in=fan_in)
            state |= norm(f"{tower}.{i}.1", filters)
    channels, units = (32, 256) if family[0] == "E" else (1, 110)
    for head, width in (("policy_head", 2), ("value_head", channels)):
        state[f"{head}.0.weight"] = weights(width, filters, 1, 1, fan_in=filters)
        if head_bias:
            state[f"{head}.0.bias"] = weights(width, fan_in=10)
        state |= norm(f"{head}.1", width)
    for layer, rows, columns in (
        ("policy_head.4", 220, 220),
        ("value_head.4", units, 110 * channels),
        ("value_head.6", 1, units),
    ):
        state[f"{layer}.weight"] = weights(rows, columns, fan_in=columns)
        state[f"{layer}.bias"] = weights(rows, fan_in=20)
    state["value_head.6.weight"] *= 0.3  # so that tanh is not saturated
    return state


def small_peer(family: Family, *, head_bias: bool = False) -> dict[str, Tensor]:
    """The same in a small size."""
    return peer_state(family, blocks=3, filters=16, head_bias=head_bias)


def reference(state: dict[str, Tensor], planes: Tensor, legal: Tensor) -> tuple[Tensor, Tensor]:
    """Logits [B, 220], illegal ones not masked, and values [B].

    Args:
        state: of any family.
        planes: [B, 11, 11, 10].
        legal: the true legal moves, [B, 220].
    """

    def conv(x: Tensor, key: str) -> Tensor:
        weight = state[f"{key}.weight"]
        return F.conv2d(x, weight, state.get(f"{key}.bias"), padding=weight.shape[-1] // 2)

    def norm(x: Tensor, key: str) -> Tensor:
        mean, var = state[f"{key}.running_mean"], state[f"{key}.running_var"]
        return F.batch_norm(x, mean, var, state[f"{key}.weight"], state[f"{key}.bias"], eps=1e-5)

    def linear(x: Tensor, key: str) -> Tensor:
        return x @ state[f"{key}.weight"].T + state[f"{key}.bias"]

    def head(x: Tensor, key: str) -> Tensor:
        return F.relu(norm(conv(x, f"{key}.0"), f"{key}.1")).reshape(len(x), -1)

    tower = "cnn_blocks" if "cnn_blocks.0.0.weight" in state else "_torso._blocks"
    inputs = state[f"{tower}.0.0.weight"].shape[1]
    x = planes
    if inputs == 9:
        x = torch.cat((planes[:, 0:4], planes[:, 5:9], planes[:, 10:11]), dim=1)
    elif inputs == 45:
        x = rich(planes, legal)
    i = 0
    while any(key.startswith(f"{tower}.{i}.") for key in state):
        key = f"{tower}.{i}"
        if f"{key}.conv1.weight" in state:
            hidden = F.relu(norm(conv(x, f"{key}.conv1"), f"{key}.bn1"))
            x = F.relu(norm(conv(hidden, f"{key}.conv2"), f"{key}.bn2") + x)
        else:
            x = F.relu(norm(conv(x, f"{key}.0"), f"{key}.1"))
        i += 1
    hidden = F.relu(linear(head(x, "value_head"), "value_head.4"))
    value = torch.tanh(linear(hidden, "value_head.6"))[:, 0]
    return linear(head(x, "policy_head"), "policy_head.4"), value


def rich(planes: Tensor, legal: Tensor) -> Tensor:
    """The 45 planes of `rich_v1`, one after the other."""
    found: list[Tensor] = [valid_cells()[0].expand(len(planes), -1, -1, -1)[:, 0]]
    found.append(row_parity()[0].expand(len(planes), -1, -1, -1)[:, 0])
    found += [planes[:, 0], planes[:, 5]]
    found += [planes[:, 1] == value for value in range(1, 6)]
    found += [planes[:, 6] == value for value in range(1, 6)]
    found += [planes[:, 2], planes[:, 7]]
    found += [planes[:, 3] == value for value in range(1, 6)]
    found += [planes[:, 8] == value for value in range(1, 6)]
    found += [planes[:, 4] == count for count in range(4)]
    found += [planes[:, 9] == count for count in range(4)]
    found += [planes[:, 10] == value for value in range(1, 6)]
    found += [legal.reshape(-1, 2, 11, 10)[:, 0], legal.reshape(-1, 2, 11, 10)[:, 1]]
    own, other = planes[:, 1].sum((1, 2)) / 525, planes[:, 6].sum((1, 2)) / 525
    occupied = (planes[:, [0, 1, 5, 6]] != 0).flatten(1).sum(1) / 105
    for number in (own, other, own - other, occupied):
        found.append(number[:, None, None].expand(-1, 11, 10))
    return torch.stack([plane.float() for plane in found], dim=1)


def valid_cells() -> Tensor:
    cells = torch.ones(1, 1, 11, 10)
    cells[:, :, 1::2, 9] = 0
    return cells


def row_parity() -> Tensor:
    return (torch.arange(11) % 2).float().reshape(1, 1, 11, 1).repeat(1, 1, 1, 10)
