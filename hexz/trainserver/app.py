"""The HTTP side of the train server: routes, authorization and limits. Decides nothing else."""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Iterable
from concurrent.futures import Future
from functools import lru_cache
from html import escape
from typing import TYPE_CHECKING, Final

from flask import Flask, Response, g, request
from werkzeug.datastructures import Authorization
from werkzeug.exceptions import MethodNotAllowed
from werkzeug.wrappers import Request

from hexz.engine import NUM_CELLS, Board
from hexz.errors import HexzError, InvalidMessage
from hexz.httpserver import Later
from hexz.metrics import registry_of
from hexz.render.assets import asset, bare_script, fill, head, scripts_of, style, whole_script
from hexz.render.policy import policy
from hexz.render.svg import board_svg
from hexz.schema.fleet import (
    COMPACT_GAMES_PATH,
    CONDUCT_PATH,
    EXAMPLES_PATH,
    GAMES_PATH,
    HEARTBEAT_PATH,
    MAX_HEARTBEAT_BYTES,
    ConductOrder,
    Heartbeat,
    Receipt,
    incompatibility,
)
from hexz.schema.programs import ServerConfig
from hexz.schema.status import FIGURES
from hexz.trainserver.metrics import METRICS
from hexz.trainserver.service import RETRY_SECONDS, Refused, TrainingService
from hexz.vetting.tokens import WorkerTokens
from hexz.vetting.workers import UnknownWorker
from hexz.web import (
    AT_ONCE,
    add_probes,
    failure,
    is_for_another_site,
    is_loopback,
    limit_waiting,
    names_loopback,
    read_body,
)
from hexz.wire.archive import MAX_EXAMPLE_BYTES
from hexz.wire.example import MAX_GAME_BYTES
from hexz.wire.game import MAX_COMPACT_BYTES

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_OPEN_PATHS: Final = ("/healthz", "/readyz")
"""Whoever supervises the server has no token; these tell nothing but whether it works."""

_WORKER_PATH: Final = re.compile(rf"{HEARTBEAT_PATH}$|/models/|/healthz$|/readyz$")

_WORKER_AGENT: Final = re.compile(r"hexzctl/(\d[\w.+-]{0,50})")

_NEWEST: Final = "model@64"
"""The newest checkpoint on the page to play on, which offers gentler players first."""


def make_app(service: TrainingService) -> Flask:
    """The WSGI application of a service."""
    app = Flask(__name__, static_folder=None)
    app.url_map.merge_slashes = False  # a redirect is no answer to a post
    guard = _Guard(service.config, service.tokens)
    app.before_request(lambda: guard.admit_to_route(request))
    app.register_error_handler(Exception, lambda error: _failure(service, error))
    _add_worker_routes(app, service)
    _add_status_routes(app, service)
    _add_fleet_routes(app, service)
    posts = _Posts(service, guard, app.wsgi_app)
    app.wsgi_app = posts  # type: ignore[method-assign]
    app.extensions[AT_ONCE] = posts.at_once
    return app


