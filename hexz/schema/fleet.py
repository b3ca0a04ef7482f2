"""What a train server and its workers say to each other beside examples.

A worker posts a `Heartbeat` when it starts and every few seconds, and the server answers with
`Orders`. How the fleet plays is one TOML document of the server, `FleetSettings`:

    games_per_process = 128
    post = "auto"               # what a request carries: "examples" one by one, compact "games", or
                                # examples as long as the server keeps up with them
    deepest = 4                 # searches may become so many times deeper while examples come
                                # faster than they are learnt from

    [search]                    # any field of SearchSettings
    algorithm = "gumbel"
    simulations = 64
    full_search_share = 0.25    # of the moves; the others get
    fast_simulations = 12
    fast_considered = 4

    [[schedule]]                # optional: fewer simulations while the network knows little
    examples = 0                # from so many examples on that the model has been trained on
    simulations = 32
"""

from pathlib import Path
from typing import Annotated, Final, Self

from msgspec import Meta
from msgspec.structs import replace

from hexz.errors import InvalidMessage, InvalidSettings
from hexz.layout import MAX_MOVES, NUM_ACTIONS, NUM_CELLS
from hexz.schema.declaration import Settings, setting
from hexz.schema.document import read_document
from hexz.schema.message import Message
from hexz.schema.search import MAX_SIMULATIONS, SearchSettings
from hexz.schema.shared import GamesPerProcess, PlayChanges, PostRule, PostUnit
from hexz.version import __version__

EXAMPLES_PATH: Final = "/training/examples"
GAMES_PATH: Final = "/training/games"
COMPACT_GAMES_PATH: Final = "/training/compact-games"
HEARTBEAT_PATH: Final = "/training/heartbeat"
CONDUCT_PATH: Final = "/training/workers"

HEARTBEAT_SECONDS: Final = 5.0
"""How often a worker posts a heartbeat, and so how soon it follows new orders."""
MAX_HEARTBEAT_BYTES: Final = 1 << 14

DEEP_FROM: Final = 800_000
"""Examples that the model has learnt from before searches are as deep as somebody asks for."""

Name = Annotated[str, Meta(min_length=1, max_length=200)]
Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]


class GameUnderWay(Message, frozen=True, kw_only=True):
    """A game that is being played.

    Attributes:
        board: the board before the first move, as `Board.from_text` reads it.
        moves: its actions so far, see `Move.index`.
    """

    board: Annotated[str, Meta(max_length=NUM_CELLS)]
    moves: Annotated[list[Annotated[int, Meta(ge=0, lt=NUM_ACTIONS)]], Meta(max_length=MAX_MOVES)]


class WorkerReport(Message, frozen=True, kw_only=True):
    """A worker and what it has done since it started.

    Attributes:
        worker: its name, unique in the fleet.
        version: the version of its hexzctl.
        model_name: the model that it plays with.
        checkpoint: the checkpoint it plays with; None before the first.
        device: backend and device, for people: "OpenVINO int8 on cpu"; empty before the first.
        processes: the number of processes that play.
        games: the number of games finished.
        evaluations: the number of positions evaluated.
        examples: the number of examples that the server has taken.
        pending: the number of examples that wait to be posted.
        seconds: the time since it began to play.
        waited: the seconds of these in which play waited for the server to take examples.
    """

    worker: Name
    version: Name
    model_name: Name
    checkpoint: Count | None = None
    device: Annotated[str, Meta(max_length=200)]
    processes: Count
    games: Count
    evaluations: Count
    examples: Count
    pending: Count
    seconds: Annotated[float, Meta(ge=0, lt=2**63)]
    waited: Annotated[float, Meta(ge=0, lt=2**63)] = 0.0

    def __post_init__(self) -> None:
        for name in ("worker", "version", "model_name"):
            if not getattr(self, name).isprintable():
                raise InvalidMessage(f"{name} is not printable")


class Heartbeat(WorkerReport, frozen=True, kw_only=True):
    """What a worker posts every few seconds: what it has done, and a game that it plays.

    Attributes:
        game: one of the games that it plays, for people to watch.
    """

    game: GameUnderWay | None = None

    @property
    def evaluations_per_second(self) -> float:
        """The positions that it evaluated in a second, on average since it began to play; 0 in its
        first second. So it is finite, whatever a worker claims."""
        return self.evaluations / self.seconds if self.seconds >= 1 else 0.0


