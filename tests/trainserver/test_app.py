"""The HTTP side of the train server: every status code, and who may see what."""

import base64
import hashlib
import hmac
import json
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient
from msgspec.structs import replace
from prometheus_client.parser import text_string_to_metric_families
from werkzeug.test import TestResponse, create_environ

from hexz.model.checkpoint import decode_checkpoint
from hexz.schema.fleet import ConductOrder, Heartbeat, Orders
from hexz.schema.status import JournalStatus, ServerStatus
from hexz.trainserver import service as service_module
from hexz.trainserver.app import make_app
from hexz.trainserver.metrics import _worker_demand
from hexz.trainserver.posting import Posting
from hexz.trainserver.remote import RemoteServer
from hexz.trainserver.service import TrainingService
from hexz.version import __version__
from hexz.web import AT_ONCE
from hexz.wire import hexz_pb2 as pb
from hexz.wire.arrays import pack
from hexz.wire.example import decode_example, encode_game
from hexz.wire.game import encode_compact
from tests.games import finished_games

from ..small_server import SmallServer
from ..waiting import wait_until
from .conftest import running_service, tiny_config

TOKEN = "a-secret-of-24-characters"  # noqa: S105
EXAMPLES, GAMES, HEARTBEAT = "/training/examples", "/training/games", "/training/heartbeat"
COMPACT_GAMES = "/training/compact-games"
CONDUCT = "/training/workers?worker="
MODEL = "/models/flagz/checkpoints/0"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@dataclass
class Early:
    """What a server answered before it was ready."""

    service: TrainingService
    answers: dict[str, TestResponse]


@pytest.fixture(scope="module")
def started(tmp_path_factory, games) -> Iterator[Early]:
    """One server for all of these tests, with a minibatch that is never full."""
    config = tiny_config(tmp_path_factory.mktemp("server"), minibatch_size=1_000_000)
    with running_service(config) as service:
        client = make_app(service).test_client()
        answers = {
            path: client.get(path) for path in ("/healthz", "/readyz", "/status", "/metrics")
        }
        answers[MODEL] = client.get(MODEL)
        answers[EXAMPLES] = client.post(EXAMPLES, data=games[0][0])
        answers[HEARTBEAT] = client.post(HEARTBEAT, data=heartbeat())
        wait_until(lambda: service.checkpoint is not None)
        yield Early(service, answers)


@pytest.fixture
def service(started) -> TrainingService:
    return started.service


@pytest.fixture
def app(service) -> Flask:
    return make_app(service)


@pytest.fixture
def client(app) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def guarded(service, monkeypatch) -> FlaskClient:
    """A client of the same server with a token."""
    monkeypatch.setattr(service, "config", replace(service.config, auth_token=TOKEN))
    return make_app(service).test_client()


def heartbeat(**changes: object) -> str:
    message = Heartbeat(
        worker="w1", version=__version__, model_name="flagz", checkpoint=None, device="",
        processes=2, games=3, evaluations=400, examples=50, pending=6, seconds=8.0,
    )  # fmt: skip
    return replace(message, **changes).to_json().decode()


def reason(answer: TestResponse) -> str:
    """The reason of a refusal, which is one line of plain text."""
    assert answer.mimetype == "text/plain"
    assert answer.text.endswith("\n")
    assert answer.text.count("\n") == 1
    return answer.text


# --- Before it is ready ----------------------------------------------------------------------


def test_a_server_that_is_not_ready_says_so(started):
    for path in ("/readyz", EXAMPLES, HEARTBEAT):
        answer = started.answers[path]
        assert answer.status_code == 503, path
        assert int(answer.headers["Retry-After"]) > 0
        assert "not loaded yet" in reason(answer)
    assert started.answers["/healthz"].status_code == 200
    assert started.answers[MODEL].status_code == 404
    status = started.answers["/status"].json
    assert (status["ready"], status["checkpoint"]) == (False, None)
    shown = {f.name for f in text_string_to_metric_families(started.answers["/metrics"].text)}
    assert {"hexz_ready", "hexz_workers", "hexz_examples_accepted"} <= shown
    assert not {"hexz_limit", "hexz_checkpoint", "hexz_loss"} & shown, "of no checkpoint"


def test_a_server_that_is_ready_says_so(client):
    assert client.get("/readyz").status_code == 200
    assert client.get("/healthz").status_code == 200


