"""The HTTP side of the train server: routes, authorization and limits. Decides nothing else."""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import logging
import re
import socket
import struct
from functools import lru_cache
from importlib import resources
from typing import Final

from flask import Flask, Response, jsonify, request
from gunicorn.http.errors import ParseException
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from werkzeug.exceptions import HTTPException, MethodNotAllowed, RequestEntityTooLarge

from hexz.errors import HexzError
from hexz.fleet import (
    EXAMPLES_PATH,
    GAMES_PATH,
    HEARTBEAT_PATH,
    MAX_HEARTBEAT_BYTES,
    Heartbeat,
    InvalidMessage,
    incompatibility,
)
from hexz.trainserver.config import ServerConfig
from hexz.trainserver.ingest import Rejected
from hexz.trainserver.metrics import registry_of
from hexz.trainserver.service import RETRY_SECONDS, Answer, Refused, TrainingService
from hexz.wire import MAX_EXAMPLE_BYTES, MAX_GAME_BYTES

_log = logging.getLogger(__name__)

_OPEN_PATHS: Final = ("/healthz", "/readyz")
"""Whoever supervises the server has no token; these tell nothing but whether it works."""

CLIENT_SECONDS: Final = 30
"""A client that sends nothing, or takes nothing of the answer, for so long is given up."""
_CLIENT_TIMEOUT: Final = struct.pack("ll", CLIENT_SECONDS, 0)

_WORKER_AGENT: Final = re.compile(r"hexzctl/(\d[\w.+-]{0,50})")


def make_app(service: TrainingService) -> Flask:
    """The WSGI application of a service."""
    app = Flask(__name__, static_folder=None)
    app.url_map.merge_slashes = False  # a redirect is no answer to a post
    config = service.config
    app.before_request(_limit_waiting)
    app.before_request(lambda: _authorize(config))
    _add_training_routes(app, service)
    _add_status_routes(app, service)
    _add_error_handlers(app, service)
    return app


def _add_training_routes(app: Flask, service: TrainingService) -> None:
    @app.post(EXAMPLES_PATH)
    def examples() -> Response:
        return _answer(service.accept_example(_body(MAX_EXAMPLE_BYTES)))

    @app.post(GAMES_PATH)
    def games() -> Response:
        return _answer(service.accept_game(_body(MAX_GAME_BYTES)))

    @app.post(HEARTBEAT_PATH)
    def heartbeat() -> Response:
        try:
            message = Heartbeat.from_json(_body(MAX_HEARTBEAT_BYTES))
        except InvalidMessage as error:
            raise Refused(400, str(error)) from None
        orders = service.take_heartbeat(message, is_local=_is_local())
        return Response(orders.to_json(), mimetype="application/json")

    @app.get("/models/<name>/checkpoints/<int:number>")
    def model(name: str, number: int) -> Response:
        data = service.model(number) if name == service.config.model_name else None
        if data is None:
            raise Refused(404, f"there is no checkpoint {number} of {name!r} here")
        return Response(
            data,
            mimetype="application/octet-stream",
            headers={"Content-Disposition": f'attachment; filename="{name}-{number}.pt"'},
        )


def _add_status_routes(app: Flask, service: TrainingService) -> None:
    registry = registry_of(service)

    @app.get("/")
    @app.get("/status")
    def status() -> Response:
        accepted = request.accept_mimetypes
        if accepted.best_match(["application/json", "text/html"]) == "text/html":
            page, policy = _status_page()
            return Response(
                page,
                mimetype="text/html",
                headers={"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff"},
            )
        return jsonify(service.status())

    @app.get("/healthz")
    def healthz() -> Response:
        return Response("ok\n", mimetype="text/plain")

    @app.get("/readyz")
    def readyz() -> Response:
        if service.checkpoint is None:
            raise Refused(503, "the newest checkpoint is not loaded yet")
        return Response("ready\n", mimetype="text/plain")

    @app.get("/metrics")
    def metrics() -> Response:
        return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def _add_error_handlers(app: Flask, service: TrainingService) -> None:
    @app.errorhandler(Rejected)
    @app.errorhandler(Refused)
    def rejected(error: Rejected | Refused) -> Response:
        return _refusal(service, error.status, str(error))

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> Response:
        response = _refusal(service, error.code or 500, error.description or error.name)
        if isinstance(error, MethodNotAllowed):
            response.allow.update(error.valid_methods or ())
        return response

    @app.errorhandler(HexzError)
    def unavailable(error: HexzError) -> Response:
        return _refusal(service, 503, str(error))

    @app.errorhandler(Exception)
    def bug(error: Exception) -> Response:
        _log.exception("a bug in the answer to %s %s", request.method, request.path)
        return _refusal(service, 500, f"internal error: {type(error).__name__}")


