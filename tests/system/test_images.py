"""The images, without Docker: what they install is installed, and their commands run, in clean
directories and environments."""

import contextlib
import re
import shlex
import signal
import subprocess
import sysconfig
import time
import venv
from importlib.metadata import Distribution, PackageNotFoundError, distributions, requires
from pathlib import Path

import pytest
import urllib3
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from hexz.pubsub import ModelChannel

from .. import reaper
from ..dataset.files import write_zip
from ..games import game_examples
from ..redis_server import RedisServer, free_port
from .images import Stage, copy_context, read_dockerfile
from .processes import TIMEOUT

pytestmark = pytest.mark.soak  # a minute for the wheel alone, which test_package builds as well

STAGES = read_dockerfile()
TOKEN = "a-token-of-this-test"  # noqa: S105
CLOUD_RUN_SECONDS = 10.0
"""Cloud Run kills a container so long after SIGTERM."""


def required(stage: Stage, wheels: Path) -> list[str]:
    """What a stage has pip install, but for our wheel."""
    files = re.findall(r"--requirement /wheels/(\S+)", " ".join(stage.install))
    return [line for name in files for line in (wheels / name).read_text().splitlines()]


def with_dependencies(requirements: list[str]) -> set[str]:
    """Names of the packages that pip installs for these requirements."""
    waiting = [Requirement(text) for text in requirements]
    seen: set[str] = set()
    while waiting:
        requirement = waiting.pop()
        if str(requirement) in seen:
            continue
        seen.add(str(requirement))
        with contextlib.suppress(PackageNotFoundError):  # pip will say so
            for text in requires(requirement.name) or ():
                child = Requirement(text)
                extras = [{"extra": extra} for extra in ("", *requirement.extras)]
                if child.marker is None or any(map(child.marker.evaluate, extras)):
                    waiting.append(child)
    return {canonicalize_name(Requirement(text).name) for text in seen}


