"""The HTTP side of the player service, without a server."""

import base64
import gzip
import json
import random
import re
import shlex
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from hexz.engine import Board, Move
from hexz.engine.endgame import solve
from hexz.httpserver import CLIENT_GONE
from hexz.player.app import make_app
from hexz.player.levels import LEVELS
from hexz.player.page import CONTENT_SECURITY_POLICY, CONTENT_TYPES, own_text, page_files
from hexz.player.service import MAX_SECONDS, PlayerService, offered
from hexz.player.spec import parse_spec
from hexz.schema.programs import PlayerConfig
from hexz.version import __version__
from hexz.wire import hexz_pb2 as pb
from hexzctl.serve_player import opponent

from ..conftest import TESTS
from ..states import encode_board
from ..waiting import wait_until
from .positions import assert_think_time_is_kept, forced, game, played, solvable, solved_game

GO, PEOPLE = "/hexz/cpu/suggest", "/api/suggest"
MILLISECOND = 1_000_000


@pytest.fixture(scope="module")
def client(service: PlayerService) -> FlaskClient:
    return make_app(service).test_client()


def question(board: Board, milliseconds: float = 20, **changes: Any) -> dict[str, Any]:
    state = base64.b64encode(encode_board(board)).decode()
    return {
        "maxThinkTime": round(milliseconds * MILLISECOND), "gameEngineState": state, **changes
    }  # fmt: skip


def rfc3339(seconds_from_now: float) -> str:
    moment = datetime.now(UTC) + timedelta(seconds=seconds_from_now)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f") + "789Z"


# --- The Go server of 2023 -----------------------------------------------------------------------


@pytest.mark.parametrize("board", [Board.random(1), game(2)[20], game(3)[45], forced()])
def test_an_answer_has_all_that_the_go_server_shows(client, board):
    answer = client.post(GO, json=question(board, 200))
    assert answer.status_code == 200, answer.text
    assert answer.content_type == "application/json"
    move, stats = answer.json["move"], answer.json["stats"]
    assert move.keys() == {"move", "row", "col", "type"}
    assert move["move"] == board.move_number
    assert to_move(move["type"], move["row"], move["col"]) in board.legal_moves()
    assert stats.keys() == {
        "Iterations", "MaxDepth", "TreeSize", "LeafNodes", "BranchNodes", "VisitCounts", "Elapsed",
        "Moves",
    }  # fmt: skip
    assert stats["Iterations"] >= 0  # a kept tree may have decided it
    assert stats["Elapsed"] > 0
    tried = {to_move(m["CellType"], m["Row"], m["Col"]): m for m in stats["Moves"]}
    assert set(tried) <= set(board.legal_moves())
    for entry in tried.values():
        assert entry.keys() == {"Row", "Col", "CellType", "U", "Q", "Iterations"}
        assert 0 <= entry["U"] <= 1
        assert 0 <= entry["Q"] <= 1
        assert entry["Iterations"] >= 1
    assert stats["LeafNodes"][1] + stats["BranchNodes"][1] == len(tried)
    visits = stats["VisitCounts"][1]
    total = sum(int(number) * count for number, count in visits.items())
    assert total == sum(entry["Iterations"] for entry in tried.values())


def test_think_time_is_kept(client):
    asked = question(Board.random(5), 500)
    assert_think_time_is_kept(lambda: client.post(GO, json=asked), seconds=0.5)


def test_a_deadline_ends_thinking_earlier(client):
    started = time.monotonic()
    header = {"X-Request-Deadline": rfc3339(0.4)}
    answer = client.post(GO, json=question(Board.random(5), 30_000), headers=header)
    assert answer.status_code == 200
    assert 0.3 < time.monotonic() - started < 2


def test_a_later_deadline_changes_nothing(client):
    header = {"X-Request-Deadline": rfc3339(3600)}
    answer = client.post(GO, json=question(Board.random(5), 50), headers=header)
    assert answer.json["stats"]["Elapsed"] < 1000 * MILLISECOND


@pytest.mark.parametrize("zone", ["Z", "z", "+00:00"])
@pytest.mark.parametrize("fraction", ["", ".5", ".123456789"])
def test_deadlines_are_in_rfc_3339(client, zone, fraction):
    header = {"X-Request-Deadline": f"2099-12-31T23:59:59{fraction}{zone}"}
    answer = client.post(GO, json=question(Board.random(5), 1), headers=header)
    assert answer.status_code == 200


