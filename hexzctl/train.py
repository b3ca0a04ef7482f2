"""`hexzctl train`: the whole loop on this machine, with nothing to set up."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from hexz.local.profiles import PROFILES, ProfileName
from hexzctl.interruption import Interruption
from hexzctl.options import NumWorkers, path


def _defaults(size: str) -> str:
    """What a size is in each profile, for --help."""
    laptop, gpu = (getattr(PROFILES[name], size) for name in ("laptop", "gpu"))
    return f"Default: {laptop}; gpu: {gpu}."


def train(
    data_dir: Annotated[
        Path,
        typer.Option(
            parser=path, help="Checkpoints, examples and logs. Training goes on from there."
        ),
    ] = Path("hexz-data"),
    model_name: Annotated[str, typer.Option(help="The model that is trained.")] = "flagz",
    max_seconds: Annotated[
        float | None, typer.Option(min=1, help="Stop after this long. Default: no limit.")
    ] = None,
    profile: Annotated[
        ProfileName,
        typer.Option(help="Sizes that suit this machine; the options below change one each."),
    ] = "laptop",
    num_workers: NumWorkers = None,
    device: Annotated[
        Literal["cpu", "cuda", "mps"] | None,
        typer.Option(help=f"What plays and trains. {_defaults('device')}", show_default=False),
    ] = None,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the status page; 0 is any free one.")
    ] = 0,
    minibatch_size: Annotated[
        int | None,
        typer.Option(
            min=1,
            help=f"Examples that make a new checkpoint. {_defaults('minibatch_size')}",
            show_default=False,
        ),
    ] = None,
    blocks: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=100,
            help=f"Blocks of a new network. {_defaults('blocks')}",
            show_default=False,
        ),
    ] = None,
    filters: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=1024,
            help=f"Filters of a new network. {_defaults('filters')}",
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
    from hexz.local.train import LocalTraining, LocalTrainingConfig
    from hexz.machine import default_processes
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
    view = TrainView(training)
    with view.display:
        for event in training.events():
            view.show(event)
    view.print_summary()
    interruption.exit()
