"""The small installation: whoever plays, serves, plays against itself or exports needs no PyTorch,
and whoever does is told so in a line. Here its import fails, in children too."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path

import pytest
import urllib3

from hexz.engine import Board

from .player_server import PlayerServer
from .processes import TIMEOUT, assert_one_error_line, hexzctl

QUICK = ("--max-games", 2, "--num-workers", 1, "--games-per-process", 2, "--runs-per-move", 2)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Variables of processes to which PyTorch is not there."""
    folder = tmp_path_factory.mktemp("small")
    (folder / "sitecustomize.py").write_text("import sys\nsys.modules['torch'] = None\n")
    return {"PYTHONPATH": str(folder)}


@pytest.fixture(scope="module")
def played(small: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What self-play of the network that ships with hexz has written."""
    folder = tmp_path_factory.mktemp("played")
    options = ("--search", "gumbel", "--model", "shipped", "--output-dir", folder)
    result = hexzctl("selfplay", *options, *QUICK, **small)
    assert result.returncode == 0, result.stderr
    return folder


def test_self_play_with_the_network_that_ships(played: Path) -> None:
    [archive] = (played / "examples").iterdir()
    assert len(zipfile.ZipFile(archive).namelist()) > 100


def test_an_arena(small: dict[str, str]) -> None:
    players = ("--player", "model@2", "--player", "random", "--boards", 1, "--num-workers", 1)
    result = hexzctl("arena", *players, "--json", **small)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["complete"]


def test_an_export(small: dict[str, str], played: Path, tmp_path: Path) -> None:
    output = tmp_path / "games.jsonl"
    result = hexzctl("export-examples", played, "--format", "jsonl", "--output", output, **small)
    assert result.returncode == 0, result.stderr
    assert len(output.read_text().splitlines()) == 2


def test_a_game_in_the_terminal_and_an_engine(small: dict[str, str]) -> None:
    result = hexzctl("play", "--player", "model@2", "--seed", 17, lines="hint\nquit\n", **small)
    assert result.returncode == 0, result.stderr
    result = hexzctl("engine", "--player", "model@2", lines="genmove\nquit\n", **small)
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("=")


def test_the_page_and_its_server(small: dict[str, str], tmp_path: Path) -> None:
    with PlayerServer(tmp_path, **small) as server:
        server.wait_until_ready()
        assert server.status()["model"]["evaluator"] == "OpenVINO int8 on cpu"
        body = {"board": Board.random(17).to_text(), "moves": [], "player": "model@64"}
        answer = urllib3.request("POST", f"{server.url}/api/suggest", json=body, timeout=TIMEOUT)
        assert answer.status == 200, answer.data


@pytest.mark.parametrize(
    "command",
    [
        ("train",),
        ("train-server",),
        ("models", "fit", "examples", "--output", "out.pt"),
        ("models", "export", "shipped.pt", "--format", "onnx", "--output", "out.onnx"),
        ("serve-player", "--device", "cuda"),
    ],
    ids=" ".join,
)
def test_what_needs_it_says_so(
    command: tuple[str, ...],
    small: dict[str, str],
    played: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    os.symlink(played / "examples", tmp_path / "examples")
    model = Path(__file__).parents[2] / "hexz" / "data" / "model.pt"
    os.symlink(model, tmp_path / "shipped.pt")
    monkeypatch.chdir(tmp_path)
    result = hexzctl(*command, **small)
    assert result.returncode == 1
    assert_one_error_line(result.stderr, "PyTorch", "make build", "pip install 'hexzctl[train]'")