class _Posts:
    """Takes examples and games, and leaves all other requests to Flask, which would cost as much
    as checking the example does."""

    def __init__(self, service: TrainingService, guard: _Guard, others: WSGIApplication) -> None:
        self._service = service
        self._guard = guard
        self._others = others
        self._takers = {
            EXAMPLES_PATH: (service.accept_example, MAX_EXAMPLE_BYTES),
            GAMES_PATH: (service.accept_game, MAX_GAME_BYTES),
            COMPACT_GAMES_PATH: (service.accept_compact_game, MAX_COMPACT_BYTES),
        }

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] not in self._takers:
            return self._others(environ, start_response)
        take, limit = self._takers[environ["PATH_INFO"]]
        # Unless it is populated, no cycle keeps the buffers of the body until they are collected.
        request = Request(environ, populate_request=False)
        try:
            owner = self._guard.admit(environ)
            if request.method != "POST":
                raise MethodNotAllowed(["POST"])
            receipt = take(read_body(request, limit), owner)
        except Exception as error:
            return _failure(self._service, error)(environ, start_response)
        return self._later(receipt, environ, start_response)

    def at_once(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes] | None:
        """Takes single examples that are found sound in microseconds; of all other requests the
        first one to say what is to be done is the application itself."""
        if environ["PATH_INFO"] != EXAMPLES_PATH or environ["REQUEST_METHOD"] != "POST":
            return None
        try:
            owner = self._guard.admit(environ)
            receipt = self._service.accept_sound_example(environ["wsgi.input"].read(), owner)
        except HexzError:
            return None
        if receipt is None:
            return None
        return self._later(receipt, environ, start_response)

    def _later(
        self, receipt: Future[Receipt], environ: WSGIEnvironment, start_response: StartResponse
    ) -> Later:
        def answer() -> Iterable[bytes]:
            try:
                body = receipt.result().to_json() + b"\n"
            except Exception as error:
                return _failure(self._service, error)(environ, start_response)
            size = str(len(body))
            start_response(
                "200 OK", [("Content-Type", "application/json"), ("Content-Length", size)]
            )
            return [body]

        return Later(receipt, answer)


def _add_worker_routes(app: Flask, service: TrainingService) -> None:
    @app.post(HEARTBEAT_PATH)
    def heartbeat() -> Response:
        try:
            message = Heartbeat.from_json(read_body(request, MAX_HEARTBEAT_BYTES))
        except InvalidMessage as error:
            raise Refused(400, str(error)) from None
        orders = service.take_heartbeat(message, is_local=_is_local(request), owner=g.owner)
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


def _add_fleet_routes(app: Flask, service: TrainingService) -> None:
    @app.post(CONDUCT_PATH)
    def conduct() -> Response:
        if request.mimetype != "application/json":  # which no form of another page can send
            raise Refused(415, "send application/json")
        try:
            order = ConductOrder.from_json(read_body(request, MAX_HEARTBEAT_BYTES))
        except InvalidMessage as error:
            raise Refused(400, str(error)) from None
        try:
            service.vetting.order(request.args.get("worker", ""), order)
        except UnknownWorker as error:
            raise Refused(404, str(error)) from None
        return Response(order.to_json(), mimetype="application/json")


def _add_status_routes(app: Flask, service: TrainingService) -> None:
    @app.get("/")
    @app.get("/status")
    def status() -> Response:
        accepted = request.accept_mimetypes
        if accepted.best_match(["application/json", "text/html"]) == "text/html":
            page, allowed = _status_page()
            answer = Response(
                page,
                mimetype="text/html",
                headers={"Content-Security-Policy": allowed, "X-Content-Type-Options": "nosniff"},
            )
        else:
            answer = Response(service.status().to_json(), mimetype="application/json")
        answer.vary.add("Accept")
        return answer

    @app.get("/play")
    def play() -> Response:
        if service.play_page is None or service.checkpoint is None:
            raise Refused(404, "there is no page to play on here: see hexzctl serve-player")
        url = service.play_page.find()
        if url is not None:
            game = f"{url}/#seed={secrets.randbelow(10_000)}&blue=person&orange={_NEWEST}"
            return Response(status=303, headers={"Location": game})
        return Response(
            "The player starts; this takes some seconds.\n",
            headers={"Refresh": "1"},
            mimetype="text/plain",
        )

    def check_ready() -> None:
        if service.checkpoint is None:
            raise Refused(503, "the newest checkpoint is not loaded yet")
        if service.journal_problem is not None:
            raise Refused(503, service.journal_problem)

    add_probes(app, check_ready, registry_of(METRICS, service.status))


def _failure(service: TrainingService, error: Exception) -> Response:
    """The answer to a request that failed."""
    status, reason, headers = failure(error, RETRY_SECONDS)
    if status == 401:
        headers["WWW-Authenticate"] = 'Basic realm="hexzctl train-server"'
    service.counters.refuse(status, reason)
    return Response(f"{reason}\n", status, headers, mimetype="text/plain")


