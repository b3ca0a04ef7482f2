"""What the server and its trainer process say to each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hexz.checkpoints import CheckpointInfo
from hexz.schema.status import Progress


@dataclass(frozen=True, kw_only=True)
class TrainBatch:
    """Asks for a checkpoint from a batch of the journal.

    Attributes:
        batch: its number.
        behind: batches that wait behind it.
        rate_share: of the learning rates that the configuration gives.
    """

    batch: int
    behind: int
    rate_share: float


@dataclass(frozen=True)
class BatchTrained:
    """The batch that was asked for is trained on, and the next one can be. A `CheckpointReady` will
    follow, when the store has taken the checkpoint."""


@dataclass(frozen=True, kw_only=True)
class CheckpointReady:
    """A checkpoint is in the store: the newest one at the start, later each new one, in order.

    Attributes:
        number: of the checkpoint.
        model: bytes of its model file.
        trained: the last batch of each journal that it and its ancestors were trained on.
        examples: that it and its ancestors were trained on.
        info: all that is recorded about it.
    """

    number: int
    model: bytes = field(repr=False)
    trained: Mapping[str, int]
    examples: int
    info: CheckpointInfo


@dataclass(frozen=True)
class StoreProblem:
    """The store cannot be reached, and is tried again; None: it can be again."""

    reason: str | None


@dataclass(frozen=True)
class Notice:
    """Something that people should know, and that changes nothing."""

    text: str


Event = BatchTrained | CheckpointReady | Progress | StoreProblem | Notice
