"""Posts to a train server as fast as it answers, and tells what that costs the server.

    python benchmarks/load.py [examples] [games] [compact] [bare] [--connections 8] [--seconds 4]
    python benchmarks/load.py compact --connections 4000
    python benchmarks/load.py heartbeats --workers 10000
    python benchmarks/load.py sizes

Each name is a way to post, and all take turns: single `NumpyExample` messages, whole games of them,
compact games, and single ones to a Flask route that only reads the body, under the same HTTP
server. What is posted is real self-play with the default settings, each time under another id;
requests are made before the clock starts, and one thread with plain sockets sends them. Nothing is
trained on meanwhile. `heartbeats` are those of so many workers in turn, all of which the server
knows, and count as one example each. `sizes` tells the bytes of an example in each form.
"""

import argparse
import contextlib
import os
import re
import selectors
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Final

import psutil
from flask import Flask, Response, request

from hexz import httpserver, web
from hexz.engine import FinishedGame
from hexz.model.backends import create_evaluator
from hexz.model.checkpoint import load_checkpoint
from hexz.places import SHIPPED
from hexz.schema.fleet import (
    COMPACT_GAMES_PATH,
    CONDUCT_PATH,
    EXAMPLES_PATH,
    GAMES_PATH,
    HEARTBEAT_PATH,
    ConductOrder,
    FleetSettings,
    Heartbeat,
)
from hexz.selfplay.examples import examples_of
from hexz.selfplay.loop import SelfPlay
from hexz.trainserver.serve import THREADS
from hexz.version import __version__
from hexz.wire.archive import MAX_EXAMPLE_BYTES
from hexz.wire.example import encode_example, encode_game
from hexz.wire.game import encode_compact

ROUNDS: Final = 3
GAMES: Final = 32
PREPARED_BYTES: Final = 100 << 20
ID: Final = "000000000"
"""Stands in the names of the games, and is replaced by another number in each request."""


@dataclass(frozen=True)
class Form:
    """A way to post: where to, and bodies with the number of their examples."""

    path: str
    bodies: Sequence[tuple[bytes, int]]
    answer: bytes = b'"accepted":%d}\n'
    """Ends the answer, with the number of the examples."""


@dataclass
class Result:
    """What the rounds of one form gave."""

    requests: list[float] = field(default_factory=list)
    examples: list[float] = field(default_factory=list)
    server_micros: list[float] = field(default_factory=list)
    client_micros: list[float] = field(default_factory=list)
    megabytes: float = 0.0


def self_play() -> list[tuple[str, FinishedGame]]:
    """Names and games with the network that ships with hexz, as a fleet plays them."""
    settings = FleetSettings().search
    evaluator = create_evaluator(load_checkpoint(SHIPPED).weights, batch_size=16, notify=print)
    play = SelfPlay(evaluator, settings, GAMES, 1, max_games=GAMES)
    finished = [game for games in play.rounds() for game in games]
    return [(f"{ID}-{number}", game) for number, game in enumerate(finished)]


def forms(games: list[tuple[str, FinishedGame]], workers: int) -> dict[str, Form]:
    encoded = [
        [
            encode_example(example)
            for example in examples_of(game, game_name=name, model_name="flagz", unix_micros=1)
        ]
        for name, game in games
    ]
    compact = [
        (encode_compact(game, game_id=name, model_name="flagz", unix_micros=1), len(game.actions))
        for name, game in games
    ]
    singles = Form(EXAMPLES_PATH, [(body, 1) for game in encoded for body in game])
    return {
        "examples": singles,
        "bare": singles,
        "compact": Form(COMPACT_GAMES_PATH, compact),
        "games": Form(GAMES_PATH, [(encode_game(game), len(game)) for game in encoded]),
        "heartbeats": Form(HEARTBEAT_PATH, [(beat, 1) for beat in heartbeats(workers)], b"}"),
    }


def heartbeats(workers: int) -> list[bytes]:
    """One of each worker of a fleet that keeps up."""
    return [
        Heartbeat(
            worker=f"host-{number:05d}",
            version=__version__,
            model_name="flagz",
            checkpoint=0,
            device="OpenVINO int8 on cpu",
            processes=4,
            games=1000,
            evaluations=2_000_000,
            examples=76_000,
            pending=10,
            seconds=60.0,
        ).to_json()
        for number in range(workers)
    ]


