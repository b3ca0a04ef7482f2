"""What the processes of a training on one machine run. Imports what they need inside them."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from hexz.errors import NothingPlayed
from hexz.processes import ChildDied, Parent, ToldToEnd
from hexz.schema.fleet import Heartbeat
from hexz.schema.programs import ServerConfig, WorkerConfig

WORKER_END_SECONDS: Final = 2.5
"""For the end of the worker, whose server is near."""

_say: Final[Callable[[str], None]] = functools.partial(print, flush=True)


def run_server(parent: Parent, config: ServerConfig) -> None:
    """Runs the train server until it is told to end, and tells its parent where it listens."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # until it can end in good order

    def end_in_order() -> None:
        parent.poll(None)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=end_in_order, daemon=True).start()

    from hexz.trainserver.serve import serve

    serve(config, parent.send)


def run_worker(parent: Parent, config: WorkerConfig) -> None:
    """Runs the worker until it is told to end, and tells its parent once it plays."""
    from hexz.selfplay.pool import AllWorkersFailed
    from hexz.worker.log import StatusLog
    from hexz.worker.run import Worker

    log = StatusLog()

    def tell(status: Heartbeat) -> None:
        log.print(status)
        if status.checkpoint is not None:
            with contextlib.suppress(ToldToEnd):
                parent.send(None)

    worker = Worker(
        config,
        stop_asked=parent.poll,
        on_status=tell,
        notify=_say,
        end_seconds=WORKER_END_SECONDS,
    )
    try:
        worker.run()
    except AllWorkersFailed as error:  # for lack of memory, perhaps, which may pass
        parent.send(ChildDied(str(error)))


def run_rating(
    parent: Parent,
    model: str,
    numbers: Sequence[int],
    boards: int,
    seconds: float,
    device: str,
    output_dir: Path,
) -> None:
    """Rates checkpoints of a model, as `hexzctl models rate` does, in one process."""
    from hexz.arena.rating import Rating, RatingConfig
    from hexz.checkpoints.catalog import open_model

    config = RatingConfig(
        numbers=numbers,
        simulations=64,
        boards=boards,
        max_seconds=seconds,
        output_dir=output_dir,
        device=device,
        num_processes=1,
    )
    rating = Rating(open_model(model), config, _say)
    for _ in rating.run.events():
        pass
    if not rating.ratings().checkpoints:
        raise NothingPlayed(f"no board was finished in {seconds:.0f} s")
    for path in rating.save():
        _say(f"wrote {path}")
