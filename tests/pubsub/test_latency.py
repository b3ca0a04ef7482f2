"""How soon after the announcement a worker fetches a model."""

import statistics
import subprocess
import sys
import time

from hexz.pubsub import ModelChannel

MODEL_BYTES = 5_000_000
FETCH_SECONDS = 0.2

# The time when it asks Redis for the bytes, then the checkpoint that it got.
FOLLOWER = """
import sys, threading, time
from hexz.pubsub import ModelChannel

channel = ModelChannel(sys.argv[1], "tiny")
fetch = channel._redis.strlen
channel._redis.strlen = lambda key: (print(time.time(), flush=True), fetch(key))[1]
for model in channel.follow(threading.Event(), print):
    print(model.checkpoint, flush=True)
"""


def test_a_follower_in_another_process_fetches_at_once(redis_server):
    """Counted from the call of publish(), so the upload is part of it."""
    channel = ModelChannel(redis_server.url, "tiny")
    channel.publish(0, b"model")
    follower = subprocess.Popen(
        [sys.executable, "-c", FOLLOWER, redis_server.url], stdout=subprocess.PIPE, text=True
    )
    delays = []
    with follower:
        try:
            assert follower.stdout.readline()
            assert follower.stdout.readline() == "0\n"
            for checkpoint in range(1, 10):
                time.sleep(0.1)  # until it listens again
                started = time.time()
                channel.publish(checkpoint, bytes([checkpoint]) * MODEL_BYTES)
                delays.append(float(follower.stdout.readline()) - started)
                assert follower.stdout.readline() == f"{checkpoint}\n"
        finally:
            follower.kill()
    milliseconds = [round(1000 * delay, 1) for delay in delays]
    print(f"publish() to fetch, ms: median {statistics.median(milliseconds)} of {milliseconds}")
    assert statistics.median(delays) < FETCH_SECONDS
