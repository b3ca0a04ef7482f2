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

from hexz.local.training_time import TrainingTime
from hexz.processes import ChildDied, Parent, ToldToEnd
from hexz.schema.fleet import Heartbeat
from hexz.schema.programs import PlayerConfig, ServerConfig, WorkerConfig
from hexz.schema.shared import RATING_SIMULATIONS

WORKER_END_SECONDS: Final = 2.5
"""For the end of the worker, whose server is near."""

_say: Final[Callable[[str], None]] = functools.partial(print, flush=True)


PLAY: Final = "play"
"""What the server sends its parent beside its URL: somebody wants to play."""


def run_server(parent: Parent, config: ServerConfig, training_time: TrainingTime) -> None:
    """Runs the train server until it is told to end, whenever its time is up, and tells its parent
    where it listens, and PLAY when somebody wants to play; the parent tells it the URL of the page
    for that."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # until it can end in good order

    from hexz.trainserver.playing import PlayPage

    def want_page() -> None:
        with contextlib.suppress(ToldToEnd):
            parent.send(PLAY)

    def listen() -> None:
        with contextlib.suppress(ToldToEnd):
            while True:
                page.url = parent.receive()
        os.kill(os.getpid(), signal.SIGTERM)

    page = PlayPage(want_page)
    threading.Thread(target=listen, daemon=True).start()

    from hexz.trainserver.serve import serve

    serve(config, parent.send, page, training_time.rate_share)


def run_player(parent: Parent, config: PlayerConfig) -> None:
    """Serves the page to play on until it is killed, and tells its parent where, once it can."""
    from hexz.player.serve import serve

    serve(config, lambda url, _: parent.send(url))


def run_worker(parent: Parent, config: WorkerConfig) -> None:
    """Runs the worker until it is told to end, and tells its parent once it plays."""
    from hexz.selfplay.pool import WorkersFailed
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
    except WorkersFailed as error:  # for lack of memory, perhaps, which may pass
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
        simulations=RATING_SIMULATIONS,
        boards=boards,
        max_seconds=seconds,
        output_dir=output_dir,
        device=device,
        num_processes=1,
    )
    rating = Rating(open_model(model), config, _say)
    for _ in rating.run.events():
        pass
    for path in rating.save():
        _say(f"wrote {path}")
