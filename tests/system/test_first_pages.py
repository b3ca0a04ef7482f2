"""The pages that people see first: each command of hexzctl on them is run as it stands there, in a
directory in which a training and a self-play have been, and quicker where that can be."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from hexz.checkpoints import NewCheckpoint, open_store
from hexz.model.checkpoint import encode_checkpoint, new_checkpoint
from hexz.model.config import ModelConfig

from ..test_docs import told
from .player_server import PlayerServer
from .processes import activate, hexzctl, quick_game_options

ROOT = Path(__file__).parents[2]
PAGES = ["README.md", *(f"docs/{name}.md" for name in ("start", "play", "laptop"))]
ONE = ["--games-per-process", 1, "--max-games", 1]
QUICK = {
    "arena": ["--boards", 1, "--num-workers", 1],
    "export-examples": [],
    "export-page": [],
    "models rate": ["--boards", 1, "--simulations", 1, "--num-workers", 1],
    "play": [],
    "selfplay": [*quick_game_options("made")[1:], *ONE],
    "serve-player": [],
    "train": ["--max-seconds", 1, "--num-workers", 1, "--data-dir", "another"],
}
"""What is run, and what makes it quick; of an option that is given twice the second one holds."""
ELSEWHERE = {
    "bench engine": "tests/test_bench.py",
    "doctor": "tests/doctor",
    "train-server": "tests/system/test_fleet.py",
    "worker": "tests/system/test_fleet.py",
}


def commands() -> list[str]:
    """Of all these pages, without those that need another machine or that name no argument."""
    lines = {line for page in PAGES for line in told(ROOT / page)}
    return sorted(
        line for line in lines if not re.search(r"gs://|=mps|[A-Z]{4,}|^hexzctl \S+$", line)
    )


def name_of(line: str) -> str:
    words = line.split()
    return " ".join(words[1:3] if words[1] in ("bench", "models") else words[1:2])


COMMANDS = [line for line in commands() if name_of(line) in QUICK] + [
    f"hexzctl {name}" for name in ("play", "serve-player", "train")
]


def test_each_command_of_the_first_pages_is_run_here_or_elsewhere() -> None:
    assert {name_of(line) for line in commands()} <= {*QUICK, *ELSEWHERE}
    assert len(COMMANDS) > 10
    assert all((ROOT / place).exists() for place in ELSEWHERE.values())


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("first-pages")
    store = open_store(str(place / "hexz-data"), "flagz")
    for number in (0, 1):
        network = new_checkpoint(ModelConfig(blocks=1, filters=8), seed=number, model_name="flagz")
        model = encode_checkpoint(replace(network, number=number))
        store.save(NewCheckpoint(number=number, model=model, metadata={}))
    options = quick_game_options(place / "selfplay-out")
    assert hexzctl(*options, *ONE).returncode == 0
    (place / "docs").symlink_to(ROOT / "docs")
    return place


@pytest.mark.parametrize("line", COMMANDS)
def test_it_does_what_it_says(
    line: str, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    activate(monkeypatch)
    monkeypatch.chdir(place)
    name = name_of(line)
    quick = re.sub(r"@\d+(?!\d|s)", "@1", line).replace("uct:32000", "uct:1")
    words = shlex.split(quick)[1:]
    if name == "serve-player":
        server = PlayerServer(tmp_path, *words[1:], BROWSER="true")
        try:
            assert server.get("/").status == 200
        finally:
            server.end()
        return
    done = hexzctl(*words, *QUICK[name], lines="quit\n" if name == "play" else None)
    assert done.returncode == 0, done.stdout + done.stderr
