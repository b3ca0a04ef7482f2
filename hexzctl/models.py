"""`hexzctl models`: the checkpoints of models, and how strong they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from hexz.places import is_file, model_folder
from hexz.schema.programs import DEFAULT_STORE, FitConfig
from hexz.schema.shared import RATING_SIMULATIONS
from hexzctl.command import App
from hexzctl.interruption import Interruption
from hexzctl.options import (
    Device,
    MaxSeconds,
    NumWorkers,
    complete_player,
    options,
    path_option,
    seed_option,
)

MAX_BOARDS = 10_000

app = App(
    help="Look at the checkpoints of models, and rate them. MODEL is the directory or "
    "gs://bucket/prefix in which `hexzctl train-server` keeps checkpoints (--store), or "
    f"STORE/{model_folder('NAME')} where there are several models.\n\nExamples:\n  hexzctl models "
    "list\n    The checkpoints in hexz-data.\n  hexzctl models rate hexz-data --max-seconds 600\n"
    "    How strong they are.",
    no_args_is_help=True,
)

Model = Annotated[str, typer.Argument(metavar="MODEL", help="A store, or a model in it.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, see docs/arena.md.")]


@app.command("list")
def list_(
    model: Model = DEFAULT_STORE,
    every: Annotated[
        bool, typer.Option("--all", help="All checkpoints, not only some 30.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List the checkpoints of a model, or the models of a store that has several.

    Examples:
      hexzctl models list
        The checkpoints in hexz-data.
      hexzctl models list gs://my-bucket/flagz --all --json
        All of them in a bucket, as JSON.
    """
    from hexz.checkpoints.catalog import catalog, open_models
    from hexzctl.display import waiting
    from hexzctl.models_view import print_catalog, print_models

    with waiting(f"reading {model}"):
        stores = open_models(model)
        catalogs = {store.model_name: catalog(store) for store in stores}
    if as_json:
        facts = {name: [entry.facts for entry in found] for name, found in catalogs.items()}
        print(json.dumps(facts))
    elif len(stores) > 1:
        print_models(catalogs)
    else:
        print_catalog(catalogs[stores[0].model_name], every=every)


