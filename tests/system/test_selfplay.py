"""`hexzctl selfplay` as a process: what it writes, how it stops, what it says when it cannot."""

import os
import re
import resource
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest
import torch

from hexz.engine import Board
from hexz.example import Example
from hexz.model.checkpoint import new_checkpoint, save_checkpoint
from hexz.model.config import ModelConfig
from hexz.wire.archive import read_examples
from hexz.wire.example import decode_example

from .processes import (
    COMMAND,
    TIMEOUT,
    assert_one_error_line,
    environment,
    hexzctl,
    quick_game_options,
    spawned,
    start_hexzctl,
)


def examples_in(output_dir: Path) -> list[Example]:
    files = sorted((output_dir / "examples").iterdir())
    assert all(file.suffix == ".zip" for file in files), files
    return [decode_example(data) for file in files for _, data in read_examples(file)]


def games_of(examples: list[Example]) -> dict[str, list[int]]:
    """The actions of each complete game, by its id without the name of the run."""
    games: dict[str, list[Example]] = {}
    for example in examples:
        games.setdefault(example.game_id.rsplit("-", 1)[1], []).append(example)
    for game in games.values():
        board = Board.from_text(game[0].initial_board)
        for example in game:
            board.play_index(example.action)
        assert board.is_over
    return {number: [example.action for example in game] for number, game in games.items()}


def test_a_run_writes_all_games_and_a_page(tmp_path):
    result = hexzctl(*quick_game_options(tmp_path, workers=2), "--max-games", 5)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    examples = examples_in(tmp_path)
    assert sorted(games_of(examples)) == ["0", "1", "2", "3", "4"]
    assert len({example.example_id for example in examples}) == len(examples)
    assert {(example.model_name, example.checkpoint) for example in examples} == {("fresh", 0)}
    page = re.search(r"file://(\S+)", result.stdout)
    assert page is not None
    assert Path(page[1]).read_text().lower().startswith("<!doctype html>")
    assert f"{len(examples):,}" in result.stdout


def test_a_seed_repeats_a_run(tmp_path):
    for name in ("a", "b"):
        options = quick_game_options(tmp_path / name)
        assert hexzctl(*options, "--max-games", 3).returncode == 0
    first, second = (games_of(examples_in(tmp_path / name)) for name in ("a", "b"))
    assert first == second


def test_a_given_model_plays(tmp_path):
    net = new_checkpoint(ModelConfig(blocks=1, filters=8), seed=2, model_name="tiny")
    checkpoint = tmp_path / "models" / "flagz" / "tiny" / "checkpoints" / "4"
    checkpoint.mkdir(parents=True)
    save_checkpoint(type(net)(net.weights, "tiny", 4, net.metadata), checkpoint / "model.pt")
    output = tmp_path / "out"
    result = hexzctl(
        *quick_game_options(output), "--max-games", 1, "--model", checkpoint.parent.parent
    )
    assert result.returncode == 0, result.stderr
    assert {(e.model_name, e.checkpoint) for e in examples_in(output)} == {("tiny", 4)}


def test_a_settings_document_says_how_to_play_and_options_win(tmp_path):
    document = tmp_path / "play.toml"
    document.write_text("""
        games_per_process = 2
        search = {algorithm = "gumbel", full_search_share = 0.25, fast_simulations = 1}
        schedule = [{examples = 0, simulations = 64}, {examples = 1000, simulations = 3}]
    """)
    options = ["--num-workers", 1, "--max-games", 2, "--seed", 1]
    for name, others in {
        "last step": [],
        "given": ["--runs-per-move", 3],
        "more": ["--runs-per-move", 30],
    }.items():
        output = ("--output-dir", tmp_path / name)
        result = hexzctl("selfplay", "--settings", document, *options, *others, *output)
        assert result.returncode == 0, result.stderr
    of_last_step = examples_in(tmp_path / "last step")
    full = [example for example in of_last_step if example.full_search]
    assert 0.1 < len(full) / len(of_last_step) < 0.4
    assert games_of(of_last_step) == games_of(examples_in(tmp_path / "given"))
    assert games_of(of_last_step) != games_of(examples_in(tmp_path / "more"))


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_keeps_finished_games(tmp_path, signum, code):
    process = start_hexzctl(*quick_game_options(tmp_path, workers=2))
    workers = wait_for_games(process)
    process.send_signal(signum)
    stdout, stderr = process.communicate(timeout=TIMEOUT)
    assert process.returncode == code, stderr
    assert stderr == ""
    assert "Games to look at" in stdout
    assert len(games_of(examples_in(tmp_path))) >= 1
    assert not [worker for worker in workers if worker.is_running()]


@pytest.mark.parametrize("delay", [0.0, 0.3, 1.0])
def test_ctrl_c_while_the_workers_start_is_quiet(tmp_path, delay):
    """A terminal sends the signal to the whole process group, workers included."""
    process = start_hexzctl(*quick_game_options(tmp_path, workers=2), start_new_session=True)
    wait_for_workers(process, 2)
    time.sleep(delay)  # to hit another stage of their start
    os.killpg(process.pid, signal.SIGINT)
    _, stderr = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 130
    assert stderr == ""