class WorkerSettings(Settings, frozen=True, kw_only=True):
    """The settings of play, one document for the whole fleet, sent by the server.

    Raises:
        InvalidSettings: a value is out of range; names it.
    """

    games_per_process: GamesPerProcess = 128
    post: Annotated[
        PostRule,
        setting(
            "Content of a request: one example, a compact game, or with auto examples as long as "
            "the server keeps up with them. The server replaces auto before it tells workers."
        ),
    ] = "auto"
    search: SearchSettings = SearchSettings(
        algorithm="gumbel", simulations=64, full_search_share=0.25
    )

    def changed(self, changes: PlayChanges) -> Self:
        """These settings with what somebody wants to be different."""
        return replace(
            self,
            games_per_process=changes.games_per_process or self.games_per_process,
            post=changes.post or self.post,
            search=replace(
                self.search,
                algorithm=changes.search or self.search.algorithm,
                simulations=changes.runs_per_move or self.search.simulations,
            ),
        )


class Step(Settings, frozen=True, kw_only=True):
    """A step of the schedule."""

    examples: Annotated[
        int, setting("Examples that the model has been trained on at its beginning.", ge=0)
    ]
    simulations: Annotated[int, setting("Simulations a move.", ge=1, le=MAX_SIMULATIONS)]


class FleetSettings(WorkerSettings, frozen=True, kw_only=True):
    """Settings that depend on how much the model has learnt.

    Attributes:
        schedule: ascending; the simulations of a step replace those of `search`. What a young
            network learns from is the result of many games, not what deep searches make of its
            guesses. Examples of fast searches count.
    """

    deepest: Annotated[
        float,
        setting(
            "How many times deeper than that searches may become while examples come faster than "
            "they are learnt from; 1: never.",
            ge=1,
            le=64,
        ),
    ] = 4.0
    schedule: tuple[Step, ...] = (
        Step(examples=0, simulations=32),
        Step(examples=200_000, simulations=64),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        starts = [step.examples for step in self.schedule]
        if starts != sorted(starts):
            raise InvalidSettings("the steps of the schedule must ascend")

    def at(self, examples: int, unit: PostUnit = "examples") -> WorkerSettings:
        """The settings for a model that was trained on so many examples.

        Args:
            examples: so many.
            unit: what a request shall carry if that is left open.
        """
        steps = [step.simulations for step in self.schedule if step.examples <= examples]
        return WorkerSettings(
            games_per_process=self.games_per_process,
            post=unit if self.post == "auto" else self.post,
            search=replace(self.search, simulations=steps[-1]) if steps else self.search,
        )

    @classmethod
    def up_to(cls, simulations: int | None) -> Self:
        """The defaults, but that searches have so many simulations in the end."""
        default = cls()
        if simulations is None:
            return default
        steps = [replace(s, simulations=min(s.simulations, simulations)) for s in default.schedule]
        return replace(
            default, schedule=(*steps, Step(examples=DEEP_FROM, simulations=simulations))
        )

    @classmethod
    def read(cls, path: Path) -> Self:
        """Reads a document; without a schedule it has none. Raises InvalidSettings, which names
        the file and what is wrong."""
        try:
            return cls.from_tables({"schedule": [], **read_document(path)})
        except InvalidSettings as error:
            raise InvalidSettings(f"the settings in {path} cannot be used: {error}") from None


class Receipt(Message, frozen=True, kw_only=True):
    """The server's answer to examples. Without it they count as not taken, whatever else answers.

    Attributes:
        checkpoint: the newest one.
        accepted: the number of examples that were new.
    """

    checkpoint: Count
    accepted: Count


class ConductOrder(Message, frozen=True, kw_only=True):
    """What shall become of what a worker posts.

    Attributes:
        quarantined: True to set it aside from now on, False to take it again, with all that was
            set aside.
        reason: in words.
    """

    quarantined: bool
    reason: Annotated[str, Meta(min_length=1, max_length=500)]


class Orders(Message, frozen=True, kw_only=True):
    """The server's answer to a heartbeat.

    Attributes:
        settings: how to play.
        redis_url: of the server's private Redis, for workers on its machine; else None.
        notice: what the worker shall tell whoever runs it, if anything.
        compact_games: the newest version of compact games that the server reads; 0: none, and then
            a worker that shall post games posts single examples.
    """

    settings: WorkerSettings
    redis_url: Name | None = None
    notice: Annotated[str, Meta(max_length=1000)] | None = None
    compact_games: Count = 0

    def __repr__(self) -> str:  # without the password
        return f"Orders(settings={self.settings!r})"


def incompatibility(version: str, server_version: str = __version__) -> str | None:
    """The reason why a worker of a version cannot work for a server of another, or None if it can.

    Versions understand each other if they differ in the last of their three numbers only.
    """
    if version.split(".")[:2] == server_version.split(".")[:2]:
        return None
    return (
        f"this worker is hexzctl {version}, the server is {server_version}: "
        f"install hexzctl {server_version} for the worker"
    )