def test_a_deadline_that_is_over_is_refused_at_once(client):
    header = {"X-Request-Deadline": rfc3339(-1)}
    answer = client.post(GO, json=question(Board.random(5), 30_000), headers=header)
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert "deadline" in answer.text


@pytest.mark.parametrize(
    "deadline",
    ["", "soon", "1700000000", "2099-12-31", "2099-12-31T23:59:59", "2099-13-31T23:59:59Z",
     "2099-12-31T23:59:59.1234567890Z", "2099-12-31 23:59:59Z"],
)  # fmt: skip
def test_other_deadlines_are_bad(client, deadline):
    header = {"X-Request-Deadline": deadline}
    answer = client.post(GO, json=question(Board.random(5), 1), headers=header)
    assert answer.status_code == 400
    assert "RFC 3339" in answer.text


def test_separated_territories_are_answered_at_once(client):
    board = solvable()
    answer = client.post(GO, json=question(board, 30_000)).json
    solution = solve(board)
    assert solution is not None
    assert to_move(*(answer["move"][key] for key in ("type", "row", "col"))) == solution.move
    assert answer["stats"]["Iterations"] == 0
    assert answer["stats"]["Elapsed"] < 5000 * MILLISECOND
    shares = {(np.sign(margin) + 1) / 2 for margin in solution.values.values()}
    assert {entry["Q"] for entry in answer["stats"]["Moves"]} == shares


@pytest.mark.parametrize("missing", [{}, {"maxThinkTime": 0}])
def test_without_think_time_the_player_takes_its_own(client, missing):
    asked = question(forced(), 0)
    del asked["maxThinkTime"]
    assert client.post(GO, json=asked | missing).status_code == 200


# --- People --------------------------------------------------------------------------------------


def test_a_limit_of_simulations_deepens_a_search_step_by_step(client):
    position = {"board": Board.random(91).to_text(), "moves": [], "player": "model@64"}
    depths = [
        sum(client.post(PEOPLE, json={**position, "simulations": 16}).json["visits"].values())
        for _ in range(3)
    ]
    assert depths[0] < depths[1] < depths[2]
    beyond = client.post(PEOPLE, json={**position, "simulations": 10_000}).json
    assert beyond["simulations"] <= 64
    for wrong in (0, -1, "7", 1.5, True):
        answer = client.post(PEOPLE, json={**position, "simulations": wrong})
        assert answer.status_code == 400, wrong


def test_the_outlook_is_told_where_it_is_asked_for_and_known(client):
    position = {"board": Board.random(92).to_text(), "moves": [], "player": "model@64"}
    assert client.post(PEOPLE, json=position).json["outlook"] is None
    asked = client.post(PEOPLE, json={**position, "outlook": True}).json
    assert asked["outlook"] is None  # the network of the tests has no heads for it


def test_players_are_offered_without_telling_where_they_are(client, tiny_model):
    players = client.get("/api/players").json
    specs = [player["spec"] for player in players]
    assert specs[0] == "model@800"
    assert {"model@64", "uct:2000", "random"} < set(specs)
    assert len(specs) == len(set(specs))
    assert all(player["name"] for player in players)
    levels = sorted((p for p in players if p["level"]), key=lambda player: player["level"])
    assert [player["name"] for player in levels] == [level.name.capitalize() for level in LEVELS]
    assert not any(player["elo"] for player in players)  # they are of the network that ships
    assert str(tiny_model) not in json.dumps(players)


@pytest.mark.parametrize(
    ("player", "specs"),
    [
        ("uct:500", ["uct:500", "uct:32000", "uct:2000", "random"]),
        ("uct", ["uct:32000", "uct:2000", "random"]),
        ("random", ["uct:32000", "uct:2000", "random"]),
    ],
)
def test_without_a_network_other_players_are_offered(player, specs):
    service = PlayerService(PlayerConfig(player=player))
    assert list(service.offers) == specs
    answer = make_app(service).test_client().post(GO, json=question(Board.random(1), 20))
    assert answer.status_code == 200


def test_the_player_that_serves_is_offered_first(tiny_model):
    service = PlayerService(PlayerConfig(player=f"gumbel:{tiny_model}@16"))
    assert list(service.offers)[:2] == ["gumbel@16", "model@800"]
    service.close()


