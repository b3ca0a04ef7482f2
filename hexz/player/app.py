"""The HTTP side of the player service: routes, limits, and the files of the page."""

from __future__ import annotations

import gzip
import hashlib
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, Final

from flask import Flask, Response, abort, jsonify, request
from werkzeug.exceptions import Forbidden

from hexz.engine import MAX_MOVES, Board
from hexz.errors import IllegalMove, InvalidBoard
from hexz.httpserver import ARRIVED, CLIENT_GONE
from hexz.metrics import registry_of
from hexz.player.desk import answering
from hexz.player.metrics import METRICS
from hexz.player.page import CONTENT_SECURITY_POLICY, CONTENT_TYPES, index_at, page_files
from hexz.player.player import Answer
from hexz.player.service import PlayerService
from hexz.web import (
    add_probes,
    failure,
    is_for_another_site,
    is_loopback,
    limit_waiting,
    read_body,
)
from hexz.wire.suggest import (
    MAX_REQUEST_BYTES,
    InvalidRequest,
    decode_json_request,
    decode_request,
    encode_response,
    json_response,
    load_object,
)

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from hexz.model.outlook import Outlook

PROTOBUF: Final = "application/x-protobuf"
RETRY_SECONDS: Final = 1

_RFC_3339: Final = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)", re.ASCII | re.IGNORECASE
)


def make_app(service: PlayerService) -> Flask:
    """The WSGI application of a service."""
    app = Flask(__name__, static_folder=None)
    app.url_map.merge_slashes = False  # a redirect is no answer to a post
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.before_request(_admit)
    app.wsgi_app = _Answering(app.wsgi_app)  # type: ignore[method-assign]
    app.register_error_handler(Exception, lambda error: _failure(service, error))
    _add_go_routes(app, service)
    _add_page_routes(app, service)
    _add_status_routes(app, service)
    return app


def _admit() -> None:
    """Raises Forbidden if a page of another site asks a player that only this machine reaches."""
    limit_waiting(request.environ)
    is_private = is_loopback(request.environ["SERVER_NAME"])
    if is_private and is_for_another_site(request.environ):
        raise Forbidden(
            "a page of another site may not ask this player; a proxy before it must pass on Host, "
            "or send X-Forwarded-Host"
        )


class _Answering:
    """An application whose answers are measured; see `answering`."""

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        with answering("http"):
            return self._app(environ, start_response)


def _add_go_routes(app: Flask, service: PlayerService) -> None:
    @app.post("/hexz/cpu/suggest")
    def suggest_to_go() -> Response:
        in_protobuf = request.mimetype == PROTOBUF
        body = read_body(request, MAX_REQUEST_BYTES)
        question = decode_request(body) if in_protobuf else decode_json_request(body)
        deadline = request.headers.get("X-Request-Deadline")
        answer = service.suggest(
            question.board,
            seconds=question.seconds,
            simulations=question.simulations,
            deadline=None if deadline is None else _seconds_until(deadline),
            waited=_seconds_since(request.environ.get(ARRIVED)),
            gone=request.environ.get(CLIENT_GONE),
        )
        if in_protobuf:
            content = encode_response(question.board, answer.suggestion)
            return Response(content, content_type=PROTOBUF)
        return jsonify(
            json_response(
                question.board,
                answer.suggestion,
                simulations=answer.simulations,
                depth=answer.depth,
                nodes=answer.nodes,
                seconds=answer.elapsed,
            )
        )


def _add_page_routes(app: Flask, service: PlayerService) -> None:
    app.add_url_rule("/", view_func=lambda: _sent(_packed_index(_address()), "html"))
    app.add_url_rule("/static/<name>", "file", _page_file)

    @app.get("/api/players")
    def players() -> Response:
        return jsonify(
            [
                {"spec": spec, "name": offer.name, "level": offer.level, "elo": offer.elo}
                for spec, offer in service.offers.items()
            ]
        )

    @app.post("/api/suggest")
    def suggest_to_people() -> Response:
        content = load_object(read_body(request, MAX_REQUEST_BYTES))
        spec = content.get("player")
        if spec is None:
            spec = next(iter(service.offers))
        if not isinstance(spec, str) or spec not in service.offers:
            raise InvalidRequest(f"the player must be one of {', '.join(service.offers)}")
        board = _board_after(content.get("board"), content.get("moves"))
        simulations = content.get("simulations")
        if simulations is not None and (type(simulations) is not int or simulations < 1):
            raise InvalidRequest('"simulations" must be a whole number above 0')
        within = content.get("within")
        if within is not None and (type(within) not in (int, float) or not within > 0):
            raise InvalidRequest('"within" must be a number of seconds above 0')
        # First: while an answer is made, others wait for theirs.
        outlook = service.outlook(board) if content.get("outlook") is True else None
        answer = service.suggest(
            board,
            simulations=simulations,
            deadline=within,
            player=service.offers[spec].player,
            gone=request.environ.get(CLIENT_GONE),
        )
        return jsonify(player=spec, outlook=_outlook(outlook), **_answer_to_people(answer))


