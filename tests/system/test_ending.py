"""How commands end when their terminal is closed, and when nothing can be printed or started."""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil
import pytest
import urllib3

from .processes import COMMAND, TIMEOUT, assert_one_error_line, environment
from .terminal import terminal

MAKE = shutil.which("make")

NOWHERE = "127.0.0.1:9"
SERVE_PLAYER = ("serve-player", "--player=random", "--port=0")

COMMANDS: list[tuple[Sequence[str], str, int]] = [
    (SERVE_PLAYER, "Play at", 0),
    (("train-server", "--port=0", "--data-dir=.", "--store=."), "Listening at", 0),
    (("worker", f"--server-url=http://{NOWHERE}"), "trying again", 0),
    (("arena", "--player=random", "--player=uct:9999", "--log=log"), "0 of 100 boards", 129),
    (("selfplay", "--search=gumbel", "--num-workers=1"), "self-play", 129),
    (("train", "--num-workers=1", "--data-dir=data"), "training", 129),
]


@pytest.mark.parametrize(
    ("arguments", "shown", "code"), COMMANDS, ids=[arguments[0] for arguments, _, _ in COMMANDS]
)
def test_a_command_ends_in_good_order_when_its_terminal_is_closed(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: Sequence[str],
    shown: str,
    code: int,
) -> None:
    monkeypatch.chdir(tmp_path)
    with terminal(*arguments) as screen:
        screen.until(shown)
        family = psutil.Process(screen.process.pid).children(recursive=True)
        screen.close()
        assert screen.process.wait(TIMEOUT) == code
        _, alive = psutil.wait_procs(family, timeout=30)
        assert alive == []


def test_a_server_goes_on_where_the_end_of_its_terminal_is_ignored() -> None:
    with subprocess.Popen(
        ["/usr/bin/env", "nohup", *COMMAND, *SERVE_PLAYER],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment(),
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        process.send_signal(signal.SIGHUP)
        assert urllib3.request("GET", f"{url}/healthz", retries=False).status == 200
        process.terminate()
        assert process.wait(TIMEOUT) == 0


@pytest.mark.parametrize(
    "arguments",
    [SERVE_PLAYER, COMMANDS[1][0], ("--help",), ("bench", "engine", "--seconds=0.02")],
    ids=lambda arguments: arguments[0],
)
def test_what_has_to_be_printed_and_cannot_be_is_an_error_of_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: Sequence[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with open("/dev/full", "w") as full:
        result = subprocess.run(
            [*COMMAND, *arguments], stdout=full, stderr=subprocess.PIPE, text=True,
            env=environment(), timeout=TIMEOUT, check=False,
        )  # fmt: skip
    assert result.returncode == 1
    assert_one_error_line(result.stderr, "hexzctl: error: No space left on device")


def test_a_reader_who_has_gone_ends_what_only_prints_quietly() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    result = subprocess.run(
        [*COMMAND, "--help"], stdout=writer, stderr=subprocess.PIPE, text=True,
        env=environment(), timeout=TIMEOUT, check=False,
    )  # fmt: skip
    os.close(writer)
    assert (result.returncode, result.stderr) == (128 + signal.SIGPIPE, "")


@contextlib.contextmanager
def full_pipe() -> Iterator[int]:
    """The end of a pipe into which nothing can be written any more, since nobody reads."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writer, b"\n")
    os.set_blocking(writer, True)
    yield writer
    os.close(reader)
    os.close(writer)


def test_after_a_second_signal_nothing_holds_up_the_end() -> None:
    with (
        full_pipe() as pipe,
        subprocess.Popen(
            [*COMMAND, "worker", f"--server-url=http://{NOWHERE}"],
            stdout=pipe, stderr=subprocess.PIPE, text=True, env=environment(),
        ) as process,
    ):  # fmt: skip
        assert process.stderr is not None
        assert "trying again" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        process.terminate()
        assert process.wait(TIMEOUT) == 0


def test_a_child_that_dies_at_each_start_is_given_up(tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("raise ImportError('libtorch_cpu.so: no such file')")
    result = subprocess.run(
        [*COMMAND, "train-server", "--port=0", f"--data-dir={tmp_path}", f"--store={tmp_path}"],
        capture_output=True, text=True, timeout=TIMEOUT, check=False,
        env=environment(PYTHONPATH=str(tmp_path)),
    )  # fmt: skip
    assert result.returncode == 1
    *attempts, last = result.stderr.splitlines()
    assert len([line for line in attempts if "next attempt in" in line]) == 3
    assert_one_error_line(last, "hexzctl: error:", "libtorch_cpu.so", "never ready")


def test_a_signal_ends_a_command_that_waits_for_a_person() -> None:
    with terminal("play", "--player=random") as screen:
        screen.until("Blue:")
        time.sleep(0.1)  # until it waits
        screen.process.terminate()
        assert screen.press(b"\n") == 128 + signal.SIGTERM


def without_make() -> dict[str, str]:
    """The environment without what `make test` tells those that it runs: they would talk."""
    return {
        key: value for key, value in os.environ.items() if not key.startswith(("MAKE", "MFLAGS"))
    }


@pytest.mark.skipif(MAKE is None, reason="needs make")
@pytest.mark.parametrize("target", ["train", "selfplay"])
def test_ctrl_c_is_no_error_of_make(target: str, tmp_path: Path) -> None:
    """Which waits for the command, as that ends in good order, and ends with the signal."""
    program = tmp_path / "hexzctl"
    # It takes a moment to end, as commands do: make trips over a child that ends while make itself
    # takes the signal in ("wait: No child processes").
    program.write_text(
        "#!/bin/sh\n"
        "trap 'kill $!; sleep 0.5; echo the end; exit 130' INT\n"
        "sleep 60 & echo running\n"
        "wait\n"
    )
    program.chmod(0o755)
    make = subprocess.Popen(
        [str(MAKE), "-o", "build", target, f"BIN={tmp_path}"], cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        env=without_make(),
    )  # fmt: skip
    assert make.stdout is not None
    assert make.stdout.readline() == "running\n"
    os.killpg(make.pid, signal.SIGINT)
    said, _ = make.communicate(timeout=TIMEOUT)
    assert (said, make.returncode) == ("the end\n", -signal.SIGINT)


@pytest.mark.skipif(MAKE is None, reason="needs make")
def test_a_failure_is_an_error_of_make(tmp_path: Path) -> None:
    program = tmp_path / "hexzctl"
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o755)
    make = [str(MAKE), "-o", "build", "train", f"BIN={tmp_path}"]
    done = subprocess.run(
        make, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False,
        env=without_make(),
    )  # fmt: skip
    assert done.returncode == 2
    assert "Error 1" in done.stderr
