"""Types of __init__.py, which imports what is behind its names when they are used."""

from hexz._api import *  # noqa: F403  the names that it lists
from hexz._api import __all__ as __all__
