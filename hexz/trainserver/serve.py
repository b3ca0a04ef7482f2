"""Runs the train server: one process, since the journal has one owner."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Final

from flask import Flask

from hexz import web
from hexz.errors import InvalidSettings
from hexz.machine import available_cores
from hexz.schema.programs import ServerConfig
from hexz.trainserver.app import make_app
from hexz.trainserver.playing import PlayPage
from hexz.trainserver.service import TrainingService
from hexz.trainserver.supervisor import constant_rates
from hexz.wire.archive import MAX_EXAMPLE_BYTES
from hexz.wire.example import MAX_GAME_BYTES
from hexz.wire.game import MAX_COMPACT_BYTES

THREADS: Final = max(8, available_cores())
"""Requests that are answered at once. Most of the time they wait for the disk together; compact
games are checked on all cores."""

_UNCOLLECTED: Final = 10_000
"""Objects more than at the last collection that bring about the next one."""


def make(
    config: ServerConfig,
    lifetime: web.Lifetime,
    play_page: PlayPage | None = None,
    rate_share: Callable[[], float] = constant_rates,
) -> Flask:
    """Makes the application of a train server, and starts the service behind it; for the arguments
    see `TrainingService`."""
    service = TrainingService(config, lifetime.fail, play_page, rate_share)
    lifetime.closing.callback(service.close)
    _collect_rarely()
    return make_app(service)


def _collect_rarely() -> None:
    """Lets Python look for cycles less often: requests that are answered together begin and end
    with hundreds of objects, which it takes for growth each time."""
    gc.freeze()
    gc.set_threshold(_UNCOLLECTED)


def serve(
    config: ServerConfig,
    on_listening: Callable[[str], None],
    play_page: PlayPage | None = None,
    rate_share: Callable[[], float] = constant_rates,
) -> None:
    """Serves until a signal ends it; see `web.serve`.

    Args:
        config: of the server.
        on_listening: called with the URL before the first request.
        play_page: on which to play against the newest checkpoint, if there is one.
        rate_share: see `TrainerSupervisor`.

    Raises:
        InvalidSettings: the server would be open to everybody.
        CannotListen: the server cannot listen there.
        HexzError: it cannot start.
        ServerEnded: it cannot go on.
    """
    if not (web.is_loopback(config.host) or config.auth_token or config.allow_unauthenticated):
        raise InvalidSettings(
            f"on {config.host} other machines can reach this server: set HEXZ_AUTH_TOKEN, or say "
            "--allow-unauthenticated if everybody may post and see everything"
        )
    web.serve(
        lambda _, lifetime: make(config, lifetime, play_page, rate_share),
        config.host,
        config.port,
        threads=THREADS,
        max_body=max(MAX_EXAMPLE_BYTES, MAX_GAME_BYTES, MAX_COMPACT_BYTES),
        on_listening=on_listening,
    )
