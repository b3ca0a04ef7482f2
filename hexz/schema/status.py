"""What the servers say about themselves at `/status`."""

from typing import Final, Literal

from msgspec import field

from hexz.schema.fleet import GameUnderWay, WorkerReport, WorkerSettings
from hexz.schema.message import Message
from hexz.schema.records import Estimate

MAX_STATUS_BYTES: Final = 1 << 22
"""Longest status of a train server; a checkpoint takes some 500 bytes of it, a worker as many."""

# --- The train server ----------------------------------------------------------------------------


class ExampleCounts(Message, frozen=True, kw_only=True):
    """Examples since the start of the server.

    Attributes:
        accepted: examples that were taken.
        per_second: examples taken a second, over the last minute.
        duplicates: examples that had been taken before.
        refused: requests that were refused, by HTTP status.
        last_refusal: the reason of the last one.
        trained: examples that the newest checkpoint and its ancestors were trained on.
    """

    accepted: int
    per_second: float
    duplicates: int
    refused: dict[int, int]
    last_refusal: str | None
    trained: int | None


class JournalStatus(Message, frozen=True, kw_only=True):
    """Examples that wait for training.

    Attributes:
        waiting: examples of all batches.
        open_batch: examples of the batch that is filling.
        sealed_batches: batches that are full.
        minibatch_size: examples that make a batch full.
        max_backlog: full batches from which on examples are refused.
    """

    waiting: int
    open_batch: int
    sealed_batches: int
    minibatch_size: int
    max_backlog: int


class Progress(Message, frozen=True, kw_only=True):
    """A training run that goes on.

    Attributes:
        batch: the batch that is trained on.
        step, steps: optimizer steps done and in all.
        seconds: since the first of them was done.
        loss: the loss of the last step; None if it was not finite, and the step skipped.
    """

    batch: int
    step: int
    steps: int
    seconds: float
    loss: float | None


Activity = Literal["starting", "idle", "training", "saving", "paused"]


class TrainingStatus(Message, frozen=True, kw_only=True):
    """The state of the trainer.

    Attributes:
        activity: what it does; "saving" while so many checkpoints wait for the store that no more
            are trained, "paused" after a failure.
        unsaved: checkpoints that are trained and wait for the store.
        progress: of the training run, if there is one.
        failure: the last failure since the last new checkpoint, if any.
        failures: how many there were in a row.
        store_problem: why the store cannot be reached, if it cannot.
        redis_problem: why Redis cannot be reached, if it cannot.
    """

    activity: Activity = "starting"
    unsaved: int = 0
    progress: Progress | None = None
    failure: str | None = None
    failures: int = 0
    store_problem: str | None = None
    redis_problem: str | None = None


class WatchedGame(GameUnderWay, frozen=True, kw_only=True):
    """A game under way, which the rules allow.

    Attributes:
        worker: who plays it.
        checkpoint: with which checkpoint.
    """

    worker: str
    checkpoint: int | None


Part = Literal["workers", "server", "trainer", "store", "nothing"]


class LimitStatus(Message, frozen=True, kw_only=True):
    """The part that limits the system at present.

    Attributes:
        part: which it is; "nothing" if none limits the others.
        text: that in words, and what to change.
        workers_waiting: the share of the last minute in which workers waited to post.
        trainer_waiting: the share of the last five minutes in which the trainer waited for
            examples.
        trainer_saving: the share of them in which it waited for the store.
    """

    part: Part
    text: str
    workers_waiting: float
    trainer_waiting: float
    trainer_saving: float


class WorkerStatus(WorkerReport, frozen=True, kw_only=True):
    """A worker that was heard of a short time ago.

    Attributes:
        evaluations_per_second: the positions that it evaluated in a second, on average since it
            began to play.
        last_seen_seconds: the time since its last heartbeat.
    """

    evaluations_per_second: float = 0.0
    last_seen_seconds: float


State = Literal["new", "ordinary", "quarantined", "released"]

FIGURES: Final = {
    "value_error": "squared error of the network's value against the result",
    "lead": "1 if who would lead after the last position's highest value has won, -1 if not",
    "surprise": "nats from the network's policy to the search's",
    "entropy": "entropy of the search's policy, in nats",
    "search_shift": "difference of the search's value and the network's",
    "played": "probability that the policy gives to the move that was played",
    "length": "moves of the game",
    "first_mover": "result for the player who moves first",
}
"""What games are compared by, each a mean over positions or a fact of the game: the name, and what
it is. People see the name with spaces."""


class Comparison(Message, frozen=True, kw_only=True):
    """A figure of the games of a worker.

    Attributes:
        own: the mean of its last games.
        fleet: that of the games of others that they were compared with.
    """

    own: float
    fleet: float