# --- Examples --------------------------------------------------------------------------------


def test_an_example_is_taken_once(client, games):
    first, again = (client.post(EXAMPLES, data=games[1][0]) for _ in range(2))
    assert (first.status_code, first.json) == (200, {"checkpoint": 0, "accepted": 1})
    assert (again.status_code, again.json) == (200, {"checkpoint": 0, "accepted": 0})


def ask_at_once(app: Flask, body: bytes = b"", **request: str) -> tuple[bytes, str] | None:
    """What the thread answers that reads for all clients; None if it leaves that to others."""
    given: list[str] = []
    environ = create_environ(**({"path": EXAMPLES, "method": "POST"} | request), data=body)
    chunks = app.extensions[AT_ONCE](environ, lambda status, _: given.append(status))
    return None if chunks is None else (b"".join(chunks), given[0])


def test_sound_examples_are_taken_at_once_and_nothing_else_is(app, service, guarded, games):
    assert ask_at_once(app, games[13][0]) == (b'{"checkpoint":0,"accepted":1}\n', "200 OK")
    assert ask_at_once(app, games[13][0]) == (b'{"checkpoint":0,"accepted":0}\n', "200 OK")
    assert ask_at_once(app, games[13][1][:-1]) is None
    assert ask_at_once(app, encode_game(games[14]), path=GAMES) is None
    assert ask_at_once(app, method="GET") is None
    assert ask_at_once(guarded.application, games[13][1]) is None
    service.vetting.order("unnamed", ConductOrder(quarantined=True, reason="a test"))
    assert ask_at_once(app, games[13][1]) is None  # to set it aside takes a disk
    service.vetting.order("unnamed", ConductOrder(quarantined=False, reason="a test"))
    assert ask_at_once(app, games[13][1]) is not None


def test_a_game_is_taken_once_and_its_examples_are_known_then(client, games):
    body = encode_game(games[2])
    first, again = (client.post(GAMES, data=body) for _ in range(2))
    assert (first.status_code, first.json["accepted"]) == (200, len(games[2]))
    assert (again.status_code, again.json["accepted"]) == (200, 0)
    assert client.post(EXAMPLES, data=games[2][5]).json["accepted"] == 0


def test_a_compact_game_is_taken_once_with_all_its_examples(client):
    game = finished_games(1, seed=3)[0]
    body = encode_compact(game, game_id="compact-1", model_name="flagz", unix_micros=1)
    before = client.get("/status").json["journal"]["waiting"]
    first, again = (client.post(COMPACT_GAMES, data=body) for _ in range(2))
    assert (first.status_code, first.json["accepted"]) == (200, len(game.actions))
    assert (again.status_code, again.json["accepted"]) == (200, 0)
    assert client.get("/status").json["journal"]["waiting"] == before + len(game.actions)
    # A reader that does not know what a newer version says cannot know that it is sound.
    newer = pb.CompactGame.FromString(body)
    newer.version = 2
    answer = client.post(COMPACT_GAMES, data=newer.SerializeToString())
    assert answer.status_code == 400
    assert "1 is the newest that is known" in reason(answer)


def test_a_game_whose_first_examples_came_one_by_one_is_completed(client, games):
    for body in games[3][:2]:
        client.post(EXAMPLES, data=body)
    answer = client.post(GAMES, data=encode_game(games[3]))
    assert answer.json["accepted"] == len(games[3]) - 2


def changed(body: bytes, **values: object) -> bytes:
    message = pb.NumpyExample.FromString(body)
    for name, value in values.items():
        setattr(message, name, value)
    return bytes(message.SerializeToString())


def of_model(body: bytes, name: str, checkpoint: int) -> bytes:
    message = pb.NumpyExample.FromString(body)
    message.model_key.name, message.model_key.checkpoint = name, checkpoint
    return bytes(message.SerializeToString())


