"""A fleet on paper: what saturates first with so many workers, what lifts it, and what it costs.

    python benchmarks/scaling.py                     # the tables of docs/scaling.md
    python benchmarks/scaling.py --measure 1,2,4     # a real training on this machine against it

A simulation of discrete events. Workers finish games, post them over four connections each, and
pause while too much waits, as real ones do; the server's cores check what comes, its disk syncs for
all that wait at once, the trainer takes a minibatch after the other, and each checkpoint goes to
all workers through Redis. Service times are CPU seconds measured on one core of an AMD EPYC with
AVX-512 VNNI: see the classes below, and hexz/schema/fleet_profile.py.

`--measure` plays, trains and serves in real processes with one worker first, takes their CPU
seconds an example from that, predicts the rate of each number of workers on the cores of this
machine, and compares it with what they do. It wants a quiet machine.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import msgspec
import psutil
import simpy
import urllib3

from hexz.httpserver import MAX_CONNECTIONS
from hexz.schema.fleet import HEARTBEAT_SECONDS
from hexz.schema.fleet_profile import NETWORKS, REUSE, SHALLOW
from hexz.schema.status import ServerStatus
from hexz.trainserver.service import RETRY_SECONDS
from hexz.worker.client import CONNECTIONS, POSTS_AT_ONCE
from hexz.worker.outbox import MAX_PENDING

GAME: Final = 76
"""Examples of a game."""
PAUSE_SECONDS: Final = 1.25 * RETRY_SECONDS
"""Of a worker that is told to come later, on average: it waits up to half as long again."""
WORKER_VCPUS: Final = 4

Events = Generator[simpy.Event, Any, Any]


@dataclass(frozen=True)
class Server:
    """What taking examples costs, as benchmarks/load.py and docs/scaling.md have it.

    Attributes:
        cores: of its machine, for taking examples.
        parallel: how many of them can check examples at once.
        post: CPU seconds of a request, beside checking.
        check: CPU seconds to check an example.
        unit: examples of a request.
        bytes: of an example on the wire.
        heartbeat: CPU seconds of a heartbeat.
        sync: seconds of a sync of the disk, which all that wait share.
    """

    cores: int = 2
    parallel: int = 1
    post: float = 259e-6
    check: float = 20e-6
    unit: int = 1
    bytes: int = 7620
    heartbeat: float = 315e-6
    sync: float = 1.5e-3


@dataclass(frozen=True)
class Trainer:
    """The trainer.

    Attributes:
        rate: examples a second; the default: the smallest network on a core.
        minibatch: examples of a checkpoint.
        max_backlog: minibatches from which on nothing is taken.
    """

    rate: float = NETWORKS[0].learnt("cpu") / REUSE
    minibatch: int = 16_384
    max_backlog: int = 64


@dataclass(frozen=True)
class Fleet:
    """Workers and the network.

    Attributes:
        workers: how many.
        rate: examples a second that one makes while it does not wait.
        latency: seconds of a round trip.
        bandwidth: bytes a second into and out of the server's machine.
        model_bytes: of a checkpoint.
    """

    workers: int
    rate: float = WORKER_VCPUS * NETWORKS[0].played(SHALLOW)
    latency: float = 1e-3
    bandwidth: float = 1.25e9
    model_bytes: int = 125_000


@dataclass
class Outcome:
    """What a simulation found, in its second half.

    Attributes:
        accepted, trained: examples a second.
        busy: shares of the time that parts of the server are busy, by name.
        waiting: share of the workers' time in which they make no examples.
        refused: share of the posts that were told to come later.
    """

    accepted: float
    trained: float
    busy: dict[str, float]
    waiting: float
    refused: float

    def limit(self, trainer: Trainer) -> str:
        """What saturates: the trainer if it has no pause, or the fullest part, if any is full."""
        if self.trained > 0.95 * trainer.rate:
            return "trainer"
        name, share = max(self.busy.items(), key=lambda item: item[1])
        return name if share > 0.9 else "workers"


@dataclass
class Simulation:
    """One run of a fleet."""

    server: Server
    trainer: Trainer
    fleet: Fleet
    seconds: float = 120.0
    accepted: int = 0
    trained: int = 0
    waiting_for_training: int = 0
    posts: int = 0
    refusals: int = 0
    made: int = 0
    busy: dict[str, float] = field(default_factory=dict)

    def run(self) -> Outcome:
        self.world = simpy.Environment()
        self.limit = self.trainer.max_backlog * self.trainer.minibatch
        self.cpu = simpy.Resource(self.world, min(self.server.cores, self.server.parallel))
        self.link = simpy.Resource(self.world)
        self.arrived = self.world.event()
        self.syncing: simpy.Event | None = None
        for number in range(self.fleet.workers):
            self.world.process(self.worker(number))
        self.world.process(self.train())
        half = self.seconds / 2
        self.world.run(half)
        before = (self.accepted, self.trained, self.posts, self.refusals, self.made)
        busy = dict(self.busy)
        self.world.run(self.seconds)
        now = (self.accepted, self.trained, self.posts, self.refusals, self.made)
        accepted, trained, posts, refused, made = (b - a for a, b in zip(before, now, strict=True))
        capacity = {"server CPU": self.cpu.capacity}
        return Outcome(
            accepted=accepted / half,
            trained=trained / half,
            busy={
                name: (total - busy.get(name, 0.0)) / half / capacity.get(name, 1)
                for name, total in self.busy.items()
            },
            waiting=max(0.0, 1 - made / half / self.fleet.workers / self.fleet.rate),
            refused=refused / max(1, posts),
        )

    def use(self, name: str, resource: simpy.Resource, seconds: float) -> Events:
        with resource.request() as turn:
            yield turn
            yield self.world.timeout(seconds)
            self.count(name, seconds)

    def count(self, name: str, seconds: float) -> None:
        self.busy[name] = self.busy.get(name, 0.0) + seconds

    def worker(self, number: int) -> Events:
        """Makes games, and pauses while too many of its examples wait."""
        fleet, world = self.fleet, self.world
        outbox = simpy.Store(world)
        room = simpy.Container(world, MAX_PENDING + 10 * GAME, init=MAX_PENDING)
        for _ in range(POSTS_AT_ONCE):
            world.process(self.post(outbox, room))
        world.process(self.beat(number))
        # Several games at once, so that a fast worker has no more events than a slow one.
        games = max(1, round(fleet.rate * 0.25 / GAME))
        yield world.timeout(games * GAME / fleet.rate * (number % 97) / 97)
        while True:
            yield world.timeout(games * GAME / fleet.rate)
            yield room.get(games * GAME)
            self.made += games * GAME
            for _ in range(games):
                outbox.put(GAME)

    def post(self, outbox: simpy.Store, room: simpy.Container) -> Events:
        """A connection: a game after the other, in as many requests as that takes."""
        server, world = self.server, self.world
        requests = GAME // server.unit
        while True:
            yield outbox.get()
            while True:
                # The requests of a game follow each other; they are one event here.
                yield world.timeout(self.fleet.latency * requests)
                yield from self.use(
                    "network", self.link, GAME * server.bytes / self.fleet.bandwidth
                )
                self.posts += 1
                with self.cpu.request() as turn:
                    yield turn
                    full = self.waiting_for_training >= self.limit
                    seconds = server.post + (not full) * (
                        (requests - 1) * server.post + GAME * server.check
                    )
                    yield world.timeout(seconds)
                    self.count("server CPU", seconds)
                if not full:
                    break
                self.refusals += 1
                yield world.timeout(PAUSE_SECONDS)
            for _ in range(min(requests, POSTS_AT_ONCE)):  # posts at once share their syncs
                yield self.sync()
            self.accepted += GAME
            self.waiting_for_training += GAME
            if not self.arrived.triggered:
                self.arrived.succeed()
            room.put(GAME)

    def sync(self) -> simpy.Event:
        """The next sync of the disk that begins."""
        if self.syncing is None or self.syncing.triggered:
            self.syncing = self.world.event()
            self.world.process(self._sync(self.syncing))
        return self.syncing

    def _sync(self, done: simpy.Event) -> Events:
        yield self.world.timeout(self.server.sync)
        done.succeed()

    def beat(self, number: int) -> Events:
        yield self.world.timeout(HEARTBEAT_SECONDS * (number % 101) / 101)
        while True:
            yield from self.use("server CPU", self.cpu, self.server.heartbeat)
            yield self.world.timeout(HEARTBEAT_SECONDS)

    def train(self) -> Events:
        trainer, world = self.trainer, self.world
        while True:
            while self.waiting_for_training < trainer.minibatch:
                self.arrived = world.event()
                yield self.arrived
            # In slices, so that rates of short runs are not those of whole minibatches.
            for _ in range(32):
                seconds = trainer.minibatch / trainer.rate / 32
                yield world.timeout(seconds)
                self.count("trainer", seconds)
                self.trained += trainer.minibatch // 32
                self.waiting_for_training -= trainer.minibatch // 32
            world.process(self.announce())

    def announce(self) -> Events:
        """Sends a checkpoint to all workers."""
        size = self.fleet.model_bytes / self.fleet.bandwidth
        for _ in range(self.fleet.workers):
            yield from self.use("network", self.link, size)


# --- The tables of docs/scaling.md ----------------------------------------------------------------

SINGLE = Server()
COMPACT = replace(SINGLE, unit=GAME, check=7e-6, post=600e-6, bytes=145)
COMPACT_CORES = replace(COMPACT, cores=4, parallel=3)
INSTANT = Trainer(rate=1e9)
CPU = Trainer()
GPU = Trainer(rate=NETWORKS[-1].learnt("cuda") / REUSE, minibatch=65_536)
GPUS = replace(GPU, rate=4 * 0.9 * GPU.rate, minibatch=262_144)

SETUPS: Final = {
    "single examples, trainer on a CPU core": (SINGLE, CPU),
    "compact games, trainer on a CPU core": (COMPACT, CPU),
    "compact games, trainer on a GPU": (COMPACT, GPU),
    "compact games checked by 3 cores, 4 GPUs": (COMPACT_CORES, GPUS),
}
WORKERS: Final = (10, 100, 1000, 10_000)

# List prices in dollars of region us-central1, as cloud.google.com/run/pricing (jobs, tier 1) and
# cloud.google.com/compute/vm-instance-pricing gave them; docs/scaling.md says when.
VCPU_SECOND: Final = 0.000018
GIB_SECOND: Final = 0.000002
WORKER_GIB: Final = 4
SERVER_HOUR: Final = {
    "server CPU": 0.134,
    "GPU": 0.71,
}  # e2-standard-4; an L4 with its g2-standard-4


def dollars_a_million(rate: float, workers: int, trainer: Trainer) -> float:
    """What a million examples cost if so many a second are trained on."""
    second = workers * (WORKER_VCPUS * VCPU_SECOND + WORKER_GIB * GIB_SECOND)
    gpus = {GPU: 1, GPUS: 4}.get(trainer, 0)
    second += (SERVER_HOUR["server CPU"] + gpus * SERVER_HOUR["GPU"]) / 3600
    return second / rate * 1e6


COLUMNS: Final = (
    "workers", "could make, examples/s", "server could take", "accepted", "trained", "server CPU",
    "trainer", "network", "workers wait", "limit", "$ a million",
)  # fmt: skip


def print_tables(seconds: float) -> None:
    for name, (server, trainer) in SETUPS.items():
        print(f"\n{name}\n\n| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|")
        for workers in WORKERS:
            print(f"| {' | '.join(row(server, trainer, Fleet(workers), seconds))} |", flush=True)


def row(server: Server, trainer: Trainer, fleet: Fleet, seconds: float) -> Iterator[str]:
    offered = fleet.workers * fleet.rate
    simulation = Simulation(server, trainer, fleet, seconds)
    if offered > trainer.rate:
        # What lasts is asked for, not the first hours, in which the backlog fills.
        simulation.waiting_for_training = trainer.max_backlog * trainer.minibatch
    outcome = simulation.run()
    alone = Simulation(server, INSTANT, fleet, min(seconds, 10.0)).run()
    yield f"{fleet.workers:,}"
    yield from (f"{rate:,.0f}" for rate in (offered, alone.accepted, outcome.accepted))
    yield f"{outcome.trained:,.0f}"
    for part in ("server CPU", "trainer", "network"):
        yield f"{outcome.busy.get(part, 0.0):.0%}"
    yield f"{outcome.waiting:.0%}"
    more = ", connections" if fleet.workers * CONNECTIONS > MAX_CONNECTIONS else ""
    yield outcome.limit(trainer) + more
    rate = min(alone.accepted, trainer.rate)
    yield f"{dollars_a_million(rate, fleet.workers, trainer):.2f}"


# --- Against a measurement ------------------------------------------------------------------------


@dataclass(frozen=True)
class Measured:
    """A real training.

    Attributes:
        workers: how many there were, of one process each.
        examples: that were accepted a second.
        server, trainer, worker: CPU seconds an example; of all workers together.
    """

    workers: int
    examples: float
    server: float
    trainer: float
    worker: float


@contextmanager
def started(*command: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    program = [sys.executable, "-m", "hexzctl", *command]
    with log.open("wb") as output:
        process = subprocess.Popen(program, stdout=output, stderr=subprocess.STDOUT)
        try:
            yield process
        finally:
            process.terminate()
            process.wait(60)


def cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def measure(workers: int, seconds: float) -> Measured:
    """Trains with so many workers for so long, after the first games have ended."""
    http = urllib3.PoolManager()
    headers = {"Accept": "application/json"}
    with tempfile.TemporaryDirectory() as directory:
        log = Path(directory) / "server.log"
        options = ["train-server", "--port=0", f"--data-dir={directory}", f"--store={directory}",
                   "--minibatch-size=4096"]  # fmt: skip
        with started(*options, log=log) as server:
            while not (found := re.search(r"http://\S+", log.read_text())):
                time.sleep(0.2)
            url = found[0]

            def accepted() -> int:
                answer = http.request("GET", f"{url}/status", headers=headers)
                return ServerStatus.from_json(answer.data).examples.accepted

            players = []
            for number in range(workers):
                place = Path(directory) / f"worker-{number}.log"
                player = started("worker", f"--server-url={url}", "--num-workers=1", log=place)
                players.append(player)
            processes = [player.__enter__() for player in players]
            try:
                while accepted() < 4 * 4096:
                    time.sleep(0.5)
                owner = psutil.Process(server.pid)
                trainers = owner.children(recursive=True)
                parents = [psutil.Process(process.pid) for process in processes]
                everybody = [p for parent in parents for p in (parent, *parent.children(True))]

                def used() -> tuple[float, float, float]:
                    return (
                        cpu_seconds(owner),
                        sum(map(cpu_seconds, trainers)),
                        sum(map(cpu_seconds, everybody)),
                    )

                before, first, begin = used(), accepted(), time.monotonic()
                time.sleep(seconds)
                after, last, end = used(), accepted(), time.monotonic()
            finally:
                for player in reversed(players):
                    player.__exit__(None, None, None)
    costs = [(b - a) / max(1, last - first) for a, b in zip(before, after, strict=True)]
    return Measured(workers, (last - first) / (end - begin), *costs)


def predict(known: Measured, workers: int, cores: int) -> float:
    """Examples a second of so many workers of one process on a machine with so many cores, which
    server, trainer and workers share in slices as processes do."""
    world = simpy.Environment()
    cpu = simpy.Resource(world, cores)
    made = simpy.Container(world)
    taken = simpy.Container(world)
    done = 0
    quantum = 0.01

    def work(seconds: float) -> Events:
        while seconds > 0:
            with cpu.request() as turn:
                yield turn
                yield world.timeout(min(quantum, seconds))
            seconds -= quantum

    def player() -> Events:
        while True:
            while made.level > MAX_PENDING * workers:
                yield world.timeout(quantum)
            yield from work(GAME * known.worker)
            yield made.put(GAME)

    def server() -> Events:
        nonlocal done
        while True:
            yield made.get(GAME)
            yield from work(GAME * known.server)
            done += GAME
            yield taken.put(GAME)

    def trainer() -> Events:
        while True:
            yield taken.get(GAME)
            yield from work(GAME * known.trainer)

    for _ in range(workers):
        world.process(player())
    world.process(server())
    world.process(trainer())
    seconds = 120.0
    world.run(seconds)
    half = done
    world.run(2 * seconds)
    return (done - half) / seconds


def compare(numbers: list[int], seconds: float) -> None:
    cores = len(os.sched_getaffinity(0))
    known = measure(1, seconds)
    print(f"one worker: {msgspec.json.encode(known).decode()}")
    print(f"\n{cores} cores\n\n| workers | predicted, examples/s | measured | difference |")
    print("|---|---|---|---|")
    for workers in numbers:
        predicted = predict(known, workers, cores)
        found = measure(workers, seconds).examples
        print(f"| {workers} | {predicted:,.0f} | {found:,.0f} | {predicted / found - 1:+.0%} |",
              flush=True)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="of each run")
    parser.add_argument("--measure", metavar="N,N,...", help="numbers of real workers")
    arguments = parser.parse_args()
    if arguments.measure:
        compare([int(number) for number in arguments.measure.split(",")], arguments.seconds)
    else:
        print_tables(arguments.seconds)


if __name__ == "__main__":
    main()
