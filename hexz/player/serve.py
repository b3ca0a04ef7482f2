"""Runs the player service: one process, so that all searches share batches."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from typing import Final

from flask import Flask

from hexz import web
from hexz.player.loop import THREADS
from hexz.schema.programs import PlayerConfig
from hexz.wire.suggest import MAX_REQUEST_BYTES

SWITCH_SECONDS: Final = 0.0005
"""A thread that wants to send an answer waits so long for one that searches. Python's own 5 ms
are as long as four answers take."""


def serve(config: PlayerConfig, on_ready: Callable[[str, str | None], None]) -> None:
    """Serves until a signal ends it; see `web.serve`.

    Args:
        config: of the service.
        on_ready: called once the player can be asked, with the URL of the page and the address of
            the gRPC service, if there is one.

    Raises:
        CannotListen: the server cannot listen there.
        HexzError: it cannot start.
    """
    web.serve(
        lambda url, lifetime: make(config, lifetime, lambda address: on_ready(url, address)),
        config.host,
        config.port,
        threads=THREADS,
        max_body=MAX_REQUEST_BYTES,
    )


def make(
    config: PlayerConfig,
    lifetime: web.Lifetime,
    on_ready: Callable[[str | None], None] = lambda _: None,
) -> Flask:
    """Makes the application; `on_ready` is called once the player can be asked, with the address
    of the gRPC service."""
    from hexz.player.app import make_app
    from hexz.player.service import PlayerService

    service = PlayerService(config)
    lifetime.closing.callback(service.close)
    address = None
    if config.grpc_port is not None:
        from hexz.player.rpc import RpcServer

        server = RpcServer(service, config.host, config.grpc_port)
        lifetime.closing.callback(server.close)
        address = server.address
    _put_answers_first()
    on_ready(address)
    return make_app(service)


def _put_answers_first() -> None:
    """Lets no thread keep Python's lock for long, be it for the searches or to look for garbage."""
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.collect()
    gc.freeze()  # what there is now, all of PyTorch, stays
