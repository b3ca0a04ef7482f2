"""No command is silent for long on a terminal: where it waits for others, it says for what."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from ..small_server import SmallServer
from .terminal import terminal
from .test_help import COMMANDS

BUCKET = "gs://bucket/hexz"
WAITING = {
    "arena --player model:BUCKET@8 --player random": r"0 of 100 boards.* [1-9]\d* s",
    "doctor --server-url URL": "train server, step 11 of 12",
    "export-examples BUCKET --summary": "looking for files in BUCKET, ",
    "export-page --model BUCKET": "reading the network and writing the page, ",
    "fleet list --server-url URL": r"asking URL, \d+ s, 2\d s left at most",
    "fleet quarantine attic-3 --server-url URL": "asking URL, ",
    "fleet release attic-3 --server-url URL": "asking URL, ",
    "models compare BUCKET 1 2": "reading BUCKET, ",
    "models export BUCKET --format torchscript --output x.pt": "reading the network, step 1 of 2",
    "models fit BUCKET --output x.pt": r"read 0% of the sources, 0 examples, [1-9]\d* s",
    "models list BUCKET": "reading BUCKET, ",
    "models rate BUCKET": "reading BUCKET, ",
    "models show BUCKET 3": "reading BUCKET, ",
    "play --player model:BUCKET@8": "Getting model:BUCKET@8 ready",
    "serve-player --port 0 --model BUCKET": "getting the player ready, ",
}
"""What is on the screen while nobody answers."""
ELSEWHERE = {
    "bench engine": "tests/system/test_cli.py",
    "bench inference": "tests/system/test_cli.py",
    "bench selfplay": "tests/system/test_cli.py",
    "engine": "tests/player/test_protocol.py, a program that waits for lines",
    "fleet token add": "at once",
    "fleet token list": "at once",
    "fleet token revoke": "at once",
    "help": "at once",
    "selfplay": "tests/system/test_selfplay.py",
    "train": "tests/system/test_train.py",
    "train-server": "a server that has no end",
    "worker": "a worker that has no end",
}


def test_every_command_is_here_or_elsewhere() -> None:
    here = {" ".join(w for w in line.split() if w.islower()) for line in WAITING}
    for words, command in COMMANDS.items():
        name = " ".join(words)
        if not hasattr(command, "commands") and words:
            assert name in ELSEWHERE or any(line.startswith(name) for line in here), name


@contextmanager
def nobody_answers() -> Iterator[tuple[str, Callable[[], None]]]:
    """The URL of a server that answers 404 once it is told to."""
    answers = threading.Event()

    def app(_: object, start_response: Callable[..., object]) -> list[bytes]:
        answers.wait()
        start_response("404 Not Found", [])
        return []

    with SmallServer(app).running() as server:
        try:
            yield server.root, answers.set
        finally:
            answers.set()


@pytest.mark.parametrize("line", WAITING)
def test_what_is_waited_for_is_on_the_terminal(
    line: str, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("place"))
    with nobody_answers() as (url, answer):

        def filled(text: str) -> str:
            return text.replace("BUCKET", BUCKET).replace("URL", url)

        words = filled(line).split()
        with terminal(*words, columns=100, STORAGE_EMULATOR_HOST=url) as screen:
            screen.until(filled(WAITING[line]))
            answer()
            screen.until("404")
            assert screen.process.wait(60) == 1