@pytest.mark.parametrize("player", ["beginner", "glance@33"])
def test_a_player_that_does_not_search_is_offered_and_does_not_analyse(player, tiny_model):
    served = PlayerConfig(player=player, model=str(tiny_model))
    with closing(PlayerService(served)) as service:
        content = {"board": Board.random(1).to_text(), "moves": [], "simulations": 50}
        answer = make_app(service).test_client().post(PEOPLE, json=content).json
        assert (answer["player"], answer["simulations"]) == ("model@800", 50)
        assert service.status().player in service.offers


@pytest.mark.parametrize(
    ("player", "name", "spec"),
    [
        ("model", "the champion", "model@2400"),
        ("beginner", "the champion", "model@2400"),
        ("random", "random", "random"),
        ("uct:50", "uct:50", "uct:50"),
        ("uct", "uct:32000", "uct:32000"),
        ("cmd:true --flag@2s", "cmd:true --flag@2s", "cmd@2s"),
    ],
)
def test_the_page_is_opened_against_somebody_who_is_offered(player, name, spec):
    assert opponent(player) == (name, spec)
    assert spec in map(str, offered(parse_spec(player, allow_programs=True)))


@pytest.mark.parametrize("player", ["model@64", "uct:2000", "random", None])
def test_people_get_moves_and_the_search_behind_them(client, player):
    board = game(4)[10]
    moves = [m.index for m in played(game(4)[:11])]
    content = {"board": game(4)[0].to_text(), "moves": moves, "player": player}
    answer = client.post(PEOPLE, json=content).json
    legal = {move.index for move in board.legal_moves()}
    assert answer["move"] in legal
    assert answer["player"] == (player or "model@800")
    assert -1 <= answer["value"] <= 1
    assert {int(action) for action in answer["visits"]} <= legal
    assert answer["q"].keys() == answer["visits"].keys()
    assert answer["pv"][0] == answer["move"]
    assert answer["elapsed_ms"] >= 0
    if player == "model@64":
        assert answer["simulations"] == sum(answer["visits"].values()) == 64
        assert sum(answer["priors"].values()) == pytest.approx(1, abs=1e-3)
        assert {int(action) for action in answer["priors"]} == legal


def test_people_are_told_the_points_after_each_move_of_a_solution(client):
    boards = solved_game()
    solution, moves = solve(boards[-1]), [move.index for move in played(boards)]
    content = {"board": boards[0].to_text(), "moves": moves, "player": "model@64"}
    margins = client.post(PEOPLE, json=content).json["margins"]
    assert margins == {str(move.index): points for move, points in solution.values.items()}
    assert client.post(PEOPLE, json=content | {"moves": moves[:4]}).json["margins"] is None


START = Board.random(1).to_text()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({}, "player|board"),
        ({"board": 7, "moves": []}, "text"),
        ({"board": START}, "list"),
        ({"board": START, "moves": "0"}, "list"),
        ({"board": START, "moves": [1.5]}, "whole"),
        ({"board": START, "moves": [True]}, "whole"),
        ({"board": START, "moves": [0] * 106}, "105"),
        ({"board": START, "moves": [-1]}, "action"),
        ({"board": START, "moves": [10**30]}, "action"),
        ({"board": START, "moves": [19]}, "does not exist"),
        ({"board": START, "moves": [0]}, "player 1"),
        ({"board": START, "moves": [110]}, "player 1"),
        ({"board": START[:-1], "moves": []}, "105"),
        ({"board": "?" * 105, "moves": []}, "board|character"),
        ({"board": START, "moves": [], "player": "uct:1000000000"}, "one of"),
        ({"board": START, "moves": [], "player": "model:/etc/passwd@800"}, "one of"),
        ({"board": START, "moves": [], "player": ["random"]}, "one of"),
    ],
)
def test_what_the_rules_do_not_allow_is_bad(client, content, reason):
    answer = client.post(PEOPLE, json=content)
    assert answer.status_code == 400
    assert answer.mimetype == "text/plain"
    assert re.search(reason, answer.text), answer.text


@pytest.mark.parametrize("within", ["NaN", "-Infinity", "0", "true", '"1"'])
def test_a_time_that_is_none_is_bad(client, within):
    text = f'{{"board": "{START}", "moves": [], "within": {within}}}'
    answer = client.post(PEOPLE, data=text)
    assert (answer.status_code, "within" in answer.text) == (400, True)


@pytest.mark.parametrize("within", ["1" + "0" * 400, "1e300", "Infinity"])
def test_a_time_of_any_length_is_enough(client, within):
    text = f'{{"board": "{START}", "moves": [], "player": "random", "within": {within}}}'
    assert client.post(PEOPLE, data=text).status_code == 200


