"""The command line itself: help, version, benchmarks."""

import json
import subprocess
import sys
import time

import pytest

from hexz.schema.status import FIGURES, Comparison, WorkerConduct
from hexz.version import __version__
from hexzctl import cli, display
from hexzctl.fleet_view import print_conduct

from .processes import environment, hexzctl


def test_help_names_the_subcommands_and_imports_none():
    code = (
        "import sys; from hexzctl.cli import app; app(['--help'], standalone_mode=False); "
        "sys.exit(any(name in sys.modules for name in ('hexzctl.selfplay', 'hexz.schema', 'rich')))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment(), check=True
    )
    text = " ".join(result.stdout.split())
    for name, line in cli.COMMANDS.items():
        assert f" {name} {line}" in text


@pytest.mark.parametrize(("name", "line"), cli.COMMANDS.items())
def test_the_help_of_a_command_begins_with_its_line(name, line):
    assert " ".join(cli.command(name).help.split()).startswith(line)


@pytest.mark.parametrize(
    "arguments",
    [
        ["arena"],
        ["models", "rate"],
        ["selfplay"],
        ["bench"],
        ["bench", "engine"],
        ["bench", "selfplay"],
    ],
)
def test_help_imports_neither_torch_nor_numpy(arguments):
    code = (
        "import sys; from hexzctl.cli import app; "
        f"app({[*arguments, '--help']!r}, standalone_mode=False); "
        "sys.exit(any(name in sys.modules for name in ('torch', 'numpy', 'openvino')))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment(), check=False
    )
    assert result.returncode == 0, result.stderr


def test_version():
    assert hexzctl("--version").stdout == f"hexzctl {__version__}\n"


def test_an_unknown_command_is_wrong_usage():
    result = hexzctl("sefplay")
    assert result.returncode == 2
    assert "sefplay" in result.stderr


def rate_is_sane(rate: dict[str, float]) -> bool:
    return 0 < rate["low"] <= rate["median"] <= rate["high"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("play", "--colour", "red"), "'red' is not one of 'blue', 'orange'."),
        (("train", "--batch-size", "0"), "must be greater than or equal to 1"),
        (("train", "--batch-size", "1.5"), "must be a whole number"),
        (("train", "--learning-rate", "x"), "must be a number"),
    ],
)
def test_a_wrong_value_is_told_without_words_of_a_library(arguments, told):
    result = hexzctl(*arguments)
    assert result.returncode == 2
    assert result.stderr.rstrip().endswith(f": {told}")


def test_bench_engine_json():
    result = hexzctl("bench", "engine", "--seconds", 0.02, "--json")
    content = json.loads(result.stdout)
    assert content["benchmark"] == "engine"
    assert content["version"] == __version__
    assert list(content["rates"]) == [
        "playouts", "uct_start", "uct_move_20", "env_steps", "env_observed", "search_puct",
        "search_gumbel",
    ]  # fmt: skip
    assert all(rate_is_sane(rate) for rate in content["rates"].values())


def test_bench_inference_json():
    result = hexzctl("bench", "inference", "--batch-size", 4, "--seconds", 0.02, "--json")
    content = json.loads(result.stdout)
    assert [row["batch_size"] for row in content["results"]] == [4, 4]
    assert len({row["evaluator"] for row in content["results"]}) == 2
    assert all(rate_is_sane(row["positions"]) for row in content["results"])


def test_bench_selfplay_json():
    result = hexzctl(
        "bench", "selfplay", "--games-per-process", 4, "--runs-per-move", 8,
        "--seconds", 0.05, "--json",
    )  # fmt: skip
    content = json.loads(result.stdout)
    assert content["batch_size"] == 2
    assert all(rate_is_sane(content[name]) for name in ("self_play", "alone", "eager"))
    assert content["efficiency"] > 0
    assert content["speedup"] > 0


def test_bench_prints_a_line_a_figure():
    result = hexzctl("bench", "engine", "--seconds", 0.02)
    assert result.returncode == 0
    assert len(result.stdout.splitlines()) == 7


def test_steps_tell_how_long_the_rest_may_take(monkeypatch, capsys):
    monkeypatch.setattr(display, "LOG_SECONDS", 0.0)
    with display.Steps(4, seconds=100.0) as steps:
        steps.begin("one")
        steps.begin("two")
    lines = [line.split(" ", 1)[1] for line in capsys.readouterr().err.splitlines()]
    assert lines == [
        "one, step 1 of 4, 0 s, about 400 s left",
        "two, step 2 of 4, 0 s, about 400 s left",
    ]


def test_steps_tell_nothing_of_the_rest_that_they_cannot_know(monkeypatch, capsys):
    """The one step that was done took no time, which says nothing of one that takes long."""
    monkeypatch.setattr(display, "LOG_SECONDS", 0.0)
    with display.Steps(2) as steps:
        steps.begin("one")
        steps.begin("two")
        time.sleep(0.01)
        steps.log()
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.endswith("two, step 2 of 2, 0 s")


@pytest.mark.parametrize("terminal", [True, False])
def test_names_of_workers_are_never_cut(terminal, monkeypatch, capsys):
    """Other commands want them."""
    monkeypatch.setenv("COLUMNS", "60")
    if terminal:
        monkeypatch.setenv("FORCE_COLOR", "1")
    name = "a-worker-with-a-long-name-1f9a2b3c"
    print_conduct([
        WorkerConduct(
            worker=name, state="quarantined", reason=None, since=None, games=1234, copies=0,
            per_second=56.7, set_aside=18_240, figures={},
        )
    ])  # fmt: skip
    assert name in capsys.readouterr().out


def test_every_figure_of_a_worker_is_printed(capsys):
    figures = {name: Comparison(own=0.25 + place, fleet=0.5) for place, name in enumerate(FIGURES)}
    print_conduct([
        WorkerConduct(
            worker="host-1f9a", state="quarantined", reason=None, since=None, games=1234, copies=0,
            per_second=56.7, set_aside=18_240, figures=figures,
        )
    ])  # fmt: skip
    names, row = capsys.readouterr().out.splitlines()
    for place, name in enumerate(FIGURES):
        assert name.replace("_", " ") in names
        assert f"{0.25 + place:.2f} (0.50)" in row


def test_bench_of_a_missing_model_is_one_line(tmp_path):
    result = hexzctl("bench", "selfplay", "--model", tmp_path / "none.pt")
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["arena", "--player", "random", "--player", "uct:1", "--log"],
        ["bench", "inference", "--model"],
        ["export-examples", "x.zip", "--format", "npz", "--output"],
        ["models", "rate", "x", "--output-dir"],
        ["play", "--load"],
        ["selfplay", "--output-dir"],
        ["train", "--data-dir"],
        ["train-server", "--data-dir"],
        ["train-server", "--settings"],
    ],
)
def test_a_url_is_no_path_on_this_machine(arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = hexzctl(*arguments, "gs://bucket/x")
    assert result.returncode == 2
    assert "is no path on this machine" in " ".join(result.stderr.split())
    assert list(tmp_path.iterdir()) == []


def test_a_path_may_begin_with_the_home_directory(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    log = "--log=~/arena.jsonl"
    result = hexzctl("arena", "--player=random", "--player=uct:1", "--boards=1", log)
    assert result.returncode == 0, result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["arena.jsonl"]
