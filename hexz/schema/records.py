"""What is kept beside checkpoints: the metadata of each, and how strong they are."""

from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, field

from hexz.schema.message import Message

T = TypeVar("T", bound=Message)


class TrainingReport(Message, frozen=True, kw_only=True):
    """One training, on one batch of new examples and the replay window.

    Attributes:
        new_examples: that were added to the window.
        new_held_out: that were added to the held-out set instead.
        total_examples: added to the window since the first training.
        window_size: examples that were drawn from.
        rate_share: of the learning rates that the settings give, less than 1 at the end of a
            training.
        steps: optimizer steps, skipped ones included; 0 if there was nothing to train on.
        skipped_steps: whose loss or gradient was not finite, so that the weights were left alone.
        total_steps: since the first training.
        losses: means over the steps that were not skipped, by the names of `StepReport`; empty
            without any.
        held_out_losses: of the averaged weights, the model that will play, on the held-out set
            afterwards; empty while that set is.
        policy_entropy, gradient_norm: means over the steps, 0 without any.
        positions_per_second: trained on.
        seconds: in all.
    """

    new_examples: int = 0
    new_held_out: int = 0
    total_examples: int = 0
    window_size: int = 0
    rate_share: float = 1.0
    steps: int = 0
    skipped_steps: int = 0
    total_steps: int = 0
    losses: dict[str, float] = field(default_factory=dict)
    held_out_losses: dict[str, float] = field(default_factory=dict)
    policy_entropy: float = 0.0
    gradient_norm: float = 0.0
    positions_per_second: float = 0.0
    seconds: float = 0.0


class CheckpointRecord(Message, frozen=True, kw_only=True):
    """A trainer's record of a checkpoint. One of another program may say nothing.

    Attributes:
        parent: the number of the checkpoint that it was trained from; None for the first.
        trained: the last batch of each journal that it and its ancestors were trained on.
        examples: that it and its ancestors were trained on.
        hours: of training up to it: those in which a trainer ran and games came, or it trained.
        report: of the training that made it; None for the first.
        model: the sizes of the network, and its kernel if the file tells.
        training: the settings of the training, by name; other versions have others.
        version: of the hexzctl that made it.
    """

    parent: int | None = None
    trained: dict[str, int] = field(default_factory=dict)
    examples: int | None = None
    report: TrainingReport | None = None
    hours: float | None = None
    model: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    version: str | None = None

    def to_metadata(self) -> dict[str, Any]:
        """The metadata, with as many digits of the report as say something: they must be short."""
        content: dict[str, Any] = msgspec.to_builtins(self)
        return {**content, "report": _rounded(content["report"])}


class StoredFiles(Message, frozen=True, kw_only=True):
    """The part of a checkpoint's metadata that the store itself adds.

    Attributes:
        sha256: of `model.pt`, in hex.
        training_state: the name of its file; None if there is none.
        batches: the names of the batches of examples that it was trained on.
    """

    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    training_state: Annotated[str, Meta(pattern=r"^training-[0-9a-f]{12}\.pt$")] | None = None
    batches: list[Annotated[str, Meta(pattern="^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$")]]


Result = tuple[str, str, dict[str, float]]
"""Player, other player, and scores of the first by board."""


class Estimate(Message, frozen=True, kw_only=True):
    """An estimate, of a rating in Elo or of a score in 0..1.

    Attributes:
        value: what is the most likely.
        low, high: the ends of its 95 % interval.
    """

    value: float
    low: float
    high: float


class RatedCheckpoint(Estimate, frozen=True, kw_only=True):
    """A checkpoint with a rating.

    Attributes:
        boards: the number of boards that it has played.
        examples: those that it was trained on; None if its writer did not say.
        hours: the hours of training up to it; None if its writer did not say.
    """

    boards: int = 0
    examples: int | None = None
    hours: float | None = None


class Ratings(Message, frozen=True, kw_only=True, omit_defaults=True):
    """The strengths of the checkpoints of a model: its `ratings.json`.

    Attributes:
        player: how its checkpoints play: the spec without their path.
        anchor: the player whose rating is 0.
        unix_seconds: when they were rated last.
        checkpoints: those with a rating, by number.
        references: other players with a rating.
        results: what all this rests on: `[player, other, {board: score of the first}]`, where a
            board is the digest of its text; see `Evidence`. They may be of players that play
            otherwise, such as gumbel@32, too. Players with a network have the beginning of its
            SHA-256 after their name there, since the file may be replaced by another one.
    """

    player: str = ""
    anchor: str = ""
    unix_seconds: float = 0
    checkpoints: dict[int, RatedCheckpoint] = field(default_factory=dict)
    references: dict[str, Estimate] = field(default_factory=dict)
    results: list[Result] = field(default_factory=list)


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    return float(f"{value:.5g}") if isinstance(value, float) else value
