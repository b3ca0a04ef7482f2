"""Runs the command line as a user does: in a process of its own.

`fork_server.start` starts it in hundredths of a second; COMMAND in a fresh interpreter, which alone
reads the variables PYTHON*.
"""

import contextlib
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import psutil
import pytest

from .. import fork_server

TIMEOUT = 120.0
COMMAND = [sys.executable, "-m", "hexzctl"]
_DOCS = Path(__file__).parents[2] / "docs"


def gunicorn_command(page: str, address: str) -> list[str]:
    """The command of gunicorn that a page of the documentation gives, at this address."""
    told = re.findall(r"\bgunicorn (--bind .*\(\)')", (_DOCS / page).read_text("utf-8"))
    assert len(told) == 1, told
    words = shlex.split(told[0])
    words[words.index("--bind") + 1] = address
    return [sys.executable, "-m", "gunicorn", *words]


def environment(**changes: str) -> dict[str, str]:
    """Of a child: no colours, and lines as wide as they are."""
    return {**os.environ, "NO_COLOR": "1", "COLUMNS": "200", **changes}


def activate(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets `python3` be one that knows this hexz, as after `source .venv/bin/activate`."""
    folders = (str(Path(sys.executable).parent), os.environ["PATH"])
    monkeypatch.setenv("PATH", os.pathsep.join(folders))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))


def hexzctl(
    *arguments: object, lines: str | None = None, **changes: str
) -> subprocess.CompletedProcess[str]:
    """Runs `hexzctl` to its end, perhaps with these lines in a pipe."""
    stdin = None if lines is None else subprocess.PIPE
    with start_hexzctl(*arguments, start_new_session=False, stdin=stdin, **changes) as process:
        try:
            stdout, stderr = process.communicate(lines, timeout=TIMEOUT)
        finally:
            process.kill()
    return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)


def start_hexzctl(
    *arguments: object, start_new_session: bool = False, stdin: int | None = None, **changes: str
) -> subprocess.Popen[str]:
    """Starts `hexzctl` with its output in pipes, on request in a process group of its own."""
    fresh = any(name.startswith("PYTHON") for name in changes)
    start: Callable[..., subprocess.Popen[str]] = subprocess.Popen if fresh else fork_server.start
    return start(
        [*(COMMAND if fresh else ()), *map(str, arguments)],
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(**changes),
        start_new_session=start_new_session,
    )


def spawned(
    processes: Iterable[psutil.Process], function: str = "run_child"
) -> list[psutil.Process]:
    """Those of them that are functions of ours, or a single one of these."""
    found = []
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            if function in " ".join(process.cmdline()):
                found.append(process)
    return found


def assert_one_error_line(output: str, *words: str) -> None:
    """There is exactly one line, and it has these words."""
    lines = output.strip().splitlines()
    assert len(lines) == 1, output
    for word in words:
        assert word in lines[0]


def quick_game_options(output_dir: object, workers: int = 1) -> Sequence[object]:
    """Of `selfplay`: games that take a second or two."""
    return (
        "selfplay", "--search", "gumbel", "--runs-per-move", "2", "--games-per-process", "8",
        "--num-workers", workers, "--output-dir", output_dir, "--seed", "1",
    )  # fmt: skip
