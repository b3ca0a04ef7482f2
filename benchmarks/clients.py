"""How many Go servers' games a player service answers at once, and how well.

    python benchmarks/clients.py [--clients 256] [--think 1] [--seconds 20] [-- OPTIONS]

Starts `hexzctl serve-player OPTIONS`, and lets so many clients play games against themselves, each
over a connection of its own: a third asks in JSON, a third in protobuf over HTTP, a third over
gRPC. Prints how many moves were answered, late and refused, what share of the time passed, how many
simulations a move got, and what the server needed for a move.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import urlopen

import grpc
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
        shares: of the think time that passed, of each answer.
        refused: what was said instead, and how often.
    """

    shares: list[float] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


class Refused(Exception):
    """The server gave no move."""


class HttpClient:
    """Asks over one connection."""

    def __init__(self, url: str, form: str) -> None:
        place = urlsplit(url)
        self._host, self._port = place.hostname, place.port
        self._in_json = form == "json"
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, board: Board, think: float) -> Move:
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._host, self._port)
        reader, writer = self._streams
        state = board_to_message(board)
        if self._in_json:
            kind = "application/json"
            text = base64.b64encode(state.SerializeToString()).decode()
            content = {"maxThinkTime": round(1e9 * think), "gameEngineState": text}
            body = json.dumps(content).encode()
        else:
            kind = "application/x-protobuf"
            body = pb.SuggestMoveRequest(
                max_think_time_ms=round(1000 * think), game_engine_state=state
            ).SerializeToString()
        writer.write(
            f"POST /hexz/cpu/suggest HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = re.search(r"content-length: (\d+)", head)
        data = await reader.readexactly(int(length[1]) if length else 0)
        if head.split()[1] != "200":
            raise Refused(data.decode())
        if self._in_json:
            move = json.loads(data)["move"]
            return Move("flag" if move["type"] else "normal", move["row"], move["col"])
        return _move(pb.SuggestMoveResponse.FromString(data))


class GrpcClient:
    """Asks over gRPC, with a deadline of its think time and a second."""

    def __init__(self, address: str) -> None:
        options = [("grpc.use_local_subchannel_pool", 1)]
        self._call = grpc.aio.insecure_channel(address, options=options).unary_unary(SUGGEST)

    async def ask(self, board: Board, think: float) -> Move:
        request = pb.SuggestMoveRequest(
            max_think_time_ms=round(1000 * think), game_engine_state=board_to_message(board)
        )
        try:
            data = await self._call(request.SerializeToString(), timeout=think + 1)
        except grpc.RpcError as error:
            raise Refused(error.details()) from None
        return _move(pb.SuggestMoveResponse.FromString(data))


def _move(answer: Any) -> Move:
    move = answer.move
    return Move("flag" if move.cell_type else "normal", move.row, move.col)


async def play(number: int, url: str, address: str, options: Any, found: Found) -> None:
    """One client, until the time is over."""
    form = FORMS[number % 3]
    client: Any = GrpcClient(address) if form == "grpc" else HttpClient(url, form)
    seed = 1000 * number
    end = time.monotonic() + options.seconds
    board = Board.random(seed)
    while time.monotonic() < end:
        started = time.monotonic()
        try:
            move = await client.ask(board, options.think)
        except Refused as error:
            found.refused.append(str(error).strip())
            await asyncio.sleep(options.think)
            continue
        found.shares.append((time.monotonic() - started) / options.think)
        board.play(move)
        if board.is_over:
            seed += 1
            board = Board.random(seed)


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
            await asyncio.gather(
                *(play(number, url, address, options, found) for number in range(options.clients))
            )

        before = sum(psutil.Process(server.pid).cpu_times()[:2])
        started = time.monotonic()
        asyncio.run(run())
        took = time.monotonic() - started
        used = sum(psutil.Process(server.pid).cpu_times()[:2]) - before
        memory = psutil.Process(server.pid).memory_info().rss
        status = json.loads(urlopen(f"{url}/status").read())  # noqa: S310 - of our own server
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait()
    report(found, status, took, used, memory)


def report(found: Found, status: Any, took: float, used: float, memory: int) -> None:
    answers = len(found.shares)
    late = sum(share > 1 for share in found.shares)
    cuts = statistics.quantiles(found.shares, n=100)
    print(f"{answers} moves answered, {late} late, {len(found.refused)} refused")
    for reason in sorted(set(found.refused)):
        print(f"  {found.refused.count(reason)} x {reason}")
    print(f"share of the time: 1 % {cuts[0]:.3f}, median {cuts[49]:.3f}, 99 % {cuts[98]:.3f}, "
          f"most {max(found.shares):.3f}")  # fmt: skip
    print(
        f"{answers / took:,.0f} moves/s; {status['simulations'] / answers:,.1f} simulations a move"
    )
    print(f"server: {1000 * used / answers:.2f} ms of CPU a move, {used / took:.2f} of "
          f"{os.cpu_count()} cores, {memory / 2**20:,.0f} MB")  # fmt: skip


if __name__ == "__main__":
    main()
