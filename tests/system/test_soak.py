"""The whole system on machines of its own, and whatever can fail does, at random; then the proof,
from what it leaves behind, that nothing was lost or doubled.

SOAK_SECONDS says how long, three minutes by default; `make soak` takes thirty.
"""

import contextlib
import os
import random
import signal
import subprocess
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from hexz.checkpoints import open_store

from ..gcs_fixture import GcsEmulator
from ..redis_server import RedisServer
from . import network
from .fleet import MODEL_NAME, Fleet
from .links import Links
from .network import Network
from .processes import spawned
from .test_fleet import assert_nothing_lost, posting

pytestmark = pytest.mark.soak

SECONDS = float(os.environ.get("SOAK_SECONDS", "180"))
RECOVERY_SECONDS = 60.0
"""So long after the end of a fault all works as before: workers wait up to 5 s between attempts,
the trainer up to a minute after failures in a row."""
DISK_MB = 128
GROWTH_MB, GROWTH_FILES, GROWTH_THREADS = 60, 30, 16
"""What a process may have more at the end than when it had worked for half a minute."""


class SoakFleet(Fleet):
    """A fleet whose server and workers are on machines of their own.

    Args:
        network: of the machines.
        server: the machine of the server.
        clock: a file that says how far the server's clock is off.
    """

    def __init__(
        self, directory: Path, network: Network, server: int, clock: Path, **options: Any
    ) -> None:
        super().__init__(directory, host=network.address(server), **options)
        self._network = network
        self._machines = {self.log: server}
        self._clock = clock
        self._options += [f"--host={network.address(server)}", "--allow-unauthenticated"]
        self._options += ["--max-checkpoint-lag=100000"]  # what is posted is always of the first
        self.links = Links(
            (network.address(server), self.port), are_slow=network.problem is not None
        )

    def start_worker(self, *options: str) -> subprocess.Popen[bytes]:
        self._machines[self.worker_log(len(self.workers))] = self._network.add()
        return super().start_worker(*options)

    def machine(self, worker: int) -> int:
        """The machine of a worker."""
        return self._machines[self.worker_log(worker)]

    def url_for(self, number: int) -> str:
        return f"http://{self._network.gateway(self.machine(number))}:{self.links.port}"

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        self.links.close()

    def command(self, log: Path) -> tuple[list[str], dict[str, str]]:
        variables = clock_variables(self._clock) if log == self.log else {}
        return self._network.inside(self._machines[log]), variables


def clock_variables(clock: Path) -> dict[str, str]:
    """With which a program takes the time of a wrong clock, and measures durations with the right
    one; none if libfaketime is missing."""
    libfaketime = pytest.importorskip("libfaketime")
    (library,) = Path(libfaketime.__file__).parent.rglob("libfaketime.so.1")
    return {
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
    }


