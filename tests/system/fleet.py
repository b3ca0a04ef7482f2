"""A train server and its workers as real processes, for tests of what they do together."""

import contextlib
import itertools
import json
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

import psutil
import urllib3

from hexz.checkpoints import open_store
from hexz.engine import SearchSettings
from hexz.example import Example
from hexz.model.backends import create_evaluator
from hexz.model.checkpoint import new_checkpoint
from hexz.model.config import ModelConfig
from hexz.schema.fleet import ConductOrder
from hexz.selfplay.examples import examples_of
from hexz.selfplay.loop import SelfPlay
from hexz.trainserver.remote import RemoteServer
from hexz.vetting.workers import UNNAMED
from hexz.wire.archive import read_examples
from hexz.wire.example import encode_example

from .. import fork_server
from ..redis_server import free_port
from .processes import COMMAND, environment

TIMEOUT = 120.0
MODEL_NAME = "tiny"

SETTINGS = """
games_per_process = 8
[search]
algorithm = "gumbel"
simulations = 8
"""


@lru_cache
def quick_examples(games: int = 8) -> list[Example]:
    """Examples of games that a tiny network played, as a worker with checkpoint 0 posts them."""
    checkpoint = new_checkpoint(ModelConfig(blocks=1, filters=8))
    evaluator = create_evaluator(
        checkpoint.weights, precision="float32", batch_size=8, notify=print
    )
    settings = SearchSettings(algorithm="gumbel", simulations=2)
    play = SelfPlay(evaluator, settings, games_per_process=games, seed=1, max_games=games)
    return [
        example
        for finished in play.rounds()
        for game in finished
        for example in examples_of(
            game, game_name=f"quick-{game.game_id}", model_name=MODEL_NAME, unix_micros=1
        )
    ]


def distinct_bodies() -> Iterator[tuple[str, bytes]]:
    """Ids and bodies of examples without end; the same positions come again as other games."""
    for turn in itertools.count():
        for example in quick_examples():
            game = f"{example.game_id}-{turn}"
            name = f"{game}-{example.move_number:03d}"
            yield name, encode_example(replace(example, game_id=game, example_id=name))


