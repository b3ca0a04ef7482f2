"""What deploy/ sets up: secrets that fit together, and variables that the programs know."""

import os
import re
import shutil
import subprocess
import threading
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from hexz.errors import ChannelError
from hexz.pubsub import ModelChannel
from hexz.schema.declaration import Settings, settings_of
from hexz.schema.programs import PlayerConfig, ServerConfig, WorkerConfig

from ..redis_server import RedisServer, skip_without_tls
from .images import REPOSITORY, read_dockerfile

DEPLOY = REPOSITORY / "deploy"
SECRETS = {
    "hexz-auth-token",
    "hexz-redis-conf",
    "hexz-redis-tls",
    "hexz-redis-ca",
    "hexz-redis-url-server",
    "hexz-redis-url-worker",
}

# Keeps secrets as files.
GCLOUD = """#!/bin/sh
case "$2" in
    describe) test -e "$SECRETS/$3" ;;
    create) touch "$SECRETS/$3" ;;
    versions) cat >"$SECRETS/$4" ;;
esac
"""


@pytest.fixture(scope="module")
def secrets(tmp_path_factory) -> Path:
    """A directory of what deploy/secrets.sh stores for a server on this machine."""
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl to make secrets with")
    root = tmp_path_factory.mktemp("secrets")
    (root / "bin").mkdir()
    gcloud = root / "bin" / "gcloud"
    gcloud.write_text(GCLOUD)
    gcloud.chmod(0o755)
    stored = root / "stored"
    stored.mkdir()
    environment = {
        **os.environ,
        "PATH": f"{gcloud.parent}:{os.environ['PATH']}",
        "SECRETS": str(stored),
        "TMPDIR": str(root / "bin"),
    }
    for _ in range(2):
        subprocess.run(
            [DEPLOY / "secrets.sh", "127.0.0.1"], env=environment, check=True, capture_output=True
        )
    assert [path.name for path in (root / "bin").iterdir()] == ["gcloud"]
    return stored


def test_the_secrets_are_there(secrets):
    assert {path.name for path in secrets.iterdir()} == SECRETS
    token = (secrets / "hexz-auth-token").read_text()
    assert len(token) == 64
    assert token.isalnum()
    authority = (secrets / "hexz-redis-ca").read_text()
    assert "PRIVATE KEY" not in authority
    assert (secrets / "hexz-redis-tls").read_text().startswith(authority)


@pytest.fixture
def redis_urls(secrets):
    """Of the two users of a Redis server that runs with these secrets."""
    skip_without_tls()

    def localized(name: str) -> str:
        text = (secrets / name).read_text()
        text = text.replace("/secrets/tls.pem", str(secrets / "hexz-redis-tls"))
        return text.replace("/secrets/redis/ca.pem", str(secrets / "hexz-redis-ca"))

    configuration = localized("hexz-redis-conf").replace("tls-port 6379", "tls-port {port}")
    urls = [localized(f"hexz-redis-url-{user}") for user in ("server", "worker")]
    with RedisServer(configuration, urls[0].replace(":6379", ":{port}")) as server:
        yield [url.replace("6379", str(urlsplit(server.url).port)) for url in urls]


def test_models_reach_workers_with_these_secrets_and_workers_cannot_change_them(redis_urls):
    server, worker = (ModelChannel(url, "flagz") for url in redis_urls)
    models = worker.follow(threading.Event(), pytest.fail)
    for number in range(5):
        server.publish(number, b"model")
        assert next(models).checkpoint == number
    assert not server.restore(4, b"model")
    models.close()
    with pytest.raises(ChannelError, match="permission"):
        worker.publish(5, b"bad model")


def test_scripts_can_be_started():
    """tests/system/test_manifests.py looks at what is in them."""
    for script in DEPLOY.rglob("*.sh"):
        assert os.access(script, os.X_OK) == script.read_text().startswith("#!")


def test_scripts_and_the_job_use_the_secrets_that_are_made():
    for path in (DEPLOY / "server-startup.sh", DEPLOY / "worker-job.yaml"):
        assert set(re.findall(r"hexz-(?:auth|redis)-[a-z-]+", path.read_text())) <= SECRETS


def variables_of(kind: type[Settings]) -> set[str]:
    return {known.variable for known in settings_of(kind)}


def test_every_variable_is_known_to_its_program():
    server = variables_of(ServerConfig)
    settings = (DEPLOY / "server.env").read_text() + (DEPLOY / "server-startup.sh").read_text()
    assert set(re.findall(r"(?m)(?:^#?|\\n)([A-Z_]+)=", settings)) <= server | {"PROJECT", "IMAGE"}
    images = read_dockerfile()
    unknown = set(images["server"].environment) - server
    assert unknown == {"PYTHONUNBUFFERED", "TORCH_INDEX"}

    worker = variables_of(WorkerConfig)
    job = re.findall(r"- name: ([A-Z_]+)\n", (DEPLOY / "worker-job.yaml").read_text())
    assert set(job) == {
        "HEXZ_SERVER_URL", "HEXZ_DEVICE", "HEXZ_MAX_SECONDS", "HEXZ_REDIS_URL", "HEXZ_AUTH_TOKEN"
    }  # fmt: skip
    assert set(job) <= worker


def test_every_variable_of_the_player_is_known_to_it():
    known = variables_of(PlayerConfig)
    service = re.findall(r"- name: ([A-Z_]+)\n", (DEPLOY / "player-service.yaml").read_text())
    assert set(service) == {"HEXZ_MODEL_PATH", "HEXZ_PLAYER"}
    assert set(service) <= known
    assert set(read_dockerfile()["player"].environment) - known == {"PYTHONUNBUFFERED"}


def test_a_worker_ends_before_cloud_run_ends_it():
    job = (DEPLOY / "worker-job.yaml").read_text()
    seconds = int(re.search(r'HEXZ_MAX_SECONDS\n +value: "(\d+)"', job)[1])
    assert seconds + 60 <= int(re.search(r"timeoutSeconds: (\d+)", job)[1])
