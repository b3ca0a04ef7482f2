"""Runs the player service under gunicorn: one process, so that all searches share batches."""

from __future__ import annotations

import atexit
import logging
from collections.abc import Callable
from typing import Final

from flask import Flask

from hexz import web
from hexz.schema.programs import PlayerConfig
from hexz.schema.resolution import resolve

_log = logging.getLogger(__name__)

THREADS: Final = 64
"""Requests that are answered at once: as many searches as there may be, and room for the rest."""

OnReady = Callable[[str | None], None]


def application(config: PlayerConfig | None = None, on_ready: OnReady | None = None) -> Flask:
    """The WSGI application. Without a configuration, that of the environment is taken.

    Ends the process, and with it gunicorn, with a message if the service cannot start.

    Args:
        config: of the service.
        on_ready: called once the player can be asked, with the address of the gRPC service.
    """
    return web.application(
        lambda: _make(config or resolve(PlayerConfig, notify=_log.warning), on_ready)
    )


def serve(config: PlayerConfig, on_ready: Callable[[str, str | None], None]) -> None:
    """Serves until SIGTERM or SIGINT.

    Args:
        config: of the service.
        on_ready: called once the player can be asked, with the URL of the page and the address of
            the gRPC service, if there is one; in another process.

    Raises:
        CannotListen: the server cannot listen there.
        ServerEnded: the service cannot start, or cannot go on.
    """
    listener = web.listen(config.host, config.port)
    url = web.url_of(listener)
    web.serve(
        lambda: application(config, lambda address: on_ready(url, address)),
        listener,
        threads=THREADS,
    )


def _make(config: PlayerConfig, on_ready: OnReady | None) -> Flask:
    from hexz.player.app import make_app
    from hexz.player.service import PlayerService

    service = PlayerService(config)
    atexit.register(service.close)
    address = None
    if config.grpc_port is not None:
        from hexz.player.rpc import RpcServer

        server = RpcServer(service, config.host, config.grpc_port)
        atexit.register(server.close)
        address = server.address
    if on_ready is not None:
        on_ready(address)
    return make_app(service)
