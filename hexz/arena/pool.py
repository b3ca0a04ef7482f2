"""The processes of an arena: one a core, all with games in flight."""

from __future__ import annotations

import os
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hexz.arena.entrants import Field
from hexz.arena.games import GROUPS, GamePair, GamePlayer, Played
from hexz.errors import HexzError
from hexz.machine import available_cores
from hexz.player.loop import BATCH_SIZE as SEARCHER_BATCH_SIZE
from hexz.player.spec import PlayerSpec
from hexz.processes import Child, ChildFailed, Parent, ready

_MOST_PAIRS: Final = 64
"""Game pairs at once in a process: four batches of 32 for a pair of networks."""
_MOST_NODES: Final = 400_000
"""Of all search trees in a process, of 1 to 2 KB each."""
_SMALLEST_BATCH: Final = 8
_LARGEST_BATCH: Final = 32
TICK_SECONDS: Final = 0.25
"""How often the parent looks up although no game has ended."""
PROGRESS_SECONDS: Final = 0.5
"""How often a process reports its counters."""


class ArenaFailed(HexzError):
    """A process of the arena has ended before its games."""


@dataclass(frozen=True)
class Progress:
    """Counters of one process since its start.

    Attributes:
        process: its number.
        moves: played.
        evaluations: positions evaluated, in searches that share batches.
    """

    process: int
    moves: int
    evaluations: int


Event = Played | Progress


def pairs_at_once(specs: Iterable[PlayerSpec], num_pairs: int, num_processes: int) -> int:
    """Game pairs in flight in each process, for searches that share batches."""
    simulations = [
        spec.budget.simulations
        for spec in specs
        if spec.needs_network and spec.budget and spec.budget.simulations
    ]
    # Two games with a tree, and the memory to copy it into, for both players.
    room = _MOST_NODES // (8 * max(simulations, default=1))
    return max(1, min(_MOST_PAIRS, room, -(-num_pairs // num_processes)))


def batch_size(specs: Sequence[PlayerSpec], at_once: int, *, mixed: bool) -> int:
    """The positions that a process evaluates at once, in a batch.

    Args:
        specs: the players.
        at_once: game pairs in flight in each process.
        mixed: whether these are of all pairings. Otherwise half of the games wait for one of two
            networks, or all for one.
    """
    networks = [spec for spec in specs if spec.needs_network]
    if any(spec.budget and spec.budget.seconds for spec in networks):
        return SEARCHER_BATCH_SIZE
    count = max(1, len({spec.path for spec in networks}))
    leaves = 2 * at_once // GROUPS // (count if mixed else min(count, 2))
    return min(max(-(-leaves // 8) * 8, _SMALLEST_BATCH), _LARGEST_BATCH)


def play_pairs(
    players: Field,
    pairs: Sequence[GamePair],
    more: Iterator[GamePair],
    *,
    num_processes: int,
    seed: int,
) -> Generator[list[Event]]:
    """Plays game pairs on all cores, in their order.

    Closing the generator ends the processes at once.

    Args:
        players: of the pairs.
        pairs: all that there may be; those of timed players go without others.
        more: those of them that are still to be played, taken when there is room for one.
        num_processes: that share the pairs.
        seed: of `uct` and `random`.

    Yields:
        what has happened, at least every TICK_SECONDS.

    Raises:
        ArenaFailed: a process has ended.
    """
    timed = any(players.entrants[number].is_timed for pair in pairs for number in pair.pairing)
    # A player whose time is measured thinks alone on its core.
    cores = separate_cores() if timed else None
    num_processes = min(num_processes, len(pairs), len(cores) if cores else num_processes)
    specs = [entrant.spec for entrant in players.entrants]
    at_once = 1 if timed else pairs_at_once(specs, len(pairs), num_processes)
    children: dict[Child, int] = {}  # and how many game pairs each has
    try:
        for number in range(num_processes):
            children[Child(_run, number, seed, cores[number] if cores else None)] = 0
        # Not an argument, which a process would have to take before the next one starts.
        for child in children:
            child.send(players)
        for _ in range(at_once):
            for child in children:
                _give(children, child, more)
        while any(children.values()):
            yield _receive(children, more)
    finally:
        for child in children:
            child.kill()


def _receive(children: dict[Child, int], more: Iterator[GamePair]) -> list[Event]:
    """What the processes have sent; each that has finished a game pair gets another one."""
    events: list[Event] = []
    for child in ready([child for child, pairs in children.items() if pairs], TICK_SECONDS):
        try:
            event: Event = child.receive()
        except (ChildFailed, EOFError) as error:
            raise ArenaFailed(f"a process that played games has failed: {error}") from None
        events.append(event)
        if isinstance(event, Played):
            children[child] -= 1
            _give(children, child, more)
    return events


def _give(children: dict[Child, int], child: Child, more: Iterator[GamePair]) -> None:
    pair = next(more, None)
    if pair is not None:
        children[child] += 1
        child.send(pair)


def _run(parent: Parent, number: int, seed: int, core: int | None) -> None:
    """A process: plays the game pairs that its parent sends."""
    players: Field = parent.receive()
    if core is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})
    player = GamePlayer(players, seed=seed)
    in_flight = 0
    next_report = 0.0

    def next_pair() -> GamePair | None:
        nonlocal in_flight
        if in_flight and not parent.poll():
            return None
        pair: GamePair = parent.receive()
        in_flight += 1
        return pair

    def report() -> None:
        nonlocal next_report
        if time.monotonic() >= next_report:
            parent.send(Progress(number, player.moves, player.evaluations))
            next_report = time.monotonic() + PROGRESS_SECONDS

    for played in player.play(next_pair, report):
        if played is not None:
            in_flight -= 1
            parent.send(Progress(number, player.moves, player.evaluations))
            parent.send(played)


def separate_cores() -> list[int]:
    """The CPUs that this process may use, one of each core: two that share a core would slow each
    other down. Where cores cannot be told apart, all CPUs."""
    if not hasattr(os, "sched_getaffinity"):
        return list(range(available_cores()))
    cores: dict[str, int] = {}
    for cpu in sorted(os.sched_getaffinity(0)):
        siblings = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
        try:
            core = siblings.read_text()
        except OSError:
            core = str(cpu)
        cores.setdefault(core, cpu)
    return list(cores.values())
