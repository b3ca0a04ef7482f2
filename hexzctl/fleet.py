"""`hexzctl fleet`: the workers of a train server, and their tokens."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hexz.schema.programs import ServerConfig, WorkerConfig
from hexzctl.command import App
from hexzctl.options import auth_token, option_of

if TYPE_CHECKING:
    from hexz.trainserver.remote import RemoteServer
    from hexz.vetting.tokens import WorkerTokens

app = App(
    help="Look at the workers of a train server, keep out those that post nonsense, and give "
    "them tokens of their own. HEXZ_AUTH_TOKEN in the environment is the token of the server.\n\n"
    "Examples:\n  hexzctl fleet list\n    The workers of the train server on this machine.",
    no_args_is_help=True,
)
token = App(
    help="Give single workers tokens, beside the one that all share. Run this where the train "
    "server runs: it keeps their hashes in its data directory, and follows changes at once.\n\n"
    "Examples:\n  hexzctl fleet token add attic-3\n    Prints the token of the worker attic-3.",
    no_args_is_help=True,
)
app.add_typer(token, name="token")

Worker = Annotated[
    str, typer.Argument(metavar="WORKER", help="Name of the worker in `hexzctl fleet list`.")
]
ServerUrl = Annotated[str, option_of(WorkerConfig, "server_url")]
Reason = Annotated[
    str, typer.Option(metavar="TEXT", help="Reason to show with the worker in the status.")
]
Name = Annotated[
    str, typer.Argument(metavar="NAME", help="Name of the worker: letters, digits, '-' and '_'.")
]
DataDir = Annotated[Path, option_of(ServerConfig, "data_dir")]

_LOCAL = WorkerConfig().server_url
_DATA = ServerConfig().data_dir


@app.command("list")
def list_(
    server_url: ServerUrl = _LOCAL,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """List what the workers post, and who is in quarantine and why.

    Examples:
      hexzctl fleet list --server-url http://192.168.0.10:8080
        The workers of a train server on another machine.
    """
    from msgspec import json

    from hexzctl.fleet_view import print_conduct

    with _asking(server_url) as server:
        conduct = server.status().conduct
    if as_json:
        print(json.encode(conduct).decode())
    else:
        print_conduct(conduct)


@app.command()
def quarantine(worker: Worker, server_url: ServerUrl = _LOCAL, reason: Reason = "by hand") -> None:
    """Set aside what a worker posts from now on, without deleting it.

    Examples:
      hexzctl fleet quarantine attic-3 --reason "its memory is broken"
        Sets aside what the worker attic-3 posts from now on.
    """
    _order(server_url, worker, reason, quarantined=True)
    print(f"{worker} is in quarantine. `hexzctl fleet release {worker}` takes its examples again.")


@app.command()
def release(worker: Worker, server_url: ServerUrl = _LOCAL, reason: Reason = "by hand") -> None:
    """Take again what a worker posts, and train on what was set aside.

    It is not quarantined again unless somebody says so.

    Examples:
      hexzctl fleet release attic-3
        Trains on what was set aside, too.
    """
    _order(server_url, worker, reason, quarantined=False)
    print(f"{worker} is released.")


@token.command("add")
def add(name: Name, data_dir: DataDir = _DATA) -> None:
    """Make a token for a worker and print it: nothing else will ever tell it.

    The worker shows it as its HEXZ_AUTH_TOKEN, and may do nothing but work.

    Examples:
      hexzctl fleet token add attic-3
        Prints the token of the worker attic-3.
    """
    print(_tokens(data_dir).add(name))


@token.command()
def revoke(name: Name, data_dir: DataDir = _DATA) -> None:
    """Make the token of a worker invalid at once.

    Examples:
      hexzctl fleet token revoke attic-3
        The worker attic-3 is refused from now on.
    """
    _tokens(data_dir).revoke(name)
    print(f"The token of {name} is not valid any more.")


@token.command("list")
def names(data_dir: DataDir = _DATA) -> None:
    """List the workers that have a token.

    Examples:
      hexzctl fleet token list --data-dir /var/lib/hexz
        Those of the train server with this data directory.
    """
    for name in _tokens(data_dir).names():
        print(name)


@contextlib.contextmanager
def _asking(url: str) -> Iterator[RemoteServer]:
    from hexz.trainserver.remote import ANSWER_SECONDS, RemoteServer
    from hexzctl.display import waiting

    with waiting(f"asking {url}", ANSWER_SECONDS):
        yield RemoteServer(url, auth_token())


def _order(url: str, worker: str, reason: str, *, quarantined: bool) -> None:
    from hexz.schema.fleet import ConductOrder

    with _asking(url) as server:
        server.order(worker, ConductOrder(quarantined=quarantined, reason=reason))


def _tokens(data_dir: Path) -> WorkerTokens:
    from hexz.schema.programs import tokens_file
    from hexz.vetting.tokens import WorkerTokens

    return WorkerTokens(tokens_file(data_dir))
