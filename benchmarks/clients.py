"""How many Go servers' games a player service answers at once, and how well.

    python benchmarks/clients.py [--clients 256] [--think 1] [--seconds 20] [-- OPTIONS]

Starts `hexzctl serve-player OPTIONS`, and lets so many clients play games against themselves, each
over a connection of its own: a third asks in JSON, a third in protobuf over HTTP, a third over
gRPC. All first ask at the same moment. Prints how many moves were answered, late and refused, what
share of the time passed, in the first round too, how many simulations a move got, and what CPU time
the server and the clients, which are another process, needed for a move.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import urlopen

import grpc
import numpy as np
import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))

from hexz.engine import Board, Move
from hexz.wire import hexz_pb2 as pb
from tests.states import board_to_message

SUGGEST = "/hexzpb.CPUPlayerService/SuggestMove"
FORMS = ("json", "protobuf", "grpc")


@dataclass
class Found:
    """What came of all questions.

    Attributes:
        shares: of the think time that passed, of each answer, by the form of the question.
        first: the same, of the first question of each client.
        refused: what was said instead, and how often.
    """

    shares: dict[str, list[float]] = field(default_factory=lambda: {form: [] for form in FORMS})
    first: list[float] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


class Refused(Exception):
    """The server gave no move."""


class HttpClient:
    """Asks over one connection."""

    def __init__(self, url: str, form: str, think: float) -> None:
        place = urlsplit(url)
        self._host, self._port = place.hostname, place.port
        self._in_json = form == "json"
        self._think = think

    async def connect(self) -> None:
        self._reader, self._writer = await asyncio.open_connection(self._host, self._port)

    def question(self, board: Board) -> bytes:
        state = board_to_message(board)
        if self._in_json:
            kind = "application/json"
            text = base64.b64encode(state.SerializeToString()).decode()
            content = {"maxThinkTime": round(1e9 * self._think), "gameEngineState": text}
            body = json.dumps(content).encode()
        else:
            kind = "application/x-protobuf"
            body = _request(state, self._think)
        head = (
            f"POST /hexz/cpu/suggest HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    async def ask(self, question: bytes) -> bytes:
        self._writer.write(question)
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = re.search(r"content-length: (\d+)", head)
        data = await self._reader.readexactly(int(length[1]) if length else 0)
        if head.split()[1] != "200":
            raise Refused(data.decode())
        return data

    def move(self, answer: bytes) -> Move:
        if self._in_json:
            move = json.loads(answer)["move"]
            return Move("flag" if move["type"] else "normal", move["row"], move["col"])
        return _move(answer)


class GrpcClient:
    """Asks over gRPC, with a deadline of its think time and a second."""

    def __init__(self, address: str, think: float) -> None:
        options = [("grpc.use_local_subchannel_pool", 1)]
        self._channel = grpc.aio.insecure_channel(address, options=options)
        self._call = self._channel.unary_unary(SUGGEST)
        self._think = think

    async def connect(self) -> None:
        await self._channel.channel_ready()

    def question(self, board: Board) -> bytes:
        return _request(board_to_message(board), self._think)

    async def ask(self, question: bytes) -> Any:
        try:
            return await self._call(question, timeout=self._think + 1)
        except grpc.RpcError as error:
            raise Refused(error.details()) from None

    def move(self, answer: bytes) -> Move:
        return _move(answer)


def _request(state: Any, think: float) -> bytes:
    milliseconds = round(1000 * think)
    request = pb.SuggestMoveRequest(max_think_time_ms=milliseconds, game_engine_state=state)
    return request.SerializeToString()


def _move(answer: bytes) -> Move:
    move = pb.SuggestMoveResponse.FromString(answer).move
    return Move("flag" if move.cell_type else "normal", move.row, move.col)


async def play(
    number: int, form: str, client: Any, all_there: asyncio.Barrier, options: Any, found: Found
) -> None:
    """One client, until the time is over."""
    await client.connect()
    seed = 1000 * number
    board = Board.random(seed)
    question = client.question(board)
    await all_there.wait()
    end = time.monotonic() + options.seconds
    is_first = True
    while time.monotonic() < end:
        started = time.monotonic()
        try:
            answer = await client.ask(question)
        except Refused as error:
            found.refused.append(str(error).strip())
            await asyncio.sleep(options.think)
            continue
        share = (time.monotonic() - started) / options.think
        found.shares[form].append(share)
        if is_first:
            found.first.append(share)
        is_first = False
        board.play(client.move(answer))
        if board.is_over:
            seed += 1
            board = Board.random(seed)
        question = client.question(board)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=256)
    parser.add_argument("--think", type=float, default=1.0, help="seconds a move")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("options", nargs="*", help="of `hexzctl serve-player`, after --")
    options = parser.parse_args()
    command = [sys.executable, "-m", "hexzctl", "serve-player", "--port", "0", "--grpc-port", "0"]
    server = subprocess.Popen([*command, *options.options], stdout=subprocess.PIPE, text=True)
    try:
        url, address = re.findall(r"at (\S+?)[,\n]", server.stdout.readline())  # type: ignore
        found = Found()

        async def run() -> None:
            all_there = asyncio.Barrier(options.clients)
            clients = []
            for number in range(options.clients):
                form = FORMS[number % 3]
                client: Any = (
                    GrpcClient(address, options.think)
                    if form == "grpc"
                    else HttpClient(url, form, options.think)
                )
                clients.append(play(number, form, client, all_there, options, found))
            await asyncio.gather(*clients)

        process = psutil.Process(server.pid)
        before, own = sum(process.cpu_times()[:2]), time.process_time()
        started = time.monotonic()
        asyncio.run(run())
        took = time.monotonic() - started
        used, own = sum(process.cpu_times()[:2]) - before, time.process_time() - own
        memory = psutil.Process(server.pid).memory_info().rss
        status = json.loads(urlopen(f"{url}/status").read())  # noqa: S310 - of our own server
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait()
    report(found, status, took, used, own, memory)


def report(found: Found, status: Any, took: float, used: float, own: float, memory: int) -> None:
    shares = [share for form in FORMS for share in found.shares[form]]
    answers = len(shares)
    print(f"{answers} moves answered, {_late(shares)} late, {len(found.refused)} refused")
    for reason in sorted(set(found.refused)):
        print(f"  {found.refused.count(reason)} x {reason}")
    for name, some in {"all": shares, "first round": found.first, **found.shares}.items():
        cuts = np.quantile(some, [0.01, 0.5, 0.99])
        print(f"share of the time, {name}: 1 % {cuts[0]:.3f}, median {cuts[1]:.3f}, "
              f"99 % {cuts[2]:.3f}, most {max(some):.3f}, {_late(some)} late")  # fmt: skip
    print(
        f"{answers / took:,.0f} moves/s; {status['simulations'] / answers:,.1f} simulations a move"
    )
    print(f"server: {1000 * used / answers:.2f} ms of CPU a move, {used / took:.2f} of "
          f"{os.cpu_count()} cores, {memory / 2**20:,.0f} MB")  # fmt: skip
    print(f"clients: {1000 * own / answers:.2f} ms of CPU a move, {own / took:.2f} cores")


def _late(shares: list[float]) -> int:
    return sum(share > 1 for share in shares)


if __name__ == "__main__":
    main()
