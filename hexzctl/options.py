"""Options that the commands with matches share."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

Device = Annotated[Literal["cpu", "cuda", "mps"], typer.Option(help="Where networks run.")]
MAX_WORKERS = 256
NUM_WORKERS_HELP = "Processes that play. Default: one a core; no more than 4 on a GPU."
NumWorkers = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=MAX_WORKERS,
        help=NUM_WORKERS_HELP,
        show_default=False,
    ),
]
MaxSeconds = Annotated[
    float | None,
    typer.Option(min=0.001, help="Stop after this long; games under way are dropped."),
]