def test_what_is_malformed_or_impossible_is_refused_with_the_reason(client, games):
    body = games[4][20]
    pickled = b"\x80\x04\x95\x1f\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94"
    example = decode_example(body)
    policy = example.policy.copy()
    policy[~example.legal_mask] = 0.1
    illegal = changed(body, move_probs=pack(policy.reshape(2, 11, 10)))
    nan = changed(body, move_probs=pack(np.full((2, 11, 10), np.nan, np.float32)))
    wrong_planes = changed(body, board=pack(np.zeros((11, 11, 9), np.float32)))
    for bad, words in (
        (b"", "has no"),
        (b"hello", "not a NumpyExample"),
        (body[:-40], "cut off"),
        (body + b"\xff", "not a NumpyExample"),
        (changed(body, board=pickled), "board"),
        (wrong_planes, "board"),
        (nan, "policy has a number that is not finite"),
        (illegal, "policy"),
        (changed(body, result=-example.result or 1), "result"),
        (changed(body, move=example.move_number + 1), ""),
        (of_model(body, "other", 0), "the server trains flagz"),
        (of_model(body, "flagz", 1), "there is no checkpoint 1 yet"),
    ):
        answer = client.post(EXAMPLES, data=bad)
        assert answer.status_code == 400, words
        assert words in reason(answer)
    assert client.post(GAMES, data=encode_game(games[4][1:])).status_code == 400
    assert client.post(GAMES, data=encode_game(games[4][:-1])).status_code == 400
    assert client.post(EXAMPLES, data=body).json["accepted"] == 1


@pytest.mark.parametrize(("path", "limit"), [(EXAMPLES, 1 << 16), (GAMES, 1 << 20)])
def test_a_body_that_is_too_large_is_refused_before_it_is_read(client, path, limit):
    answer = client.post(path, data=bytes(limit + 1))
    assert answer.status_code == 413
    assert str(limit) in reason(answer)
    assert client.post(path, data=bytes(limit)).status_code == 400


def test_a_full_backlog_makes_clients_wait(client, service, games, monkeypatch):
    client.post(EXAMPLES, data=games[5][0])
    full = replace(service.config, minibatch_size=1, max_backlog=1)
    monkeypatch.setattr(service, "config", full)
    for path, body in ((EXAMPLES, games[5][1]), (GAMES, encode_game(games[5]))):
        answer = client.post(path, data=body)
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) > 0
        assert "wait for training" in reason(answer)
    monkeypatch.undo()
    assert client.post(EXAMPLES, data=games[5][1]).json["accepted"] == 1


def test_unknown_places_and_methods(client):
    assert client.get("/nothing").status_code == 404
    answer = client.put("/status")
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]
    assert client.get(EXAMPLES).status_code == 405
    reason(answer)


def test_a_bug_is_a_500_that_tells_no_details(service, monkeypatch, caplog):
    def broken(body: bytes, owner: str | None) -> None:
        raise RuntimeError("secret details")

    monkeypatch.setattr(service, "accept_example", broken)
    answer = make_app(service).test_client().post(EXAMPLES, data=b"x")
    assert answer.status_code == 500
    assert "secret details" not in reason(answer)
    assert "secret details" in caplog.text


# --- Who may -----------------------------------------------------------------------------------


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def basic(password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"me:{password}".encode()).decode()}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        bearer("wrong"),
        bearer(""),
        bearer(TOKEN[:-1]),
        bearer(TOKEN + "x"),
        bearer("ä" * 24),
        basic("wrong"),
        {"Authorization": "Basic !!!"},
        {"Authorization": f"Digest {TOKEN}"},
        {"Authorization": TOKEN},
        {"Authorization": "Bearer"},
    ],
)
def test_without_the_token_nothing_is_served(guarded, games, headers):
    for method, path in (
        ("GET", "/status"), ("GET", "/"), ("GET", "/metrics"), ("GET", MODEL), ("GET", "/nothing"),
        ("POST", EXAMPLES), ("POST", GAMES), ("POST", HEARTBEAT),
    ):  # fmt: skip
        answer = guarded.open(path, method=method, headers=headers, data=games[6][0])
        assert answer.status_code == 401, path
        assert answer.headers["WWW-Authenticate"].startswith("Basic ")
        assert "HEXZ_AUTH_TOKEN" in reason(answer)


@pytest.mark.parametrize("headers", [bearer(TOKEN), basic(TOKEN)])
def test_with_the_token_everything_is_served(guarded, headers):
    for path in ("/status", "/", "/metrics", MODEL):
        assert guarded.get(path, headers=headers).status_code == 200
    assert guarded.post(HEARTBEAT, data=heartbeat(), headers=headers).status_code == 200
    assert guarded.post(EXAMPLES, data=b"x", headers=headers).status_code == 400


def test_health_needs_no_token(guarded):
    assert guarded.get("/healthz").status_code == 200
    assert guarded.get("/readyz").status_code == 200


