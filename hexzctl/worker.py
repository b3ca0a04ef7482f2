"""`hexzctl worker`: play for a train server."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from hexz.schema.programs import WorkerConfig
from hexzctl.interruption import Interruption
from hexzctl.options import options

if TYPE_CHECKING:
    from hexz.schema.fleet import Heartbeat


@options(WorkerConfig)
def worker(config: WorkerConfig) -> None:
    """Play with the newest network and post the examples to a train server.

    HEXZ_AUTH_TOKEN in the environment is the token that the server asks for. Waits for a server
    that is not up yet, and writes no files. SIGTERM or Ctrl-C: posts what is finished, exits 0.
    """
    # First of all: the next import takes seconds, and an end in these is as good as a later one.
    interruption = Interruption()

    from hexz.worker.run import Worker
    from hexzctl.display import notice

    runner = Worker(
        config,
        stop_asked=lambda: interruption.has_come,
        on_status=_Log().print,
        notify=notice,
    )
    runner.run()


class _Log:
    """One line for each status, with what was done since the last one."""

    def __init__(self) -> None:
        self._last: Heartbeat | None = None

    def print(self, status: Heartbeat) -> None:
        print(f"{time.strftime('%H:%M:%S')} {self._line(status)}", flush=True)
        self._last = status

    def _line(self, status: Heartbeat) -> str:
        if status.checkpoint is None:
            return "waiting for the train server and its model"
        last = self._last
        seconds = status.seconds - (last.seconds if last else 0.0)
        evaluations = status.evaluations - (last.evaluations if last else 0)
        return (
            f"checkpoint {status.checkpoint}, games {status.games:,}, "
            f"examples posted {status.examples:,}, waiting {status.pending:,}, "
            f"evaluations/s {evaluations / seconds if seconds > 0 else 0:,.0f}, {status.device}"
        )
