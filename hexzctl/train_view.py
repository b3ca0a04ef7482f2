"""What `hexzctl train` shows: a live display on a terminal, log lines elsewhere."""

from __future__ import annotations

import shlex
import time
from typing import Final

from rich.columns import Columns
from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from hexz.local.train import Event, LocalTraining, Notice, Status
from hexz.places import model_folder
from hexz.schema.status import CheckpointElo, ServerStatus
from hexz.trainserver.forecast import duration
from hexzctl.board import game_panel
from hexzctl.display import Display, notice

_BLOCKS: Final = "▁▂▃▄▅▆▇█"
_CURVE_WIDTH: Final = 40

_STARTING: Final = "The train server starts, and loads the newest checkpoint or makes the first."


class TrainView:
    """Shows the events of a training.

    Attributes:
        display: to be used as a context meanwhile.
    """

    def __init__(self, training: LocalTraining) -> None:
        self._training = training
        self._console = Console()
        self._started = time.monotonic()
        self._status: ServerStatus | None = None
        self._problems: set[str] = set()
        self.display = Display(self._console, self._render, self._log_line)

    def show(self, event: Event) -> None:
        """Takes in what happened."""
        match event:
            case Notice():
                notice(event.text)
            case Status():
                self._take_status(event.content)

    def print_summary(self) -> None:
        """Says what there is now, and how to go on."""
        reached, config = self._training.reached, self._training.config
        if reached is None:
            return
        self.display.log()
        self._console.print(
            f"Checkpoint {reached.number} of {config.model_name}, trained on "
            f"{reached.record.examples or 0:,} examples, is in "
            f"{config.data_dir}/{model_folder(config.model_name)}. "
            "The same command goes on from there; to play against it: "
            f"hexzctl serve-player --model {shlex.quote(str(config.data_dir))} --open",
            soft_wrap=True,
            highlight=False,
            markup=False,
        )

    def _take_status(self, status: ServerStatus) -> None:
        first = self._status is None
        self._status = status
        for problem in status.problems:
            if problem not in self._problems:
                self._problems.add(problem)
                notice(problem)
        if first:
            if not self._console.is_terminal:
                print(f"Status page: {self._training.url}/status", flush=True)
            self.display.log()
        self.display.step()

    def _log_line(self) -> str:
        if self._status is None:
            return "starting"
        rows = [*_playing(self._status), *_training(self._status)]
        return ", ".join(f"{name} {text}" for name, text in rows if text.strip("-, "))

    def _render(self) -> Panel:
        config, status = self._training.config, self._status
        elapsed = time.monotonic() - self._started
        limit = f" of {_duration(config.max_seconds)}" if config.max_seconds else ""
        title = f"training {escape(config.model_name)}, {_duration(elapsed)}{limit}"
        if self._training.is_ending:
            title += ", ending: finished games are posted"
        if status is None:
            return Panel(Text(_STARTING), title=title, subtitle=self._address(), expand=False)
        figures = Group(
            _panel("self-play", _playing(status)), _panel("training", _training(status))
        )
        game = [] if status.game is None else [game_panel(status.game)]
        parts: list[RenderableType] = [
            Text(status.now),
            Columns([figures, *game]),
            _filling(status),
            _losses(status),
            _strength(status),
            _limit(status),
        ]
        if status.can_play:
            parts.append(Text(f"Play the newest checkpoint: {self._training.url}/play"))
        return Panel(
            Group(*(part for part in parts if not isinstance(part, Text) or part)),
            title=title,
            subtitle=self._address(),
            expand=False,
        )

    def _address(self) -> str | None:
        """Where the status page is, once it is there."""
        return f"{self._training.url}/status" if self._training.url else None


def _panel(title: str, rows: list[tuple[str, str]]) -> Panel:
    table = Table.grid(padding=(0, 2))
    for name, figure in rows:
        table.add_row(f"[dim]{name}[/dim]", escape(figure))
    return Panel(table, title=title, expand=False)


def _playing(status: ServerStatus) -> list[tuple[str, str]]:
    workers, settings = status.workers, status.settings
    played = sorted({w.checkpoint for w in workers if w.checkpoint is not None})
    return [
        ("plays checkpoint", ", ".join(map(str, played)) or "none yet"),
        ("games", f"{sum(w.games for w in workers):,}"),
        ("examples/s", f"{status.examples.per_second:,.0f}"),
        ("evaluations/s", f"{status.evaluations_per_second:,.0f}"),
        ("simulations a move", "-" if settings is None else str(settings.search.simulations)),
        ("waiting to be posted", f"{sum(w.pending for w in workers):,}"),
    ]


def _training(status: ServerStatus) -> list[tuple[str, str]]:
    newest = status.checkpoints[-1] if status.checkpoints else None
    progress = status.training.progress
    activity: str = status.training.activity
    if progress is not None:
        activity += f", step {progress.step} of {progress.steps}"
    if status.training.unsaved:
        activity += f", {status.training.unsaved} to be saved"
    losses = {} if newest is None else newest.held_out_losses or newest.losses
    window = None if newest is None else newest.window_size
    seconds = status.next_checkpoint_seconds
    return [
        ("checkpoint", "-" if status.checkpoint is None else str(status.checkpoint)),
        ("next one in about", "-" if seconds is None else duration(seconds)),
        ("examples", f"{status.examples.trained or 0:,}"),
        ("now", activity),
        ("loss", _figure(losses.get("total"))),
        ("policy, value loss", f"{_figure(losses.get('policy'))}, {_figure(losses.get('value'))}"),
        ("window", f"{window or 0:,} examples"),
        *(("Elo", f"{_elo(elo)} at checkpoint {elo.number}") for elo in _rated(status)[-1:]),
    ]


def _filling(status: ServerStatus) -> Table:
    journal = status.journal
    table = Table.grid(padding=(0, 2))
    bar = ProgressBar(journal.minibatch_size, journal.open_batch, width=_CURVE_WIDTH)
    waiting = journal.sealed_batches
    table.add_row("[dim]next minibatch[/dim]", bar, f"+ {waiting} full" if waiting else "")
    return table


def _losses(status: ServerStatus) -> Text:
    """The total loss of all checkpoints in one line."""
    losses = [c.losses["total"] for c in status.checkpoints if c.losses]
    return _curve("loss", losses, ".3f")


def _strength(status: ServerStatus) -> Text:
    """The learning curve: the ratings of the checkpoints that have one."""
    return _curve("Elo", [elo.value for elo in _rated(status)], ".0f")


def _limit(status: ServerStatus) -> Text:
    """The part that limits the others, if there is one."""
    limit = status.limit
    if limit is None or limit.part == "nothing":
        return Text("")
    return Text.assemble(("limit ", "dim"), limit.text)


def _curve(name: str, values: list[float], digits: str) -> Text:
    """The course of a figure in one line."""
    if len(values) < 2:
        return Text("")
    step = -(-len(values) // _CURVE_WIDTH)
    shown = values[::-step][::-1]
    low, high = min(shown), max(shown)
    scale = (len(_BLOCKS) - 1) / ((high - low) or 1)
    blocks = "".join(_BLOCKS[round((value - low) * scale)] for value in shown)
    course = f"  {shown[0]:{digits}} to {shown[-1]:{digits}}"
    return Text.assemble((f"{name:<6}", "dim"), blocks, course)


def _rated(status: ServerStatus) -> list[CheckpointElo]:
    """The checkpoints that have a rating."""
    return [] if status.strength is None else status.strength.checkpoints


def _elo(elo: CheckpointElo) -> str:
    return f"{elo.value:.0f} ({elo.low:.0f} to {elo.high:.0f})"


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"
