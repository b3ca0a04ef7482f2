"""What a client reads of an answer over HTTP: no more, and for no longer, than it can be meant."""

from __future__ import annotations

import time
from typing import Final

from urllib3 import BaseHTTPResponse
from urllib3.exceptions import HTTPError

_PART_BYTES: Final = 1 << 16


class TooMuch(HTTPError):
    """The answer is longer, or takes longer, than any that is meant."""


def read_answer(answer: BaseHTTPResponse, most: int, seconds: float) -> bytes:
    """Returns the body of an answer that was asked for with `preload_content=False`.

    What is compressed is not unpacked: nothing of ours sends that.

    Raises:
        TooMuch: it has more than `most` bytes, or is not there after so many seconds.
        HTTPError: it cannot be read.
    """
    end = time.monotonic() + seconds
    parts, size = [], 0
    try:
        while part := answer.read1(_PART_BYTES, decode_content=False):
            parts.append(part)
            size += len(part)
            if size > most:
                raise TooMuch(f"an answer of more than {most:,} bytes")
            if time.monotonic() > end:
                raise TooMuch("no whole answer in time")
    except BaseException:
        answer.close()
        raise
    answer.release_conn()
    return b"".join(parts)