@dataclass
class Soak:
    """The parts of the system, and what can be done to them."""

    fleet: SoakFleet
    network: Network
    redis: RedisServer
    store: GcsEmulator
    server_machine: int
    disk: Path
    clock: Path
    samples: dict[int, list[tuple[float, int, int, int]]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def faults(
        self, rng: random.Random
    ) -> dict[str, tuple[Callable[[], None], Callable[[], None]]]:
        """How each begins and ends."""
        worker = rng.randrange(len(self.fleet.workers))
        return {
            "the server is killed": (self.fleet.kill_server, self.fleet.start_server),
            "the server stands still": self.stopped(self.fleet.server_processes),
            "the trainer is killed": (self.kill_trainer, lambda: None),
            "a worker is killed": (self.kill_worker, lambda: self.fleet.replace_worker(0)),
            "a worker stands still": self.stopped(
                lambda: [self.process(self.fleet.workers[worker])]
            ),
            "the disk is full": (self.fill_disk, (self.disk / "ballast").unlink),
            "Redis is flushed": (self.flush_redis, lambda: None),
            "Redis hangs": self.stopped(lambda: [self.process(self.redis.program.process)]),
            "Redis is killed": (self.redis.kill, self.redis.start),
            "the store is down": (self.store.stop, self.store.start),
            "the clock jumps ahead": (lambda: self.set_clock("+1d"), lambda: self.set_clock("+0")),
            "the clock jumps back": (lambda: self.set_clock("-1d"), lambda: self.set_clock("+0")),
            "the server is cut off": self.cut(self.server_machine),
            "a worker is cut off": self.cut(self.fleet.machine(worker)),
            "connections break": (self.fleet.links.break_all, lambda: None),
        }

    def stopped(
        self, processes: Callable[[], list[psutil.Process]]
    ) -> tuple[Callable[[], None], Callable[[], None]]:
        def send(number: int) -> None:
            for process in processes():
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.send_signal(number)

        return lambda: send(signal.SIGSTOP), lambda: send(signal.SIGCONT)

    def cut(self, machine: int) -> tuple[Callable[[], None], Callable[[], None]]:
        return lambda: self.network.cut(machine), lambda: self.network.mend(machine)

    @staticmethod
    def process(process: subprocess.Popen[bytes]) -> psutil.Process:
        return psutil.Process(process.pid)

    def kill_trainer(self) -> None:
        for process in spawned(self.fleet.server_processes()):
            process.kill()

    def kill_worker(self) -> None:
        for child in self.process(self.fleet.workers[0]).children(recursive=True):
            child.kill()
        self.fleet.workers[0].kill()
        self.fleet.workers[0].wait()

    def fill_disk(self) -> None:
        with contextlib.suppress(OSError), open(self.disk / "ballast", "wb", buffering=0) as file:
            while file.write(bytes(1 << 16)):
                pass

    def flush_redis(self) -> None:
        with self.redis.client() as client:
            client.flushall()

    def set_clock(self, offset: str) -> None:
        self.clock.write_text(f"{offset}\n")

    def recover(self) -> float:
        """Waits until all works again; how long that took."""
        started = time.monotonic()
        now = self.fleet.wait_for(lambda status: status["ready"])["checkpoint"]
        self.fleet.wait_for(
            lambda status: (
                status["checkpoint"] > now
                and not status["problems"]
                and len(status["workers"]) >= len(self.fleet.workers)
                and all(worker["checkpoint"] is not None for worker in status["workers"])
            )
        )
        return time.monotonic() - started

    def sample(self) -> None:
        """Takes down what the server's own process and the workers' use."""
        for process in (self.fleet.server, *self.fleet.workers):
            with contextlib.suppress(psutil.NoSuchProcess):
                known = self.process(process)
                age = time.time() - known.create_time()
                self.samples[known.pid].append(
                    (age, known.memory_info().rss >> 20, known.num_fds(), known.num_threads())
                )

    def assert_flat(self) -> None:
        """No process has grown since it had worked for half a minute."""
        for samples in self.samples.values():
            settled = [sample for sample in samples if sample[0] > 30]
            if len(settled) > 2:
                (_, *first), (_, *last) = settled[0], settled[-1]
                growth = [b - a for a, b in zip(first, last, strict=True)]
                allowed = [GROWTH_MB, GROWTH_FILES, GROWTH_THREADS]
                assert all(g <= a for g, a in zip(growth, allowed, strict=True)), settled


@pytest.fixture
def soak(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Soak]:
    problem = network.unavailable()
    if problem is not None:
        pytest.skip(problem)
    with contextlib.ExitStack() as stack:
        net = stack.enter_context(Network())
        server = net.add()
        if net.problem is not None:
            print(f"\nonly links from workers to the server are slow: {net.problem}")
        disk = tmp_path / "disk"
        disk.mkdir()
        network.run("mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(disk))
        stack.callback(network.run, "umount", "--lazy", str(disk))
        store = GcsEmulator(tmp_path / "gcs", host=net.gateway(server))
        (tmp_path / "gcs").mkdir()
        store.start()
        stack.callback(store.stop)
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", store.url)
        redis = stack.enter_context(
            RedisServer(
                "port {port}\nbind 0.0.0.0\nprotected-mode no",
                f"redis://{net.gateway(server)}:{{port}}",
            )
        )
        clock = tmp_path / "clock"
        clock.write_text("+0\n")
        fleet = stack.enter_context(
            SoakFleet(
                disk,
                net,
                server,
                clock,
                store=f"gs://{store.bucket}/soak",
                redis_url=redis.url,
                minibatch_size=400,
            )
        )
        yield Soak(fleet, net, redis, store, server, disk, clock)


def draw_two(deck: list[str]) -> list[str]:
    """Takes two faults of different parts from a deck, or one if there are no such two. What starts
    the server again comes last: it needs its disk and its store for that."""
    names = [deck.pop()]
    other = next((name for name in reversed(deck) if part_of(name) != part_of(names[0])), None)
    if other is not None:
        deck.remove(other)
        names.append(other)
    return sorted(names, key=lambda name: name == "the server is killed")


def part_of(name: str) -> str:
    """The part that a fault strikes; the trainer is a process of the server."""
    part = name.removeprefix("the ").removeprefix("a ").split()[0]
    return "server" if part == "trainer" else part


def test_whatever_fails_nothing_is_lost(soak: Soak) -> None:
    rng = random.Random(os.environ.get("SOAK_SEED", "17"))
    fleet = soak.fleet
    fleet.start_server()
    for _ in range(2):
        fleet.start_worker()
    fleet.wait_for(lambda status: status["checkpoint"] >= 1 and len(status["workers"]) == 2)
    times: dict[str, list[float]] = defaultdict(list)
    deadline = time.monotonic() + SECONDS
    deck: list[str] = []
    with posting(fleet) as accepted:
        # However slow the machine is, each kind comes once, and none again before all have.
        while time.monotonic() < deadline or len(times) < len(soak.faults(rng)):
            if not deck:
                deck = sorted(soak.faults(rng))
                rng.shuffle(deck)
            names = draw_two(deck)
            faults = [soak.faults(rng)[name] for name in names]
            began = time.monotonic() - deadline + SECONDS
            print(f"{began:6.0f} s  {' and '.join(names)}", end="", flush=True)
            for begin, _ in faults:
                begin()
            time.sleep(rng.uniform(1, 6))
            for _, end in faults:
                end()
            seconds = soak.recover()
            for name in names:
                times[name].append(seconds)
            print(f", and all is well after {seconds:.1f} s", flush=True)
            soak.sample()
    fleet.stop()
    print("\nslowest recoveries:")
    for name, found in sorted(times.items()):
        print(f"  {max(found):5.1f} s  {name} ({len(found)} times)")
    assert [worker.returncode for worker in fleet.workers] == [0] * len(fleet.workers)
    assert len(accepted) > SECONDS / 10
    assert_nothing_lost(fleet, accepted)
    checkpoints = open_store(fleet.store, MODEL_NAME)
    for info in checkpoints.list():
        assert len(checkpoints.load(info.number)) == info.size
    soak.assert_flat()
    slow = {name: found for name, found in times.items() if max(found) > RECOVERY_SECONDS}
    assert not slow
