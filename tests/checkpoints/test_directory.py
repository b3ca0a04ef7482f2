"""Checkpoints in a directory: crashes, full disks, and files that somebody touched."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hexz.checkpoints import CheckpointStore, NewCheckpoint, open_store
from hexz.errors import CheckpointExists, StoreError, StoreUnavailable

MODEL = b"weights" * 1000


@pytest.fixture
def store(tmp_path: Path) -> CheckpointStore:
    return open_store(str(tmp_path), "tiny")


@pytest.fixture
def checkpoints(tmp_path: Path) -> Path:
    return tmp_path / "models" / "flagz" / "tiny" / "checkpoints"


def test_the_layout(store: CheckpointStore, checkpoints: Path, tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"examples")
    store.save(
        NewCheckpoint(
            number=7,
            model=MODEL,
            training_state=b"",
            batches={"a": tmp_path / "a.zip"},
            metadata={"parent": 6},
        )
    )
    files = {str(path.relative_to(checkpoints)) for path in checkpoints.rglob("*.*")}
    state = "training-e3b0c44298fc.pt"  # the digest of nothing
    assert files == {f"7/{name}" for name in ("model.pt", "metadata.json", state, "examples/a.zip")}
    assert (checkpoints / "7" / "model.pt").read_bytes() == MODEL
    metadata = json.loads((checkpoints / "7" / "metadata.json").read_text())
    assert metadata["parent"] == 6
    assert metadata["training_state"] == state


def test_relative_paths_and_the_home_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for url in ("data", "~/data"):
        open_store(url, "tiny").save(NewCheckpoint(number=1, model=MODEL))
    for root in (tmp_path, tmp_path / "home"):
        assert (root / "data/models/flagz/tiny/checkpoints/1/model.pt").is_file()


def test_a_checkpoint_of_another_program(store: CheckpointStore, checkpoints: Path) -> None:
    (checkpoints / "4").mkdir(parents=True)
    (checkpoints / "4" / "model.pt").write_bytes(MODEL)
    [info] = store.list()
    assert (info.number, info.sha256, info.metadata) == (4, None, {})
    assert store.load(4) == MODEL
    assert store.load_training_state(4) is None
    assert list(store.batches(4)) == []
    with pytest.raises(CheckpointExists):
        store.save(NewCheckpoint(number=4, model=MODEL))


def test_what_is_no_checkpoint_is_ignored(store: CheckpointStore, checkpoints: Path) -> None:
    for name in ("1", "notes", "01", "-3", "٣", "2.old"):  # 1 has no model
        (checkpoints / name).mkdir(parents=True)
        if name != "1":
            (checkpoints / name / "model.pt").write_bytes(MODEL)
    (checkpoints / "5").write_text("a file")
    assert list(store.list()) == []


KILLED = """
import os, signal, sys
from pathlib import Path
from hexz.checkpoints import NewCheckpoint, open_store

calls = 0
def stop(name, function):
    def wrapped(*args):
        global calls
        if calls == int(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)
        calls += 1
        return function(*args)
    return wrapped

for name in ("fsync", "rename", "mkdir"):
    setattr(os, name, stop(name, getattr(os, name)))
