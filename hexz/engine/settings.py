"""Settings of the tree search; they are declared in `hexz.schema.search`."""

from hexz.errors import InvalidSettings
from hexz.schema.search import MAX_SIMULATIONS, Algorithm, SearchSettings

__all__ = ["MAX_SIMULATIONS", "Algorithm", "InvalidSettings", "SearchSettings"]
