"""`hexzctl worker`: play for a train server."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from hexzctl.interruption import Interruption
from hexzctl.options import MAX_WORKERS, NUM_WORKERS_HELP

if TYPE_CHECKING:
    from hexz.fleet import Heartbeat

# Several of these are as large as anybody could mean, so that a typing error is a usage error.
MAX_GAMES_PER_PROCESS = 65536


def worker(
    server_url: Annotated[
        str, typer.Option(envvar="HEXZ_SERVER_URL", help="The train server: http:// or https://.")
    ] = "http://127.0.0.1:8080",
    redis_url: Annotated[
        str | None,
        typer.Option(
            envvar="HEXZ_REDIS_URL",
            show_default=False,
            help="Where the server announces its models: redis:// or rediss://. Passwords belong "
            "into the variable. Default: the private Redis of a server on this machine.",
        ),
    ] = None,
    model_name: Annotated[
        str, typer.Option(envvar="MODEL_NAME", help="The model that is trained.")
    ] = "flagz",
    max_seconds: Annotated[
        float | None,
        typer.Option(
            envvar="HEXZ_MAX_SECONDS",
            min=0.001,
            help="Stop after this long, post what is finished, and exit with 0. Default: no limit.",
        ),
    ] = None,
    device: Annotated[
        Literal["cpu", "cuda", "mps"],
        typer.Option(envvar="HEXZ_DEVICE", help="Where the network runs."),
    ] = "cpu",
    num_workers: Annotated[
        int | None,
        typer.Option(
            envvar="HEXZ_NUM_WORKERS",
            min=1,
            max=MAX_WORKERS,
            show_default=False,
            help=NUM_WORKERS_HELP,
        ),
    ] = None,
    games_per_process: Annotated[
        int | None,
        typer.Option(
            envvar="HEXZ_GAMES_PER_PROCESS",
            min=1,
            max=MAX_GAMES_PER_PROCESS,
            help="Games that each process has going. Default: as the server says.",
        ),
    ] = None,
    search: Annotated[
        Literal["puct", "gumbel"] | None,
        typer.Option(envvar="HEXZ_SEARCH", help="Kind of search. Default: as the server says."),
    ] = None,
    runs_per_move: Annotated[
        int | None,
        typer.Option(
            envvar="HEXZ_RUNS_PER_MOVE",
            min=1,
            max=1_000_000,
            help="Search simulations a move. Default: as the server says.",
        ),
    ] = None,
    post: Annotated[
        Literal["examples", "games"] | None,
        typer.Option(
            envvar="HEXZ_POST",
            help="What a request carries: one example, or all of a game. Default: as the server "
            "says.",
        ),
    ] = None,
) -> None:
    """Play with the newest network and post the examples to a train server.

    HEXZ_AUTH_TOKEN in the environment is the token that the server asks for. Waits for a server
    that is not up yet, and writes no files. SIGTERM or Ctrl-C: posts what is finished, exits 0.
    """
    import os

    # First of all: the next import takes seconds, and an end in these is as good as a later one.
    interruption = Interruption()

    from hexz.worker.run import Worker, WorkerConfig
    from hexzctl.display import notice

    config = WorkerConfig(
        server_url=server_url,
        auth_token=os.environ.get("HEXZ_AUTH_TOKEN") or None,
        redis_url=redis_url or None,
        model_name=model_name,
        device=device,
        num_workers=num_workers,
        max_seconds=max_seconds,
        algorithm=search,
        simulations=runs_per_move,
        games_per_process=games_per_process,
        post=post,
    )
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
