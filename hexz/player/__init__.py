"""Players: move suggestions for the Go server, for a web page and for the command line.

`hexzctl serve-player` serves one; docs/serve.md says how gunicorn does.
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
    from hexz.player.serve import make
    from hexz.schema.programs import PlayerConfig

    return web.create_app(PlayerConfig, make)