def requests_of(form: Form, number: int) -> Iterator[tuple[bytes, int]]:
    """Requests without end, no two under one id; names have numbers from this one on."""
    while True:
        number += 1
        for body, examples in form.bodies:
            data = body.replace(ID.encode(), b"%09d" % number)
            head = f"POST {form.path} HTTP/1.1\r\nHost: localhost\r\n"
            yield f"{head}Content-Length: {len(data)}\r\n\r\n".encode() + data, examples


# --- Servers -------------------------------------------------------------------------------------


def serve_bare() -> None:
    """Serves a route that only reads the body, as the train server is served."""
    app = Flask("bare")

    @app.post(EXAMPLES_PATH)
    def examples() -> Response:
        request.get_data(cache=False)
        return Response('{"checkpoint":0,"accepted":1}\n', mimetype="application/json")

    @app.get("/readyz")
    def readyz() -> str:
        return "ready"

    listener = web.listen("127.0.0.1", int(os.environ["PORT"]))
    httpserver.serve(app, listener, threads=THREADS, max_body=MAX_EXAMPLE_BYTES)


@contextlib.contextmanager
def running(*command: str) -> Iterator[tuple[int, psutil.Process]]:
    """Runs a server until the block ends; yields its port and process once it is ready."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    process = subprocess.Popen([sys.executable, *command], env=os.environ | {"PORT": str(port)})
    try:
        while not _is_ready(port):
            if process.poll() is not None:
                sys.exit(1)
            time.sleep(0.1)
        yield port, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait()


def trust(port: int, first: bytes) -> None:
    """Tells the train server that nothing counts against who posts: the same games come again and
    again. It must have heard of the poster."""
    order = ConductOrder(quarantined=False, reason="a benchmark").to_json()
    head = f"POST {CONDUCT_PATH}?worker=unnamed HTTP/1.1\r\nHost: localhost\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(order)}\r\n\r\n"
    for data in (first, head.encode() + order):
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(data)
            answer = connection.recv(4096)
            if not answer.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(f"the server answers {answer.decode()}")


def post_all(port: int, form: Form) -> None:
    """Posts each body once, over one connection."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        for data, _ in islice(requests_of(form, 0), len(form.bodies)):
            connection.sendall(data)
            answer = b""
            while not _is_whole(answer):
                answer += connection.recv(4096)