def test_a_finished_game_has_no_next_move(client):
    boards = game(1)
    moves = [m.index for m in played(boards)]
    answer = client.post(PEOPLE, json={"board": boards[0].to_text(), "moves": moves})
    assert (answer.status_code, "over" in answer.text) == (400, True)
    answer = client.post(GO, json=question(boards[-1]))
    assert (answer.status_code, "over" in answer.text) == (400, True)


# --- Bad input -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "JSON"),
        (b"\xff\xfe", "JSON"),
        (b"[" * 50_000, "JSON"),
        (b"[]", "object"),
        (b"NaN", "object"),
        (b"{}", "gameEngineState"),
        (b'{"maxThinkTime": 1, "gameEngineState": 5}', "text"),
        (b'{"maxThinkTime": 1, "gameEngineState": "%%%"}', "base64"),
        (b'{"maxThinkTime": 1, "gameEngineState": "\xc3\xa4"}', "base64"),
        (b'{"maxThinkTime": 1, "gameEngineState": ""}', "not of Flagz but empty"),
        (b'{"maxThinkTime": 1, "gameEngineState": "AAAA"}', "GameEngineState"),
    ],
)
def test_bad_bodies_are_explained(client, body, reason):
    for path in (GO, PEOPLE) if reason in ("JSON", "object") else (GO,):
        answer = client.post(path, data=body)
        assert answer.status_code == 400
        assert reason in answer.text


@pytest.mark.parametrize("time", [-1, 1.5, "5", None, True, [], 1e400])
def test_think_time_is_a_number_of_nanoseconds(client, time):
    answer = client.post(GO, json=question(Board.random(1), maxThinkTime=time))
    assert answer.status_code == 400
    assert "nanoseconds" in answer.text


def test_endless_think_time_is_cut(client):
    asked = question(forced(), maxThinkTime=10**400)
    assert client.post(GO, json=asked).status_code == 200


def test_long_bodies_are_not_read(client):
    for path in (GO, PEOPLE):
        assert client.post(path, data=b" " * 200_000).status_code == 413


def test_other_paths_and_methods(client):
    assert client.get("/nothing").status_code == 404
    assert client.get("/static/../app.py").status_code == 404
    assert client.get("/static/pictures.py").status_code == 404
    answer = client.get(GO)
    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]


def test_a_thousand_malformed_bodies_never_break_it(client, service):
    """Bytes changed, fields changed, texts cut: refused with a reason, or a legal move."""
    rng = random.Random(1)
    boards = [game(5)[i] for i in (0, 15, 40)]
    statuses = set()
    for i in range(1000):
        board = boards[i % 3]
        match i % 5:
            case 0:
                body = mutated(json.dumps(question(board, 0.01)).encode(), rng)
            case 1:
                state = mutated(encode_board(board), rng)
                body = json.dumps(
                    {"maxThinkTime": 10_000, "gameEngineState": base64.b64encode(state).decode()}
                ).encode()
            case 2:
                body = json.dumps(contradiction(board, rng)).encode()
            case 3:
                body = mutated(b'{"board": "%s", "moves": [0, 3], "player": "random"}'
                               % START.encode(), rng)  # fmt: skip
            case _:
                body = rng.randbytes(rng.randrange(300))
        answer = client.post(PEOPLE if i % 5 == 3 else GO, data=body)
        statuses.add(answer.status_code)
        assert answer.status_code in (200, 400), (answer.status_code, answer.text, body)
        if answer.status_code == 400:
            assert 5 < len(answer.text) < 1000
    assert statuses == {200, 400}
    assert 500 not in service.status().refused


def mutated(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8))):
        place = rng.randrange(len(changed))
        match rng.randrange(4):
            case 0:
                changed[place] = rng.randrange(256)
            case 1:
                changed[place] ^= 1 << rng.randrange(8)
            case 2:
                del changed[place : place + rng.randrange(1, 20)]
            case _:
                changed[place:place] = rng.randbytes(rng.randrange(1, 5))
        changed = changed or bytearray(b"{")
    return bytes(changed)


