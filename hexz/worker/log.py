"""What a worker prints about itself."""

from __future__ import annotations

import time

from hexz.schema.fleet import Heartbeat


class StatusLog:
    """Prints a line for each status of a worker, with what was done since the last one."""

    def __init__(self) -> None:
        self._last: Heartbeat | None = None

    def print(self, status: Heartbeat) -> None:
        """Prints the line of this status."""
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