def test_the_comparison_takes_as_long_for_every_token(guarded, monkeypatch):
    compared = []
    original = hmac.compare_digest

    def compare(a: bytes, b: bytes) -> bool:
        compared.append((a, b))
        return original(a, b)

    monkeypatch.setattr(hmac, "compare_digest", compare)
    guarded.get("/status", headers=bearer("wrong"))
    guarded.get("/status", headers=bearer(TOKEN))
    with_shared = [pair for pair in compared if pair[1] == TOKEN.encode()]
    assert with_shared == [(b"wrong", TOKEN.encode()), (TOKEN.encode(), TOKEN.encode())]
    assert len(compared) == 3  # the wrong one also with the token of a worker that there is not


@pytest.mark.parametrize("address", ["0.0.0.0", "10.1.2.3", "::", "a-host", ""])  # noqa: S104
def test_an_address_that_others_reach_needs_a_token(client, guarded, service, address, monkeypatch):
    bound = {"environ_overrides": {"SERVER_NAME": address}}
    # The fixture `guarded` changes the configuration of what is made from now on only.
    answer = client.get("/status", **bound)
    assert answer.status_code == 403
    assert "HEXZ_AUTH_TOKEN" in reason(answer)
    assert client.get("/healthz", **bound).status_code == 200
    assert guarded.get("/status", **bound, headers=bearer(TOKEN)).status_code == 200
    open_to_all = replace(service.config, auth_token=None, allow_unauthenticated=True)
    monkeypatch.setattr(service, "config", open_to_all)
    assert make_app(service).test_client().get("/status", **bound).status_code == 200


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.9.10", "::1", "localhost"])
def test_a_loopback_address_needs_none(client, address):
    answer = client.get("/status", environ_overrides={"SERVER_NAME": address})
    assert answer.status_code == 200


OTHER_SITES = (
    {"Sec-Fetch-Site": "cross-site", "Origin": "http://evil.example"},
    {"Sec-Fetch-Site": "same-site", "Origin": "http://localhost:3000"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Origin": "http://evil.example"},
    {"Origin": "http://localhost:3000"},
    {"Origin": "null"},
    {"Origin": "file://"},
)


@pytest.mark.parametrize("headers", OTHER_SITES)
@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3"])
def test_no_page_of_another_site_posts_for_its_visitor(
    app, client, guarded, games, headers, address
):
    """Also if the browser knows the token, as it does once it was asked for it."""
    bound = {"SERVER_NAME": address}
    for path, body in (
        (EXAMPLES, games[18][0]), (GAMES, encode_game(games[18])), (HEARTBEAT, heartbeat()),
        (CONDUCT + "unnamed", ConductOrder(quarantined=True, reason="x").to_json()),
    ):  # fmt: skip
        for visitor, shown in ((client, {}), (guarded, basic(TOKEN))):
            answer = visitor.post(
                path, data=body, headers=headers | shown, environ_overrides=bound,
                content_type="application/json",
            )  # fmt: skip
            assert answer.status_code == 403, path
            reason(answer)
    assert ask_at_once(app, games[18][0], headers=headers) is None


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "same-origin", "Origin": "https://fleet.example"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "http://localhost"},
        {"Origin": "http://fleet.example", "X-Forwarded-Host": "fleet.example, proxy"},
    ],
)
def test_a_page_of_the_server_itself_may_post_behind_a_proxy_too(client, headers):
    assert client.post(HEARTBEAT, data=heartbeat(), headers=headers).status_code == 200


def test_links_of_other_sites_lead_here(client):
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Accept": BROWSER}
    assert client.get("/status", headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200), ("localhost:8080", 200), ("127.0.0.1:8080", 200), ("127.8.9.10", 200),
        ("[::1]", 200), ("[::1]:8080", 200), ("evil.example:8080", 403), ("evil.example", 403),
        ("localhost.evil.example", 403), ("127.0.0.1.evil.example", 403), ("10.0.0.1", 403),
        ("[::1", 403), ("[::2]:80", 403), ("a:b:c", 403), ("", 403), ("\xff", 403),
    ],
)  # fmt: skip
def test_without_a_token_no_name_leads_here_that_somebody_else_owns(
    client, guarded, service, games, host, status, monkeypatch
):
    """Its owner's pages would be of the same site as the server."""
    named = {"headers": {"Host": host}}
    assert client.get("/status", **named).status_code == status
    answer = client.post(EXAMPLES, data=games[19][0], **named)
    assert answer.status_code == status
    if status == 403:
        assert "HEXZ_AUTH_TOKEN" in reason(answer)
    assert client.get("/readyz", **named).status_code == 200
    assert guarded.get("/status", headers={"Host": host} | bearer(TOKEN)).status_code == 200
    open_to_all = replace(service.config, auth_token=None, allow_unauthenticated=True)
    monkeypatch.setattr(service, "config", open_to_all)
    assert make_app(service).test_client().get("/status", **named).status_code == 200


