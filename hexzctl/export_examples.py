"""`hexzctl export-examples`: show examples, or turn them into files for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from hexz.dataset.formats import FORMATS
from hexzctl.command import App, Command
from hexzctl.options import path_option, seed_option


class _Command(Command):
    """Adds the formats and the table of columns to the help, once somebody asks for it."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        from hexz.dataset.columns import describe_columns
        from hexz.dataset.export import load_format

        formats = [f"{name}: {load_format(name).description}" for name in FORMATS]
        columns = [f"  {name:<14} {kind:<18} {what}" for name, kind, what in describe_columns()]
        text = (self.help or "").replace("FORMATS", "\n\n".join(formats))
        self.help = text.replace("COLUMNS", "\n".join(columns))
        super().format_help(ctx, formatter)


def _format(name: str) -> str:
    if name not in FORMATS:
        raise typer.BadParameter(f"{name!r} is not one of {', '.join(FORMATS)}")
    return name


app = App()


@app.command(cls=_Command)
def export_examples(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE", help="Zip files, replay files, directories, gs:// URLs of these."
        ),
    ],
    format_: Annotated[
        str | None,
        typer.Option(
            "--format",
            parser=_format,
            metavar=f"[{'|'.join(FORMATS)}]",
            help="Format of the file to write.",
        ),
    ] = None,
    output: Annotated[
        Path | None, path_option("File to write, or for html also a directory.")
    ] = None,
    summary: Annotated[
        bool, typer.Option("--summary", help="Print what is there, and write nothing.")
    ] = False,
    game: Annotated[
        list[str] | None,
        typer.Option(help="Take only this game. May be given several times."),
    ] = None,
    checkpoint: Annotated[
        list[int] | None,
        typer.Option(
            min=0,
            help="Take only examples that this checkpoint played, or games in which it played a "
            "move. May be given several times.",
        ),
    ] = None,
    min_moves: Annotated[
        int, typer.Option(min=0, help="Take only games of at least this length.")
    ] = 0,
    limit: Annotated[
        int | None,
        typer.Option(
            min=1, help="Take only the first so many games or examples, whichever the format has."
        ),
    ] = None,
    sample: Annotated[
        int | None, typer.Option(min=1, help="Take so many at random instead of the first.")
    ] = None,
    seed: Annotated[int, seed_option("Seed of --sample: one seed makes one choice.")] = 0,
    sort: Annotated[
        Literal["surprise"] | None,
        typer.Option(
            help="For html: put those in which target and prior disagree most first; with --limit "
            "take only these."
        ),
    ] = None,
    page_per: Annotated[
        Literal["file", "game"],
        typer.Option(help="For html in a directory: show a file or a game on each page."),
    ] = "file",
    strict: Annotated[
        bool, typer.Option("--strict", help="Stop at the first entry that cannot be read.")
    ] = False,
) -> None:
    """Show examples, or turn them into files that other programs read.

    SOURCE is a zip file of examples, a replay file of the Go server's trainers (HDF5), a directory
    with such files anywhere below it (the examples of a checkpoint, a model, a whole store), or a
    gs:// URL of one of these. Copies of an example are
    left out. Files and entries that cannot be read are reported and left out; the exit code is
    then 1.

    FORMATS

    The columns are:

    COLUMNS

    docs/examples.md says more about the formats.

    Examples:
      hexzctl export-examples selfplay-out --summary
        How many games and examples there are, and what they are like.
      hexzctl export-examples selfplay-out --format html --output games.html --limit 10
        A page of the first ten games.
      hexzctl export-examples hexz-data --format npz --output examples.npz --sample 100000
        100,000 examples of a training, drawn at random, as arrays.
    """
    from hexz.dataset.export import Export, ExportConfig
    from hexz.dataset.filters import Filter
    from hexz.dataset.reading import ExampleReader
    from hexz.dataset.sources import find_archives
    from hexzctl.display import waiting
    from hexzctl.export_view import ExportView

    if summary and (format_ or output or sample):
        raise typer.BadParameter("--summary goes without --format, --output and --sample")
    if not summary and (format_ is None or output is None):
        raise typer.BadParameter("--format and --output are needed, or --summary")
    if limit is not None and sample is not None:
        raise typer.BadParameter("give --limit or --sample, not both")
    if sort and format_ != "html":
        raise typer.BadParameter("--sort is for --format html")
    view = ExportView(strict=strict)
    with waiting(f"looking for files in {', '.join(sources)}"):
        archives = find_archives(sources)
    reader = ExampleReader(archives, view.problem, view.step)
    export = Export(reader)
    wanted = Filter(
        games=frozenset(game or ()), checkpoints=frozenset(checkpoint or ()), min_moves=min_moves
    )
    with view.watching(export):
        if format_ is None or output is None:
            figures = export.summary(wanted, limit)
        else:
            config = ExportConfig(
                format=format_,
                output=output,
                wanted=wanted,
                limit=limit,
                sample=sample,
                seed=seed,
                by_surprise=sort == "surprise",
                page_per=page_per,
            )
            export.run(config)
    if format_ is None or output is None:
        view.print_table(figures.rows(), export)
    else:
        view.print_result(config, export)
    view.require_all_used(export)
