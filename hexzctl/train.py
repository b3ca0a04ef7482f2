"""`hexzctl train`: the whole loop on this machine, with nothing to set up."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from hexzctl.interruption import Interruption

ProfileName = Literal["laptop", "gpu"]


def train(
    data_dir: Annotated[
        Path, typer.Option(help="Checkpoints, examples and logs. Training goes on from there.")
    ] = Path("hexz-data"),
    model_name: Annotated[str, typer.Option(help="The model that is trained.")] = "flagz",
    max_seconds: Annotated[
        float | None, typer.Option(min=1, help="Stop after this long. Default: no limit.")
    ] = None,
    profile: Annotated[
        ProfileName,
        typer.Option(help="Sizes that suit this machine; the options below change one each."),
    ] = "laptop",
    num_workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=256,
            show_default=False,
            help="Processes that play. Default: one a core; no more than 4 on a GPU.",
        ),
    ] = None,
    device: Annotated[
        Literal["cpu", "cuda", "mps"] | None,
        typer.Option(help="What plays and trains. Default: cpu; gpu: cuda.", show_default=False),
    ] = None,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the status page; 0 is any free one.")
    ] = 0,
    minibatch_size: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Examples that make a new checkpoint. Default: 16384; gpu: 32768.",
            show_default=False,
        ),
    ] = None,
    blocks: Annotated[
        int | None,
        typer.Option(
            min=1, max=100, help="Blocks of a new network. Default: 4; gpu: 8.", show_default=False
        ),
    ] = None,
    filters: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=1024,
            help="Filters of a new network. Default: 32; gpu: 96.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, max=2**63 - 1, help="Of the weights of a new network.")
    ] = 0,
) -> None:
    """Train a player on this machine: self-play, training and a status page in one command.

    Ctrl-C ends everything; the next start goes on where this one ended.
    """
    from hexz.processes import default_processes
    from hexz.train import PROFILES, LocalTraining, LocalTrainingConfig
    from hexzctl.train_view import TrainView

    sizes = PROFILES[profile]
    plays_on = device or sizes.device
    training = LocalTraining(
        LocalTrainingConfig(
            data_dir=data_dir,
            model_name=model_name,
            num_workers=num_workers or default_processes(plays_on),
            device=plays_on,
            port=port,
            max_seconds=max_seconds,
            minibatch_size=minibatch_size or sizes.minibatch_size,
            blocks=blocks or sizes.blocks,
            filters=filters or sizes.filters,
            seed=seed,
            environment=sizes.environment,
        )
    )
    interruption = Interruption(training.stop)
    with TrainView(training) as view:
        for event in training.events():
            view.show(event)
    view.print_summary()
    interruption.exit()