def test_a_worker_of_another_version_is_told_what_to_install(client, games):
    answer = client.post(HEARTBEAT, data=heartbeat(version="99.1.0"))
    assert answer.status_code == 426
    assert f"install hexzctl {__version__}" in reason(answer)
    for agent, status in (
        ("hexzctl/99.1.0", 426), (f"hexzctl/{__version__}", 200), ("curl/8.0", 200),
        ("hexzctl", 200), ("", 200),
    ):  # fmt: skip
        answer = client.post(EXAMPLES, data=games[7][0], headers={"User-Agent": agent})
        assert answer.status_code == status, agent


def test_refusals_and_tokens_leave_no_trace_in_the_log(guarded, games, caplog):
    with caplog.at_level(logging.DEBUG):
        guarded.get("/status", headers=bearer("a-wrong-token"))
        guarded.get("/status", headers=bearer(TOKEN))
        guarded.post(EXAMPLES, data=b"x", headers=basic(TOKEN))
        content = guarded.get("/status", headers=bearer(TOKEN)).text
    for text in (caplog.text, content):
        assert TOKEN not in text
        assert "a-wrong-token" not in text


# --- Heartbeats --------------------------------------------------------------------------------


def test_a_heartbeat_is_answered_with_orders(client):
    answer = client.post(HEARTBEAT, data=heartbeat())
    orders = Orders.from_json(answer.data)
    assert orders.settings.search.simulations == 32


@pytest.mark.parametrize("body", ["", "[]", "{}", "{" * 5000, json.dumps({"worker": 1}), "\0"])
def test_a_malformed_heartbeat_is_refused(client, body):
    answer = client.post(HEARTBEAT, data=body)
    assert answer.status_code == 400
    reason(answer)


def test_a_worker_of_another_model_is_refused(client):
    answer = client.post(HEARTBEAT, data=heartbeat(model_name="rocks"))
    assert answer.status_code == 400
    assert "'flagz', not 'rocks'" in reason(answer)


def test_a_large_heartbeat_is_refused(client):
    assert client.post(HEARTBEAT, data=bytes(1 << 15)).status_code == 413


def test_only_workers_of_this_machine_learn_of_the_private_redis(client, service):
    def redis_url(address: str, **headers: str) -> str | None:
        answer = client.post(
            HEARTBEAT, data=heartbeat(), headers=headers,
            environ_overrides={"REMOTE_ADDR": address},
        )  # fmt: skip
        return Orders.from_json(answer.data).redis_url

    assert (redis_url("127.0.0.1") or "").startswith("redis://:")
    assert redis_url("10.0.0.1") is None
    assert redis_url("127.0.0.1", **{"X-Forwarded-For": "10.0.0.1"}) is None


def test_a_server_that_does_not_keep_up_orders_compact_games(client, service, monkeypatch):
    monkeypatch.setattr(service, "_posting", Posting(service.counters.accepted))
    monkeypatch.setattr(service_module, "LOOK_SECONDS", 0.0)

    def orders(**changes: object) -> tuple[str, int]:
        answer = client.post(HEARTBEAT, data=heartbeat(**changes)).json
        return answer["settings"]["post"], answer["compact_games"]

    assert orders(pending=100) == ("examples", 1)
    assert orders(pending=4000) == ("games", 1)
    assert client.get("/status").json["settings"]["post"] == "games"


