"""docs/flagz.ipynb runs from its first cell to its last."""

import os
import re
import sys
from pathlib import Path
from typing import Any

import nbclient
import nbformat
import pytest

NOTEBOOK = Path(__file__).parents[1] / "docs" / "flagz.ipynb"
LONG = "soak"
"""The tag of cells that take a minute."""


def run(directory: Path, monkeypatch: pytest.MonkeyPatch, *, whole: bool) -> list[Any]:
    """The cells after their run, in a directory; without those that take long, unless `whole`."""
    # Of the environment that runs the tests, as in a notebook server of a user.
    monkeypatch.setenv(
        "PATH", os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    )
    monkeypatch.setenv("IPYTHONDIR", str(directory / "ipython"))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    if not whole:
        notebook.cells = [
            cell for cell in notebook.cells if LONG not in cell.metadata.get("tags", ())
        ]
    client = nbclient.NotebookClient(
        notebook,
        timeout=600,
        kernel_name="python3",
        resources={"metadata": {"path": str(directory)}},
    )
    client.execute()
    return list(notebook.cells)


def outputs(cells: list[Any], name: str) -> list[Any]:
    (cell,) = (cell for cell in cells if cell.id == name)
    return list(cell.outputs)


def test_people_can_play_analyse_and_plot(tmp_path, monkeypatch):
    cells = run(tmp_path, monkeypatch, whole=False)
    for name in ("board", "answer", "greedy"):
        assert "<svg" in outputs(cells, name)[-1].data["image/svg+xml"]
    assert "expected line:" in outputs(cells, "suggestion")[0].text
    assert "image/png" in outputs(cells, "plot")[-1].data
    shapes = outputs(cells, "arrays")[0].text
    assert re.search(r"planes uint8 \(\d+, 11, 11, 10\)", shapes)
    assert "image/png" in outputs(cells, "arrays")[-1].data


@pytest.mark.soak
def test_people_can_train_for_a_minute(tmp_path, monkeypatch):
    cells = run(tmp_path, monkeypatch, whole=True)
    (line,) = outputs(cells, "trained")[0].text.splitlines()
    assert int(line.split()[0]) >= 8, line
    assert (tmp_path / "notebook-data" / "models").is_dir()