def contradiction(board: Board, rng: random.Random) -> dict[str, Any]:
    """A question whose state has one wrong number."""
    state = pb.GameEngineState.FromString(encode_board(board))
    message = state.flagz.board
    field = rng.choice(message.flat_fields)
    value = rng.choice((-1, 0, 1, 2, 3, 6, 2**31 - 1))
    match rng.randrange(8):
        case 0:
            message.turn = value
        case 1:
            message.move = value
        case 2:
            message.score[rng.randrange(2)] = value
        case 3:
            field.owner = value
        case 4:
            field.value = value
        case 5:
            state.flagz.free_cells = value
        case 6:
            message.resources[0].num_pieces[rng.randrange(8)] = value
        case _:
            field.next_val[rng.randrange(2)] = value
    data = base64.b64encode(state.SerializeToString()).decode()
    return {"maxThinkTime": 10_000, "gameEngineState": data}


# --- Load ----------------------------------------------------------------------------------------


def test_overload_is_said_at_once_and_passes(service, client, monkeypatch):
    """Searches go on here until as many questions are refused as must be."""
    monkeypatch.setattr("hexz.player.loop.MAX_SEARCHES", 4)
    boards = [Board.random(seed) for seed in range(8)]
    barrier, gone = threading.Barrier(8), threading.Event()

    def ask(board: Board) -> tuple[int, float, str | None]:
        asker = make_app(service).test_client()
        barrier.wait()
        started = time.monotonic()
        answer = asker.post(GO, json=question(board, 60_000), environ_overrides={CLIENT_GONE: gone})
        return answer.status_code, time.monotonic() - started, answer.headers.get("Retry-After")

    with ThreadPoolExecutor(8) as threads:
        asked = [threads.submit(ask, board) for board in boards]
        try:
            wait_until(lambda: sum(each.done() for each in asked) >= 4)
        finally:
            gone.set()
    answers = [each.result() for each in asked]
    assert sorted(status for status, _, _ in answers) == [200] * 4 + [503] * 4
    assert all(again and took < 1 for status, took, again in answers if status == 503)
    assert client.post(GO, json=question(boards[0])).status_code == 200


def test_no_page_of_another_site_has_a_private_player_think(client):
    asked = {"board": Board.random(5).to_text(), "moves": [], "simulations": 1}

    def status(address="127.0.0.1", path=PEOPLE, **headers):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        bound = {"SERVER_NAME": address}
        body = asked if path == PEOPLE else question(Board.random(5))
        return client.post(path, json=body, headers=named, environ_overrides=bound).status_code

    for path in (GO, PEOPLE):
        assert status(path=path, Sec_Fetch_Site="cross-site") == 403
        assert status(path=path, Origin="http://evil.example") == 403
        assert status(path=path, Sec_Fetch_Site="same-origin", Origin="https://a.example") == 200
        assert status(path=path, Origin="http://localhost") == 200
        assert status(path=path) == 200
    # What others reach, they may ask; and its proxy may call it by another name than they do.
    assert status("10.1.2.3", Origin="http://games.example") == 200
    links = {"Sec-Fetch-Site": "same-site"}  # from the status page of a train server
    assert client.get("/", headers=links).status_code == 200


# --- The page ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(page_files()))
def test_files_of_the_page_are_zipped_and_kept(client, name):
    path = "/" if name == "index.html" else f"/static/{name}"
    plain = client.get(path)
    zipped = client.get(path, headers={"Accept-Encoding": "gzip, br"})
    if name != "index.html":  # of which the next test tells
        assert plain.data == page_files()[name]
    assert gzip.decompress(zipped.data) == plain.data
    assert zipped.headers["Content-Encoding"] == "gzip"
    for answer in (plain, zipped):
        assert answer.headers["Content-Security-Policy"] == CONTENT_SECURITY_POLICY
        assert answer.headers["Vary"] == "Accept-Encoding"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.mimetype in CONTENT_TYPES[name.rpartition(".")[2]]
    kept = {"Accept-Encoding": "gzip", "If-None-Match": zipped.headers["ETag"]}
    again = client.get(path, headers=kept)
    assert (again.status_code, again.data) == (304, b"")


def test_the_picture_of_a_preview_has_its_whole_address(client):
    def picture(headers=None):
        page = client.get("/", base_url="http://flagz.example:8080", headers=headers).text
        return re.search('"og:image" content="(.*?)"', page)[1]

    assert picture() == "http://flagz.example:8080/static/preview.png"
    proxy = {"Proto": "https, http", "Host": "games.example", "Prefix": "/flagz"}
    told = {f"X-Forwarded-{part}": value for part, value in proxy.items()}
    assert picture(told) == "https://games.example/flagz/static/preview.png"
    told["X-Forwarded-Host"] = 'a"><script>'
    assert "&quot;&gt;&lt;script&gt;" in picture(told)