def test_waiting_workers_are_to_post_games_unless_they_do(client, service, games, monkeypatch):
    monkeypatch.setattr(service, "_workers", {})
    client.post(HEARTBEAT, data=heartbeat(worker="waiting", seconds=10.0, waited=0.0))
    client.post(HEARTBEAT, data=heartbeat(worker="waiting", seconds=20.0, waited=9.0))
    client.post(EXAMPLES, data=games[0][0])
    limit = client.get("/status").json["limit"]
    assert limit["part"] == "server"
    assert "wait 90 % of the time" in limit["text"]
    assert "--post games" in limit["text"]
    game = finished_games(1)[0]
    body = encode_compact(game, game_id="run1-0", model_name="flagz", unix_micros=1)
    assert client.post(COMPACT_GAMES, data=body).status_code == 200
    assert "--post games" not in client.get("/status").json["limit"]["text"]


def test_heartbeats_do_not_look_at_all_workers_each(client, service, monkeypatch):
    looks = []
    monkeypatch.setattr(service_module, "LOOK_SECONDS", 1000.0)
    monkeypatch.setattr(service, "_looked", -1000.0)
    monkeypatch.setattr(service, "_workers", {})
    monkeypatch.setattr(service._posting, "update", lambda workers: looks.append(len(workers)))
    for number in range(20):
        client.post(HEARTBEAT, data=heartbeat(worker=f"of-many-{number}"))
    assert len(looks) == 1
    monkeypatch.setattr(service_module, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(service_module, "WORKER_SECONDS", 0.0)
    client.post(HEARTBEAT, data=heartbeat(worker="the last"))
    assert looks[1:] == [1]
    assert service._workers.keys() == {(None, "the last")}


def test_workers_are_shown_until_they_are_silent(client, monkeypatch):
    for name in ("w1", "w2"):
        client.post(HEARTBEAT, data=heartbeat(worker=name, checkpoint=0, device="torch on cpu"))
    workers = {worker["worker"]: worker for worker in client.get("/status").json["workers"]}
    assert workers.keys() == {"w1", "w2"}
    assert workers["w2"]["examples"] == 50
    assert workers["w2"]["device"] == "torch on cpu"
    assert workers["w2"]["last_seen_seconds"] < 30
    assert samples(client)["hexz_workers"] == 2
    assert samples(client)["hexz_worker_evaluations_per_second"] == 100
    monkeypatch.setattr(service_module, "WORKER_SECONDS", -1.0)
    assert client.get("/status").json["workers"] == []


def test_no_claim_of_a_worker_breaks_the_status(client, service, monkeypatch):
    monkeypatch.setattr(service, "_workers", {})
    largest = dict.fromkeys(("evaluations", "games", "pending", "processes"), 2**63 - 1)
    for number in range(2):
        body = heartbeat(worker=f"liar-{number}", seconds=1e-300, **largest)
        assert client.post(HEARTBEAT, data=body).status_code == 200
    status = ServerStatus.from_json(client.get("/status").data)
    assert [worker.evaluations_per_second for worker in status.workers] == [0.0, 0.0]


def test_a_worker_of_its_own_token_takes_no_place_of_another(client, guarded, service, monkeypatch):
    monkeypatch.setattr(service, "_workers", {})
    shown = bearer(service.tokens.add("mallory"))
    client.post(HEARTBEAT, data=heartbeat(games=3))
    guarded.post(HEARTBEAT, data=heartbeat(games=9999), headers=shown)
    service.tokens.revoke("mallory")
    assert [worker["games"] for worker in client.get("/status").json["workers"]] == [3, 9999]


def test_as_many_workers_as_anybody_names_take_bounded_memory(client, service, monkeypatch):
    monkeypatch.setattr(service, "_workers", {})
    monkeypatch.setattr(service_module, "MAX_WORKERS", 3)
    for name in ("a", "b", "c", "a", "d"):
        client.post(HEARTBEAT, data=heartbeat(worker=name))
    workers = client.get("/status").json["workers"]
    assert [worker["worker"] for worker in workers] == ["c", "a", "d"]


# --- What it tells -----------------------------------------------------------------------------


def samples(client: FlaskClient) -> dict[str, float]:
    """The metrics without labels, by name."""
    return {
        sample.name: sample.value
        for family in text_string_to_metric_families(client.get("/metrics").text)
        for sample in family.samples
        if not sample.labels
    }


def test_a_browser_gets_a_page_and_programs_get_json(client):
    for path in ("/", "/status"):
        answers = [client.get(path, headers={"Accept": kind}) for kind in (BROWSER, "*/*")]
        assert [answer.mimetype for answer in answers] == ["text/html", "application/json"]
        assert [answer.headers["Vary"] for answer in answers] == ["Accept", "Accept"]
        for accept in ("application/json", ""):
            assert client.get(path, headers={"Accept": accept}).mimetype == "application/json"


def test_the_page_may_run_its_own_code_only(client):
    answer = client.get("/status", headers={"Accept": "text/html"})
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    for tag, directive in (("style", "style-src"), ("script", "script-src")):
        (text,) = re.findall(f"<{tag}[^>]*>(.*?)</{tag}>", answer.text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}'" in policy
        assert len(text) > 500
    assert not re.search(r"\son\w+=|style=|src=", answer.text)


def test_the_status_counts(client, games):
    before = client.get("/status").json
    client.post(EXAMPLES, data=games[8][0])
    client.post(EXAMPLES, data=games[8][0])
    client.post(EXAMPLES, data=b"?")
    after = client.get("/status").json
    assert after["examples"]["accepted"] == before["examples"]["accepted"] + 1
    assert after["examples"]["duplicates"] == before["examples"]["duplicates"] + 1
    assert after["examples"]["refused"]["400"] == before["examples"]["refused"].get("400", 0) + 1
    assert "NumpyExample" in after["examples"]["last_refusal"]
    assert after["journal"]["waiting"] == before["journal"]["waiting"] + 1
    assert after["problems"] == []
    assert (after["ready"], after["checkpoint"], after["version"]) == (True, 0, __version__)
    metrics = samples(client)
    assert metrics["hexz_examples_accepted_total"] == after["examples"]["accepted"]
    assert metrics["hexz_examples_waiting"] == after["journal"]["waiting"]
    assert (metrics["hexz_ready"], metrics["hexz_checkpoint"], metrics["hexz_problems"]) == (
        1,
        0,
        0,
    )


def test_models_are_served(client, service):
    answer = client.get(MODEL)
    assert answer.mimetype == "application/octet-stream"
    assert decode_checkpoint(answer.data, origin="the server").number == 0
    for path in (
        "/models/flagz/checkpoints/1",
        "/models/rocks/checkpoints/0",
        "/models/flagz/checkpoints/x",
        "/models/flagz/checkpoints/" + "9" * 5000,
        "/models/../checkpoints/0",
    ):
        assert client.get(path).status_code == 404, path[:50]


# --- Single workers ----------------------------------------------------------------------------


@pytest.fixture
def alice(service) -> Iterator[str]:
    """The own token of a worker."""
    yield service.tokens.add("alice")
    service.tokens.revoke("alice")


def test_the_token_of_a_worker_opens_what_workers_need(guarded, alice, games):
    shown = bearer(alice)
    assert guarded.post(HEARTBEAT, data=heartbeat(), headers=shown).status_code == 200
    assert guarded.post(EXAMPLES, data=games[20][0], headers=shown).status_code == 200
    assert guarded.get(MODEL, headers=shown).status_code == 200
    for path in ("/status", "/metrics", "/"):
        answer = guarded.get(path, headers=shown)
        assert (answer.status_code, "single worker" in reason(answer)) == (403, True)
    order = {"quarantined": False, "reason": "me"}
    assert guarded.post(CONDUCT + "alice", json=order, headers=shown).status_code == 403


def test_the_shared_token_makes_nobody_a_worker_that_has_its_own(guarded, service, alice, games):
    """Nor are its examples set aside because of that worker."""
    guarded.post(HEARTBEAT, data=heartbeat(), headers=bearer(alice))
    service.vetting.order("alice", ConductOrder(quarantined=True, reason="nonsense"))
    for number, body in enumerate(games[22][:2]):
        message = pb.NumpyExample.FromString(body)
        message.game_id, message.example_id = "alice-1", f"alice-1-{number}"
        data = message.SerializeToString()
        assert guarded.post(EXAMPLES, data=data, headers=bearer(TOKEN)).json["accepted"] == 1
    beat = guarded.post(HEARTBEAT, data=heartbeat(worker="alice"), headers=bearer(TOKEN))
    assert Orders.from_json(beat.data).notice is None
    service.vetting.order("alice", ConductOrder(quarantined=False, reason="a test"))


def test_a_revoked_token_opens_nothing_at_once(guarded, service, games):
    token = service.tokens.add("bob")
    service.tokens.revoke("bob")
    assert guarded.post(EXAMPLES, data=games[20][0], headers=bearer(token)).status_code == 401


def test_a_worker_in_quarantine_is_taken_again_when_it_is_released(
    guarded, service, alice, games, caplog
):
    """Its examples wait meanwhile, and nothing is lost."""
    shown, admin = bearer(alice), bearer(TOKEN)
    guarded.post(HEARTBEAT, data=heartbeat(), headers=shown)
    order = {"quarantined": True, "reason": "nonsense"}
    assert guarded.post(CONDUCT + "alice", json=order, headers=admin).status_code == 200
    accepted = service.counters.accepted.total
    body = encode_game(games[21])
    for _ in range(2):
        answer = guarded.post(GAMES, data=body, headers=shown)
        assert (answer.status_code, answer.json["accepted"]) == (200, 0)
    assert service.counters.accepted.total == accepted
    notice = Orders.from_json(guarded.post(HEARTBEAT, data=heartbeat(), headers=shown).data).notice
    assert "nonsense" in notice
    status = guarded.get("/status", headers=admin).json
    (conduct,) = (worker for worker in status["conduct"] if worker["worker"] == "alice")
    assert (conduct["state"], conduct["set_aside"]) == ("quarantined", len(games[21]))
    assert any("alice is quarantined: nonsense" in problem for problem in status["problems"])
    metrics = guarded.get("/metrics", headers=admin).text
    assert f"hexz_examples_set_aside {len(games[21])}.0" in metrics
    assert "hexz_workers_quarantined 1.0" in metrics

    order = {"quarantined": False, "reason": "a mistake"}
    assert guarded.post(CONDUCT + "alice", json=order, headers=admin).status_code == 200
    wait_until(lambda: service.counters.accepted.total == accepted + len(games[21]))
    wait_until(lambda: not service.vetting.quarantine.examples)
    assert guarded.post(GAMES, data=body, headers=shown).json["accepted"] == 0
    assert alice not in caplog.text


def test_many_workers_in_quarantine_are_one_problem(client, service):
    names = [f"liar-{number}" for number in range(3)]
    for name in names:
        service.vetting.take_heartbeat(name, 128)
        service.vetting.order(name, ConductOrder(quarantined=True, reason="nonsense"))
    problems = service.problems()
    for name in names:
        service.vetting.order(name, ConductOrder(quarantined=False, reason="a test"))
    assert problems == ["3 workers are quarantined: see `hexzctl fleet list`"]
    assert service.problems() == []


def test_a_bug_is_a_problem_and_does_not_end_the_taking_again(service, monkeypatch, caplog):
    def fail() -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(service_module, "READMIT_SECONDS", 0.01)
    with monkeypatch.context() as patch:
        patch.setattr(service.vetting.quarantine, "released", fail)
        wait_until(service.problems)
        assert service.problems() == ["released examples wait: RuntimeError: a bug"]
        assert "Traceback" in caplog.text
    wait_until(lambda: not service.problems())


@pytest.mark.parametrize("name", ["rack/1", "/", "..", ".", "a%2Fb", "a b&worker=c#d?e", "ä-1"])
def test_a_worker_is_ordered_about_whatever_its_name(guarded, service, name):
    guarded.post(HEARTBEAT, data=heartbeat(worker=name), headers=bearer(TOKEN))
    with SmallServer(guarded.application).running() as server:
        remote = RemoteServer(server.root, TOKEN)
        for quarantined in (True, False):
            remote.order(name, ConductOrder(quarantined=quarantined, reason="a test"))
            assert service.vetting.quarantine.verdict(name).quarantined == quarantined


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"data": "quarantined=1"}, 415),
        ({"json": {"quarantined": "yes", "reason": "x"}}, 400),
        ({"json": {"quarantined": True, "reason": ""}}, 400),
        ({"json": {"quarantined": True, "reason": "x"}}, 404),
    ],
)
def test_orders_that_cannot_be_followed(client, sent, status):
    """A form of another page in the browser cannot send JSON."""
    answer = client.post(CONDUCT + "nobody", **sent)
    assert (answer.status_code, bool(reason(answer))) == (status, True)


@pytest.mark.parametrize(("waiting", "demand"), [(0, 2.0), (500, 2.0), (2000, 1.0), (9000, 0.5)])
def test_more_workers_are_wanted_while_training_waits_for_examples(waiting, demand):
    journal = JournalStatus(
        waiting=waiting, open_batch=0, sealed_batches=0, minibatch_size=1000, max_backlog=64
    )
    assert _worker_demand(journal) == demand