class Fleet:
    """A server, which can be killed and started again on its port, and any number of workers.

    Args:
        directory: for everything that the processes keep.
        store: where checkpoints go.
        redis_url: of a Redis server; None: the server's own.
        minibatch_size: of the server.
        max_backlog: of the server, in minibatches.
        host: the address of the server.
    """

    def __init__(
        self,
        directory: Path,
        *,
        store: str,
        redis_url: str | None = None,
        minibatch_size: int,
        max_backlog: int = 64,
        host: str = "127.0.0.1",
    ) -> None:
        self.port = free_port()
        self.url = f"http://{host}:{self.port}"
        self.store = store
        self.data_dir = directory / "data"
        self.server: subprocess.Popen[bytes] | None = None
        self.workers: list[subprocess.Popen[bytes]] = []
        self.log = directory / "server.log"
        self._directory = directory
        self._redis = [] if redis_url is None else [f"--redis-url={redis_url}"]
        self._http = urllib3.PoolManager(timeout=10, retries=False)
        settings = directory / "settings.toml"
        settings.write_text(SETTINGS)
        self._options = [
            f"--model-name={MODEL_NAME}", f"--store={store}", f"--data-dir={self.data_dir}",
            f"--port={self.port}", f"--minibatch-size={minibatch_size}", f"--settings={settings}",
            f"--max-backlog={max_backlog}", "--blocks=1", "--filters=8", "--reuse=2", *self._redis,
        ]  # fmt: skip

    def start_server(self) -> None:
        """Returns when it takes examples."""
        self.server = self._start(self.log, "train-server", *self._options)
        self.wait_for(lambda status: status["ready"])
        # Tests post a few games under many ids, which nobody who means it does.
        order = ConductOrder(quarantined=False, reason="a test")
        RemoteServer(self.url, None).order(UNNAMED, order)

    def start_worker(self, *options: str) -> subprocess.Popen[bytes]:
        """A worker of one process; returns at once."""
        worker = self._start_worker(len(self.workers), *options)
        self.workers.append(worker)
        return worker

    def replace_worker(self, number: int) -> None:
        """Starts another worker in the place of one that has ended."""
        self.workers[number] = self._start_worker(number)

    def worker_log(self, number: int) -> Path:
        return self._directory / f"worker-{number}.log"

    def url_for(self, number: int) -> str:
        """Where a worker shall find the server."""
        return self.url

    def _start_worker(self, number: int, *options: str) -> subprocess.Popen[bytes]:
        return self._start(
            self.worker_log(number), "worker", f"--server-url={self.url_for(number)}",
            f"--model-name={MODEL_NAME}", "--num-workers=1", *self._redis, *options,
        )  # fmt: skip

    def kill_server(self) -> None:
        """All of its processes at once, as when a machine loses its power."""
        assert self.server is not None
        for process in self.server_processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL)
        self.server.wait()

    def server_processes(self) -> list[psutil.Process]:
        """The server, its trainer and whatever else it started."""
        assert self.server is not None
        try:
            parent = psutil.Process(self.server.pid)
            return [parent, *parent.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def status(self) -> dict[str, Any] | None:
        """The server's `/status`; None if it does not answer."""
        headers = {"Accept": "application/json"}
        with contextlib.suppress(urllib3.exceptions.HTTPError):
            answer = self._http.request("GET", f"{self.url}/status", headers=headers)
            if answer.status == 200:
                status: dict[str, Any] = json.loads(answer.data)
                del status["checkpoints"]  # long, and nothing here needs it
                return status
        return None

    def wait_for(self, condition: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
        """The first status that meets the condition."""
        deadline = time.monotonic() + TIMEOUT
        while True:
            status = self.status()
            if status is not None and condition(status):
                return status
            if time.monotonic() > deadline or (self.server and self.server.poll() is not None):
                raise AssertionError(f"waited in vain; last words:\n{self._last_words()}\n{status}")
            time.sleep(0.05)

    def wait_for_checkpoint(self, number: int) -> dict[str, Any]:
        return self.wait_for(
            lambda status: status["checkpoint"] is not None and status["checkpoint"] >= number
        )

    def post(self, body: bytes) -> int | None:
        """Posts one example; returns the status code, None without an answer."""
        with contextlib.suppress(urllib3.exceptions.HTTPError):
            return self._http.request("POST", f"{self.url}/training/examples", body=body).status
        return None

    def stop_workers(self) -> None:
        """Ends the workers, as a user would."""
        self._stop(self.workers)

    def stop(self) -> None:
        """Ends the workers and then the server, as a user would."""
        self.stop_workers()
        self._stop([self.server] if self.server is not None else [])

    @staticmethod
    def _stop(processes: Sequence[subprocess.Popen[bytes]]) -> None:
        for process in processes:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in processes:
            process.wait(TIMEOUT)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in [*self.workers, self.server]:
            if process is not None:
                with contextlib.suppress(psutil.NoSuchProcess):
                    for child in psutil.Process(process.pid).children(recursive=True):
                        child.kill()
                process.kill()
                process.wait()

    def trained_ids(self) -> Counter[str]:
        """How often each example is in the zip files of all checkpoints, which are consecutive."""
        store = open_store(self.store, MODEL_NAME)
        numbers = [info.number for info in store.list()]
        assert numbers == list(range(len(numbers)))
        found: Counter[str] = Counter()
        for number in numbers:
            for batch in store.batches(number):
                with store.examples(number, batch) as path:
                    found.update(name.removesuffix(".pb") for name, _ in read_examples(path))
        return found

    def _last_words(self) -> str:
        logs = sorted(self._directory.glob("*.log"))
        return "\n".join(f"{log.name}: {log.read_text()[-1000:]}" for log in logs)

    def bugs(self) -> str:
        """What the server has logged of its own faults."""
        _, mark, words = self.log.read_text(errors="replace").partition("a bug in ")
        return f"{mark}{words[:5000]}"

    def command(self, log: Path) -> tuple[list[str], dict[str, str]]:
        """How the program starts that writes to this log: words before its own, and variables."""
        return [], {}

    def _start(self, log: Path, *arguments: str) -> subprocess.Popen[bytes]:
        words, variables = self.command(log)
        is_usual = not (words or variables)
        start: Callable[..., subprocess.Popen[bytes]]
        start = fork_server.start if is_usual else subprocess.Popen
        with log.open("ab") as file:
            return start(
                arguments if is_usual else [*words, *COMMAND, *arguments],
                stdout=file,
                stderr=file,
                env=environment(**variables),
                start_new_session=True,
            )