def wait_for_games(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """Waits for the log line that says that games were finished; returns the workers."""
    assert process.stdout is not None
    for line in process.stdout:
        found = re.search(r"games (\d+)", line)
        if found and int(found[1]) > 0:
            return worker_processes(process)
    raise AssertionError(process.communicate())


def worker_processes(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """The processes that play."""
    return spawned(psutil.Process(process.pid).children(recursive=True))


def test_a_dead_worker_is_reported_and_the_others_go_on(tmp_path):
    process = start_hexzctl(*quick_game_options(tmp_path, workers=2), "--max-games", 60)
    workers = wait_for_workers(process, 2)
    workers[0].kill()
    _, stderr = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 1, stderr
    assert "1 of 2 workers failed" in stderr.splitlines()[-1]
    assert 30 <= len(games_of(examples_in(tmp_path))) < 60


def test_the_death_of_all_workers_is_a_failure(tmp_path):
    process = start_hexzctl(*quick_game_options(tmp_path, workers=2))
    for worker in wait_for_workers(process, 2):
        worker.kill()
    _, stderr = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 1
    assert "all workers failed: killed by SIGKILL" in stderr
    assert "Traceback" not in stderr


def wait_for_workers(process: subprocess.Popen[str], count: int) -> list[psutil.Process]:
    deadline = time.monotonic() + TIMEOUT
    while len(workers := worker_processes(process)) < count:
        assert time.monotonic() < deadline
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    return workers


def test_workers_end_when_their_parent_is_killed(tmp_path):
    process = start_hexzctl(*quick_game_options(tmp_path, workers=2))
    workers = wait_for_games(process)
    process.kill()
    process.communicate()
    _, alive = psutil.wait_procs(workers, timeout=TIMEOUT)
    assert alive == []


def test_workers_whose_parent_is_killed_while_they_start_end_without_a_word(tmp_path):
    process = start_hexzctl(*quick_game_options(tmp_path, workers=2))
    workers = wait_for_workers(process, 2)
    process.kill()
    _, stderr = process.communicate(timeout=TIMEOUT)  # until the workers have closed theirs too
    assert stderr == ""
    _, alive = psutil.wait_procs(workers, timeout=TIMEOUT)
    assert alive == []


def test_a_time_that_would_leave_nothing_is_prolonged_to_the_first_game(tmp_path):
    result = hexzctl(*quick_game_options(tmp_path), "--max-seconds", 0.1)
    assert result.returncode == 0, result.stderr
    assert "time is up, and the first games are still under way" in result.stdout + result.stderr
    assert examples_in(tmp_path) != []


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--device", "tpu"], "tpu"),
        (["--search", "minimax"], "minimax"),
        (["--num-workers", "0"], "num-workers"),
        (["--games-per-process", "-1"], "games-per-process"),
        (["--max-games", "0"], "max-games"),
        (["--max-seconds", "-3"], "max-seconds"),
        (["--max-seconds", "nan"], "max-seconds"),
        (["--runs-per-move", "many"], "runs-per-move"),
        (["--settings", "gs://bucket/play.toml"], "settings"),
        (["--seed", "-1"], "seed"),
        (["--colour", "red"], "colour"),
    ],
)
def test_wrong_usage_has_exit_code_2(tmp_path, options, word):
    result = hexzctl("selfplay", "--output-dir", tmp_path / "out", *options)
    assert result.returncode == 2
    assert word in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "out").exists()


def bad_models(directory: Path) -> dict[str, Path]:
    text = directory / "text.pt"
    text.write_text("not a model")
    foreign = directory / "foreign.pt"
    torch.save({"layer.weight": torch.zeros(3, 3)}, foreign)
    cut = directory / "cut.pt"
    save_checkpoint(new_checkpoint(ModelConfig(blocks=1, filters=8)), cut)
    cut.write_bytes(cut.read_bytes()[:-2000])
    empty = directory / "empty"
    empty.mkdir()
    return {
        "missing": directory / "missing.pt",
        "text": text,
        "foreign": foreign,
        "cut": cut,
        "empty": empty,
    }


@pytest.mark.parametrize("kind", ["missing", "text", "foreign", "cut", "empty"])
def test_a_model_that_cannot_be_loaded_is_one_line(tmp_path, kind):
    model = bad_models(tmp_path)[kind]
    result = hexzctl(*quick_game_options(tmp_path / "out"), "--model", model)
    assert result.returncode == 1
    assert_one_error_line(result.stderr, "hexzctl: error:", model.name)


def test_a_device_that_is_not_there_is_one_line_and_the_cpu_plays(tmp_path):
    if torch.backends.mps.is_available():
        pytest.skip("this machine has the device")
    result = hexzctl(*quick_game_options(tmp_path, workers=2), "--max-games", 2, "--device", "mps")
    assert result.returncode == 0
    assert_one_error_line(result.stderr, "mps", "CPU")


def test_an_output_directory_that_is_a_file(tmp_path):
    (tmp_path / "out").write_text("")
    result = hexzctl(*quick_game_options(tmp_path / "out"))
    assert result.returncode == 1
    assert_one_error_line(result.stderr, str(tmp_path / "out"))


def test_an_output_directory_without_permission(tmp_path):
    if os.geteuid() == 0:
        pytest.skip("root may write anywhere")
    tmp_path.chmod(0o500)
    result = hexzctl(*quick_game_options(tmp_path / "out"))
    assert result.returncode == 1
    assert_one_error_line(result.stderr, "Permission denied")


def test_a_full_disk_leaves_no_partial_file(tmp_path):
    """A limit on the size of files stands in for the disk: a write fails in the middle."""
    result = subprocess.run(
        [*COMMAND, *map(str, quick_game_options(tmp_path)), "--max-games", "4"],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000)),
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        env=environment(),
        check=False,
    )
    assert result.returncode == 1
    assert_one_error_line(result.stderr, "cannot write", str(tmp_path / "examples"))
    assert list((tmp_path / "examples").iterdir()) == []
