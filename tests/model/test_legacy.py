"""The older models, against a reference written with plain functions of PyTorch."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from hexz.errors import InvalidModel
from hexz.model.checkpoint import load_checkpoint
from hexz.model.legacy import LegacyNet
from tests.model.conftest import Positions


def norm_of(key: str, channels: int, generator: torch.Generator) -> dict[str, Tensor]:
    def random(low: float, high: float) -> Tensor:
        return torch.empty(channels).uniform_(low, high, generator=generator)

    return {
        f"{key}.weight": random(0.5, 1.5),
        f"{key}.bias": random(-0.3, 0.3),
        f"{key}.running_mean": random(-0.3, 0.3),
        f"{key}.running_var": random(0.5, 2),
        f"{key}.num_batches_tracked": torch.tensor(1000),
    }


def legacy_state_dict(*, head_bias: bool = False) -> dict[str, Tensor]:
    """Random weights under the keys of the older files."""
    generator = torch.Generator().manual_seed(7)

    def weights(*shape: int, fan_in: int) -> Tensor:
        return torch.randn(*shape, generator=generator) * math.sqrt(2 / fan_in)

    state = {}
    for i in range(5):
        inputs = 9 if i == 0 else 128
        state[f"cnn_blocks.{i}.0.weight"] = weights(128, inputs, 3, 3, fan_in=9 * inputs)
        state |= norm_of(f"cnn_blocks.{i}.1", 128, generator)
    for head, channels in (("policy_head", 2), ("value_head", 1)):
        state[f"{head}.0.weight"] = weights(channels, 128, 1, 1, fan_in=128)
        if head_bias:
            state[f"{head}.0.bias"] = weights(channels, fan_in=10)
        state |= norm_of(f"{head}.1", channels, generator)
    for layer, outputs, inputs in (
        ("policy_head.4", 220, 220),
        ("value_head.4", 110, 110),
        ("value_head.6", 1, 110),
    ):
        state[f"{layer}.weight"] = weights(outputs, inputs, fan_in=inputs)
        state[f"{layer}.bias"] = weights(outputs, fan_in=20)
    state["value_head.6.weight"] *= 0.1  # so that tanh is not saturated
    return state


def reference(state: dict[str, Tensor], planes: Tensor) -> tuple[Tensor, Tensor]:
    def normed(x: Tensor, key: str) -> Tensor:
        mean, var = state[f"{key}.running_mean"], state[f"{key}.running_var"]
        return F.relu(
            F.batch_norm(x, mean, var, state[f"{key}.weight"], state[f"{key}.bias"], eps=1e-5)
        )

    def linear(x: Tensor, key: str) -> Tensor:
        return x @ state[f"{key}.weight"].T + state[f"{key}.bias"]

    def head(x: Tensor, key: str) -> Tensor:
        x = F.conv2d(x, state[f"{key}.0.weight"], state.get(f"{key}.0.bias"))
        return normed(x, f"{key}.1").reshape(len(x), -1)

    x = torch.cat((planes[:, 0:4], planes[:, 5:9], planes[:, 10:11]), dim=1)
    for i in range(5):
        x = normed(F.conv2d(x, state[f"cnn_blocks.{i}.0.weight"], padding=1), f"cnn_blocks.{i}.1")
    policy = F.log_softmax(linear(head(x, "policy_head"), "policy_head.4"), dim=1)
    hidden = F.relu(linear(head(x, "value_head"), "value_head.4"))
    return policy, torch.tanh(linear(hidden, "value_head.6"))[:, 0]


@pytest.fixture
def legacy_file(tmp_path: Path) -> Path:
    directory = tmp_path / "models" / "flagz" / "sabrina" / "checkpoints" / "12"
    directory.mkdir(parents=True)
    torch.save(legacy_state_dict(), directory / "model.pt")
    return directory / "model.pt"


@pytest.mark.parametrize("head_bias", [False, True])
def test_outputs_are_those_of_the_reference(
    head_bias: bool, tmp_path: Path, new_positions: Positions
) -> None:
    state = legacy_state_dict(head_bias=head_bias)
    torch.save(state, tmp_path / "old.pt")
    planes = torch.from_numpy(new_positions.planes[::10].copy())
    with torch.inference_mode():
        logits, values = load_checkpoint(tmp_path / "old.pt").net(planes)
    expected_logits, expected_values = reference(state, planes)
    assert expected_values.std() > 0.02
    assert torch.allclose(logits, expected_logits, atol=1e-4)
    assert torch.allclose(values, expected_values, atol=1e-4)


def test_name_and_number_come_from_the_path(legacy_file: Path) -> None:
    model_directory = legacy_file.parents[2]
    for path in (legacy_file, legacy_file.parent, model_directory):
        checkpoint = load_checkpoint(path)
        assert isinstance(checkpoint.net, LegacyNet)
        assert checkpoint.config is None
        assert (checkpoint.model_name, checkpoint.number) == ("sabrina", 12)


def test_a_lone_file_is_named_after_itself(tmp_path: Path) -> None:
    torch.save(legacy_state_dict(), tmp_path / "old.pt")
    checkpoint = load_checkpoint(tmp_path / "old.pt")
    assert (checkpoint.model_name, checkpoint.number) == ("old", 0)


def test_the_planes_of_flags_left_are_not_read(legacy_file: Path, new_positions: Positions) -> None:
    net = load_checkpoint(legacy_file).net
    planes = torch.from_numpy(new_positions.planes[:4].copy())
    changed = planes.clone()
    changed[:, [4, 9]] += 1
    with torch.inference_mode():
        assert torch.equal(net(planes)[0], net(changed)[0])
        changed[:, 10] += 1
        assert not torch.equal(net(planes)[0], net(changed)[0])


@pytest.mark.parametrize(
    ("key", "weights"),
    [
        ("cnn_blocks.0.0.weight", torch.zeros(128, 11, 3, 3)),
        ("cnn_blocks.5.0.weight", torch.zeros(128, 128, 3, 3)),
        ("value_head.6.bias", None),
    ],
)
def test_other_architectures_are_refused(key: str, weights: Tensor | None, tmp_path: Path) -> None:
    state = legacy_state_dict()
    if weights is None:
        del state[key]
    else:
        state[key] = weights
    torch.save(state, tmp_path / "model.pt")
    with pytest.raises(InvalidModel, match=f"another architecture.*{key}"):
        load_checkpoint(tmp_path / "model.pt")
