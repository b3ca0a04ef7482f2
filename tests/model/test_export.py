"""Networks as files for programs of others: what a program of others computes with them."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from hexz.errors import InvalidModel, OutputError
from hexz.model import export as exports
from hexz.model.checkpoint import Checkpoint, load_checkpoint, new_checkpoint
from hexz.model.config import ModelConfig
from hexz.model.export import ExportFailed, card_path, export
from hexz.model.network import HexzNet
from hexz.model.peer_network import PeerNet
from tests.model.conftest import Positions
from tests.model.peers import reference, small_peer
from tests.model.scripts import OthersNet, save_script

SMALL = ModelConfig(blocks=2, filters=16)


def mask_of(positions: Positions, rows: slice) -> torch.Tensor:
    return torch.from_numpy(positions.legal[rows].reshape(-1, 2, 11, 10).copy())


def load_as_others_do(path: Path) -> torch.jit.ScriptModule:
    return torch.jit.load(str(path))


@pytest.mark.slow
def test_torchscript_has_the_convention(
    sharp_net: HexzNet, new_positions: Positions, tmp_path: Path
) -> None:
    path = tmp_path / "ours.pt"
    export(Checkpoint(sharp_net.weights(), "sharp", 3), "torchscript", path)
    module = load_as_others_do(path)
    for rows in (slice(0, 1), slice(0, 90)):
        planes = torch.from_numpy(new_positions.planes[rows].copy())
        with torch.no_grad():
            logits, values = module(planes, mask_of(new_positions, rows))
            expected, expected_values = sharp_net(planes)
        legal = torch.from_numpy(new_positions.legal[rows].copy())
        assert (logits.dtype, values.dtype) == (torch.float32, torch.float32)
        assert values.shape == (len(planes), 1)
        assert torch.allclose(logits[legal], expected[legal], atol=1e-4)
        assert (logits[~legal] == -1e32).all()
        assert torch.allclose(values[:, 0], expected_values, atol=1e-4)
    # It comes back in as any TorchScript file.
    assert load_checkpoint(path).model_name == "ours"


@pytest.mark.slow
def test_onnx_says_what_goes_in_and_comes_out(
    sharp_net: HexzNet, new_positions: Positions, tmp_path: Path
) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    path = tmp_path / "ours.onnx"
    export(Checkpoint(sharp_net.weights(), "sharp", 3), "onnx", path)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (planes,) = session.get_inputs()
    assert (planes.name, planes.shape) == ("planes", ["batch", 11, 11, 10])
    outputs = [(output.name, output.shape) for output in session.get_outputs()]
    assert outputs == [("policy_logits", ["batch", 220]), ("value", ["batch"])]
    for count in (1, 77):
        given = new_positions.planes[:count]
        logits, values = session.run(None, {"planes": given})
        with torch.no_grad():
            expected = sharp_net(torch.from_numpy(given.copy()))
        assert np.allclose(logits, expected[0].numpy(), rtol=0, atol=1e-4)
        assert np.allclose(values, expected[1].numpy(), rtol=0, atol=1e-4)


@pytest.mark.parametrize("form", ["torchscript", "onnx"])
@pytest.mark.parametrize("family", ["A", "D", "E residual"])
def test_networks_of_others_are_exported_too(form, family, tmp_path, new_positions):
    state = small_peer(family)
    torch.save(state, tmp_path / "model.pt")
    checkpoint = load_checkpoint(tmp_path / "model.pt")
    assert isinstance(checkpoint.net, PeerNet)
    card = export(checkpoint, form, tmp_path / "out")
    assert card["check"]["largest difference"] < 1e-4
    if form == "torchscript":
        rows = slice(0, 50)
        planes = torch.from_numpy(new_positions.planes[rows].copy())
        legal = torch.from_numpy(new_positions.legal[rows].copy())
        module = load_as_others_do(tmp_path / "out")
        with torch.no_grad():
            logits, _ = module(planes, mask_of(new_positions, rows))
        expected, _ = reference(state, planes, legal)
        assert torch.allclose(logits[legal], expected[legal], atol=1e-4)


def test_the_card_tells_where_the_file_comes_from(tmp_path):
    fresh = new_checkpoint(SMALL, model_name="susan")
    checkpoint = Checkpoint(fresh.weights, "susan", 12, {"examples": 5000})
    path = tmp_path / "susan.pt"
    export(checkpoint, "torchscript", path, rating={"value": 1234})
    assert card_path(path) == tmp_path / "susan.pt.json"
    card = json.loads(card_path(path).read_text())
    assert card["format"] == "torchscript"
    assert card["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert card["bytes"] == path.stat().st_size
    assert card["rating"] == {"value": 1234}
    assert len(card["planes"]) == 11
    network = card["network"]
    assert (network["name"], network["checkpoint"], network["examples"]) == ("susan", 12, 5000)
    assert card["check"]["positions"] == 1000


def test_a_file_that_would_not_be_the_same_does_not_appear(tmp_path, monkeypatch):
    fresh = new_checkpoint(SMALL)

    other = exports._torchscript(new_checkpoint(SMALL, seed=9).net)
    monkeypatch.setattr(exports, "_torchscript", lambda _: other)
    with pytest.raises(ExportFailed, match="would not compute the same"):
        export(fresh, "torchscript", tmp_path / "bad.pt")
    assert [*tmp_path.iterdir()] == []


def test_a_missing_package_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ExportFailed, match=r"onnxruntime is missing: pip install"):
        export(new_checkpoint(SMALL), "onnx", tmp_path / "out.onnx")
    assert [*tmp_path.iterdir()] == []


def test_what_is_torchscript_is_not_exported_again(tmp_path):
    script = save_script(OthersNet(), tmp_path / "theirs.pt")
    with pytest.raises(InvalidModel, match="already"):
        export(load_checkpoint(script), "onnx", tmp_path / "out.onnx")


def test_a_directory_that_is_missing_is_named(tmp_path):
    with pytest.raises(OutputError, match="cannot write"):
        export(new_checkpoint(SMALL), "torchscript", tmp_path / "no" / "out.pt")


def test_positions_are_of_all_stages():
    planes, legal = exports._positions()
    assert len(planes) == len(legal) == 1000
    occupied = (planes[:, [0, 1, 5, 6]] != 0).sum((1, 2, 3))
    assert occupied.min() == 0
    assert occupied.max() > 70
