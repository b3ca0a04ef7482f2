"""Settings that several programs have."""

from typing import Annotated, Final, Literal

from hexz.schema.declaration import Settings, setting
from hexz.schema.search import MAX_SIMULATIONS, Algorithm

PostUnit = Literal["examples", "games"]
PostRule = Literal["auto", "examples", "games"]

ModelName = Annotated[str, setting("Name of the model.", variable="MODEL_NAME")]
Device = Annotated[Literal["cpu", "cuda", "mps"], setting("Device that networks run on.")]
SEED: Final = setting("Seed of all random choices.", ge=0, le=2**63 - 1)
Seed = Annotated[int, SEED]
Host = Annotated[str, setting("Address to listen at; 0.0.0.0 serves other machines as well.")]
MAX_PORT: Final = 65_535
Port = Annotated[
    int, setting("Port to listen at; 0 is any free one.", ge=0, le=MAX_PORT, variable="PORT")
]
AuthToken = Annotated[
    str | None,
    setting("Token of 16 characters or more that clients must show.", secret=True, option=False),
]
RedisUrl = Annotated[
    str | None,
    setting(
        "Redis at which models are announced: redis:// or rediss://. Passwords belong into the "
        "variable. Default: a private Redis server on the machine of the train server.",
        secret=True,
    ),
]
MAX_SECONDS: Final = setting("Stop after so many seconds. Default: no limit.", ge=0.001)
MaxSeconds = Annotated[float | None, MAX_SECONDS]
NumWorkers = Annotated[
    int | None,
    setting("Processes that play. Default: one a core; no more than 4 on a GPU.", ge=1, le=256),
]
DEFAULT_BLOCKS: Final = 4
MAX_BLOCKS: Final = 100
Blocks = Annotated[
    int | None,
    setting(
        "Blocks of the network: one to go on from that has fewer grows. "
        f"Default: {DEFAULT_BLOCKS} for a new one.",
        ge=1,
        le=MAX_BLOCKS,
    ),
]
DEFAULT_FILTERS: Final = 32
MAX_FILTERS: Final = 1024
Filters = Annotated[
    int | None,
    setting(
        "Filters of the network: one to go on from that has fewer grows. "
        f"Default: {DEFAULT_FILTERS} for a new one.",
        ge=1,
        le=MAX_FILTERS,
    ),
]
MAX_GAMES: Final = 65_536
"""More than anybody means: a typing error is wrong usage."""
GamesPerProcess = Annotated[int, setting("Games that each process has going.", ge=1, le=MAX_GAMES)]
Search = Annotated[
    Algorithm,
    setting("Kind of search: puct wants hundreds of runs a move, gumbel learns from 16 up."),
]
RunsPerMove = Annotated[int, setting("Search simulations a move.", ge=1, le=MAX_SIMULATIONS)]
MinibatchSize = Annotated[
    int,
    setting("Examples that make a new checkpoint.", ge=1, le=10**9, variable="MINIBATCH_SIZE"),
]
MaxBacklog = Annotated[
    int,
    setting(
        "Minibatches that may wait for training before workers are told to wait.",
        ge=1,
        le=10**9,
    ),
]

RATING_SIMULATIONS: Final = 64
"""Of a move, in games that rate checkpoints during a training or by `hexzctl models rate`: only
with as many in both do the games of one count for the other."""


class PlayChanges(Settings, frozen=True, kw_only=True):
    """Settings in which one worker differs from what the train server says."""

    games_per_process: Annotated[
        int | None,
        setting(
            "Games that each process has going. Default: as the server says.",
            ge=1,
            le=MAX_GAMES,
        ),
    ] = None
    search: Annotated[Algorithm | None, setting("Kind of search. Default: as the server says.")] = (
        None
    )
    runs_per_move: Annotated[
        int | None,
        setting(
            "Search simulations a move. Default: as the server says.", ge=1, le=MAX_SIMULATIONS
        ),
    ] = None
    post: Annotated[
        PostUnit | None,
        setting(
            "Content of a request: one example, or a compact game. Default of a worker: as the "
            "server says."
        ),
    ] = None
