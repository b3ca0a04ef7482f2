"""Convolutions over hexagons, and that networks of both kernels compute the same everywhere."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from hexz.engine import COLS, ROWS, SYMMETRIES, transform_planes
from hexz.errors import InvalidModel
from hexz.model.arithmetic import NumpyOps
from hexz.model.checkpoint import (
    Checkpoint,
    decode_checkpoint,
    encode_checkpoint,
    new_checkpoint,
)
from hexz.model.config import NUM_TAPS, Kernel, ModelConfig
from hexz.model.export import TOLERANCE, Format, export
from hexz.model.graph import forward
from hexz.model.hexagons import HexConv
from hexz.model.network import HexzNet
from hexz.model.openvino_conversion import convert
from tests.model.conftest import Positions


def taps(row: int, column: int) -> list[tuple[int, int]]:
    """The cells that a kernel reads for one, in the order of `NUM_TAPS`, as the rules say."""
    shift = row % 2
    return [
        (row - 1, column - 1 + shift),
        (row - 1, column + shift),
        (row, column - 1),
        (row, column),
        (row, column + 1),
        (row + 1, column - 1 + shift),
        (row + 1, column + shift),
    ]


def convolved(conv: HexConv, x: Tensor) -> Tensor:
    """The convolution, cell by cell."""
    result = torch.zeros(len(x), len(conv.weight), ROWS, COLS)
    for row in range(ROWS):
        for column in range(COLS):
            for tap, (r, c) in enumerate(taps(row, column)):
                if 0 <= r < ROWS and 0 <= c < COLS:
                    result[:, :, row, column] += x[:, :, r, c] @ conv.weight[:, :, tap, 0].T
    return result


@pytest.fixture
def conv() -> HexConv:
    torch.manual_seed(2)
    return HexConv(3, 5)


@pytest.fixture
def x() -> Tensor:
    return torch.randn(4, 3, ROWS, COLS, generator=torch.Generator().manual_seed(3))


def test_a_kernel_reads_a_cell_and_its_neighbours(conv: HexConv, x: Tensor) -> None:
    expected = convolved(conv, x)
    torch.testing.assert_close(conv(x), expected)
    with torch.no_grad():
        torch.testing.assert_close(conv(x), expected)


@pytest.mark.parametrize("is_inner", [True, False])
def test_derivatives(is_inner: bool, conv: HexConv, x: Tensor) -> None:
    """Those of a first layer's input are not asked for."""
    x.requires_grad_(is_inner)
    wanted = [conv.weight, x] if is_inner else [conv.weight]
    outputs = conv(x), convolved(conv, x)
    direction = torch.randn_like(outputs[0])
    found, expected = (torch.autograd.grad(output, wanted, direction) for output in outputs)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("symmetry", SYMMETRIES)
def test_a_mirrored_kernel_sees_a_mirrored_board_as_ever(symmetry: int, conv: HexConv) -> None:
    """So what is learnt in one place holds in all, as it does not with square kernels."""
    rng = np.random.default_rng(4)
    x = rng.normal(size=(1, 3, ROWS, COLS)).astype(np.float32)
    x[:, :, 1::2, -1] = 0  # no such cells
    mirrored = HexConv(3, 5)
    cells = np.arange(NUM_TAPS)
    around = np.zeros((ROWS, COLS), np.int64)
    for tap, cell in enumerate(taps(4, 4)):
        around[cell] = tap + 1
    # Where each tap of one cell lies around the cell that mirroring makes of it.
    image = transform_planes(around[None], symmetry)[0]
    [centre] = np.argwhere(image == 4)
    order = [int(image[cell]) - 1 for cell in taps(*map(int, centre))]
    assert sorted(order) == cells.tolist()
    with torch.no_grad():
        mirrored.weight.copy_(conv.weight[:, :, order])
        expected = transform_planes(conv(torch.from_numpy(x))[0].numpy(), symmetry)
        turned = np.ascontiguousarray(transform_planes(x[0], symmetry))
        found = mirrored(torch.from_numpy(turned)[None])[0].numpy()
    exists = np.ones((ROWS, COLS), bool)
    exists[1::2, -1] = False
    np.testing.assert_allclose(found[:, exists], expected[:, exists], atol=1e-5)


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


@pytest.mark.parametrize("kernel", ["hex", "square"])
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
@pytest.mark.parametrize("kernel", ["hex", "square"])
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
    with pytest.raises(InvalidModel, match="kernel must be hex or square, not 'round'"):
        ModelConfig(kernel="round")  # type: ignore[arg-type]
