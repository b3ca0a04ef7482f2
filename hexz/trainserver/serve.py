"""Runs the train server under gunicorn: one process, since the journal has one owner."""

from __future__ import annotations

import atexit
from collections.abc import Callable
from typing import Final

from flask import Flask

from hexz import web
from hexz.errors import InvalidSettings
from hexz.schema.programs import ServerConfig
from hexz.trainserver.app import make_app
from hexz.trainserver.service import TrainingService

THREADS: Final = 8
"""Requests that are answered at once. Most of the time they wait for the disk together."""


def make(config: ServerConfig) -> Flask:
    """Makes the application. The server ends its process, and with it gunicorn, when it cannot go
    on; its trainer and a private Redis end by themselves then."""
    service = TrainingService(config, on_fatal=web.end_process)
    atexit.register(service.close)
    return make_app(service)


def serve(config: ServerConfig, on_listening: Callable[[str], None]) -> None:
    """Serves until SIGTERM or SIGINT.

    Args:
        config: of the server.
        on_listening: called with the URL before the first request.

    Raises:
        InvalidSettings: the server would be open to everybody.
        CannotListen: the server cannot listen there.
        ServerEnded: the server cannot start, or cannot go on.
    """
    if not (web.is_loopback(config.host) or config.auth_token or config.allow_unauthenticated):
        raise InvalidSettings(
            f"on {config.host} other machines can reach this server: set HEXZ_AUTH_TOKEN, or say "
            "--allow-unauthenticated if everybody may post and see everything"
        )
    web.serve(
        lambda _: make(config),
        config.host,
        config.port,
        threads=THREADS,
        on_listening=on_listening,
    )