def _body(limit: int) -> bytes:
    """The body of the request, of which little more than `limit` bytes are ever read."""
    request.max_content_length = limit + 1  # a longer body without a length ends there in silence
    try:
        body = request.get_data(cache=False)
    except RequestEntityTooLarge:
        body = None
    except (OSError, ParseException) as error:  # from gunicorn: no such chunks, or nothing comes
        raise Refused(400, f"the body cannot be read: {error}") from None
    if body is None or len(body) > limit:
        raise Refused(413, f"a body of this kind has at most {limit} bytes")
    return body


def _answer(answer: Answer) -> Response:
    # Not jsonify: this is the answer to every example.
    return Response(
        f'{{"checkpoint": {answer.checkpoint}, "accepted": {answer.accepted}}}\n',
        mimetype="application/json",
    )


def _refusal(service: TrainingService, status: int, reason: str) -> Response:
    service.counters.refuse(status, reason)
    response = Response(f"{reason}\n", status, mimetype="text/plain")
    if status == 503:
        response.headers["Retry-After"] = str(RETRY_SECONDS)
    if status == 401:
        response.headers["WWW-Authenticate"] = 'Basic realm="hexzctl train-server"'
    return response


def _limit_waiting() -> None:
    """A client that stops in the middle of a request must not keep its thread for ever: some
    such clients would be the end of the server."""
    connection = request.environ.get("gunicorn.socket")
    if connection is not None:
        # Not settimeout, with which each call on a socket becomes two.
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            connection.setsockopt(socket.SOL_SOCKET, option, _CLIENT_TIMEOUT)


def _authorize(config: ServerConfig) -> None:
    """Raises Refused unless the client may make this request."""
    agent = _WORKER_AGENT.match(request.headers.get("User-Agent", ""))
    problem = incompatibility(agent[1]) if agent else None
    if problem is not None:
        raise Refused(426, problem)
    if request.path in _OPEN_PATHS or config.allow_unauthenticated:
        return
    if config.auth_token is None:
        if not is_loopback(request.environ.get("SERVER_NAME", "")):
            raise Refused(
                403,
                "this server is reachable from other machines and has no HEXZ_AUTH_TOKEN: set it, "
                "or HEXZ_ALLOW_UNAUTHENTICATED=1 if everybody may post and see everything",
            )
        return
    if not hmac.compare_digest(_token().encode(), config.auth_token.encode()):
        raise Refused(401, "the token is missing or wrong: send HEXZ_AUTH_TOKEN as bearer token")


def _token() -> str:
    """What the client shows: a bearer token, or the password that a browser asked for."""
    authorization = request.authorization
    if authorization is None:
        return ""
    if authorization.type == "bearer":
        return authorization.token or ""
    return authorization.password or "" if authorization.type == "basic" else ""


def _is_local() -> bool:
    """Whether the client is on this machine, and not just the proxy that it comes through."""
    return is_loopback(request.remote_addr or "") and "X-Forwarded-For" not in request.headers


@lru_cache
def is_loopback(host: str) -> bool:
    """Whether only this machine can listen or call from there."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@lru_cache
def _status_page() -> tuple[str, str]:
    """One file that needs no other, and the policy that lets it run its own code only."""
    folder = resources.files("hexz.trainserver")
    page = (folder / "status.html").read_text("utf-8")
    policy = "default-src 'none'; connect-src 'self'; img-src data:; frame-ancestors 'none'"
    for name, directive in (("status.css", "style-src"), ("status.js", "script-src")):
        text = (folder / name).read_text("utf-8")
        page = page.replace(f"/*{name}*/", text)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        policy += f"; {directive} 'sha256-{digest}'"
    return page, policy
