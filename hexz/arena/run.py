"""The processes of an arena: one a core, all with games in flight."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Final

from hexz.arena.entrants import Field
from hexz.arena.games import GROUPS, GamePlayer, Played, Unit
from hexz.errors import HexzError
from hexz.processes import available_cores, signals_held_back

_MOST_UNITS: Final = 64
"""Units at once in a process: four batches of 32 for a pair of networks."""
_SMALLEST_BATCH: Final = 8
_LARGEST_BATCH: Final = 32


class ArenaFailed(HexzError):
    """A process of the arena has ended before its games."""


def units_at_once(num_units: int, num_processes: int, *, is_timed: bool) -> int:
    """Units in flight in each process. A player whose time is measured thinks alone on its core."""
    return 1 if is_timed else min(_MOST_UNITS, -(-num_units // num_processes))


def batch_size(at_once: int, num_networks: int) -> int:
    """Positions of a batch where half of the games wait for one of two networks, or all for one."""
    leaves = 2 * at_once // GROUPS // min(max(num_networks, 1), 2)
    return min(max(-(-leaves // 8) * 8, _SMALLEST_BATCH), _LARGEST_BATCH)


@dataclass
class _Child:
    process: BaseProcess
    connection: Connection
    units: int = 0


def play_units(
    players: Field, units: Sequence[Unit], *, num_processes: int, seed: int
) -> Iterator[Played]:
    """Plays all units on all cores, and yields each when it is finished.

    Closing the generator ends the processes at once.

    Raises:
        ArenaFailed: a process has ended.
    """
    at_once = units_at_once(len(units), num_processes, is_timed=players.is_timed)
    children: list[_Child] = []
    try:
        for number in range(min(num_processes, len(units))):
            children.append(_start(players, number, seed))
        yield from _hand_out(children, iter(units), at_once)
    finally:
        for child in children:
            child.process.kill()
            child.process.join()
            child.connection.close()


def _start(players: Field, number: int, seed: int) -> _Child:
    context = multiprocessing.get_context("spawn")
    connection, remote = context.Pipe()
    process = context.Process(target=_run, args=(remote, number, seed), name=f"arena-{number}")
    with signals_held_back():
        process.start()
    remote.close()
    connection.send(players)
    return _Child(process, connection)


def _hand_out(children: Sequence[_Child], units: Iterator[Unit], at_once: int) -> Iterator[Played]:
    for _ in range(at_once):
        for child in children:
            _give(child, units)
    busy = {child.connection: child for child in children if child.units}
    while busy:
        for connection in wait(list(busy)):
            child = busy[connection]  # type: ignore[index]
            try:
                message: Played | str = child.connection.recv()
            except (EOFError, OSError):
                child.process.join()
                message = f"it ended with exit code {child.process.exitcode}"
            if isinstance(message, str):
                raise ArenaFailed(f"a process that played games has failed: {message}")
            child.units -= 1
            _give(child, units)
            if not child.units:
                del busy[child.connection]
            yield message


def _give(child: _Child, units: Iterator[Unit]) -> None:
    unit = next(units, None)
    if unit is not None:
        child.units += 1
        # If it has ended, what it sent last is still to be read.
        with contextlib.suppress(OSError):
            child.connection.send(unit)


def _run(connection: Connection, number: int, seed: int) -> None:
    """A process: plays the units that its parent sends, and ends with it."""
    try:
        players: Field = connection.recv()
        if players.is_timed:
            _keep_to_one_core(number)
        player = GamePlayer(players, seed=seed + (number << 32))
        in_flight = 0

        def next_unit() -> Unit | None:
            nonlocal in_flight
            if in_flight and not connection.poll():
                return None
            unit: Unit = connection.recv()
            in_flight += 1
            return unit

        for played in player.play(next_unit):
            in_flight -= 1
            connection.send(played)
    except (EOFError, OSError):
        return  # the parent has all that it wants
    except Exception as error:
        with contextlib.suppress(OSError):
            connection.send(str(error) if isinstance(error, HexzError) else repr(error))


def _keep_to_one_core(number: int) -> None:
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[number % len(cores)]})


def default_processes(device: str) -> int:
    """One a core, or one in all on a GPU."""
    return available_cores() if device == "cpu" else 1
