from typing import Final

FLAGS: Final[str]
"""Those for the compiler, in one line."""
COMPILER: Final[str]
"""Its name and version."""
