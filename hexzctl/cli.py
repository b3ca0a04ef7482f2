"""The entry point `hexzctl`: subcommands, and how errors reach the user.

A subcommand is imported when it is asked for, and imports hexz inside its functions: `hexzctl
--help` waits neither for the options of all commands nor for PyTorch.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import sys
import traceback
from typing import Annotated, Any, Final

import typer

from hexz.ending import leave
from hexz.errors import HexzError
from hexz.machine import HOW_TO_GET_TORCH
from hexz.output import open_standard_streams
from hexz.version import __version__
from hexzctl.command import App, Group
from hexzctl.interruption import Interruption

COMMANDS: Final = {
    "play": "Play against the computer in this terminal.",
    "serve-player": "Serve a player: a page to play on, and move suggestions for the Go server.",
    "export-page": "Write a page to play on that needs no server, with the network inside.",
    "train": "Train a player on this machine: self-play, training and a status page in one "
    "command.",
    "models": "Look at the checkpoints of models, and rate them.",
    "arena": "Play matches between players and rate them.",
    "selfplay": "Play games of the network against itself and write training examples.",
    "export-examples": "Show examples, or turn them into files that other programs read.",
    "train-server": "Train a model on the examples that workers post, and send it back to them.",
    "worker": "Play with the newest network and post the examples to a train server.",
    "fleet": "Look at the workers of a train server, keep out those that post nonsense, and give "
    "them tokens of their own.",
    "engine": "Be an engine for another program, which writes commands to standard input.",
    "doctor": "Look for what is wrong with this machine, and say what to do about it.",
    "bench": "Measure what this machine does: the engine, the network, self-play.",
    "help": "Show the help of hexzctl, or of a command.",
}
"""How the help of each command begins, in the order in which most people come to need them."""

_HELP: Final = """Train and play a strong computer player of Flagz.

`hexzctl help COMMAND` shows what a command can do, with examples. The first ones:

  hexzctl serve-player
    A page to play on, against the network that ships with hexzctl.
  hexzctl train --max-seconds 600
    Ten minutes of training on this machine.
"""


class _Commands(Group):
    """Has a line of help of each command until one is to be run."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, _, rest = super().resolve_command(ctx, args)
        return name, command(str(name)), rest


def command(name: str) -> Any:
    """Imports a command, or a group of them: what Typer makes of `app` in its module, or of the
    function that is called as the module is."""
    module = importlib.import_module(f"hexzctl.{name.replace('-', '_')}")
    app = getattr(module, "app", None)
    if app is None:
        app = App()
        app.command()(getattr(module, name.replace("-", "_")))
    return typer.main.get_command(app)


app = App(
    name="hexzctl",
    cls=_Commands,
    help=_HELP,
    no_args_is_help=True,
    add_completion=True,
)
for _name, _help in COMMANDS.items():
    app.command(_name, help=_help)(lambda: None)


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
    try:
        leave(_run())
    except KeyboardInterrupt:  # at a second signal, even while it is told what went wrong
        os._exit(_code_of_signal())


def _run() -> int:
    """Runs a command, tells what went wrong, and returns the exit code."""
    try:
        try:
            app(prog_name="hexzctl")
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()  # while it can still be told that this fails
        return 0
    except SystemExit as end:
        return _code_of(end)
    except KeyboardInterrupt:
        return _code_of_signal()
    except Exception as error:
        return _report(error)


def _code_of_signal() -> int:
    """The exit code of a command that KeyboardInterrupt has ended."""
    return 128 + (Interruption.signal or signal.SIGINT)


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
        case ModuleNotFoundError(name="torch"):
            message = f"PyTorch is needed for this: {HOW_TO_GET_TORCH}"
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
