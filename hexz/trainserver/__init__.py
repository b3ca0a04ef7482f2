"""The train server: takes examples over HTTP, trains, stores and announces checkpoints.

`hexzctl train-server` runs it; docs/training.md says how gunicorn does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask


def create_app() -> Flask:
    """The WSGI application, configured by the environment; for one process with threads.

    Ends the process with a message if it cannot start.
    """
    from hexz import web
    from hexz.schema.programs import ServerConfig
    from hexz.trainserver.serve import make

    return web.create_app(ServerConfig, make)
