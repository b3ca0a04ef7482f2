"""What a process has to import."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "modules",
    [
        "hexz.selfplay.process, hexz.inference.openvino",
        "hexz.arena.pool, hexz.inference.openvino",
        "hexz.player.service",
    ],
)
def test_processes_that_only_play_are_spared_pytorch(modules: str) -> None:
    code = f"import sys, {modules}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
