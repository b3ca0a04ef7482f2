"""Compares how fast a train server takes examples with a Flask route that only reads the body.

    python benchmarks/posts.py [--seconds 4] [--connections 8]

Both run under the same HTTP server with as many threads, and take turns three times. Each post to
the train server is another valid example, which is checked, written to the disk and answered;
nothing is trained on meanwhile.
"""

import argparse
import contextlib
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice

import numpy as np
from flask import Flask, Response, request

from hexz import httpserver, web
from hexz.engine import NUM_ACTIONS, Board, GameBatch, SearchSettings
from hexz.example import Example
from hexz.selfplay.examples import examples_of
from hexz.trainserver.serve import THREADS
from hexz.wire.archive import MAX_EXAMPLE_BYTES
from hexz.wire.example import encode_example

RUNS = 3
PATH = "/training/examples"


def bare_app() -> Flask:
    """The route that we are compared with."""
    app = Flask("bare")

    @app.post(PATH)
    def examples() -> Response:
        request.get_data(cache=False)
        return Response('{"checkpoint":0,"accepted":1}\n', mimetype="application/json")

    @app.get("/readyz")
    def readyz() -> str:
        return "ready"

    return app


@contextlib.contextmanager
def running(*command: str) -> Iterator[int]:
    """Runs a server until the block ends; yields its port once it is ready."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    process = subprocess.Popen([sys.executable, *command], env=os.environ | {"PORT": str(port)})
    try:
        while not _is_ready(port):
            if process.poll() is not None:
                sys.exit(1)
            time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait()


def serve_bare() -> None:
    """Serves `bare_app` as the train server is served."""
    listener = web.listen("127.0.0.1", int(os.environ["PORT"]))
    httpserver.serve(bare_app(), listener, threads=THREADS, max_body=MAX_EXAMPLE_BYTES)


def _is_ready(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            return b" 200 " in connection.recv(64)
    except OSError:
        return False


def game_examples() -> Iterator[Example]:
    """Examples of quick games without a network."""
    batch = GameBatch(32, SearchSettings(algorithm="gumbel", simulations=4), 1)
    logits, values = np.zeros((32, NUM_ACTIONS), np.float32), np.zeros(32, np.float32)
    number = 0
    while True:
        while batch.num_active < batch.num_games:
            batch.start_game(Board.random(number), number)
            number += 1
        batch.collect()
        batch.expand(logits, values)
        for game in batch.take_finished():
            yield from examples_of(
                game, game_name=f"game-{game.game_id}", model_name="flagz", unix_micros=1
            )


def posts() -> Iterator[bytes]:
    """Requests without end, each with another example."""
    examples = list(islice(game_examples(), 2000))
    number = 0
    while True:
        for example in examples:
            body = encode_example(replace(example, example_id=f"example-{number}"))
            number += 1
            head = f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
            yield head.encode() + body


class Client:
    """Posts as fast as it is answered, on one connection."""

    def __init__(self, port: int, requests: list[bytes]) -> None:
        self.answered = 0
        self._connection = socket.create_connection(("127.0.0.1", port))
        self._requests = requests

    def run(self, deadline: float) -> None:
        with self._connection:
            for data in self._requests:
                self._connection.sendall(data)
                answer = b""
                while not answer.endswith(b"\n") or answer.endswith(b"\r\n"):
                    answer += self._connection.recv(4096)
                if not (answer.startswith(b"HTTP/1.1 200") and answer.endswith(b'"accepted":1}\n')):
                    raise RuntimeError(f"the server answers {answer.decode()}")
                self.answered += 1
                if time.perf_counter() > deadline:
                    return
        raise RuntimeError("the server is faster than this benchmark: prepare more requests")


def measure(port: int, requests: list[bytes], connections: int, seconds: float) -> float:
    """Requests a second."""
    clients = [Client(port, requests[i::connections]) for i in range(connections)]
    start = time.perf_counter()
    with ThreadPoolExecutor(connections) as threads:
        list(threads.map(lambda client: client.run(start + seconds), clients))
    return sum(client.answered for client in clients) / (time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--serve-bare", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve_bare:
        serve_bare()
        return
    source = posts()
    per_run = int(10_000 * options.seconds)
    with tempfile.TemporaryDirectory() as directory:
        where = [f"--store={directory}", f"--data-dir={directory}", "--minibatch-size=10000000"]
        server = running("-m", "hexzctl", "train-server", *where)
        with server as ours, running(__file__, "--serve-bare") as bare:
            rates = []
            for port in (ours, bare) * RUNS:
                requests = list(islice(source, per_run))
                rates.append(measure(port, requests, options.connections, options.seconds))
    print(f"requests/s of {options.connections} connections")
    for name, runs in (("train server", rates[::2]), ("bare route", rates[1::2])):
        print(f"{name:14} {statistics.median(runs):8,.0f} ({min(runs):,.0f} to {max(runs):,.0f})")
    share = statistics.median(rates[::2]) / statistics.median(rates[1::2])
    print(f"{'share':14} {100 * share:8.1f} %")


if __name__ == "__main__":
    main()
