"""Files of a learning curve: JSON, a table, a picture, and events of TensorBoard."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import msgspec

from hexz.errors import HexzError, OutputError
from hexz.files import atomic_file
from hexz.ratings.curve import Curve, csv_of, ratings_of


class CurveOutput:
    """Writes learning curves.

    Args:
        directory: where the files go; it is made.
        tensorboard: where event files go; None: nowhere.
        notify: takes lines for people.

    Raises:
        OutputError: the directory cannot be made.
        HexzError: TensorBoard is wanted and not installed.
    """

    def __init__(
        self, directory: Path, tensorboard: Path | None, notify: Callable[[str], None]
    ) -> None:
        self._directory = directory
        self._write_plot = _plot_writer(notify)
        self._write_events = _event_writer(tensorboard)
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"cannot make {directory}: {error.strerror or error}") from None

    def write(self, curve: Curve) -> list[Path]:
        """Writes a curve, and returns its files; raises OutputError if it cannot be written."""
        files = {
            "curve.json": msgspec.json.format(ratings_of(curve).to_json(), indent=1) + b"\n",
            "curve.csv": csv_of(curve),
        }
        if self._write_plot is not None:
            files["curve.png"] = self._write_plot(curve)
        for name, data in files.items():
            with atomic_file(self._directory / name) as file:
                file.write(data)
        self._write_events(curve)
        return [self._directory / name for name in files]


def _plot_writer(notify: Callable[[str], None]) -> Callable[[Curve], bytes] | None:
    try:
        from hexz.ratings.plot import curve_png
    except ImportError:
        notify("matplotlib is not installed, so there is no picture: pip install 'hexzctl[plot]'")
        return None
    return curve_png


def _event_writer(directory: Path | None) -> Callable[[Curve], None]:
    if directory is None:
        return lambda _: None
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise HexzError(
            "TensorBoard is not installed: pip install 'hexzctl[tensorboard]'"
        ) from None

    def write(curve: Curve) -> None:
        with SummaryWriter(str(directory)) as writer:
            for point in curve.points:
                for name, value in asdict(point.elo).items():
                    writer.add_scalar(f"elo/{name}", value, point.number)

    return write
