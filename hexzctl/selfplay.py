"""`hexzctl selfplay`: play games on this machine and write training examples."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Annotated, Any

import typer

from hexz.schema import shared
from hexz.schema.declaration import declared
from hexz.schema.fleet import FleetSettings, WorkerSettings
from hexz.schema.search import Algorithm, SearchSettings
from hexzctl.interruption import Interruption
from hexzctl.options import Device, MaxSeconds, NumWorkers, option, path_option, seed_option

_DEFAULT = WorkerSettings(games_per_process=64, search=SearchSettings())
_FOREVER = 2**63 - 1
"""More examples than any step of a schedule waits for."""


def _play_option(name: str, type_: Any, default: Any) -> Any:
    """The option of something that a settings document may say as well."""
    return option(declared(name, type_), note=f" Default: {default}, or as --settings says.")


def selfplay(
    model: Annotated[
        Path | None,
        path_option(
            "Model file, or model directory, whose newest checkpoint is taken. "
            "'shipped' is the one of hexzctl. Default: a fresh network."
        ),
    ] = None,
    device: Device = "cpu",
    num_workers: NumWorkers = None,
    games_per_process: Annotated[
        int | None,
        _play_option("games_per_process", shared.GamesPerProcess, _DEFAULT.games_per_process),
    ] = None,
    max_games: Annotated[
        int | None, typer.Option(min=1, help="Stop after this many games. Default: no limit.")
    ] = None,
    max_seconds: MaxSeconds = None,
    runs_per_move: Annotated[
        int | None,
        _play_option("runs_per_move", shared.RunsPerMove, _DEFAULT.search.simulations),
    ] = None,
    search: Annotated[
        Algorithm | None, _play_option("search", shared.Search, _DEFAULT.search.algorithm)
    ] = None,
    settings: Annotated[
        Path | None,
        path_option(
            "TOML file of how to play, as train-server takes it: deep searches among fast ones, "
            "for example. Of a schedule the last step counts. See docs/training.md."
        ),
    ] = None,
    output_dir: Annotated[
        Path, path_option("Examples go to DIR/examples/*.zip, a page of games to DIR.")
    ] = Path("selfplay-out"),
    seed: Annotated[
        int | None,
        seed_option(
            "Seed that repeats a run with as many workers. Default: a random one.",
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
      hexzctl selfplay --model shipped --settings deep.toml --max-seconds 3600
        An hour of games as a settings document says.
    """
    from hexz.output import lossy_output
    from hexz.selfplay.config import SelfPlayConfig
    from hexz.selfplay.run import SelfPlayRun
    from hexzctl.selfplay_view import SelfPlayView

    document = _DEFAULT if settings is None else FleetSettings.read(settings).at(_FOREVER)
    play = document.changed(
        shared.PlayChanges(
            games_per_process=games_per_process, search=search, runs_per_move=runs_per_move
        )
    )
    config = SelfPlayConfig(
        model=model,
        device=device,
        num_workers=num_workers,
        games_per_process=play.games_per_process,
        max_games=max_games,
        max_seconds=max_seconds,
        settings=play.search,
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
