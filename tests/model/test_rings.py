"""Convolutions over rings, and that networks of both kernels compute the same everywhere."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from hexz.engine import COLS, ROWS, SYMMETRIES, transform_planes, transform_policy
from hexz.errors import InvalidModel
from hexz.model.arithmetic import NumpyOps
from hexz.model.checkpoint import (
    Checkpoint,
    decode_checkpoint,
    encode_checkpoint,
    new_checkpoint,
)
from hexz.model.config import RING_SCALE, Kernel, ModelConfig
from hexz.model.export import TOLERANCE, Format, export
from hexz.model.graph import forward
from hexz.model.network import HexzNet
from hexz.model.openvino_conversion import convert
from hexz.model.rings import RingConv
from tests.model.conftest import Positions

CELLS = [(row, column) for row in range(ROWS) for column in range(COLS - row % 2)]


def neighbours(row: int, column: int) -> list[tuple[int, int]]:
    """The cells around one, as the rules say."""
    shift = row % 2
    around = [
        (row - 1, column - 1 + shift),
        (row - 1, column + shift),
        (row, column - 1),
        (row, column + 1),
        (row + 1, column - 1 + shift),
        (row + 1, column + shift),
    ]
    return [cell for cell in around if cell in CELLS]


def convolved(conv: RingConv, x: Tensor) -> Tensor:
    """The convolution, cell by cell; 0 where no cell is."""
    result = torch.zeros(len(x), len(conv.weight), ROWS, COLS)
    own, ring = conv.weight[:, :, 0, 0], conv.weight[:, :, 1, 0]
    for row, column in CELLS:
        around = torch.stack([x[:, :, r, c] for r, c in neighbours(row, column)]).sum(0)
        result[:, :, row, column] = x[:, :, row, column] @ own.T + around @ ring.T * RING_SCALE
    return result


def on_cells(x: Tensor) -> Tensor:
    """A tensor with 0 where no cell is."""
    x = x.clone()
    x[:, :, 1::2, -1] = 0
    return x


@pytest.fixture
def conv() -> RingConv:
    torch.manual_seed(2)
    return RingConv(3, 5)


@pytest.fixture
def x() -> Tensor:
    return torch.randn(4, 3, ROWS, COLS, generator=torch.Generator().manual_seed(3))


def test_a_kernel_reads_a_cell_and_its_neighbours(conv: RingConv, x: Tensor) -> None:
    expected = convolved(conv, x)
    torch.testing.assert_close(on_cells(conv(x)), expected)
    with torch.no_grad():
        torch.testing.assert_close(on_cells(conv(x)), expected)


@pytest.mark.parametrize("is_inner", [True, False])
def test_derivatives(is_inner: bool, conv: RingConv, x: Tensor) -> None:
    """Those of a first layer's input are not asked for."""
    x.requires_grad_(is_inner)
    wanted = [conv.weight, x] if is_inner else [conv.weight]
    outputs = on_cells(conv(x)), convolved(conv, x)
    direction = torch.randn_like(outputs[0])
    found, expected = (torch.autograd.grad(output, wanted, direction) for output in outputs)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("symmetry", SYMMETRIES)
def test_a_mirrored_position_gets_the_mirrored_policy(
    symmetry: int, new_positions: Positions
) -> None:
    """So what is learnt in one place holds in all, as it does not with square kernels."""
    net, planes = a_network("ring"), new_positions.planes[:48]
    mirrored = np.stack([transform_planes(one, symmetry) for one in planes])
    with torch.inference_mode():
        logits, values = (output.numpy() for output in net(torch.from_numpy(planes)))
        found, found_values = (output.numpy() for output in net(torch.from_numpy(mirrored)))
    expected = np.stack([transform_policy(one, symmetry) for one in logits])
    exists = np.ones((2, ROWS, COLS), bool)
    exists[:, 1::2, -1] = False
    np.testing.assert_allclose(found[:, exists.ravel()], expected[:, exists.ravel()], atol=1e-4)
    np.testing.assert_allclose(found_values, values, atol=1e-5)


def a_checkpoint(kernel: Kernel) -> Checkpoint:
    return new_checkpoint(ModelConfig(2, 12, kernel), seed=5)


def a_network(kernel: Kernel) -> HexzNet:
    """One whose norms do something."""
    torch.manual_seed(6)
    net = a_checkpoint(kernel).net
    assert isinstance(net, HexzNet)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            for numbers in (*module.parameters(), module.running_mean, module.running_var):
                assert numbers is not None
                nn.init.uniform_(numbers, 0.5, 1.5)
    return net


@pytest.mark.parametrize("kernel", ["ring", "square"])
def test_networks_compute_the_same_everywhere(kernel: Kernel, new_positions: Positions) -> None:
    net, planes = a_network(kernel), new_positions.planes[:48]
    with torch.inference_mode():
        expected = [output.numpy() for output in net(torch.from_numpy(planes))]
    weights = net.weights()
    in_bits = convert(weights, int8=True, batch_size=32, threads=1).load()
    floats = convert(weights, int8=False, batch_size=32, threads=1).load()
    for found, tolerance in (
        (forward(NumpyOps(), weights, planes), 1e-4),
        (floats.evaluate(planes), 1e-4),
        (in_bits.evaluate(planes), 0.1),
    ):
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other, atol=tolerance)


@pytest.mark.parametrize("form", ["torchscript", "onnx"])
@pytest.mark.parametrize("kernel", ["ring", "square"])
def test_networks_of_both_kernels_are_exported(
    kernel: Kernel, form: Format, tmp_path: Path
) -> None:
    card = export(a_checkpoint(kernel), form, tmp_path / "network")
    assert card["check"]["largest difference"] <= TOLERANCE
    assert f"{kernel} kernels" in card["network"]["architecture"]


def test_a_file_without_a_kernel_is_of_an_older_version() -> None:
    content = torch.load(io.BytesIO(encode_checkpoint(a_checkpoint("square"))), weights_only=True)
    del content["config"]["kernel"]
    older = io.BytesIO()
    torch.save(content, older)
    assert decode_checkpoint(older.getvalue(), "file").config == ModelConfig(2, 12, "square")


def test_a_kernel_of_another_kind_is_not_known() -> None:
    with pytest.raises(InvalidModel, match="kernel must be ring or square, not 'round'"):
        ModelConfig(kernel="round")  # type: ignore[arg-type]