class _Guard:
    """Knows who may make which request."""

    def __init__(self, config: ServerConfig, tokens: WorkerTokens) -> None:
        self._config = config
        self._tokens = tokens

    def admit_to_route(self, request: Request) -> None:
        """Admits a request to Flask's routes, and remembers whose token it shows; that of a single
        worker opens the routes of workers only."""
        g.owner = self.admit(request.environ)
        if g.owner is not None and not _WORKER_PATH.match(request.path):
            raise Refused(
                403, "the token of a single worker does not open this: send HEXZ_AUTH_TOKEN"
            )

    def admit(self, environ: WSGIEnvironment) -> str | None:
        """The name of the worker whose own token a request shows; None if it shows the shared one,
        or needs none. Raises Refused unless the client may make it."""
        limit_waiting(environ)
        if is_for_another_site(environ):
            raise Refused(403, "a page of another site may not post to this server")
        problem = _version_problem(environ.get("HTTP_USER_AGENT", ""))
        if problem is not None:
            raise Refused(426, problem)
        if environ["PATH_INFO"] in _OPEN_PATHS:
            return None
        token, shared = _token(environ), self._config.auth_token
        if shared is not None and hmac.compare_digest(token.encode(), shared.encode()):
            return None
        owner = self._tokens.owner(token) if token else None
        if owner is not None or self._config.allow_unauthenticated:
            return owner
        if shared is not None:
            raise Refused(
                401, "the token is missing or wrong: send HEXZ_AUTH_TOKEN as bearer token"
            )
        if not is_loopback(environ.get("SERVER_NAME", "")):
            raise Refused(
                403,
                "this server is reachable from other machines and has no HEXZ_AUTH_TOKEN: set it, "
                "or HEXZ_ALLOW_UNAUTHENTICATED=1 if everybody may post and see everything",
            )
        if not names_loopback(environ.get("HTTP_HOST", "localhost")):
            raise Refused(
                403,
                "without HEXZ_AUTH_TOKEN this server answers only where it is asked for as "
                "localhost or 127.0.0.1: set it to use another name",
            )
        return None


@lru_cache
def _version_problem(user_agent: str) -> str | None:
    """Why a worker of this version cannot work for us; None if it can, or if it is no worker."""
    agent = _WORKER_AGENT.match(user_agent)
    return incompatibility(agent[1]) if agent else None


def _token(environ: WSGIEnvironment) -> str:
    """What the client shows: a bearer token, or the password that a browser asked for."""
    authorization = Authorization.from_header(environ.get("HTTP_AUTHORIZATION"))
    if authorization is None:
        return ""
    if authorization.type == "bearer":
        return authorization.token or ""
    return authorization.password or "" if authorization.type == "basic" else ""


def _is_local(request: Request) -> bool:
    """Whether the client is on this machine, and not just the proxy that it comes through."""
    return is_loopback(request.remote_addr or "") and "X-Forwarded-For" not in request.headers


@lru_cache
def _status_page() -> tuple[str, str]:
    """One file that needs no other, and the policy that lets it run its own code only."""
    own = scripts_of(__package__)
    sheets = [asset("board.css"), asset("page.css"), asset("status.css", __package__)]
    empty = Board.from_text("." * NUM_CELLS)
    figures = (
        f'<th scope="col" data-figure="{name}" title="{escape(note)}">{name.replace("_", " ")}</th>'
        for name, note in FIGURES.items()
    )
    script = bare_script(whole_script(own["status.js"], own))
    page = fill(
        asset("status.html", __package__),
        HEAD=head("hexzctl train-server", style(*sheets)),
        SCORES=asset("scores.html"),
        FIGURES="".join(figures),
        BOARD=board_svg(empty, 'role="img" aria-labelledby="game-title"'),
        SCRIPT=script,
    )
    return page, policy(page, "connect-src 'self'", "frame-ancestors 'none'")
