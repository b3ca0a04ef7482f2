"""`hexzctl arena`: matches between players, and how strong they are."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hexz.errors import OutputError
from hexzctl.interruption import Interruption
from hexzctl.options import (
    Device,
    MaxSeconds,
    NumWorkers,
    complete_player,
    path_option,
    seed_option,
)

if TYPE_CHECKING:
    from hexz.ratings.statistics import Sprt

MAX_BOARDS = 100_000
SPRT_BOARDS = 2000
"""Boards of a pairing, at most, if a test is to end the match."""


def arena(
    player: Annotated[
        list[str],
        typer.Option(
            "--player",
            metavar="SPEC",
            autocompletion=complete_player,
            help="uct:800, model@800, model:PATH@2.5s, gumbel:PATH@64, random, ...; give it for "
            "each player.",
        ),
    ],
    boards: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=MAX_BOARDS,
            help=f"Random boards; each pair plays each twice, once from each seat. Default: 100, "
            f"or with --sprt at most {SPRT_BOARDS}.",
            show_default=False,
        ),
    ] = None,
    boards_file: Annotated[
        Path | None,
        path_option(
            "File of boards to play on instead of random ones: one a line, 105 characters."
        ),
    ] = None,
    seed: Annotated[int, seed_option("Seed of the boards, and of uct and random.")] = 0,
    sprt: Annotated[
        str | None,
        typer.Option(
            metavar="ELO0,ELO1",
            help="Stop a pair once it is decided whether the first player is ELO0 or ELO1 better.",
        ),
    ] = None,
    log: Annotated[
        Path, path_option("File that keeps all games. What it has is not played again.")
    ] = Path("arena.jsonl"),
    html: Annotated[Path | None, path_option("Write a page with tables and all games.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the results as JSON, see docs/arena.md.")
    ] = False,
    device: Device = "cpu",
    num_workers: NumWorkers = None,
    max_seconds: MaxSeconds = None,
) -> None:
    """Play matches between players and rate them.

    All of them meet on the same boards, from both seats. Ctrl-C ends the arena and shows what was
    found; the same command goes on from there. Players with a number of simulations have many
    games going at once. Players with seconds, as in model@2.5s, think alone on a core.

    Examples:
      hexzctl arena --player model@64 --player uct:800 --boards 30
        The network with 64 simulations a move against the reference player with 800 playouts, on
        30 boards from both seats.
      hexzctl arena --player gumbel:a.pt@64 --player gumbel:b.pt@64 --sprt 0,35 --html match.html
        Ends as soon as it is clear whether a is 35 Elo stronger than b; writes a page of games.
    """
    from hexz.arena.run import ArenaConfig, ArenaRun, random_boards, read_boards
    from hexz.player.spec import SPECS, parse_spec
    from hexzctl.arena_view import ArenaView
    from hexzctl.display import notice, waiting

    if boards_file is not None and boards is not None:
        raise typer.BadParameter("give --boards or --boards-file, not both")
    if html is not None:
        _check_directory(html)
    test = None if sprt is None else _parse_sprt(sprt)
    specs = [parse_spec(text, allow_programs=True) for text in player]
    count = boards or (SPRT_BOARDS if test else 100)
    view = ArenaView()
    run = ArenaRun(
        ArenaConfig(
            specs=specs,
            names=[
                text if text in SPECS else str(spec)
                for text, spec in zip(player, specs, strict=True)
            ],
            boards=random_boards(count, seed) if boards_file is None else read_boards(boards_file),
            log=log,
            sprt=test,
            seed=seed,
            device=device,
            num_processes=num_workers,
            max_seconds=max_seconds,
        ),
        notice,
    )
    interruption = Interruption(run.stop)
    view.watch(run)
    view.print_results(run, as_json=as_json)
    if html is not None and run.results.boards:
        from hexz.arena.page import write_arena_page

        with waiting(f"writing {html}"):
            write_arena_page(html, run)
        notice(f"Games to look at: {html.resolve().as_uri()}")
    interruption.exit()


def _check_directory(path: Path) -> None:
    """Tells now, not after all the games, that a file cannot be written."""
    if path.is_dir():
        raise OutputError(f"cannot write {path}: it is a directory")
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from None


def _parse_sprt(text: str) -> Sprt:
    from hexz.ratings.statistics import Sprt

    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        low, high = 0.0, 0.0
    if not -1000 <= low < high <= 1000:
        raise typer.BadParameter(
            f"--sprt {text} is not two differences in Elo, the smaller one first, as 0,50"
        )
    return Sprt(elo0=low, elo1=high)