class WorkerConduct(Message, frozen=True, kw_only=True):
    """What the examples of a worker look like, since the start of the server.

    Attributes:
        worker: the name of its token, or its own with the shared token; "unnamed" stands for all
            that post without having sent a heartbeat.
        state: "new" before its games were compared, then "ordinary"; "quarantined" if its examples
            are set aside, and "released" if they are taken again.
        reason: why it was quarantined or released.
        since: when, in seconds since 1970.
        games: the number of its games.
        copies: the number of games that were there before under another id.
        per_second: examples a second, over the last minute.
        set_aside: the number of examples that are set aside.
        figures: of its games, by name, as far as its examples tell; docs/training.md has all.
    """

    worker: str
    state: State
    reason: str | None
    since: float | None
    games: int
    copies: int
    per_second: float
    set_aside: int
    figures: dict[str, Comparison]


class CheckpointStatus(Message, frozen=True, kw_only=True):
    """A checkpoint; what its writer did not say is None or empty. See `TrainingReport`.

    Attributes:
        number: from 0 up.
        unix_seconds: when it was saved.
        bytes: the size of its model file.
        examples: those that it and its ancestors were trained on.
        losses, held_out_losses: the losses of the training that made it, by name.
        policy_entropy, window_size, positions_per_second: more of that training.
    """

    number: int
    unix_seconds: float
    bytes: int
    examples: int | None = None
    losses: dict[str, float] = field(default_factory=dict)
    held_out_losses: dict[str, float] = field(default_factory=dict)
    policy_entropy: float | None = None
    window_size: int | None = None
    positions_per_second: float | None = None


class CheckpointElo(Estimate, frozen=True, kw_only=True):
    """The rating of a checkpoint.

    Attributes:
        number: the number of the checkpoint.
        examples: those that it was trained on; None if its writer did not say.
    """

    number: int
    examples: int | None


class StrengthStatus(Message, frozen=True, kw_only=True):
    """The strengths of the checkpoints, as far as somebody has rated them.

    Attributes:
        player: how the checkpoints play.
        anchor: the player whose rating is 0.
        checkpoints: those with a rating, by number.
    """

    player: str
    anchor: str
    checkpoints: list[CheckpointElo]


class ServerStatus(Message, frozen=True, kw_only=True):
    """What a train server is and does, and what it knows of its workers and checkpoints.

    Attributes:
        version: the version of its hexzctl.
        model_name: the model that it trains.
        store: where checkpoints are.
        ready: whether examples are taken.
        uptime_seconds: the time since its start.
        checkpoint: the newest one.
        problems: what does not work at present, for people.
        examples: what became of posted examples.
        journal: what waits for training.
        training: what the trainer does.
        limit: which part limits the whole; None before there is a checkpoint.
        settings: how workers play at present.
        now: what happens at present, for people.
        next_checkpoint_seconds: until there is the next checkpoint, about; None if that is unknown.
        game: one of the games under way; None before there is one.
        can_play: whether `/play` leads to a page on which to play against the newest checkpoint.
        workers: those that were heard of in the last half minute.
        evaluations_per_second: the positions that all of them evaluate in a second.
        conduct: what the workers post: those in quarantine, and those that posted last.
        checkpoints: some of all, the newest among them, by number.
        strength: how strong the model is; None if nobody has rated the model.
    """

    version: str
    model_name: str
    store: str
    ready: bool
    uptime_seconds: float
    checkpoint: int | None
    problems: list[str]
    examples: ExampleCounts
    journal: JournalStatus
    training: TrainingStatus
    limit: LimitStatus | None
    settings: WorkerSettings | None
    now: str
    next_checkpoint_seconds: float | None
    game: WatchedGame | None
    can_play: bool
    workers: list[WorkerStatus]
    evaluations_per_second: float = 0.0
    conduct: list[WorkerConduct]
    checkpoints: list[CheckpointStatus]
    strength: StrengthStatus | None


# --- The player service --------------------------------------------------------------------------


class TreesStatus(Message, frozen=True, kw_only=True):
    """Search trees that are kept between moves.

    Attributes:
        count: the number of trees.
        nodes: the number of nodes of all of them.
    """

    count: int
    nodes: int


class NetworkStatus(Message, frozen=True, kw_only=True):
    """The network of a player service.

    Attributes:
        name, checkpoint: the name of its model and the number of its checkpoint.
        evaluator: its backend, precision and device.
        evaluations: the number of positions evaluated.
        searches: the number of searches under way.
        trees: what is kept between moves.
        following: whether newer networks are looked for.
        problem: why a newer one could not be loaded; None if all is well.
    """

    name: str
    checkpoint: int
    evaluator: str
    evaluations: int
    searches: int
    trees: TreesStatus
    following: bool
    problem: str | None


class PlayerStatus(Message, frozen=True, kw_only=True):
    """What a player service is and has done since its start.

    Attributes:
        version: the version of its hexzctl.
        player: the spec of the player that serves.
        uptime_seconds: the time since its start.
        answers: the number of moves suggested, "searched" or "at_once".
        refused: requests that were refused, by HTTP status.
        simulations: the number of simulations of all searches.
        model: its network; None if no player has one.
    """

    version: str
    player: str
    uptime_seconds: float
    answers: dict[str, int]
    refused: dict[int, int]
    simulations: int
    model: NetworkStatus | None
