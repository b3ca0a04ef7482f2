"""Rates the levels of play on the scale of benchmarks/rungs, for hexz/player/levels.py.

    python benchmarks/levels.py --boards 200

The games are kept in `levels/`, and the results in a copy of the rungs there, so that the command
goes on where it ended.
"""

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path

from hexz.player.levels import LEVELS

RUNGS = Path(__file__).parent / "rungs"
CHECKPOINTS = "1,2,4,11,16,22,40,74,111,148,222,296"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--boards", type=int, default=200)
    parser.add_argument("--seed", type=int, default=20261129)
    parser.add_argument("--output-dir", type=Path, default=Path("levels"))
    options = parser.parse_args()

    store = options.output_dir / "rungs"
    if not store.exists():
        shutil.copytree(RUNGS, store)
    command = [sys.executable, "-m", "hexzctl", "models", "rate", str(store)]
    command += ["--checkpoints", CHECKPOINTS, "--player", "random", "--boards", str(options.boards)]
    command += ["--seed", str(options.seed), "--output-dir", str(options.output_dir)]
    for level in LEVELS:
        command += ["--player", level.spec]
    subprocess.run(command, check=True)
    ratings = json.loads((options.output_dir / "curve.json").read_text())["players"]
    for level in LEVELS:
        elo = ratings[level.spec]
        print(
            f'    Level("{level.name}", "{level.spec}", {elo["value"]:.0f}),'
            f"  # {elo['low']:.0f} to {elo['high']:.0f}"
        )


if __name__ == "__main__":
    main()