class Image:
    """An environment into which a stage's commands have installed, and in which it runs.

    In place of the package index there are those packages of this environment that the given
    requirements bring along, and no others.
    """

    def __init__(self, root: Path, stage: Stage, wheels: Path, requirements: list[str]) -> None:
        self.root, self.stage, self.wheels = root, stage, wheels
        venv.create(root / "venv", with_pip=False, symlinks=True)
        self.bin = root / "venv" / "bin"
        packages = root / "packages"
        packages.mkdir()
        names = with_dependencies(["pip", *requirements])
        for distribution in distributions(path=[sysconfig.get_path("purelib")]):
            if canonicalize_name(distribution.name) in names:
                self._link(distribution, packages)
        target = sysconfig.get_path("purelib", vars={"base": str(root / "venv")})
        Path(target, "packages.pth").write_text(f"{packages}\n")

    def _link(self, distribution: Distribution, packages: Path) -> None:
        for name in {file.parts[0] for file in distribution.files or ()}:
            source = Path(str(distribution.locate_file(name)))
            link = packages / name
            if name not in ("..", "__pycache__") and not link.is_symlink() and source.exists():
                link.symlink_to(source)
        for entry_point in distribution.entry_points.select(group="console_scripts"):
            self._add_command(entry_point.name, entry_point.value)

    def _add_command(self, name: str, target: str) -> None:
        module, _, function = target.partition(":")
        script = self.bin / name
        script.write_text(
            f"#!{self.bin / 'python'}\nimport sys\nfrom {module} import {function} as main\n"
            "if __name__ == '__main__':\n    sys.exit(main())\n"
        )
        script.chmod(0o755)

    def install(self, directory: Path) -> None:
        """Runs the commands of the stage in a directory."""
        for line in self.stage.install:
            # What is deleted to make an image smaller is not ours here, but linked to.
            command = line.partition(" && find ")[0]
            result = subprocess.run(
                ["/bin/sh", "-ec", command.replace("/wheels", str(self.wheels))],
                cwd=directory,
                env={**self.environment(), "PIP_NO_INDEX": "1"},
                capture_output=True,
                text=True,
                check=False,
            )
            assert result.returncode == 0, f"{command}\n{result.stdout}{result.stderr}"

    def environment(self, **variables: str) -> dict[str, str]:
        """Nothing but the image's own variables, these, and what ends its processes with the tests;
        /data is a directory of ours."""
        own = {
            k: v.replace("/data", str(self.root / "data"))
            for k, v in self.stage.environment.items()
        }
        system = {"PATH": f"{self.bin}:/usr/bin:/bin", "HOME": "/nonexistent"}
        return {**system, **reaper.mark(), **own, **variables}

    def start(self, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        """Starts the entry point in an empty directory; errors go to the file `errors`."""
        directory = self.root / "run"
        directory.mkdir(exist_ok=True)
        with (self.root / "errors").open("w") as errors:
            return subprocess.Popen(
                [self.bin / self.stage.entrypoint[0], *self.stage.entrypoint[1:], *arguments],
                cwd=directory,
                env=self.environment(**variables),
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )

    @property
    def errors(self) -> str:
        return (self.root / "errors").read_text()


@pytest.fixture(scope="module")
def wheels(tmp_path_factory) -> Path:
    """Built as the stage `build` does, from what Docker would see."""
    root = tmp_path_factory.mktemp("build")
    wheels = root / "wheels"
    wheels.mkdir()
    (root / "source").mkdir()
    copy_context(root / "source")
    Image(root, STAGES["build"], wheels, ["setuptools", "cython"]).install(root / "source")
    (wheels / "constraints.txt").write_bytes((root / "source" / "constraints.txt").read_bytes())
    return wheels


@pytest.fixture(scope="module")
def server_image(wheels, tmp_path_factory) -> Image:
    root = tmp_path_factory.mktemp("server")
    (root / "data").mkdir()
    image = Image(root, STAGES["server"], wheels, required(STAGES["server"], wheels))
    image.install(root / "data")
    return image


@pytest.fixture(scope="module")
def worker_image(wheels, tmp_path_factory) -> Image:
    root = tmp_path_factory.mktemp("worker")
    image = Image(root, STAGES["worker"], wheels, required(STAGES["worker"], wheels))
    image.install(root)
    return image


@pytest.fixture(scope="module")
def player_image(wheels, tmp_path_factory) -> Image:
    root = tmp_path_factory.mktemp("player")
    image = Image(root, STAGES["player"], wheels, required(STAGES["player"], wheels))
    image.install(root)
    return image


class RunningServer:
    """The server image, running beside a Redis server."""

    def __init__(self, image: Image, redis_url: str) -> None:
        self.image, self.redis_url = image, redis_url
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        variables = {"PORT": str(port), "HEXZ_REDIS_URL": redis_url, "HEXZ_AUTH_TOKEN": TOKEN}
        self.process = image.start(**variables)
        self._http = urllib3.PoolManager(retries=False, timeout=TIMEOUT)

    def get(self, path: str, token: str = TOKEN) -> urllib3.BaseHTTPResponse:
        headers = {"Authorization": f"Bearer {token}"}
        return self._http.request("GET", self.url + path, headers=headers)

    def wait_for(self, condition) -> None:
        wait_for(self.process, self.image, condition)


def wait_for(process: subprocess.Popen[str], image: Image, condition) -> None:
    deadline = time.monotonic() + TIMEOUT
    while True:
        try:
            if condition():
                return
        except urllib3.exceptions.HTTPError:
            pass
        assert process.poll() is None, image.errors
        assert time.monotonic() < deadline, image.errors
        time.sleep(0.1)


@pytest.fixture
def server(server_image, redis_server):
    server = RunningServer(server_image, redis_server.url)
    with server.process:
        try:
            server.wait_for(lambda: server.get("/readyz").status == 200)
            yield server
        finally:
            server.process.kill()


def assert_ends_in_good_order(process: subprocess.Popen[str], seconds: float) -> None:
    started = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(TIMEOUT) == 0
    assert time.monotonic() - started < seconds


@pytest.mark.parametrize("name", ["server", "worker", "player"])
def test_images_run_one_process_that_gets_signals_and_is_not_root(name):
    """No shell is between: it would not pass SIGTERM on."""
    stage = STAGES[name]
    assert stage.entrypoint[0] == "hexzctl"
    assert stage.user.isdigit()
    assert int(stage.user) >= 1000


def test_the_server_image_serves(server, redis_server: RedisServer):
    assert server.get("/status").status == 200
    assert server.get("/status", "a-wrong-token-of-this-test").status == 401
    assert server.get("/healthz").status == 200
    channel = ModelChannel(redis_server.url, "flagz")
    server.wait_for(lambda: channel.latest() is not None)
    data = server.image.root / "data"
    assert sorted(path.name for path in data.iterdir()) == ["journal", "models", "quarantine"]
    assert list((server.image.root / "run").iterdir()) == []
    assert_ends_in_good_order(server.process, 30)
    assert "Traceback" not in server.image.errors


def test_the_worker_image_plays_for_the_server_in_int8(server, worker_image):
    worker = worker_image.start(
        HEXZ_SERVER_URL=server.url,
        HEXZ_REDIS_URL=server.redis_url,
        HEXZ_AUTH_TOKEN=TOKEN,
        HEXZ_GAMES_PER_PROCESS="8",
        HEXZ_NUM_WORKERS="1",
    )
    with worker:
        try:
            server.wait_for(lambda: "OpenVINO int8" in server.get("/status").data.decode())
            assert_ends_in_good_order(worker, CLOUD_RUN_SECONDS)
        finally:
            worker.kill()
    assert worker_image.errors == ""
    assert list((worker_image.root / "run").iterdir()) == []


def test_the_worker_image_ends_at_once_if_nobody_is_there(worker_image):
    nowhere = f"127.0.0.1:{free_port()}"
    worker = worker_image.start(
        HEXZ_SERVER_URL=f"http://{nowhere}", HEXZ_REDIS_URL=f"redis://{nowhere}"
    )
    with worker:
        try:
            wait_for(worker, worker_image, lambda: "refused" in worker_image.errors)
            assert_ends_in_good_order(worker, CLOUD_RUN_SECONDS)
        finally:
            worker.kill()
    assert "Traceback" not in worker_image.errors


def test_the_worker_image_takes_arguments(worker_image):
    worker = worker_image.start("--help")
    output, _ = worker.communicate(timeout=TIMEOUT)
    assert worker.returncode == 0
    assert "--max-seconds" in output


def test_the_player_image_serves_the_network_that_ships_with_hexz(player_image):
    url = f"http://127.0.0.1:{(port := free_port())}"
    http = urllib3.PoolManager(retries=False, timeout=TIMEOUT)
    with player_image.start(PORT=str(port)) as player:
        try:
            wait_for(
                player, player_image, lambda: http.request("GET", f"{url}/readyz").status == 200
            )
            assert "OpenVINO int8" in http.request("GET", f"{url}/status").data.decode()
            assert b"<svg" in http.request("GET", f"{url}/").data
            game = {"board": "." * 105, "moves": [], "player": None}
            answer = http.request("POST", f"{url}/api/suggest", json=game)
            assert answer.status == 200, answer.data
            assert answer.json()["simulations"] > 0
            assert_ends_in_good_order(player, CLOUD_RUN_SECONDS)
        finally:
            player.kill()
    assert "Traceback" not in player_image.errors
    assert list((player_image.root / "run").iterdir()) == []


def test_the_installed_packages_are_those_of_the_wheel(server_image, player_image):
    code = "import hexz, importlib.util as u; print(hexz.__file__, u.find_spec('torch') is None)"
    for image, has_no_torch in ((server_image, "False"), (player_image, "True")):
        result = subprocess.run(
            [image.bin / "python", "-c", code],
            cwd=image.root,
            env=image.environment(),
            capture_output=True,
            text=True,
            check=True,
        )
        where, without = result.stdout.split()
        assert Path(where).is_relative_to(image.root / "venv")
        assert without == has_no_torch


@pytest.mark.parametrize(
    "line",
    [
        "hexzctl models export shipped --format onnx --output net.onnx",
        "hexzctl export-examples examples.zip --format hdf5 --output replay.h5",
        "python -c 'import hexz.ratings.plot'",
        "python -c 'from hexz.ratings import output; output.require_tensorboard()'",
    ],
)
def test_the_server_image_lacks_no_package(server_image, tmp_path, line):
    write_zip(tmp_path / "examples.zip", game_examples(1)[0])
    program, *arguments = shlex.split(line)
    done = subprocess.run(
        [server_image.bin / program, *arguments],
        cwd=tmp_path,
        env=server_image.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
