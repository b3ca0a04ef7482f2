"""The doctor: what it finds, what it advises, and what it keeps to itself."""

import threading
import time
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from hexz.checkpoints import open_store
from hexz.doctor import Finding, Places, examine, machine, report, services
from hexz.doctor.report import without_secrets
from hexz.errors import StoreError
from hexz.processor import _from_linux
from hexz.version import __version__

from ..gcs_fixture import GcsEmulator, gcs
from ..redis_server import RedisServer
from ..system.processes import hexzctl

__all__ = ["gcs"]

SECRETS = {
    "HEXZ_AUTH_TOKEN": "token-of-the-fleet",
    "HEXZ_REDIS_URL": "redis://user-name:pass-word@127.0.0.1:1/0",
    "HEXZ_SERVER_URL": "http://visitor:entry-word@127.0.0.1:1",
    "AWS_SECRET_ACCESS_KEY": "key-of-a-cloud",
    "HTTPS_PROXY": "http://proxy-user:proxy-word@127.0.0.1:1",
}
HIDDEN = [
    "token-of-the-fleet", "user-name", "pass-word", "visitor", "entry-word", "key-of-a-cloud",
    "proxy-user", "proxy-word",
]  # fmt: skip


def answering(status, body, **headers):
    """A server that gives one answer to every request; a context of its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response_only(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    class Server(HTTPServer):
        def __enter__(self):
            threading.Thread(target=self.serve_forever, daemon=True).start()
            return f"http://127.0.0.1:{self.server_port}"

        def __exit__(self, *_):
            self.shutdown()
            self.server_close()

    return Server(("127.0.0.1", 0), Handler)


def test_a_report_with_problems_has_no_secrets(tmp_path):
    store = tmp_path / "file" / "store"
    (tmp_path / "file").write_text("")
    result = hexzctl("doctor", "--store", store, **SECRETS, HEXZ_STOR="x")
    assert result.returncode == 1, result.stderr
    text = result.stdout + result.stderr
    assert [hidden for hidden in HIDDEN if hidden in text] == []
    words = " ".join(text.split())
    for name in ("HEXZ_AUTH_TOKEN", "HEXZ_REDIS_URL", "HEXZ_SERVER_URL"):
        assert name in words
    assert "did you mean HEXZ_STORE?" in words
    for topic in ("variables", "Redis", "store", "train server"):
        assert f"-> {topic}" in text
    for topic in ("machine", "processor", "versions", "engine", "network", "devices", "clock"):
        assert f"ok {topic}" in text
    assert "-ffp-contract=off" in text
    for evaluator in ("OpenVINO int8", "OpenVINO float32", "PyTorch float32"):
        assert f"{evaluator} on cpu" in words
    assert __version__ in text
    assert result.stdout.endswith("4 problems found.\n")


def test_all_is_well(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "networks", list)  # seen above
    store = tmp_path / "new" / "store"
    with RedisServer() as redis, answering(403, b"the token of a single worker ...") as url:
        places = Places(
            model_name="tiny", store=str(store), redis_url=redis.url, server_url=url, token="x" * 16
        )
        found = list(examine(places))
    assert [
        finding for finding in found if finding.advice and finding.topic != "train server"
    ] == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (401, b"the token is missing or wrong", "HEXZ_AUTH_TOKEN"),
        (426, b"this worker is hexzctl 0.1.0, the server is 0.2.0", "same version"),
        (200, b"<html>a proxy</html>", "what else listens"),
        (502, b"bad gateway", "what else listens"),
    ],
)
def test_what_is_no_answer_of_a_train_server(status, body, words):
    with answering(status, body) as url:
        finding = services.server(url, None, services.Clocks())
    assert words in finding.advice


@pytest.mark.parametrize(
    ("ahead", "words"), [(0, "agrees with ours"), (-300, "s behind"), (300, "s ahead")]
)
def test_a_clock_that_goes_wrong_is_a_problem(ahead, words):
    clocks = services.Clocks()
    with answering(502, b"", Date=formatdate(time.time() + ahead, usegmt=True)) as url:
        services.server(url, None, clocks)
    finding = clocks.finding()
    assert bool(finding.advice) == bool(ahead)
    assert "the clock of the train server" in finding.text
    assert finding.text.endswith(words)


def test_an_engine_for_another_processor_is_named(monkeypatch):
    monkeypatch.setattr(
        machine, "_ENGINE", "import os, signal; os.kill(os.getpid(), signal.SIGILL)"
    )
    assert "another processor" in machine.engine().advice


def test_the_engine_is_not_looked_for_in_the_current_directory(monkeypatch, tmp_path):
    (tmp_path / "numpy.py").write_text("raise SystemExit('imported from the current directory')")
    monkeypatch.chdir(tmp_path)
    assert not machine.engine().advice


@pytest.mark.parametrize("command", [("doctor",), ("fleet", "list")])
def test_a_token_that_cannot_be_sent_is_named_and_not_shown(tmp_path, command):
    """Such as the content of a file, with the end of its line."""
    sent = "token-of-the-fleet\n"
    with answering(200, b"") as url:
        places = {"HEXZ_SERVER_URL": url, "HEXZ_STORE": str(tmp_path)}
        result = hexzctl(*command, **places, HEXZ_AUTH_TOKEN=sent)
    assert result.returncode == 1
    assert "HEXZ_AUTH_TOKEN" in result.stderr
    assert "token-of-the-fleet" not in result.stdout + result.stderr


def test_what_nobody_has_thought_of_is_a_finding(monkeypatch, tmp_path):
    def fail():
        raise ZeroDivisionError("by zero")

    for name in ("networks", "devices"):
        monkeypatch.setattr(machine, name, fail)
    places = Places("tiny", str(tmp_path), None, None, None)
    found = {finding.topic: finding for finding in examine(places)}
    assert found["devices"].text == "ZeroDivisionError: by zero"
    assert not found["store"].advice


def test_a_store_is_tried_out_and_left_as_it_was(tmp_path, gcs: GcsEmulator, monkeypatch):
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", gcs.url)
    for url in (str(tmp_path / "a" / "b"), f"gs://{gcs.bucket}/doctor"):
        store = open_store(url, "tiny")
        assert abs(store.try_out() - time.time()) < 60
        assert store.list() == []
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_forgets_is_found_out(tmp_path, monkeypatch):
    monkeypatch.setattr("hexz.checkpoints.directory.TRIAL", b"something else")
    with pytest.raises(StoreError, match="something else than was written"):
        open_store(str(tmp_path), "tiny").try_out()


@pytest.mark.parametrize("width", [60, 80, 100])
def test_lines_are_no_wider_than_the_terminal(width):
    finding = Finding("train server", "word " * 50, "advice " * 50)
    assert max(map(len, report(finding, width, {}).splitlines())) <= width


def test_secrets_are_known_by_their_names_and_by_urls():
    environment = {"X_API_KEY": "abcdef", "HOME": "/home/anna", "PLACE": "s3://me:secret@host"}
    text = "abcdef in /home/anna/x: me could not log in with secret at ftp://a:b@host"
    hidden = "*** in ~/x: me could not log in with *** at ftp://***@host"
    assert without_secrets(text, environment) == hidden


INTEL = "processor : 0\nmodel name : Intel(R) Xeon(R)\nflags : avx2 avx512_vnni amx_int8\n\nx: y"
ARM = "processor : 0\nFeatures : fp asimd asimddp i8mm\n"


def test_processors_are_told_apart():
    assert _from_linux(INTEL).kind == "amx"
    assert _from_linux(INTEL.replace("amx_int8", "")).kind == "avx512-vnni"
    assert _from_linux("model name: Old\nflags: avx2 fma").kind == "avx2"
    assert _from_linux(ARM).kind == "other"
    assert _from_linux(ARM).features == ("dot product", "int8 matrices")
