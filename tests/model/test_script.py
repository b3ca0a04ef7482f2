"""TorchScript files: what they compute, and that they can do no harm."""

from __future__ import annotations

import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from hexz.errors import InvalidEvaluation, InvalidModel
from hexz.model import script as scripts
from hexz.model import script_process
from hexz.model.backends import create_evaluator
from hexz.model.checkpoint import decode_checkpoint, encode_checkpoint, load_checkpoint
from hexz.model.legality import LegalMoves
from hexz.model.script import ScriptEvaluator, ScriptModel, ScriptNet
from tests.model.conftest import Positions
from tests.model.scripts import (
    NeverEnds,
    OthersNet,
    Prints,
    ReturnsFlatValues,
    ReturnsOne,
    TakesMemory,
    TakesOne,
    Thief,
    save_script,
)


@pytest.fixture(scope="module")
def good_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_script(OthersNet(), tmp_path_factory.mktemp("script") / "scriptmodule.pt")


@pytest.mark.slow
def test_outputs_are_those_of_the_program(good_file: Path, new_positions: Positions) -> None:
    checkpoint = load_checkpoint(good_file)
    assert (checkpoint.model_name, checkpoint.number) == ("scriptmodule", 0)
    evaluator = create_evaluator(checkpoint.weights, batch_size=32, notify=pytest.fail)
    planes, legal = new_positions.planes[:75], new_positions.legal[:75]
    waiting = [evaluator.start(planes[:40]), evaluator.start(planes[40:])]
    logits, values = (np.concatenate(parts) for parts in zip(*(w() for w in waiting), strict=True))
    with torch.inference_mode():
        mask = torch.from_numpy(legal.reshape(-1, 2, 11, 10).copy())
        expected = OthersNet().eval()(torch.from_numpy(planes.copy()), mask)
    assert np.allclose(logits, expected[0].numpy(), rtol=0, atol=1e-4)
    assert np.allclose(values, expected[1][:, 0].numpy(), rtol=0, atol=1e-4)
    assert (logits[~legal] == np.float32(-1e32)).all()
    assert encode_checkpoint(checkpoint) == good_file.read_bytes()
    assert isinstance(evaluator, ScriptEvaluator)
    evaluator._child.process.kill()  # it may come to an end at any time
    for _ in range(2):
        with pytest.raises(InvalidEvaluation, match="scriptmodule"):
            evaluator.evaluate(planes)


def test_it_travels_to_other_processes_as_its_file(good_file: Path) -> None:
    prepared = ScriptModel(good_file.read_bytes(), "here", 8)
    again = pickle.loads(pickle.dumps(prepared))  # noqa: S301
    assert (again.script, again.batch_size) == (prepared.script, 8)


def test_it_only_runs_if_its_file_is_named(good_file: Path, tmp_path: Path) -> None:
    directory = tmp_path / "models/flagz/theirs/checkpoints/7"
    directory.mkdir(parents=True)
    (directory / "model.pt").write_bytes(good_file.read_bytes())
    for place in (directory, tmp_path, directory.parents[1]):
        with pytest.raises(InvalidModel, match="is a program"):
            load_checkpoint(place)
    with pytest.raises(InvalidModel, match="is a program"):
        decode_checkpoint(good_file.read_bytes(), "Redis")
    checkpoint = load_checkpoint(directory / "model.pt")
    assert isinstance(checkpoint.weights, ScriptNet)
    assert (checkpoint.model_name, checkpoint.number) == ("theirs", 7)


@pytest.mark.slow
@pytest.mark.parametrize("net", [Thief(), TakesMemory()], ids=["thief", "memory"])
def test_programs_that_would_do_harm_do_none(
    net: nn.Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secret.bin").write_bytes(bytes(880))
    save_script(net, tmp_path / "bad.pt")
    with pytest.raises(InvalidModel, match="fails as a network") as caught:
        ScriptEvaluator((tmp_path / "bad.pt").read_bytes(), "bad.pt", 8)
    assert str(caught.value).startswith("bad.pt ")
    assert "\n" not in str(caught.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.pt", "secret.bin"]


@pytest.mark.parametrize(
    ("net", "reason"),
    [
        (ReturnsOne(), "does not return logits and values"),
        (ReturnsFlatValues(), "returns values of the shape"),
        (TakesOne(), "fails as a network"),
    ],
    ids=["one", "flat", "takes one"],
)
def test_programs_that_do_not_keep_the_convention_are_refused(
    net: nn.Module, reason: str, tmp_path: Path
) -> None:
    run = script_process._load(save_script(net, tmp_path / "bad.pt").read_bytes())
    with pytest.raises(InvalidModel, match=reason) as caught:
        script_process._evaluate(run, torch.zeros(2, 11, 11, 10), LegalMoves())
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_what_one_prints_is_not_among_the_answers_of_an_engine(tmp_path: Path) -> None:
    file = save_script(Prints(), tmp_path / "prints.pt")
    engine = [sys.executable, "-m", "hexzctl", "engine", "--player", f"model:{file}@1"]
    ended = subprocess.run(
        engine, input="genmove\nquit\n", capture_output=True, text=True, check=True
    )
    first, empty, *rest = ended.stdout.splitlines()
    assert first.startswith("= ")
    assert first != "= d5"
    assert (empty, rest) == ("", ["=", ""])


def test_one_that_never_ends_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scripts, "MAX_SECONDS", 0.5)
    save_script(NeverEnds(), tmp_path / "bad.pt")
    with pytest.raises(InvalidModel, match="no answer in"):
        ScriptEvaluator((tmp_path / "bad.pt").read_bytes(), "bad.pt", 8)


def test_damaged_files_are_refused(good_file: Path, tmp_path: Path) -> None:
    """Cut, or with another content than the table of the archive says."""
    data = good_file.read_bytes()
    (tmp_path / "cut.pt").write_bytes(data[:-100])
    with pytest.raises(InvalidModel, match="damaged"):
        load_checkpoint(tmp_path / "cut.pt")
    changed = data.replace(b"PK\x03\x04", b"PK\x03\x05")
    with pytest.raises(InvalidModel, match="cannot be loaded"):
        script_process._load(changed)


def test_code_that_would_fill_the_memory_is_not_unpacked(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.pt", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb/code/__torch__.py", bytes(1 << 25))
    with pytest.raises(InvalidModel, match="16 MB of code"):
        load_checkpoint(tmp_path / "bomb.pt")
