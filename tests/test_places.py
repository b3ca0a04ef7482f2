"""What the paths and URLs of users name."""

from __future__ import annotations

from pathlib import Path

import pytest

from hexz.checkpoints import open_store
from hexz.dataset.sources import find_archives
from hexz.errors import InvalidModel, InvalidSettings
from hexz.places import (
    SHIPPED_FILE,
    Place,
    checkpoint_of,
    find_model_file,
    is_file,
    is_in_bucket,
    local_path,
    read_place,
)
from hexz.player.models import open_source


@pytest.mark.parametrize("root", ["gs://b", "gs://b/some/prefix", "/data", "data", ".", "/"])
def test_everything_below_a_root_names_its_part_of_the_store(root: str) -> None:
    model = f"{root.rstrip('/')}/models/flagz/susan"
    assert read_place(root) == Place(root)
    for end in ("", "/", "/checkpoints", "/checkpoints/"):
        assert read_place(model + end) == Place(root, "susan")
    for end in ("", "/", "/model.pt"):
        assert read_place(f"{model}/checkpoints/12{end}") == Place(root, "susan", 12)


def test_the_root_may_be_the_working_directory() -> None:
    assert read_place("models/flagz/susan") == Place(".", "susan")


@pytest.mark.parametrize("text", ["models", "a/models/flagz", "a/models/flagz/x/ratings.json"])
def test_other_places_are_roots(text: str) -> None:
    assert read_place(text) == Place(text)


def test_the_home_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert local_path("~/x") == tmp_path / "x"
    assert local_path("x~") == Path("x~")
    (tmp_path / "examples").mkdir()
    (tmp_path / "examples" / "a.zip").touch()
    (tmp_path / "model.pt").touch()
    assert [archive.name for archive in find_archives(["~/examples"])] == [
        str(tmp_path / "examples" / "a.zip")
    ]
    assert find_model_file("~/model.pt") == tmp_path / "model.pt"
    assert open_store("~/store", "susan").latest() is None
    with pytest.raises(InvalidSettings, match="nobody is called nobody-of-this-name here"):
        local_path("~nobody-of-this-name/x")


@pytest.mark.parametrize("text", ["", "gs://bucket/x", "s3://bucket", "file:///tmp"])
def test_what_is_no_path_on_this_machine(text: str) -> None:
    with pytest.raises(InvalidSettings, match="is no path on this machine"):
        local_path(text)
    if text.startswith("gs:"):
        assert is_in_bucket(text)
    else:
        with pytest.raises(InvalidSettings, match="is no place here"):
            is_in_bucket(text)


def test_a_checkpoint_is_known_by_its_place() -> None:
    assert checkpoint_of(Path("/x/susan/checkpoints/7/model.pt")) == ("susan", 7)
    for other in ("/x/susan/checkpoints/07/model.pt", "/x/susan/7/model.pt", "model.pt"):
        assert checkpoint_of(Path(other)) is None


def test_the_network_that_ships_has_a_name_wherever_a_model_is_asked_for() -> None:
    """Selfplay, fits, players, `models show` and all others get their files from here."""
    assert find_model_file("shipped") == find_model_file(Path("shipped")) == SHIPPED_FILE
    assert is_file("shipped")
    assert open_source("shipped").version() == open_source(None).version()
    with pytest.raises(InvalidModel, match="`shipped` is the one that comes with it"):
        find_model_file("nowhere")