def _add_status_routes(app: Flask, service: PlayerService) -> None:
    @app.get("/status")
    def status() -> Response:
        return Response(service.status().to_json(), mimetype="application/json")

    # There is no app without its player, so it is ready once it is there.
    add_probes(app, lambda: None, registry_of(METRICS, service.status))


def _seconds_until(deadline: str) -> float:
    """From now to a moment in RFC 3339, with up to nine digits of a second."""
    match = _RFC_3339.fullmatch(deadline.strip())
    if match is None:
        raise InvalidRequest("X-Request-Deadline is not a time as in RFC 3339")
    moment, fraction, zone = match.groups()
    try:
        seconds = datetime.fromisoformat(moment + zone.upper()).timestamp()
    except (ValueError, OverflowError):
        raise InvalidRequest("X-Request-Deadline is not a time as in RFC 3339") from None
    return seconds + float(f"0.{fraction or 0}") - time.time()


def _seconds_since(moment: float | None) -> float:
    """From a moment on the clock of `time.monotonic` until now; 0 if it is not known."""
    return 0.0 if moment is None else time.monotonic() - moment


def _board_after(text: Any, actions: Any) -> Board:
    """The position after the moves of a game, given by their indices."""
    if not isinstance(text, str) or not isinstance(actions, list):
        raise InvalidRequest('"board" must be a text and "moves" a list of numbers')
    if len(actions) > MAX_MOVES or not all(type(action) is int for action in actions):
        raise InvalidRequest(f'"moves" must be at most {MAX_MOVES} whole numbers')
    board = Board.from_text(text)
    for action in actions:
        board.play_index(action)
    return board


def _answer_to_people(answer: Answer) -> dict[str, Any]:
    suggestion = answer.suggestion
    visits = {str(i): int(n) for i, n in enumerate(suggestion.visits) if n}
    return {
        "move": suggestion.move.index,
        "value": suggestion.value,
        "simulations": answer.simulations,
        "elapsed_ms": round(1000 * answer.elapsed, 1),
        "visits": visits,
        "q": {i: float(suggestion.q[int(i)]) for i in visits},
        "priors": {str(i): float(p) for i, p in enumerate(suggestion.priors) if p > 0},
        "pv": [move.index for move in suggestion.principal_variation],
        "margins": answer.margins and {str(m.index): n for m, n in answer.margins.items()},
    }


def _outlook(outlook: Outlook | None) -> dict[str, Any] | None:
    """How a game will end, for the page."""
    if outlook is None:
        return None
    ownership = [round(float(owner), 2) for owner in outlook.ownership]
    return {"ownership": ownership, "margin": round(outlook.margin, 1)}


def _failure(service: PlayerService, error: Exception) -> Response:
    """The answer to a request that failed."""
    status, reason, headers = failure(error, RETRY_SECONDS)
    if isinstance(error, InvalidRequest | InvalidBoard | IllegalMove):
        status, headers = 400, {}
    service.refuse(status)
    return Response(f"{reason}\n", status, headers, mimetype="text/plain")


# --- The page ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _PageFile:
    content: bytes
    zipped: bytes
    digest: str


def _packed(content: bytes) -> _PageFile:
    zipped = gzip.compress(content, mtime=0)
    return _PageFile(content, zipped, hashlib.sha256(content).hexdigest()[:32])


@cache
def _packed_files() -> dict[str, _PageFile]:
    return {name: _packed(content) for name, content in page_files().items()}


@lru_cache(maxsize=8)
def _packed_index(address: str) -> _PageFile:
    return _packed(index_at(address))


def _address() -> str:
    """Where the browser found the page, also behind a proxy that says so."""
    told = {
        part: request.headers.get(f"X-Forwarded-{part}", "").split(",")[0].strip()
        for part in ("Proto", "Host", "Prefix")
    }
    host = told["Host"] or request.host
    return f"{told['Proto'] or request.scheme}://{host}{told['Prefix'].rstrip('/')}/"


def _page_file(name: str) -> Response:
    file = _packed_files().get(name)
    if file is None:
        abort(404)
    return _sent(file, name.rpartition(".")[2])


def _sent(file: _PageFile, kind: str) -> Response:
    """A file of the page. Browsers keep it, and ask each time whether it has changed: its parts
    must be of one version."""
    zip_it = request.accept_encodings.best_match(["gzip"]) is not None
    response = Response(
        file.zipped if zip_it else file.content,
        content_type=CONTENT_TYPES[kind],
        headers={
            "Cache-Control": "no-cache",
            "Content-Security-Policy": CONTENT_SECURITY_POLICY,
            "Vary": "Accept-Encoding",
            "X-Content-Type-Options": "nosniff",
        },
    )
    if zip_it:
        response.headers["Content-Encoding"] = "gzip"
    response.set_etag(f"{file.digest}{'-gzip' if zip_it else ''}")
    response.make_conditional(request)
    return response
