"""What the options of several commands share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

import typer

from hexz.errors import InvalidConfig
from hexz.places import local_path

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


def path(text: str | Path) -> Path:
    """Reads an option that is a path on this machine, which no URL is."""
    try:
        return local_path(os.fspath(text))
    except InvalidConfig as error:
        raise typer.BadParameter(str(error)) from None
