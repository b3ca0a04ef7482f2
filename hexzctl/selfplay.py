"""`hexzctl selfplay`: play games on this machine and write training examples."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Annotated

import typer

from hexzctl.interruption import Interruption
from hexzctl.options import (
    Device,
    GamesPerProcess,
    MaxSeconds,
    NumWorkers,
    RunsPerMove,
    Search,
    path_option,
)


def selfplay(
    model: Annotated[
        Path | None,
        path_option(
            "Model file, or model directory, whose newest checkpoint is taken. "
            "'shipped' is the network of hexz. Default: a fresh network."
        ),
    ] = None,
    device: Device = "cpu",
    num_workers: NumWorkers = None,
    games_per_worker: GamesPerProcess = 64,
    max_games: Annotated[
        int | None, typer.Option(min=1, help="Stop after this many games. Default: no limit.")
    ] = None,
    max_seconds: MaxSeconds = None,
    runs_per_move: RunsPerMove = 800,
    search: Search = "puct",
    output_dir: Annotated[
        Path, path_option("Examples go to DIR/examples/*.zip, a page of games to DIR.")
    ] = Path("selfplay-out"),
    seed: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=2**63 - 1,
            help="Seed that repeats a run with as many workers. Default: a random one.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Play games of the network against itself and write training examples.

    Ctrl-C ends the run and keeps the finished games.

    Examples:
      hexzctl selfplay --search gumbel --runs-per-move 32 --max-seconds 60
        A minute of games on all cores; a page of them is in selfplay-out.
      hexzctl selfplay --model hexz-data --max-games 100 --output-dir games
        A hundred games of the newest network of a training, 800 simulations a move.
    """
    from hexz.engine import SearchSettings
    from hexz.output import lossy_output
    from hexz.selfplay.config import SelfPlayConfig
    from hexz.selfplay.run import SelfPlayRun
    from hexzctl.selfplay_view import SelfPlayView

    config = SelfPlayConfig(
        model=model,
        device=device,
        num_workers=num_workers,
        games_per_worker=games_per_worker,
        max_games=max_games,
        max_seconds=max_seconds,
        settings=SearchSettings(algorithm=search, simulations=runs_per_move),
        output_dir=output_dir,
        seed=secrets.randbits(63) if seed is None else seed,
    )
    run = SelfPlayRun(config)
    interruption = Interruption(run.stop)
    view = SelfPlayView(config)
    with lossy_output():
        with view.display:
            for event in run.events():
                view.show(event)
        view.print_summary(run.page)
    interruption.exit()