def test_the_page_waits_longer_than_any_search_takes():
    [wait] = re.findall(r"LONGEST_MS = ([\d_]+);", own_text("server.js"))
    assert int(wait) >= 1000 * MAX_SECONDS + 10_000


def test_the_page_is_small(client):
    sizes = [
        len(client.get(f"/static/{name}", headers={"Accept-Encoding": "gzip"}).data)
        for name in page_files()
        if name not in ("preview.png", "rules.html")  # loaded later
    ]
    assert sum(sizes) < 50_000


# --- The state -----------------------------------------------------------------------------------


def test_the_status_tells_what_is_served(client, tiny_model):
    client.post(GO, json=question(Board.random(77)))
    client.post(GO, data=b"nonsense")
    status = client.get("/status").json
    assert status["version"] == __version__
    assert status["player"] == "model"
    assert status["answers"]["searched"] >= 1
    assert status["refused"]["400"] >= 1
    assert status["model"]["name"] == "tiny"
    assert status["model"]["checkpoint"] == 0
    assert status["model"]["evaluations"] >= status["simulations"] / 2 > 0
    assert status["model"]["searches"] == 0
    assert status["model"]["trees"]["count"] >= 1


def test_probes_answer(client):
    for path in ("/healthz", "/readyz"):
        assert client.get(path).status_code == 200


def test_metrics_agree_with_the_status(client):
    client.post(GO, json=question(Board.random(78)))
    families = {f.name: f for f in text_string_to_metric_families(client.get("/metrics").text)}
    status = client.get("/status").json
    answers = {s.labels["how"]: s.value for s in families["hexz_player_answers"].samples}
    assert answers == status["answers"]
    assert families["hexz_player_checkpoint"].samples[0].value == 0
    assert families["hexz_player_simulations"].samples[0].value == status["simulations"]


def to_move(kind: int, row: int, col: int) -> Move:
    return Move({0: "normal", 5: "flag"}[kind], row, col)  # type: ignore[arg-type]


# --- Programs of others --------------------------------------------------------------------------


def program_of(*words: object) -> PlayerConfig:
    return PlayerConfig(player=f"cmd:{shlex.join(map(str, (sys.executable, *words)))}@30s")


def test_a_program_answers_the_go_server_and_people() -> None:
    with closing(PlayerService(program_of(TESTS.parent / "docs" / "engine.py"))) as service:
        client = make_app(service).test_client()
        board = game(2)[20]
        answer = client.post(GO, json=question(board, 20_000))
        assert answer.status_code == 200, answer.text
        move = answer.json["move"]
        board.play(Move("flag" if move["type"] == 5 else "normal", move["row"], move["col"]))
        first, *others = client.get("/api/players").json
        assert (first["spec"], first["name"]) == ("cmd@30s", "greedy")
        assert {other["spec"] for other in others} == {"uct:32000", "uct:2000", "random"}
        text = Board.random(1).to_text()
        answer = client.post(PEOPLE, json={"board": text, "moves": [], "player": "cmd@30s"})
        assert answer.status_code == 200, answer.text
        assert client.get("/status").json["player"] == "cmd@30s"
        for pages in ("/status", "/api/players", "/metrics"):
            assert "engine.py" not in client.get(pages).text


def test_a_program_that_fails_fails_that_request_and_is_started_again(tmp_path, monkeypatch):
    monkeypatch.setattr("hexz.player.program.LONGEST_WAIT", 0.0)
    bad = program_of(TESTS / "player" / "bad_engine.py", "crash", tmp_path / "was here")
    with closing(PlayerService(bad)) as service:
        client = make_app(service).test_client()
        answer = client.post(GO, json=question(Board.random(1), 20_000))
        assert (answer.status_code, answer.text) == (503, "bad 1.0 ended with exit code 3\n")
        assert client.post(GO, json=question(Board.random(1), 20_000)).status_code == 200


@pytest.mark.parametrize("spec", ["cmd:true", "cmd:true@1s", "cmd", "cmd@1s"])
def test_a_request_cannot_name_a_program(client, spec):
    text = Board.random(1).to_text()
    answer = client.post(PEOPLE, json={"board": text, "moves": [], "player": spec})
    assert answer.status_code == 400
    assert "the player must be one of" in answer.text
