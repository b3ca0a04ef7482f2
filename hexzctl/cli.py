"""The entry point `hexzctl`: subcommands, and how errors reach the user.

Subcommands import hexz inside their functions: `hexzctl --help` must not wait for torch.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from typing import Annotated, NoReturn

import typer

from hexz.errors import HexzError
from hexz.version import __version__
from hexzctl import (
    arena,
    bench,
    engine,
    export_examples,
    fleet,
    models,
    play,
    selfplay,
    serve_player,
    train,
    train_server,
    worker,
)

app = typer.Typer(
    name="hexzctl",
    help="Train and play a strong computer player of Flagz.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("arena")(arena.arena)
app.command("engine")(engine.engine)
app.command("export-examples", cls=export_examples.Command)(export_examples.export_examples)
app.command("selfplay")(selfplay.selfplay)
app.command("play")(play.play)
app.command("serve-player")(serve_player.serve_player)
app.command("train")(train.train)
app.command("train-server")(train_server.train_server)
app.command("worker")(worker.worker)
app.add_typer(models.app, name="models")
app.add_typer(fleet.app, name="fleet")
app.add_typer(bench.app, name="bench")


def _print_version(requested: bool) -> None:
    if requested:
        print(f"hexzctl {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    pass


def main() -> None:
    """Runs the command line. Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted."""
    try:
        app()
    except HexzError as error:
        _fail(str(error))
    except MemoryError as error:
        _fail(f"out of memory {error}".rstrip())
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    except BrokenPipeError:
        # The reader of our output has gone; Python must not complain when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(128 + signal.SIGPIPE)
    except OSError as error:
        # What the machine refuses, such as a full disk or too many open files, is no bug of ours.
        _fail(f"{error.filename}: {error.strerror}" if error.filename else error.strerror or error)
    except Exception as error:
        if os.environ.get("HEXZ_DEBUG"):
            raise
        _fail(
            f"internal error, {type(error).__name__}: {error} (HEXZ_DEBUG=1 shows where; "
            "please report it)"
        )


def _fail(message: object) -> NoReturn:
    with contextlib.suppress(OSError):
        print(f"hexzctl: error: {' '.join(str(message).split())}", file=sys.stderr, flush=True)
    sys.exit(1)


if __name__ == "__main__":
    main()
