"""What a process has to import, and which room may import which."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    "modules",
    [
        "hexz.selfplay.process, hexz.inference.openvino",
        "hexz.arena.pool, hexz.inference.openvino",
        "hexz.arena.run",
        "hexz.player.models, hexz.player.service",
        "hexz.worker.run",
    ],
)
def test_processes_that_only_play_or_may_be_refused_are_spared_pytorch(modules: str) -> None:
    code = f"import sys, {modules}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_module_is_imported_without_the_interface_and_numpy() -> None:
    code = "import sys; from hexz import leash, processes; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_step_of_training_does_without_the_compiler_of_pytorch() -> None:
    """It takes as long to import as all the rest."""
    code = """if True:
        import sys
        import torch
        from torch import nn
        import hexz.training.learner
        from hexz.model.config import ModelConfig
        from hexz.model.network import HexzNet
        from hexz.schema.training import TrainingConfig
        from hexz.training.network import TrainingNet
        from hexz.training.optimizer import Optimizer
        net = TrainingNet(HexzNet(ModelConfig(1, 8)))
        net.to(memory_format=torch.channels_last)
        prediction = net(torch.zeros(2, 11, 11, 10))
        sum(output.sum() for output in prediction).backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        Optimizer(net, TrainingConfig()).step()
        sys.exit("torch._dynamo" in sys.modules)
    """
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_floors_that_the_documentation_shows_are_those_that_are_checked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    layers = project["tool"]["importlinter"]["contracts"][0]["layers"]
    shown = "".join(f"    {layer}\n" for layer in layers)
    assert f"\n\n{shown}\n" in (ROOT / "docs" / "architecture.md").read_text()


def test_the_compiled_engine_imports_no_room_above_it() -> None:
    """import-linter does not read Cython."""
    imports = re.compile(r"^\s*(?:from|c?import)\s+(hexz[\w.]*)", re.MULTILINE)
    for path in (ROOT / "hexz" / "engine").rglob("*.p[yx][xd]"):
        for module in imports.findall(path.read_text()):
            room = module.split(".")[1]
            assert room in ("engine", "errors", "schema"), f"{path.name} imports {module}"
