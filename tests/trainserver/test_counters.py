"""Counters of the server."""

import threading

from hexz.trainserver.counters import Counters


def test_threads_share_counters():
    counters = Counters()

    def work() -> None:
        for _ in range(2000):
            counters.accepted.add(2)
            counters.refuse(400, "no")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counters.accepted.total == 16_000
    assert counters.refused == {400: 8000}
    assert counters.last_refusal == "no"
