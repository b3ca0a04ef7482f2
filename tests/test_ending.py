"""A process that is told to end has ended in time, whatever holds it up."""

import signal
import subprocess
import sys

import psutil
import pytest

from hexz.ending import END_SECONDS

from .waiting import wait_until

HELD_UP = """
import os, signal, sys, threading
from hexz.ending import Deadline
from hexz.output import lossy_output

for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, lambda *_: None)
Deadline(lambda first: first, seconds=SECONDS, is_patient=PATIENT)
threading.Thread(target=threading.Event().wait).start()  # the interpreter would wait for it
print("ready", flush=True)
while True:
    WORK
"""


def start(
    seconds: float, work: str = "signal.pause()", is_patient: bool = False
) -> subprocess.Popen[str]:
    code = HELD_UP.replace("SECONDS", str(seconds)).replace("PATIENT", str(is_patient))
    code = code.replace("WORK", work)
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_a_thread_that_never_ends_holds_up_no_end():
    with start(seconds=0.2) as process:
        process.terminate()
        assert process.wait(60) == signal.SIGTERM


def test_a_reader_who_reads_no_more_holds_up_no_end():
    with start(seconds=0.2, work="with lossy_output(): print('words ' * 10_000)") as process:
        process.terminate()
        assert process.wait(60) == signal.SIGTERM


MISSES_SIGNALS = """
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    os.write(sys.stdout.fileno(), b"words " * 100_000)
"""


def test_a_signal_that_comes_just_before_a_call_that_blocks_is_not_missed():
    """As good as that: another thread gets it, so the call of the main one is not interrupted."""
    with start(seconds=0.2, work=MISSES_SIGNALS.strip()) as process:
        process.terminate()
        assert process.wait(60) == signal.SIGTERM


def test_ctrl_c_is_no_hurry_where_others_clean_up():
    with start(seconds=0, is_patient=True) as process:
        process.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.3)
        process.terminate()
        assert process.wait(60) == signal.SIGINT


LEAVES = """
import os, sys
from hexz.ending import leave

os.set_blocking(1, False)
try:
    while True:
        os.write(1, b"words")
except BlockingIOError:
    os.set_blocking(1, True)
sys.stdout = open(1, "w")
print("the last word")
print("ready", file=sys.stderr)
try:
    leave(3)
finally:
    print("not left", file=sys.stderr)
"""


def test_a_signal_while_nobody_reads_what_we_print_ends_what_is_left():
    with subprocess.Popen(
        [sys.executable, "-c", LEAVES], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == b"ready\n"
        wait_until(lambda: psutil.Process(process.pid).status() == psutil.STATUS_SLEEPING)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 3
        assert process.stderr.read() == b""


def test_nothing_ends_before_it_is_told_to():
    with start(seconds=0) as process:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.3)
        process.terminate()
        assert process.wait(60) == signal.SIGTERM


def test_the_time_is_less_than_what_others_wait_before_they_kill():
    assert END_SECONDS + 1 < 10
