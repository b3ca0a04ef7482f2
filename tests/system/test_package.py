"""The wheel works outside the source tree, and the distributions hold what they should."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest
import urllib3

from ..waiting import wait_until

pytestmark = pytest.mark.timeout(900)  # the engine is compiled

REPOSITORY = Path(__file__).parents[2]
SOURCES = ["hexz", "hexzctl", "proto", "pyproject.toml", "setup.py", "MANIFEST.in", "README.md"]
SOURCES += ["LICENSE", "constraints.txt"]
TRANSLATED = Path("build", "cython")
"""Where setup.py has Cython put C; what is older than its sources is made again."""

PLAY_A_GAME = """
import random
from hexz.engine import Board
board = Board.random(1)
while not board.is_over:
    board.play(random.choice(board.legal_moves()))
print(board.move_number)
"""


def outside() -> dict[str, str]:
    """The variables without what this environment says to Python."""
    return {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "HEXZ_MARCH")}


def run(*command: object, cwd: Path, **variables: str) -> str:
    """The output of a command that must succeed."""
    result = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=outside() | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def copy_translated(source: Path) -> None:
    """What Cython has made of the same sources for this environment is not made once more."""
    with contextlib.suppress(FileNotFoundError):
        shutil.copytree(REPOSITORY / TRANSLATED, source / TRANSLATED)


@pytest.fixture(scope="module")
def sdist(tmp_path_factory) -> Path:
    """Built from a copy, so that neither the repository nor what lies around in it matters."""
    source = tmp_path_factory.mktemp("source")
    for name in SOURCES:
        if (REPOSITORY / name).is_dir():
            unwanted = shutil.ignore_patterns("*.so", "__pycache__")
            shutil.copytree(REPOSITORY / name, source / name, ignore=unwanted)
        else:
            shutil.copy(REPOSITORY / name, source / name)
    copy_translated(source)
    target = tmp_path_factory.mktemp("sdist")
    build = f"from setuptools import build_meta; build_meta.build_sdist({str(target)!r})"
    run(sys.executable, "-c", build, cwd=source)
    return next(target.iterdir())


@pytest.fixture(scope="module")
def wheel(sdist, tmp_path_factory) -> Path:
    """Built from the source distribution, which thereby is complete. Cython and setuptools are
    those of this environment: build isolation would fetch them from the network."""
    target = tmp_path_factory.mktemp("wheel")
    with tarfile.open(sdist) as archive:
        archive.extractall(target, filter="data")
    [source] = [path for path in target.iterdir() if path.is_dir()]
    copy_translated(source)
    # As fast as can be: `make build` has shown already that the compiler can do more.
    compiler = target / "cc"
    compiler.write_text(f'#!/bin/sh\nexec {os.environ.get("CC", "cc")} "$@" -O0\n')
    compiler.chmod(0o755)
    pip = (sys.executable, "-m", "pip", "wheel", "-w", target)
    options = ("--no-deps", "--no-build-isolation", "--no-cache-dir", "--no-index")
    run(*pip, *options, source, cwd=target, CC=str(compiler))
    return next(target.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """The `bin` of a new environment with the wheel, and the dependencies of this one."""
    root = tmp_path_factory.mktemp("environment")
    venv.create(root, with_pip=False, symlinks=True)
    python = root / "bin" / "python"
    target = sysconfig.get_path("purelib", vars={"base": str(root)})
    pip = (sys.executable, "-m", "pip", "--python", python)
    run(*pip, "install", "--no-deps", "--no-index", wheel, cwd=root)
    # Packages only: a .pth of this environment may lead to the source tree.
    dependencies = sysconfig.get_path("purelib")
    Path(target, "dependencies.pth").write_text(f"{dependencies}\n")
    return root / "bin"


DATA = {".pyi", ".typed", ".html", ".css", ".js", ".svg", ".png", ".pt", ".toml"}
"""Kinds of files beside Python's that the wheel has."""


