"""Types of __init__.py, which imports what is behind its names when they are used."""

from hexz.api import (
    Board as Board,
)
from hexz.api import (
    Evaluation as Evaluation,
)
from hexz.api import (
    Example as Example,
)
from hexz.api import (
    Game as Game,
)
from hexz.api import (
    HexzError as HexzError,
)
from hexz.api import (
    IllegalMove as IllegalMove,
)
from hexz.api import (
    InvalidBoard as InvalidBoard,
)
from hexz.api import (
    InvalidExample as InvalidExample,
)
from hexz.api import (
    InvalidGame as InvalidGame,
)
from hexz.api import (
    InvalidModel as InvalidModel,
)
from hexz.api import (
    Move as Move,
)
from hexz.api import (
    Network as Network,
)
from hexz.api import (
    Player as Player,
)
from hexz.api import (
    Suggestion as Suggestion,
)
from hexz.api import (
    load_network as load_network,
)
from hexz.api import (
    load_player as load_player,
)
from hexz.api import (
    play as play,
)
from hexz.api import (
    read_examples as read_examples,
)
from hexz.version import __version__ as __version__

__all__ = [
    "Board",
    "Evaluation",
    "Example",
    "Game",
    "HexzError",
    "IllegalMove",
    "InvalidBoard",
    "InvalidExample",
    "InvalidGame",
    "InvalidModel",
    "Move",
    "Network",
    "Player",
    "Suggestion",
    "__version__",
    "load_network",
    "load_player",
    "play",
    "read_examples",
]
