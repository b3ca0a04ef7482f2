"""`hexzctl train-server`: take examples over HTTP, train, store and announce checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from hexzctl.options import path


def train_server(
    model_name: Annotated[
        str, typer.Option(envvar="MODEL_NAME", help="The model that is trained.")
    ] = "flagz",
    store: Annotated[
        str,
        typer.Option(envvar="HEXZ_STORE", help="Checkpoints: a directory or gs://bucket/prefix."),
    ] = "hexz-data",
    data_dir: Annotated[
        Path,
        typer.Option(
            parser=path,
            envvar="HEXZ_DATA_DIR",
            help="Accepted examples wait here for training. Must survive restarts.",
        ),
    ] = Path("hexz-data"),
    redis_url: Annotated[
        str | None,
        typer.Option(
            envvar="HEXZ_REDIS_URL",
            help="Where models are announced: redis:// or rediss://. Passwords belong into the "
            "variable. Default: a private Redis server on this machine.",
        ),
    ] = None,
    host: Annotated[str, typer.Option(envvar="HEXZ_HOST", help="Address to listen at.")] = (
        "127.0.0.1"
    ),
    port: Annotated[
        int, typer.Option(envvar="PORT", min=0, max=65535, help="Port; 0 is any free one.")
    ] = 8080,
    minibatch_size: Annotated[
        int,
        typer.Option(envvar="MINIBATCH_SIZE", min=1, help="Examples that make a new checkpoint."),
    ] = 4096,
    settings: Annotated[
        Path | None,
        typer.Option(
            parser=path,
            envvar="HEXZ_SETTINGS",
            help="TOML file of how workers play; read again when it changes. See docs/training.md.",
        ),
    ] = None,
    max_checkpoint_lag: Annotated[
        int,
        typer.Option(
            envvar="HEXZ_MAX_CHECKPOINT_LAG",
            min=0,
            help="Refuse examples of checkpoints older than this.",
        ),
    ] = 50,
    max_backlog: Annotated[
        int,
        typer.Option(
            envvar="HEXZ_MAX_BACKLOG",
            min=1,
            help="Minibatches that may wait for training before workers are told to wait.",
        ),
    ] = 64,
    allow_unauthenticated: Annotated[
        bool,
        typer.Option(
            "--allow-unauthenticated",
            envvar="HEXZ_ALLOW_UNAUTHENTICATED",
            help="Serve other machines without HEXZ_AUTH_TOKEN.",
        ),
    ] = False,
    device: Annotated[
        Literal["cpu", "cuda", "mps"], typer.Option(envvar="HEXZ_DEVICE", help="What trains.")
    ] = "cpu",
    blocks: Annotated[
        int, typer.Option(envvar="HEXZ_BLOCKS", min=1, max=100, help="Blocks of a new network.")
    ] = 4,
    filters: Annotated[
        int, typer.Option(envvar="HEXZ_FILTERS", min=1, max=1024, help="Filters of a new network.")
    ] = 32,
    learning_rate: Annotated[
        float,
        typer.Option(
            envvar="HEXZ_LEARNING_RATE",
            min=0,
            max=1,
            help="Of AdamW, which trains all but the kernels of the tower.",
        ),
    ] = 2e-3,
    kernel_rate: Annotated[
        float,
        typer.Option(
            envvar="HEXZ_KERNEL_RATE", min=0, max=1, help="The same of Muon, which trains those."
        ),
    ] = 2e-2,
    batch_size: Annotated[
        int, typer.Option(envvar="HEXZ_BATCH_SIZE", min=1, help="Examples of an optimizer step.")
    ] = 256,
    reuse: Annotated[
        float,
        typer.Option(
            envvar="HEXZ_REUSE", min=1, help="How often an example is trained on, at most."
        ),
    ] = 4.0,
    window_min: Annotated[
        int, typer.Option(envvar="HEXZ_WINDOW_MIN", min=1, help="First size of the replay window.")
    ] = 20_000,
    window_growth: Annotated[
        float,
        typer.Option(
            envvar="HEXZ_WINDOW_GROWTH",
            min=0,
            max=1,
            help="Share of all further examples that the window grows by.",
        ),
    ] = 0.5,
    window_max: Annotated[
        int,
        typer.Option(
            envvar="HEXZ_WINDOW_MAX", min=1, help="Largest window; 2.2 KB of memory an example."
        ),
    ] = 500_000,
    seed: Annotated[
        int,
        typer.Option(envvar="HEXZ_SEED", min=0, max=2**63 - 1, help="Of weights and sampling."),
    ] = 0,
    tensorboard: Annotated[
        Path | None,
        typer.Option(
            parser=path, envvar="HEXZ_TENSORBOARD", help="Write TensorBoard's event files here."
        ),
    ] = None,
) -> None:
    """Train a model on the examples that workers post, and send it back to them.

    HEXZ_AUTH_TOKEN in the environment is the token that clients must show; other machines are
    served only if it is set. The status page is at /status. Ctrl-C ends the server; accepted
    examples and the last checkpoint are kept, and the next start goes on from there.
    """
    import os

    from hexz.training.config import TrainingConfig
    from hexz.trainserver.config import ServerConfig
    from hexz.trainserver.serve import serve

    config = ServerConfig(
        model_name=model_name,
        store=store,
        data_dir=data_dir,
        redis_url=redis_url or None,
        minibatch_size=minibatch_size,
        max_checkpoint_lag=max_checkpoint_lag,
        max_backlog=max_backlog,
        settings=settings,
        auth_token=os.environ.get("HEXZ_AUTH_TOKEN") or None,
        allow_unauthenticated=allow_unauthenticated,
        blocks=blocks,
        filters=filters,
        tensorboard=tensorboard,
        training=TrainingConfig(
            device=device,
            learning_rate=learning_rate,
            kernel_rate=kernel_rate,
            batch_size=batch_size,
            reuse=reuse,
            window_min=window_min,
            window_growth=window_growth,
            window_max=window_max,
            seed=seed,
        ),
    )
    serve(config, host, port, lambda url: print(f"Listening at {url}", flush=True))