def _is_ready(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            return b" 200 " in connection.recv(64)
    except OSError:
        return False


def _cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


# --- The client ----------------------------------------------------------------------------------


def measure(
    server: tuple[int, psutil.Process],
    form: Form,
    source: Iterator[tuple[bytes, int]],
    connections: int,
    seconds: float,
    result: Result,
) -> None:
    """Keeps one request under way on each connection, and notes what came of it."""
    port, process = server
    sockets = [socket.create_connection(("127.0.0.1", port)) for _ in range(connections)]
    prepared = _lot(source, PREPARED_BYTES)
    with contextlib.ExitStack() as stack, selectors.DefaultSelector() as selector:
        under_way: dict[socket.socket, int] = {}
        received: dict[socket.socket, bytes] = {}
        for connection in map(stack.enter_context, sockets):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            selector.register(connection, selectors.EVENT_READ, connection)
        spent, own = _cpu_seconds(process), time.process_time()
        making = 0.0
        start = time.perf_counter()

        def post(connection: socket.socket) -> None:
            nonlocal making
            if not prepared:
                # Made in lots, whose time counts neither as the server's nor as the client's.
                begin = time.process_time()
                prepared.extend(_lot(source, PREPARED_BYTES // 8))
                making += time.process_time() - begin
            data, under_way[connection] = prepared.pop()
            connection.sendall(data)

        for connection in sockets:
            post(connection)
        posted = examples = 0
        while under_way:
            for key, _ in selector.select():
                connection = key.data
                answer = received.pop(connection, b"") + connection.recv(4096)
                if not _is_whole(answer):
                    received[connection] = answer
                    continue
                count = under_way.pop(connection)
                if not answer.startswith(b"HTTP/1.1 200") or not answer.endswith(
                    form.answer % count if b"%d" in form.answer else form.answer
                ):
                    raise RuntimeError(f"the server did not take {count}: {answer.decode()}")
                posted += 1
                examples += count
                if time.perf_counter() - start < seconds:
                    post(connection)
        took = time.perf_counter() - start - making
        result.requests.append(posted / took)
        result.examples.append(examples / took)
        result.server_micros.append(1e6 * (_cpu_seconds(process) - spent) / examples)
        result.client_micros.append(1e6 * (time.process_time() - own - making) / posted)
        result.megabytes = max(result.megabytes, process.memory_info().rss / 1e6)


def _is_whole(answer: bytes) -> bool:
    """Tells whether an answer has all of the body that its head announces."""
    head, end, body = answer.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
    return bool(end) and (length is None or len(body) >= int(length[1]))


def _lot(source: Iterator[tuple[bytes, int]], size: int) -> list[tuple[bytes, int]]:
    """Requests of so many bytes together."""
    lot: list[tuple[bytes, int]] = []
    while size > 0:
        lot.append(next(source))
        size -= len(lot[-1][0])
    return lot


def print_sizes(games: list[tuple[str, FinishedGame]], known: dict[str, Form]) -> None:
    count = sum(len(game.actions) for _, game in games)
    legal = sum(int((game.priors > 0).sum()) for _, game in games)
    full = sum(int(game.full_searches.sum()) for _, game in games)
    print(f"{len(games)} games, {count} examples, {full / count:.0%} of full searches,")
    print(f"{legal / count:.1f} legal moves each. Bytes an example, and after zlib, level 1:")
    for name, form in known.items():
        if name != "bare":
            size = sum(len(body) for body, _ in form.bodies)
            packed = sum(len(zlib.compress(body, 1)) for body, _ in form.bodies)
            print(f"{name:10} {size / count:8,.0f} {packed / count:8,.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("what", nargs="*", default=["examples", "bare"])
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--workers", type=int, default=1000, help="that send heartbeats")
    parser.add_argument("--directory", type=Path, help="of the journal: another disk")
    parser.add_argument("--serve-bare", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve_bare:
        serve_bare()
        return
    httpserver.raise_file_limit()
    games = self_play()
    known = forms(games, options.workers)
    if options.what == ["sizes"]:
        print_sizes(games, known)
        return
    results = {name: Result() for name in options.what}
    sources = {name: requests_of(known[name], i * 10**8) for i, name in enumerate(options.what)}
    with tempfile.TemporaryDirectory(dir=options.directory) as directory:
        where = [f"--store={directory}", f"--data-dir={directory}", "--minibatch-size=100000000"]
        with contextlib.ExitStack() as stack:
            ours = stack.enter_context(running("-m", "hexzctl", "train-server", *where))
            bare = stack.enter_context(running(__file__, "--serve-bare"))
            if "heartbeats" in options.what:
                post_all(ours[0], known["heartbeats"])
            trust(ours[0], next(requests_of(known["examples"], 9 * 10**8))[0])
            for _ in range(ROUNDS):
                for name, result in results.items():
                    server = bare if name == "bare" else ours
                    measure(
                        server, known[name], sources[name],
                        options.connections, options.seconds, result,
                    )  # fmt: skip
    print(f"{options.connections} connections, medians of {ROUNDS} rounds (smallest to largest)")
    print(f"{'':10} {'requests/s':>26} {'examples/s':>10} {'CPU us an example':>26} "
          f"{'client, a request':>18} {'MB':>6}")  # fmt: skip
    for name, result in results.items():
        print(
            f"{name:10} {_spread(result.requests):>26} {statistics.median(result.examples):10,.0f} "
            f"{_spread(result.server_micros):>26} {statistics.median(result.client_micros):18.0f} "
            f"{result.megabytes:6.0f}"
        )


def _spread(values: list[float]) -> str:
    return f"{statistics.median(values):,.0f} ({min(values):,.0f} to {max(values):,.0f})"


if __name__ == "__main__":
    main()
