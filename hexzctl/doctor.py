"""`hexzctl doctor`: what is wrong with this machine, and what to do about it."""

from __future__ import annotations

import shutil
from typing import Annotated, Final

import typer

from hexz.places import DEFAULT_MODEL
from hexz.schema.programs import DEFAULT_STORE, ServerConfig, WorkerConfig
from hexz.wording import number_of
from hexzctl.options import auth_token, option_of

_LOOK_SECONDS: Final = 1.0
"""What a look takes on average."""


def doctor(
    store: Annotated[str, option_of(ServerConfig, "store")] = DEFAULT_STORE,
    server_url: Annotated[str | None, option_of(WorkerConfig, "server_url")] = None,
    redis_url: Annotated[str | None, option_of(WorkerConfig, "redis_url")] = None,
    model_name: Annotated[str, option_of(WorkerConfig, "model_name")] = DEFAULT_MODEL,
) -> None:
    """Look for what is wrong with this machine, and say what to do about it.

    Measures the engine and the network, writes a small file to the store and deletes it again, and
    asks Redis and, if one is named, a train server, with HEXZ_AUTH_TOKEN. The report has no secrets
    in it: put it into an issue as it is. The exit code is 1 if something is wrong.

    Examples:
      hexzctl doctor
        Looks at this machine, and at hexz-data as the store.
      hexzctl doctor --store gs://my-bucket/flagz --server-url http://192.168.0.10:8080
        Looks at the places of a fleet as well.
    """
    from hexz.doctor import Places, examine, looks, report
    from hexzctl.display import Steps

    places = Places(
        model_name=model_name,
        store=store,
        redis_url=redis_url,
        server_url=server_url,
        token=auth_token(),
    )
    width = min(shutil.get_terminal_size().columns, 100)
    problems = 0
    with Steps(len(looks(places)), _LOOK_SECONDS) as steps:
        for finding in examine(places, steps.begin):
            problems += bool(finding.advice)
            print(report(finding, width), flush=True)
    print(f"{number_of(problems, 'problem') if problems else 'No problems'} found.")
    if problems:
        raise typer.Exit(1)
