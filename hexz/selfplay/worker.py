"""One process of self-play: loads the network, plays, and sends what it finished to the parent."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Final

import numpy as np

from hexz.engine import FinishedGame
from hexz.errors import HexzError
from hexz.export import GameRecord, top_moves
from hexz.model import Checkpoint, create_evaluator, load_checkpoint, new_checkpoint
from hexz.selfplay.config import (
    GameOver,
    Notice,
    Progress,
    SelfPlayConfig,
    WorkerFailed,
    WorkerReady,
)
from hexz.selfplay.examples import examples_of
from hexz.selfplay.loop import SelfPlay
from hexz.wire import encode_example

PROGRESS_SECONDS: Final = 0.5
"""How often a worker reports its counters."""


def run_worker(
    connection: Connection, worker: int, num_workers: int, config: SelfPlayConfig, run_name: str
) -> None:
    """Plays this worker's share of the games, number `worker` of every `num_workers`.

    Ends when they are over or when the parent says stop, by any message or by going away. The
    parent gets WorkerReady, Notice, Progress, GameOver, and WorkerFailed if this ends early.
    """
    with _failures_reported(connection, worker):
        checkpoint = load_network(config)
        evaluator = create_evaluator(
            checkpoint.net,
            device=config.device,
            batch_size=-(-config.games_per_worker // 2),
            threads=max(1, available_cores() // num_workers),
            notify=lambda text: connection.send(Notice(text)),
        )
        play = SelfPlay(
            evaluator,
            config.settings,
            games_in_flight=config.games_per_worker,
            seed=config.seed,
            first_game=worker,
            game_stride=num_workers,
            max_games=_share(config.max_games, worker, num_workers),
        )
        connection.send(WorkerReady(evaluator.name))
        _play(play, connection, worker, checkpoint, run_name)


def load_network(config: SelfPlayConfig) -> Checkpoint:
    """The network of a run; a fresh one is the same in all processes."""
    if config.model is not None:
        return load_checkpoint(config.model)
    return new_checkpoint(seed=config.seed % 2**63)


def available_cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _share(total: int | None, worker: int, num_workers: int) -> int | None:
    if total is None:
        return None
    return total // num_workers + (worker < total % num_workers)


@contextmanager
def _failures_reported(connection: Connection, worker: int) -> Iterator[None]:
    try:
        yield
    except (BrokenPipeError, ConnectionResetError):
        raise SystemExit(1) from None  # nobody is left to report to
    except HexzError as error:
        connection.send(WorkerFailed(worker, str(error)))
    except Exception as error:
        summary = " ".join(str(error).split()) or "no message"
        connection.send(WorkerFailed(worker, f"{type(error).__name__}: {summary}"))


def _play(
    play: SelfPlay, connection: Connection, worker: int, checkpoint: Checkpoint, run_name: str
) -> None:
    next_report = time.monotonic()
    for finished in play.rounds():
        for game in finished:
            connection.send(_game_over(game, checkpoint, f"{run_name}-{game.game_id}"))
        if time.monotonic() >= next_report:
            connection.send(_progress(play, worker))
            next_report = time.monotonic() + PROGRESS_SECONDS
        if connection.poll():
            break
    connection.send(_progress(play, worker))


def _progress(play: SelfPlay, worker: int) -> Progress:
    boards = list(play.boards())
    return Progress(
        worker=worker,
        evaluations=play.evaluations,
        batch_rows=play.batch_rows,
        mean_move=float(np.mean([board.move_number for board in boards])) if boards else 0.0,
        board=boards[0] if boards else None,
    )


def _game_over(game: FinishedGame, checkpoint: Checkpoint, name: str) -> GameOver:
    examples = examples_of(
        game,
        game_name=name,
        model_name=checkpoint.model_name,
        checkpoint=checkpoint.number,
        unix_micros=time.time_ns() // 1000,
    )
    return GameOver(
        entries=[(f"{example.example_id}.pb", encode_example(example)) for example in examples],
        score=game.final.score,
        record=GameRecord(
            name=f"Game {game.game_id}",
            players=(f"{checkpoint.model_name} {checkpoint.number}",) * 2,
            initial_text=game.initial.to_text(),
            actions=game.actions.tolist(),
            root_values=game.root_values.tolist(),
            policies=[top_moves(policy) for policy in game.policies],
        ),
    )
