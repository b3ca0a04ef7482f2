"""An engine that fails: `bad_engine.py HOW [PATH]`, the first time only if there is a path.

Imports nothing of hexz, so that it starts at once. What it plays is a flag on the first empty cell.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path


def first_flag(position: str) -> str:
    place = position.index(".")
    for row in range(11):
        columns = 10 - row % 2
        if place < columns:
            return f"F{'abcdefghij'[place]}{row + 1}"
        place -= columns
    raise AssertionError("there is no empty cell")


def fail(how: str) -> str:
    match how:
        case "crash":
            print("a bug on line 7", file=sys.stderr, flush=True)
            sys.exit(3)
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "hang":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            print(
                "child", subprocess.Popen(["/bin/sleep", "1000"]).pid, file=sys.stderr, flush=True
            )
            time.sleep(1000)
        case "endless":
            while True:
                print("= d5", flush=True)
        case "close":
            os.close(1)
            time.sleep(1000)
    return {
        "illegal": "= Fj2",
        "no move": "= pass",
        "empty": "=",
        "unsigned": "Fa1",
        "error": "? I resign",
        "no number": "= Fa1 good",
        "nan": "= Fa1 nan",
    }[how]


def main(how: str, path: str | None = None) -> None:
    position = ""
    for line in sys.stdin:
        answer = "="
        match line.split():
            case ["name"]:
                if how == "start":
                    fail("crash")
                answer = f"= bad {os.environ.get('HEXZ_AUTH_TOKEN', '1.0')}"
            case ["board", position, *_]:
                pass
            case ["genmove", *limits]:
                print("asked", *limits, file=sys.stderr, flush=True)
                if path is not None and Path(path).exists():
                    answer = f"= {first_flag(position)} 0.25"
                else:
                    if path is not None:
                        Path(path).touch()
                    answer = fail(how)
            case ["quit"]:
                print("=\n", flush=True)
                return
        print(f"{answer}\n", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
