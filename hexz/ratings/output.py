"""Files of a learning curve: JSON, a table, a picture, and events of TensorBoard."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from hexz.errors import InvalidSettings, OutputError
from hexz.files import atomic_file
from hexz.schema.records import Ratings

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


class CurveOutput:
    """Writes the ratings of a model as learning curves: files, and TensorBoard's events.

    Args:
        directory: where the files go; it is made.
        model_name: for the title of the picture.
        tensorboard: where event files go; None: nowhere.
        notify: takes lines for people.

    Raises:
        OutputError: the directory cannot be made.
        InvalidSettings: TensorBoard is wanted and not installed.
    """

    def __init__(
        self,
        directory: Path,
        model_name: str,
        tensorboard: Path | None,
        notify: Callable[[str], None],
    ) -> None:
        self._directory = directory
        self._model_name = model_name
        self._write_plot = _plot_writer(notify)
        self._write_events = _event_writer(tensorboard)
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"cannot make {directory}: {error.strerror or error}") from None

    def write(self, ratings: Ratings) -> list[Path]:
        """Writes ratings, and returns the files; raises OutputError if they cannot be written."""
        files = {
            "curve.json": msgspec.json.format(ratings.to_json(), indent=1) + b"\n",
            "curve.csv": _table(ratings),
        }
        if self._write_plot is not None:
            files["curve.png"] = self._write_plot(ratings, self._model_name)
        for name, data in files.items():
            with atomic_file(self._directory / name) as file:
                file.write(data)
        self._write_events(ratings)
        return [self._directory / name for name in files]


def _table(ratings: Ratings) -> bytes:
    """The ratings as CSV, one checkpoint a line."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["checkpoint", "examples", "hours", "elo", "low", "high", "boards"])
    for number, elo in ratings.checkpoints.items():
        numbers = (elo.value, elo.low, elo.high, elo.boards)
        writer.writerow([number, elo.examples, elo.hours, *numbers])
    return text.getvalue().encode()


def _plot_writer(notify: Callable[[str], None]) -> Callable[[Ratings, str], bytes] | None:
    try:
        from hexz.ratings.plot import curve_png
    except ImportError:
        notify("matplotlib is not installed, so there is no picture: pip install 'hexzctl[plot]'")
        return None
    return curve_png


def require_tensorboard() -> type[SummaryWriter]:
    """The writer of TensorBoard's event files; raises InvalidSettings if it is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise InvalidSettings(
            "TensorBoard is not installed: pip install 'hexzctl[tensorboard]'"
        ) from None
    return SummaryWriter


def _event_writer(directory: Path | None) -> Callable[[Ratings], None]:
    if directory is None:
        return lambda _: None
    summary_writer = require_tensorboard()

    def write(ratings: Ratings) -> None:
        with summary_writer(str(directory)) as writer:
            for number, elo in ratings.checkpoints.items():
                for end in ("value", "low", "high"):
                    writer.add_scalar(f"elo/{end}", getattr(elo, end), number)

    return write