def package_files(*suffixes: str) -> set[str]:
    """The files of both packages with these suffixes, relative to the repository."""
    return {
        path.relative_to(REPOSITORY).as_posix()
        for package in ("hexz", "hexzctl")
        for path in (REPOSITORY / package).rglob("*")
        if path.is_file() and path.suffix in suffixes
    }


def test_the_wheel_has_every_file_of_the_packages_and_no_other(wheel):
    names = {n for n in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in n}
    extension = sysconfig.get_config_var("EXT_SUFFIX")
    modules = {name.removesuffix(".pyx") + extension for name in package_files(".pyx")}
    data = {".py", *DATA}
    assert modules
    assert names == modules | package_files(*data)


def test_the_small_installation_has_no_pytorch(wheel):
    """tests/system/test_without_torch.py shows that it plays."""
    archive = zipfile.ZipFile(wheel)
    [name] = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
    required = re.findall(r"(?m)^Requires-Dist: ([\w.-]+)(.*)$", archive.read(name).decode())
    assert "openvino" in {name for name, rest in required if "extra ==" not in rest}
    assert [rest for name, rest in required if name == "torch"] == ['>=2.13; extra == "train"']


def test_packages_have_no_files_of_unknown_kind():
    """Whoever adds another kind of file adds it to pyproject.toml, and to these tests."""
    # Types that scripts import are for tsc alone, and are not installed.
    known = {".py", ".pyx", ".pxd", ".so", ".pyc", ".ts", *DATA}
    suffixes = {
        path.suffix
        for package in ("hexz", "hexzctl")
        for path in (REPOSITORY / package).rglob("*")
        if path.is_file()
    }
    assert suffixes <= known


def test_the_source_distribution_has_the_sources_and_no_tests(sdist):
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert package_files(".py", ".pyi", ".pyx", ".pxd", ".typed") <= names
    assert not [n for n in names if n.startswith(("tests", "build")) or n.endswith((".so", ".c"))]


def test_both_distributions_have_the_licence(sdist, wheel):
    text = (REPOSITORY / "LICENSE").read_bytes()
    with tarfile.open(sdist) as archive:
        [name] = [name for name in archive.getnames() if name.endswith("/LICENSE")]
        assert archive.extractfile(name).read() == text
    with zipfile.ZipFile(wheel) as archive:
        [name] = [n for n in archive.namelist() if n.endswith(".dist-info/licenses/LICENSE")]
        assert archive.read(name) == text


def test_the_wheel_plays_outside_the_source_tree(installed, tmp_path):
    moves = run(installed / "python", "-c", PLAY_A_GAME, cwd=tmp_path)
    assert 0 < int(moves) <= 105
    where = run(installed / "python", "-c", "import hexz; print(hexz.__file__)", cwd=tmp_path)
    assert Path(where.strip()).is_relative_to(installed.parent)


def test_the_wheel_has_the_command(installed, tmp_path):
    assert "selfplay" in run(installed / "hexzctl", "--help", cwd=tmp_path)


def every_child_works(status_page: str) -> bool:
    """Whether a training has a trainer that waits for examples, and a worker that plays."""
    status = urllib3.request("GET", status_page, headers={"Accept": "application/json"}).json()
    return status["training"]["activity"] == "idle" and status["examples"]["accepted"] > 0


def test_children_import_nothing_from_where_a_command_runs(installed, tmp_path):
    """As in a folder with somebody's random.py, or in a clone of another version."""
    for name in ("random.py", "hexz/__init__.py", "hexzctl/__init__.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("raise SystemExit('imported from the current directory')")
    with subprocess.Popen(
        [installed / "hexzctl", "train", "--num-workers", "1", "--blocks", "1", "--filters", "8"],
        cwd=tmp_path,
        env=outside(),
        stdout=subprocess.PIPE,
        text=True,
    ) as train:
        url = next(iter(train.stdout)).split()[-1]
        wait_until(lambda: every_child_works(url))
        train.send_signal(signal.SIGINT)
        train.communicate()
    for log in (tmp_path / "hexz-data" / "logs").iterdir():
        assert "current directory" not in log.read_text()
