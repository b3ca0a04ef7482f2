"""The entry point `hexzctl`: subcommands, and how errors reach the user.

Subcommands import hexz inside their functions: `hexzctl --help` must not wait for torch.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import traceback
from typing import Annotated

import typer

from hexz.ending import leave
from hexz.errors import HexzError
from hexz.output import open_standard_streams
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
from hexzctl.interruption import Interruption

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
    """Runs the command line. Exit codes: 0 done, 1 failed, 2 wrong usage, and 128 and the number of
    a signal that has cut it short."""
    open_standard_streams()
    Interruption()
    leave(_run())


def _run() -> int:
    """Runs a command, tells what went wrong, and returns the exit code."""
    try:
        try:
            app()
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()  # while it can still be told that this fails
        return 0
    except SystemExit as end:
        return _code_of(end)
    except KeyboardInterrupt:
        return 128 + (Interruption.signal or signal.SIGINT)
    except Exception as error:
        return _report(error)


def _code_of(end: SystemExit) -> int:
    """The exit code of a command that has said what there is to say."""
    if isinstance(end.__context__, BrokenPipeError):  # Typer takes it for a failure
        return 128 + signal.SIGPIPE
    if end.code == 128 + signal.SIGINT and Interruption.signal is not None:
        return 128 + Interruption.signal
    return end.code if isinstance(end.code, int) else int(end.code is not None)


def _report(error: Exception) -> int:
    """Tells in one line what went wrong, and returns the exit code."""
    match error:
        case BrokenPipeError():  # the reader of our output has gone
            return 128 + signal.SIGPIPE
        case HexzError():
            message = str(error)
        case OSError() if Interruption.signal == signal.SIGHUP:  # the terminal has gone
            return 128 + signal.SIGHUP
        case MemoryError():
            message = f"out of memory {error}"
        case RuntimeError() if "start new thread" in str(error):
            message = "this machine gives us no more threads: allow more memory or processes"
        case OSError():
            # What the machine refuses, such as a full disk or too many files, is no bug of ours.
            message = ": ".join(str(part) for part in (error.filename, error.strerror) if part)
        case _:
            if os.environ.get("HEXZ_DEBUG"):
                traceback.print_exception(error)
            message = (
                f"internal error, {type(error).__name__}: {error} (HEXZ_DEBUG=1 shows where; "
                "please report it)"
            )
    with contextlib.suppress(OSError):
        print(f"hexzctl: error: {' '.join(message.split())}", file=sys.stderr, flush=True)
    return 1


if __name__ == "__main__":
    main()
