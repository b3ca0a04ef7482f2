"""Examples are found wherever self-play and train servers put them."""

from pathlib import Path

import pytest

from hexz.checkpoints import NewCheckpoint, open_store
from hexz.dataset.reading import ExampleReader
from hexz.dataset.sources import find_archives
from hexz.errors import InvalidExample, InvalidSettings, StoreError

from ..games import game_examples
from ..gcs_fixture import GcsEmulator, gcs
from .files import write_zip

__all__ = ["gcs"]


def names(*sources: object, root: object = "") -> list[str]:
    found = find_archives([str(source) for source in sources])
    return [archive.name.removeprefix(f"{root}/") for archive in found]


def touch(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"x" * 10)


MODEL = "models/flagz/m/checkpoints"


def test_a_model_by_any_of_its_directories(tmp_path: Path) -> None:
    touch(
        tmp_path,
        f"{MODEL}/10/examples/b.zip",
        f"{MODEL}/9/examples/000009-a.zip",
        f"{MODEL}/9/examples/000010-a.zip",
        f"{MODEL}/9/model.pt",
        f"{MODEL}/.11.abcd.tmp/examples/unfinished.zip",
        f"{MODEL}/10/examples/.b.zip.abcd.tmp",
        f"{MODEL}/10/examples/.hidden.zip",
    )
    expected = [
        f"{MODEL}/9/examples/000009-a.zip",
        f"{MODEL}/9/examples/000010-a.zip",
        f"{MODEL}/10/examples/b.zip",
    ]
    for directory in ("", "/models/flagz", "/models/flagz/m", f"/{MODEL}"):
        assert names(f"{tmp_path}{directory}", root=tmp_path) == expected
    assert names(tmp_path / MODEL / "9" / "examples", root=tmp_path) == expected[:2]
    assert names(tmp_path / MODEL / "10", root=tmp_path) == expected[2:]


def test_files_in_the_order_given_and_each_once(tmp_path: Path) -> None:
    touch(tmp_path, "b.zip", "a.zip", "other-name")
    sources = [tmp_path / "b.zip", tmp_path / "other-name", tmp_path]
    assert names(*sources, root=tmp_path) == ["b.zip", "other-name", "a.zip"]


def test_a_file_of_several_names_is_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path, "a.zip")
    (tmp_path / "b.zip").symlink_to("a.zip")
    monkeypatch.chdir(tmp_path)
    assert names("a.zip", tmp_path / "a.zip", tmp_path) == ["a.zip"]


def test_the_size_and_the_content_of_a_file(tmp_path: Path) -> None:
    touch(tmp_path, "a.zip")
    [archive] = find_archives([str(tmp_path)])
    assert archive.size == 10
    with archive.local() as path:
        assert path == tmp_path / "a.zip"


def test_what_is_not_there(tmp_path: Path) -> None:
    for source, words in {
        tmp_path / "none.zip": "No such file or directory",
        tmp_path: r"no files of examples \(\*\.zip, h5/examples\.h5\) in",
        "http://example.com/a.zip": "no place here",
    }.items():
        with pytest.raises((InvalidExample, InvalidSettings), match=words) as caught:
            find_archives([str(source)])
        assert str(source) in str(caught.value)


@pytest.fixture(scope="module")
def bucket(gcs: GcsEmulator, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of a store with two checkpoints of a model and one of another, whose name begins
    with that of the first."""
    url = f"gs://{gcs.bucket}/some/place"
    games = game_examples(3)
    directory = tmp_path_factory.mktemp("batches")
    for model, number, game in (("m", 9, 0), ("m", 10, 1), ("m2", 1, 2)):
        batch = write_zip(directory / f"{model}-{number}.zip", games[game])
        new = NewCheckpoint(number=number, model=b"weights", batches={"batch": batch})
        open_store(url, model).save(new)
    return url


def test_a_bucket_by_any_prefix(bucket: str) -> None:
    first = [f"models/flagz/m/checkpoints/{n}/examples/batch.zip" for n in (9, 10)]
    other = ["models/flagz/m2/checkpoints/1/examples/batch.zip"]
    assert names(bucket, root=bucket) == first + other
    assert names(f"{bucket}/models/flagz/m", root=bucket) == first
    assert names(f"{bucket}/models/flagz/m/checkpoints/9/", root=bucket) == first[:1]
    assert names(f"{bucket}/{first[1]}", root=bucket) == first[1:]


def test_the_content_of_an_object(bucket: str) -> None:
    [archive] = find_archives([f"{bucket}/models/flagz/m/checkpoints/9"])
    with archive.local() as path:
        assert path.stat().st_size == archive.size > 1000
    assert not path.exists()


def test_examples_are_read_from_a_bucket(bucket: str) -> None:
    reader = ExampleReader(find_archives([f"{bucket}/models/flagz/m"]), pytest.fail)
    games = game_examples(2)
    assert [found.example.example_id for found in reader] == [
        example.example_id for game in games for example in game
    ]
    [first] = reader.read_chosen({1: frozenset({3})})
    assert first.origin == (
        f"{bucket}/models/flagz/m/checkpoints/10/examples/batch.zip, entry '3.pb'"
    )


def test_what_is_not_in_a_bucket(bucket: str) -> None:
    with pytest.raises(InvalidExample, match="no files of examples"):
        find_archives([f"{bucket}/models/flagz/mm"])
    with pytest.raises(StoreError, match="does not exist"):
        find_archives(["gs://no-such-bucket/a"])
    with pytest.raises(StoreError, match="is no place in Cloud Storage"):
        find_archives(["gs://B"])
