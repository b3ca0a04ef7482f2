"""Runs a program that must not outlive its owner: `python leash.py FD PROGRAM [ARGUMENT]...`.

FD is the read end of a pipe whose other end only the owner has. The program takes the place of
this process, so its id is the one that the owner knows; a small child of it waits for the end of
the pipe, which also comes if the owner is killed, and then kills the program.

Imports nothing of hexz: it is started by its path, and quickly.
"""

import os
import signal
import sys


def main(pipe: int, program: str, *arguments: str) -> None:
    program_id = os.getpid()
    if os.fork() != 0:
        os.set_inheritable(pipe, False)
        os.execv(program, [program, *arguments])  # noqa: S606
    os.closerange(0, 3)  # or who reads what the program writes would never see its end
    os.read(pipe, 1)
    # As long as the program is our parent, nothing else can have its id.
    if os.getppid() == program_id:
        if os.getpgid(program_id) == program_id:
            os.killpg(program_id, signal.SIGKILL)  # with what it has started, and with us
        os.kill(program_id, signal.SIGKILL)


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
