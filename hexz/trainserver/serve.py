"""Runs the train server under gunicorn: one process, since the journal has one owner."""

from __future__ import annotations

import atexit
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable
from typing import Any, Final, NoReturn

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter

from hexz.errors import HexzError
from hexz.trainserver.app import is_loopback, make_app
from hexz.trainserver.config import InvalidConfig, ServerConfig
from hexz.trainserver.service import TrainingService

THREADS: Final = 8
"""Requests that are answered at once. Most of the time they wait for the disk together."""

GUNICORN_OPTIONS: Final = {
    "workers": 1,
    "threads": THREADS,
    "worker_class": "gthread",
    "worker_connections": 10_000,
    "keepalive": 75,  # workers keep their connections
    "graceful_timeout": 10,
    "loglevel": "warning",
    "control_socket_disable": True,  # one file in the home directory for all servers
}

_SAID_ALREADY: Final = ("Worker (pid:%s) exited with code %s.", "Shutting down: %s", "Reason: %s")
"""What gunicorn says after a worker has ended itself with a message of its own."""


def application(config: ServerConfig | None = None) -> Flask:
    """The WSGI application; its configuration comes from the environment if none is given.

    Ends the process, and with it gunicorn, with a message if the server cannot start, and later if
    it cannot go on.
    """
    _log_to_stderr()
    # A terminal's Ctrl-C reaches gunicorn's main process as well, which then ends this one: the
    # second signal would come in the middle of what the first began.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        config = config or ServerConfig.from_environment(os.environ)
        service = TrainingService(config, on_fatal=_end)
    except HexzError as error:
        _end(str(error))
    atexit.register(service.close)
    return make_app(service)


def serve(config: ServerConfig, host: str, port: int, on_listening: Callable[[str], None]) -> None:
    """Serves until SIGTERM or SIGINT.

    Args:
        config: of the server.
        host, port: to listen at; port 0 is any free one.
        on_listening: called with the URL before the first request.

    Raises:
        InvalidConfig: the server cannot listen there, or it would be open to everybody.
        SystemExit: with code 1 if the server cannot go on; it has said why.
    """
    if not (is_loopback(host) or config.auth_token or config.allow_unauthenticated):
        raise InvalidConfig(
            f"on {host} other machines can reach this server: set HEXZ_AUTH_TOKEN, or say "
            "--allow-unauthenticated if everybody may post and see everything"
        )
    listener = _listening(host, port)
    host, port = listener.getsockname()[:2]
    on_listening(f"http://{f'[{host}]' if ':' in host else host}:{port}")
    logging.getLogger("gunicorn.error").addFilter(lambda entry: entry.msg not in _SAID_ALREADY)
    try:
        # The descriptor is gunicorn's from here on.
        _Gunicorn(config, {**GUNICORN_OPTIONS, "bind": f"fd://{listener.detach()}"}).run()
    except SystemExit as end:
        raise SystemExit(1 if end.code else 0) from None


def _listening(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        raise InvalidConfig(f"cannot listen at {host}:{port}: {error.strerror}") from None
    return listener


class _Gunicorn(BaseApplication):  # type: ignore[misc]
    """Gunicorn with our options, and none from files or the environment."""

    def __init__(self, config: ServerConfig, options: dict[str, Any]) -> None:
        self._config = config
        self._options = options
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        return application(self._config)


def _end(reason: str) -> NoReturn:
    """Ends this process from any thread, and gunicorn with it: it does not start another one
    after this exit code. The trainer and a private Redis end by themselves."""
    print(f"hexzctl: error: {' '.join(reason.split())}", file=sys.stderr, flush=True)
    os._exit(Arbiter.APP_LOAD_ERROR)


def _log_to_stderr() -> None:
    logger = logging.getLogger("hexz")
    if not logger.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
