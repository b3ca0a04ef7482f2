"""What each program is asked to do."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal

import msgspec

from hexz.errors import InvalidSettings
from hexz.places import DEFAULT_MODEL
from hexz.schema.declaration import Settings, setting
from hexz.schema.fleet import DEEP_FROM, FleetSettings
from hexz.schema.fleet_profile import fleet_defaults
from hexz.schema.search import MAX_SIMULATIONS
from hexz.schema.shared import (
    MAX_PORT,
    MAX_SECONDS,
    AuthToken,
    Blocks,
    Device,
    Filters,
    Host,
    MaxBacklog,
    MaxSeconds,
    MinibatchSize,
    ModelName,
    NumWorkers,
    PlayChanges,
    Port,
    RedisUrl,
)
from hexz.schema.training import LearningConfig, TrainingConfig, TrainProcesses

_TOKEN: Final = re.compile(r"[!-~]{16,}")
"""What a header can carry; a shorter token could be guessed."""

LOOPBACK: Final = "127.0.0.1"
DEFAULT_PORT: Final = 8080
DEFAULT_STORE: Final = "hexz-data"


def tokens_file(data_dir: Path) -> Path:
    """The file of the tokens of single workers, in the directory of a train server."""
    return data_dir / "worker-tokens"


class ModelTrainingConfig(Settings, frozen=True, kw_only=True):
    """The settings of a train server, wherever it runs.

    Raises:
        InvalidSettings: a value is out of range; names it.
    """

    model_name: ModelName = DEFAULT_MODEL
    data_dir: Annotated[
        Path,
        setting(
            "Directory of the train server, in which accepted examples wait for training; `train` "
            "keeps checkpoints and logs there as well. It must survive restarts."
        ),
    ] = Path(DEFAULT_STORE)
    redis_url: RedisUrl = None
    auth_token: AuthToken = None
    minibatch_size: MinibatchSize = 4096
    settings: Annotated[
        Path | None,
        setting("TOML file of how workers play; read again when it changes. See docs/training.md."),
    ] = None
    max_checkpoint_lag: Annotated[
        int,
        setting("Refuse examples of checkpoints older than this.", ge=0, le=10**9),
    ] = 50
    max_backlog: MaxBacklog = 64
    blocks: Blocks = None
    filters: Filters = None
    grow: Annotated[
        bool,
        setting(
            "Let the network grow to the next size while examples come faster than they can be "
            "learnt from and searches are as deep as they may become. See docs/scaling.md."
        ),
    ] = False
    train_processes: TrainProcesses = 1
    tensorboard: Annotated[
        Path | None, setting("Write TensorBoard's event files to this directory.")
    ] = None
    training: TrainingConfig = msgspec.field(default_factory=TrainingConfig)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.training.check_processes(self.train_processes)
        if self.auth_token is not None and not _TOKEN.fullmatch(self.auth_token):
            raise InvalidSettings(
                "HEXZ_AUTH_TOKEN is not 16 or more letters, digits and signs without spaces: "
                "make one with `openssl rand -hex 32`"
            )

    @property
    def journal_dir(self) -> Path:
        """Where the examples of this model wait."""
        return self.data_dir / "journal" / self.model_name

    @property
    def quarantine_dir(self) -> Path:
        """Where the examples of this model lie that were set aside."""
        return self.data_dir / "quarantine" / self.model_name

    @property
    def tokens_file(self) -> Path:
        """The file of the tokens of single workers."""
        return tokens_file(self.data_dir)


class ServerConfig(ModelTrainingConfig, frozen=True, kw_only=True):
    """The settings of `hexzctl train-server`."""

    profile: Annotated[
        Literal["single", "fleet"],
        setting(
            "Defaults for one worker or for a fleet: fleet chooses blocks, filters, simulations, "
            "reuse, minibatch_size and max_backlog for worker_cores and the device that trains; "
            "other options change one each. See docs/scaling.md."
        ),
    ] = "single"
    worker_cores: Annotated[
        int,
        setting("Cores of all workers, for the profile fleet.", ge=1, le=10**6),
    ] = 16
    simulations: Annotated[
        int | None,
        setting(
            f"Search simulations a move, once the network has learnt from {DEEP_FROM:,} examples, "
            f"where no settings document says it. Default: {FleetSettings().search.simulations}.",
            ge=1,
            le=MAX_SIMULATIONS,
        ),
    ] = None
    store: Annotated[str, setting("Checkpoints: a directory or gs://bucket/prefix.")] = (
        DEFAULT_STORE
    )
    host: Host = LOOPBACK
    port: Port = DEFAULT_PORT
    allow_unauthenticated: Annotated[
        bool, setting("Serve other machines without HEXZ_AUTH_TOKEN.")
    ] = False

    @classmethod
    def profile_defaults(cls, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """The defaults of the profile that some values name."""
        if values.get("profile") != "fleet":
            return {}
        default = cls()
        return fleet_defaults(
            values.get("worker_cores", default.worker_cores),
            values.get("device", default.training.device),
            values.get("train_processes", default.train_processes),
        )


class WorkerConfig(Settings, frozen=True, kw_only=True):
    """The settings of `hexzctl worker`."""

    server_url: Annotated[str, setting("Address of the train server: http:// or https://.")] = (
        f"http://{LOOPBACK}:{DEFAULT_PORT}"
    )
    model_name: ModelName = DEFAULT_MODEL
    redis_url: RedisUrl = None
    auth_token: AuthToken = None
    max_seconds: MaxSeconds = None
    device: Device = "cpu"
    num_workers: NumWorkers = None
    changes: PlayChanges = msgspec.field(default_factory=PlayChanges)


class PlayerConfig(Settings, frozen=True, kw_only=True):
    """The settings of `hexzctl serve-player`."""

    player: Annotated[
        str,
        setting(
            "Player that answers: model, model@800, model:PATH@2.5s, gumbel@64, uct:32000, random, "
            "or a program, as cmd:./my-engine."
        ),
    ] = "model"
    model: Annotated[
        str | None,
        setting(
            "Network of the player: a file, a directory, of which the newest checkpoint plays, "
            "or gs://bucket/prefix. Default: the one that ships with hexzctl.",
            variable="HEXZ_MODEL_PATH",
        ),
    ] = None
    follow: Annotated[
        bool, setting("Play with newer networks when they appear, and wait for the first one.")
    ] = False
    open: Annotated[
        bool,
        setting(
            "Open a game in a browser, if there is a display: against the champion, or, where no "
            "network is served, the player that is."
        ),
    ] = False
    device: Device = "cpu"
    host: Host = LOOPBACK
    port: Port = DEFAULT_PORT
    grpc_port: Annotated[
        int | None,
        setting(
            "Serve gRPC at this port too, for today's Go server; 0 is any free port.",
            ge=0,
            le=MAX_PORT,
        ),
    ] = None


class LocalTrainingConfig(ModelTrainingConfig, frozen=True, kw_only=True):
    """The settings of `hexzctl train`."""

    PROFILES: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "laptop": {},
        "gpu": {
            "device": "cuda",
            "blocks": 8,
            "filters": 96,
            "minibatch_size": 32768,
            "batch_size": 512,
            "settings": Path(__file__).parents[1] / "data" / "gpu.toml",
        },
    }

    profile: Annotated[
        Literal["laptop", "gpu"],
        setting("Defaults that suit this machine; other options change one each."),
    ] = "laptop"
    num_workers: NumWorkers = None
    max_seconds: Annotated[
        float | None,
        MAX_SECONDS.explained(
            "Stop after so many seconds, over the last part of which learning rates fall to zero. "
            "Default: no limit."
        ),
    ] = None
    minibatch_size: MinibatchSize = 16384
    max_backlog: MaxBacklog = 4
    port: Port = 0
    changes: PlayChanges = PlayChanges(post="games")

    def server(self, port: int) -> ServerConfig:
        """Returns the settings of its train server, at a port of this machine."""
        shared = {name: getattr(self, name) for name in ModelTrainingConfig.__struct_fields__}
        return ServerConfig(**shared, store=str(self.data_dir), port=port)

    def worker(self, server_url: str) -> WorkerConfig:
        """Returns the settings of its worker."""
        return WorkerConfig(
            server_url=server_url,
            model_name=self.model_name,
            redis_url=self.redis_url,
            auth_token=self.auth_token,
            device=self.training.device,
            num_workers=self.num_workers,
            changes=self.changes,
        )


class FitConfig(Settings, frozen=True, kw_only=True):
    """The settings of `hexzctl models fit`; of those of training, `reuse` is how often each example
    is trained on, and `window_max` how many are."""

    output: Annotated[
        Path,
        setting(
            "Model file to write, whose name ends in .pt; its curve goes to a .csv file beside it."
        ),
    ] = Path("fit.pt")
    blocks: Blocks = None
    filters: Filters = None
    start: Annotated[
        str | None,
        setting(
            "Network to go on from: a file, a directory, of which the newest checkpoint counts, "
            "gs://bucket/prefix, or 'shipped', the one of hexzctl. Default: a new one."
        ),
    ] = None
    model_name: ModelName = DEFAULT_MODEL
    max_seconds: MaxSeconds = None
    train_processes: TrainProcesses = 1
    training: LearningConfig = msgspec.field(default_factory=LearningConfig)

    def __post_init__(self) -> None:
        super().__post_init__()
        # Its curve and its state lie beside it, under its name with other endings.
        if self.output.suffix != ".pt":
            raise InvalidSettings(f"output must end in .pt, as fit.pt does, not be {self.output}")
        self.training.check_processes(self.train_processes)


COMMANDS: Final[Mapping[str, type[Settings]]] = {
    "train": LocalTrainingConfig,
    "train-server": ServerConfig,
    "worker": WorkerConfig,
    "serve-player": PlayerConfig,
    "models fit": FitConfig,
}
"""What each command is asked to do."""