@app.command()
def show(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="A store, a model in it, or a file.")
    ],
    number: Annotated[
        int | None,
        typer.Argument(
            metavar="NUMBER", help="Number of the checkpoint.", show_default="the newest one"
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show all that is known of a checkpoint, or what a file is: a network of hexzctl or of the Go
    server's own trainer, or TorchScript. Nothing in the file is run.

    Examples:
      hexzctl models show hexz-data 20
        Checkpoint 20 of a training.
      hexzctl models show model.pt
        What a file is.
    """
    from hexzctl.display import waiting
    from hexzctl.models_view import print_facts

    if is_file(model):
        if number is not None:
            raise typer.BadParameter(f"{model} is one network: NUMBER goes with a store")
        from hexz.model.description import describe

        facts, heading = describe(model), Path(model).name
    else:
        from hexz.checkpoints.catalog import entry, open_model

        with waiting(f"reading {model}"):
            facts = entry(open_model(model), number).facts
        heading = str(facts["checkpoint"])
    if as_json:
        print(json.dumps(facts))
    else:
        print_facts(facts, heading)


@app.command()
def export(
    model: Annotated[
        str,
        typer.Argument(metavar="MODEL", help="What --model takes: a file, a directory, a bucket."),
    ],
    form: Annotated[
        Literal["torchscript", "onnx"], typer.Option("--format", help="Format of the file.")
    ],
    output: Annotated[Path, path_option("The file; its card is put beside it as .json.")],
) -> None:
    """Write a network as a file for programs of others.

    Before the file appears it is compared with the network on 1,000 positions. Its card says what
    goes in and comes out, where the network comes from and how strong it is.

    Examples:
      hexzctl models export hexz-data --format onnx --output flagz.onnx
        The newest network of a training, for onnxruntime.
    """
    from hexzctl.display import Steps, notice

    with Steps(2) as steps:
        steps.begin("reading the network")
        from hexz.checkpoints.catalog import rating_of  # takes seconds, with PyTorch
        from hexz.model.export import card_path
        from hexz.model.export import export as write
        from hexz.player.models import open_source

        checkpoint = open_source(model).load()
        rating = rating_of(model, checkpoint.model_name, checkpoint.number)
        steps.begin("writing the file, and comparing 1,000 positions")
        card = write(checkpoint, form, output, rating=rating)
    notice(f"wrote {output}, {card['bytes']:,} bytes, and {card_path(output)}")


@app.command()
def compare(
    model: Model,
    first: Annotated[int, typer.Argument(metavar="FIRST", help="Number of the first checkpoint.")],
    second: Annotated[
        int, typer.Argument(metavar="SECOND", help="Number of the second checkpoint.")
    ],
    as_json: Json = False,
) -> None:
    """Show in what two checkpoints differ.

    Examples:
      hexzctl models compare hexz-data 10 20
        What was changed between two checkpoints of a training.
    """
    from hexz.checkpoints.catalog import differences, entry, open_model
    from hexzctl.display import waiting
    from hexzctl.models_view import print_differences

    with waiting(f"reading {model}"):
        store = open_model(model)
        facts = [entry(store, number).facts for number in (first, second)]
    found = differences(*facts)
    if as_json:
        print(json.dumps(found))
    else:
        print_differences((first, second), found)


@app.command()
def rate(
    model: Model,
    checkpoints: Annotated[
        str | None,
        typer.Option(
            metavar="N,N,...",
            help="The checkpoints that play. Default: 8 from the first to the newest.",
        ),
    ] = None,
    every: Annotated[
        int | None,
        typer.Option(min=1, help="Rate instead the newest one and every so many before it."),
    ] = None,
    simulations: Annotated[
        int, typer.Option(min=1, max=100_000, help="Simulations of a move, in the Gumbel search.")
    ] = RATING_SIMULATIONS,
    player: Annotated[
        list[str] | None,
        typer.Option(
            "--player",
            metavar="SPEC",
            autocompletion=complete_player,
            help="Another player to rate, as random, uct:100, gumbel@64, the network that ships "
            "with hexzctl, or cmd:./my-engine@1s; may be repeated.",
        ),
    ] = None,
    boards: Annotated[
        int,
        typer.Option(
            min=1,
            max=MAX_BOARDS,
            help="Boards for each player on average, two games on each; earlier runs count.",
        ),
    ] = 100,
    max_seconds: MaxSeconds = None,
    output_dir: Annotated[
        Path,
        path_option("Directory for the games, curve.json, curve.csv, curve.png and games.html."),
    ] = Path("ratings"),
    tensorboard: Annotated[
        Path | None, path_option("Write the ratings for TensorBoard here, too.")
    ] = None,
    seed: Annotated[int, seed_option("Seed of the boards and of uct.")] = 0,
    device: Device = "cpu",
    num_workers: NumWorkers = None,
) -> None:
    """Play checkpoints against each other and against uct, and draw the learning curve.

    What is played is chosen to tell most: players of like strength meet, and those that are little
    known. The ratings are kept beside the model, too: `hexzctl models list` and the status page of
    the train server show them, and later runs, with other checkpoints perhaps, add to them. Ctrl-C
    ends the games and keeps what was found; the same command goes on from there.

    Examples:
      hexzctl models rate hexz-data --max-seconds 600
        Eight checkpoints, for ten minutes; the curve is in ratings.
      hexzctl models rate hexz-data --every 20 --player model@64
        Every 20th one, and the network that ships with hexzctl.
    """
    from hexz.arena.rating import Rating, RatingConfig
    from hexz.checkpoints.catalog import open_model
    from hexz.player.spec import parse_spec
    from hexzctl.arena_view import ArenaView
    from hexzctl.display import notice, waiting
    from hexzctl.models_view import print_ratings

    if checkpoints is not None and every is not None:
        raise typer.BadParameter("give --checkpoints or --every, not both")
    view = ArenaView()
    config = RatingConfig(
        numbers=None if checkpoints is None else _parse_numbers(checkpoints),
        every=every,
        simulations=simulations,
        players=[parse_spec(text, allow_programs=True) for text in player or ()],
        boards=boards,
        max_seconds=max_seconds,
        output_dir=output_dir,
        tensorboard=tensorboard,
        seed=seed,
        device=device,
        num_processes=num_workers,
    )
    with waiting(f"reading {model}"):
        rating = Rating(open_model(model), config, notice)
    interruption = Interruption(rating.run.stop)
    view.watch(rating.run)
    with waiting("fitting and drawing the ratings"):
        ratings = rating.ratings()
        files = rating.save() if ratings.checkpoints else []
    if ratings.checkpoints:
        print_ratings(ratings)
        for file in files:
            notice(f"wrote {file}")
    interruption.exit()


def _parse_numbers(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise typer.BadParameter(
            f"--checkpoints {text} is no list of numbers, as 0,20,40"
        ) from None


@app.command("fit")
@options(
    FitConfig,
    sources=Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE", help="Zip files, replay files, directories, gs:// URLs of these."
        ),
    ],
)
def fit(config: FitConfig, sources: list[str]) -> None:
    """Train a network on examples that are there.

    SOURCE is what `hexzctl export-examples` takes: the examples of a checkpoint, of a model or of
    a whole store, what `hexzctl selfplay` wrote, a replay file. No game is played. One game in 32
    is not trained on, but measured with, so that networks of other sizes, or with other targets,
    can be compared: their curves are in the .csv files. Ctrl-C ends it and keeps the model, and the
    same command goes on from there.

    Examples:
      hexzctl models fit hexz-data --blocks 6 --filters 64 --output larger.pt
        A larger network on all examples of a training.
      hexzctl models fit games.zip --start hexz-data --max-seconds 600
        Ten more minutes for the newest network, on other games.
    """
    from hexz.local.fit import Fit
    from hexzctl.display import notice
    from hexzctl.fit_view import FitView

    fit = Fit(config, sources, notice)
    interruption = Interruption(fit.stop)
    view = FitView(fit)
    with view.display:
        for event in fit.events():
            view.show(event)
    view.print_result()
    interruption.exit()