batch = Path(sys.argv[1], "a.zip")
store = open_store(sys.argv[1], "tiny")
store.save(NewCheckpoint(number=1, model=b"weights", training_state=b"s", batches={"a": batch}))
"""


def test_a_kill_at_any_moment_leaves_all_or_nothing(tmp_path: Path) -> None:
    """Kills a writer before each of its steps, and saves the checkpoint after each kill."""
    step, missing = 0, 0
    while True:
        root = tmp_path / str(step)
        root.mkdir()
        (root / "a.zip").write_bytes(b"examples")
        code = subprocess.run([sys.executable, "-c", KILLED, root, str(step)], check=False)
        store = open_store(str(root), "tiny")
        if code.returncode == 0:
            break
        assert code.returncode == -signal.SIGKILL
        missing += store.latest() is None
        new = NewCheckpoint(
            number=1, model=b"weights", training_state=b"s", batches={"a": root / "a.zip"}
        )
        store.save(new)
        assert store.load(1) == b"weights"
        assert store.load_training_state(1) == b"s"
        with store.examples(1, "a") as path:
            assert path.read_bytes() == b"examples"
        step += 1
    assert 10 < missing < step  # some kills came before the rename and some after


def test_leftovers_are_removed(store: CheckpointStore, checkpoints: Path) -> None:
    (checkpoints / ".1.0a0a0a0a.tmp" / "examples").mkdir(parents=True)
    assert store.latest() is None
    store.save(NewCheckpoint(number=1, model=MODEL))
    assert os.listdir(checkpoints) == ["1"]


def test_a_failure_leaves_nothing(
    store: CheckpointStore, checkpoints: Path, tmp_path: Path
) -> None:
    with pytest.raises(StoreError, match=r"cannot write .*gone.zip: No such file"):
        store.save(NewCheckpoint(number=1, model=MODEL, batches={"a": tmp_path / "gone.zip"}))
    assert os.listdir(checkpoints) == []


def test_a_full_disk(tmp_path: Path) -> None:
    """Stood in for by a limit on the size of files, in a process of its own."""
    code = """
import resource, signal, sys
from hexz.checkpoints import NewCheckpoint, open_store
from hexz.errors import StoreError

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
store = open_store(sys.argv[1], "tiny")
try:
    store.save(NewCheckpoint(number=1, model=bytes(200_000)))
except StoreError as error:
    print(type(error).__name__, error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
store.save(NewCheckpoint(number=1, model=bytes(200_000)))
print(store.latest())
"""
    result = subprocess.run(
        [sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=True
    )
    failure, latest = result.stdout.splitlines()
    assert failure.startswith("StoreUnavailable cannot write ")
    assert failure.endswith(": File too large")
    assert latest == "1"


def test_errors_that_stay(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = open_store(str(tmp_path / "file"), "tiny")
    with pytest.raises(StoreError, match=r"cannot read .*Not a directory") as caught:
        store.latest()
    assert not isinstance(caught.value, StoreUnavailable)
    with pytest.raises(StoreError, match=r"cannot write .*file"):
        store.save(NewCheckpoint(number=1, model=MODEL))


def test_a_directory_in_the_way(store: CheckpointStore, checkpoints: Path) -> None:
    (checkpoints / "1" / "examples").mkdir(parents=True)
    with pytest.raises(StoreError, match=r"cannot write .*checkpoints/1: Directory not empty"):
        store.save(NewCheckpoint(number=1, model=MODEL))
    assert os.listdir(checkpoints) == ["1"]


def test_a_training_state_may_be_deleted(store: CheckpointStore, checkpoints: Path) -> None:
    store.save(NewCheckpoint(number=1, model=MODEL, training_state=b"s"))
    [state] = (checkpoints / "1").glob("training-*.pt")
    state.unlink()
    assert store.load_training_state(1) is None
    assert store.load(1) == MODEL


@pytest.mark.parametrize("file", ["model.pt", "training-043a718774c5.pt"])
def test_damage_is_noticed(store: CheckpointStore, checkpoints: Path, file: str) -> None:
    store.save(NewCheckpoint(number=1, model=MODEL, training_state=b"s"))
    path = checkpoints / "1" / file
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    load = store.load if file == "model.pt" else store.load_training_state
    with pytest.raises(StoreError, match=f"{file} of checkpoint 1 of tiny .* is damaged"):
        load(1)


@pytest.mark.parametrize(
    "change",
    [
        None,
        {"sha256": None},
        {"sha256": "0"},
        {"training_state": "../../1/model.pt"},
        {"batches": ["../a"]},
        {"batches": "a"},
    ],
)
def test_damaged_metadata(
    store: CheckpointStore, checkpoints: Path, change: dict[str, object] | None
) -> None:
    store.save(NewCheckpoint(number=1, model=MODEL))
    path = checkpoints / "1" / "metadata.json"
    metadata = json.loads(path.read_text())
    path.write_text("[" if change is None else json.dumps(metadata | change))
    with pytest.raises(StoreError, match=r"the metadata of .*checkpoints/1 are damaged"):
        store.list()
