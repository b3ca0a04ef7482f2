"""The types of the compiled modules (.pyi) describe what was compiled."""

import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
MODULES = [
    *(f"hexz.engine.{name}" for name in ("board", "endgame", "playout", "vector")),
    *(f"hexz.engine.search.{name}" for name in ("games", "search")),
    "hexz.soundness",
]

# What mypy.stubtest shall not ask for, as regular expressions.
NOT_IN_STUBS = r"""
.*\.__(test|pyx_capi|reduce_cython|setstate_cython)__    # Cython's own
hexz\.engine\.board\.Board\.__init__                     # only says what to call instead
hexz\.engine\.\w+\.[A-Z_]+                               # C enumerations
hexz\.engine\.search\.search\.RULES                      # for other Cython modules
"""


def test_stubs_match_the_compiled_modules(tmp_path):
    allowlist = tmp_path / "allowlist"
    allowlist.write_text(NOT_IN_STUBS)
    result = subprocess.run(
        [
            *(sys.executable, "-m", "mypy.stubtest", "--concise", "--ignore-positional-only"),
            *("--ignore-unused-allowlist", "--allowlist", allowlist),
            *("--mypy-config-file", "pyproject.toml"),
            *MODULES,
        ],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
