"""`hexzctl train`: the whole loop on this machine, with nothing to set up."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from hexzctl.interruption import Interruption


def train(
    data_dir: Annotated[
        Path, typer.Option(help="Checkpoints, examples and logs. Training goes on from there.")
    ] = Path("hexz-data"),
    model_name: Annotated[str, typer.Option(help="The model that is trained.")] = "flagz",
    max_seconds: Annotated[
        float | None, typer.Option(min=1, help="Stop after this long. Default: no limit.")
    ] = None,
    num_workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=256,
            show_default=False,
            help="Processes that play. Default: one a core, but one core is for training; one in "
            "all on a GPU.",
        ),
    ] = None,
    device: Annotated[
        Literal["cpu", "cuda", "mps"], typer.Option(help="What plays and trains.")
    ] = "cpu",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the status page; 0 is any free one.")
    ] = 0,
    minibatch_size: Annotated[
        int, typer.Option(min=1, help="Examples that make a new checkpoint.")
    ] = 16384,
    blocks: Annotated[int, typer.Option(min=1, max=100, help="Blocks of a new network.")] = 4,
    filters: Annotated[int, typer.Option(min=1, max=1024, help="Filters of a new network.")] = 32,
    seed: Annotated[
        int, typer.Option(min=0, max=2**63 - 1, help="Of the weights of a new network.")
    ] = 0,
) -> None:
    """Train a player on this machine: self-play, training and a status page in one command.

    Ctrl-C ends everything; the next start goes on where this one ended.
    """
    from hexz.train import LocalTraining, LocalTrainingConfig, default_workers
    from hexzctl.train_view import TrainView

    training = LocalTraining(
        LocalTrainingConfig(
            data_dir=data_dir,
            model_name=model_name,
            num_workers=num_workers or default_workers(device),
            device=device,
            port=port,
            max_seconds=max_seconds,
            minibatch_size=minibatch_size,
            blocks=blocks,
            filters=filters,
            seed=seed,
        )
    )
    interruption = Interruption(training.stop)
    with TrainView(training) as view:
        for event in training.events():
            view.show(event)
    view.print_summary()
    interruption.exit()
