"""A process that is told to end has ended in time, whatever holds it up."""

import subprocess
import sys

import pytest

from hexz.ending import END_SECONDS

HELD_UP = """
import signal, sys, threading
from hexz.ending import Deadline
from hexz.output import lossy_output

deadline = Deadline(lambda: 3, seconds=SECONDS)
signal.signal(signal.SIGTERM, lambda *_: deadline.start())
threading.Thread(target=threading.Event().wait).start()  # the interpreter would wait for it
print("ready", flush=True)
while True:
    WORK
"""


def start(seconds: float, work: str = "signal.pause()") -> subprocess.Popen[str]:
    code = HELD_UP.replace("SECONDS", str(seconds)).replace("WORK", work)
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_a_thread_that_never_ends_holds_up_no_end():
    with start(seconds=0.2) as process:
        process.terminate()
        assert process.wait(60) == 3


def test_a_reader_who_reads_no_more_holds_up_no_end():
    with start(seconds=0.2, work="with lossy_output(): print('words ' * 10_000)") as process:
        process.terminate()
        assert process.wait(60) == 3


def test_nothing_ends_before_it_is_told_to():
    with start(seconds=0) as process:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.3)
        process.terminate()
        assert process.wait(60) == 3


def test_the_time_is_less_than_what_others_wait_before_they_kill():
    assert END_SECONDS + 1 < 10
