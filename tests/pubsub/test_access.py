"""TLS, passwords and users with few rights, on real Redis servers set up for them."""

import shutil
import subprocess
import threading
from pathlib import Path

import pytest

from hexz.errors import ChannelError
from hexz.pubsub import ModelChannel, PublishedModel

from ..redis_server import RedisServer, skip_without_key_permissions, skip_without_tls

SCRIPT = Path(__file__).parents[2] / "deploy" / "redis-users.sh"
SERVER_URL = "redis://server:open%25sesame@127.0.0.1:{port}"


def as_user(server: RedisServer, credentials: str) -> str:
    return server.url.replace("server:open%25sesame@", f"{credentials}@")


@pytest.fixture
def server_with_users():
    """It has the users of a deployed fleet, and one who may not subscribe."""
    skip_without_key_permissions()
    print_users = ["bash", "-c", '. "$0"; redis_users open%sesame sesame', str(SCRIPT)]
    users = subprocess.run(print_users, capture_output=True, text=True, check=True).stdout
    player = "user player on >sesame resetchannels ~* +@all"
    with RedisServer(f"port {{port}}\n{users}{player}", SERVER_URL) as server:
        yield server


def test_users_need_few_rights(server_with_users):
    server = ModelChannel(server_with_users.url, "tiny")
    worker = ModelChannel(as_user(server_with_users, "worker:sesame"), "tiny")
    for number in range(5):
        server.publish(number, b"model %d" % number)
    assert not server.restore(4, b"model 4")
    notices: list[str] = []
    stop = threading.Event()
    models = worker.follow(stop, notices.append)
    assert next(models).checkpoint == 4
    threading.Timer(0.1, server.publish, (5, b"model 5")).start()
    assert next(models).checkpoint == 5
    assert notices == []
    with pytest.raises(ChannelError, match="permission"):
        worker.publish(6, b"bad model")
    models.close()


def test_a_user_who_may_not_subscribe_still_polls_and_says_so_once(server_with_users, monkeypatch):
    monkeypatch.setattr("hexz.pubsub.channel.POLL_SECONDS", 0.2)
    server = ModelChannel(server_with_users.url, "tiny")
    notices: list[str] = []
    models = ModelChannel(as_user(server_with_users, "player:sesame"), "tiny").follow(
        threading.Event(), notices.append
    )
    server.publish(0, b"model")
    assert next(models).checkpoint == 0
    threading.Timer(1.0, server.publish, (1, b"model")).start()
    assert next(models).checkpoint == 1
    models.close()
    assert len(notices) == 1
    assert "permission" in notices[0]


@pytest.mark.parametrize("user", ["worker", "default", "nobody"])
def test_a_wrong_password_is_one_line_that_does_not_repeat_it(server_with_users, user):
    channel = ModelChannel(as_user(server_with_users, f"{user}:guess%40me"), "tiny")
    with pytest.raises(ChannelError, match="Redis at 127") as error:
        channel.latest()
    assert "guess" not in str(error.value)


def test_a_password_alone():
    directives = "port {port}\nrequirepass sesame"
    with RedisServer(directives, "redis://:sesame@127.0.0.1:{port}") as server:
        channel = ModelChannel(server.url, "tiny")
        channel.publish(1, b"one")
        assert channel.latest() == PublishedModel(1, b"one")
        with pytest.raises(ChannelError, match="user or password"):
            ModelChannel(server.url.replace(":sesame@", ""), "tiny").latest()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> Path:
    """A certificate of 127.0.0.1 signed by itself; its key lies beside it."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("there is no openssl to make a certificate with")
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    subprocess.run(
        [
            openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
            "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
            "-addext", "keyUsage=critical,digitalSignature,keyCertSign",
            "-keyout", path.with_name("key.pem"), "-out", path,
        ],
        check=True,
        capture_output=True,
    )  # fmt: skip
    return path


@pytest.fixture
def tls_server(certificate):
    skip_without_tls()
    directives = (
        f"port 0\ntls-port {{port}}\ntls-cert-file {certificate}\ntls-auth-clients no\n"
        f"tls-key-file {certificate.with_name('key.pem')}\nrequirepass sesame"
    )
    url = f"rediss://:sesame@127.0.0.1:{{port}}?ssl_ca_certs={certificate}"
    with RedisServer(directives, url) as server:
        yield server


def test_models_go_through_tls(tls_server):
    channel = ModelChannel(tls_server.url, "tiny")
    models = channel.follow(threading.Event(), print)
    channel.publish(1, b"one")
    assert next(models) == PublishedModel(1, b"one")
    threading.Timer(0.1, channel.publish, (2, b"x" * 5_000_000)).start()
    assert next(models) == PublishedModel(2, b"x" * 5_000_000)
    models.close()


def test_a_certificate_of_an_unknown_authority_is_refused(tls_server):
    channel = ModelChannel(tls_server.url.partition("?")[0], "tiny")
    with pytest.raises(ChannelError, match=r"(?i)certificate.verify.failed") as error:
        channel.latest()
    assert "sesame" not in str(error.value)
    assert "\n" not in str(error.value)


def test_plain_text_to_a_tls_server_is_an_error(tls_server):
    url = tls_server.url.partition("?")[0].replace("rediss://", "redis://")
    with pytest.raises(ChannelError, match="Redis at 127"):
        ModelChannel(url, "tiny").latest()
