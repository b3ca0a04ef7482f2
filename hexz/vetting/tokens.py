"""Tokens of single workers: a file that people and programs may change while the server runs.

Each line has the name of a worker and the SHA-256 of its token's secret; those that begin with `#`
are comments, and stay. A token is `{name}.{secret}`, so that one comparison tells whether it is
right; the secrets are random, long, and written nowhere.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import hmac
import logging
import os
import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from hexz.errors import HexzError
from hexz.files import atomic_file, read_file

_log = logging.getLogger(__name__)

MAX_FILE_BYTES: Final = 1 << 22
"""Longest file; a token has 128 bytes at most."""

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
_LINE: Final = re.compile(rf"({_NAME.pattern}) ([0-9a-f]{{64}})")
_COMMENT: Final = "# Workers and SHA-256 of their tokens; `hexzctl fleet token` changes this file."
_NOBODY: Final = "0" * 64


class TokenError(HexzError):
    """The file of tokens cannot be used or changed so."""


class WorkerTokens:
    """The tokens in a file, which need not exist; it is read again when it changes.

    Attributes:
        problem: why lines of the file are not used, for people; None if all are.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, int, int] | None = None
        self._lines: list[str] = []
        self._digests: dict[str, str] = {}
        self.problem: str | None = None
        self._follow()

    def names(self) -> list[str]:
        """The workers that have a token, by name."""
        self._follow()
        return sorted(self._digests)

    def __contains__(self, name: str) -> bool:
        """Tells whether a worker has a token, as far as the file was read."""
        return name in self._digests

    def owner(self, token: str) -> str | None:
        """The name of the worker whose token this is; None if it is nobody's."""
        self._follow()
        name, _, secret = token.partition(".")
        known = self._digests.get(name, _NOBODY)
        return name if hmac.compare_digest(_digest(secret), known) else None

    def add(self, name: str) -> str:
        """Makes a token for a worker, and returns it: nothing else will ever tell it.

        Raises:
            TokenError: the name is none, or has a token; or the file has a problem.
            OutputError: the file cannot be written.
        """
        if not _NAME.fullmatch(name):
            raise TokenError(
                f"{name!r} is no name for a worker: use up to 63 letters, digits, '-' and '_'"
            )
        secret = secrets.token_urlsafe(32)
        with self._changing():
            if name in self._digests:
                raise TokenError(f"{name} has a token: revoke it first, with `hexzctl fleet token "
                                 f"revoke {name}`")  # fmt: skip
            self._write([*(self._lines or [_COMMENT]), f"{name} {_digest(secret)}"])
        return f"{name}.{secret}"

    def revoke(self, name: str) -> None:
        """Makes the token of a worker invalid at once.

        Raises:
            TokenError: the worker has none, or the file has a problem.
            OutputError: the file cannot be written.
        """
        with self._changing():
            if name not in self._digests:
                raise TokenError(f"{name} has no token in {self._path}")
            self._write([line for line in self._lines if line.split(" ")[0] != name])

    @contextlib.contextmanager
    def _changing(self) -> Iterator[None]:
        """Lets nobody else change the file, and has read it; raises TokenError if not all of it was
        read, so that nothing is lost when it is written."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        directory = os.open(self._path.parent, os.O_RDONLY)
        try:
            fcntl.flock(directory, fcntl.LOCK_EX)
            self._follow()
            if self.problem is not None:
                raise TokenError(f"{self.problem}; mend that first, nothing was changed")
            yield
        finally:
            os.close(directory)

    def _write(self, lines: list[str]) -> None:
        with atomic_file(self._path) as file:
            file.write("".join(f"{line}\n" for line in lines).encode())
        self._follow()

    def _follow(self) -> None:
        """Reads the file if it has changed. Whatever is not read is not valid."""
        try:
            stat = self._path.stat()
            stamp = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
            if stamp == self._stamp:
                return
            lines = read_file(self._path, MAX_FILE_BYTES).decode().splitlines()
        except FileNotFoundError:
            self._use([], {}, None, None)
            return
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "it is no UTF-8 text"
            self._use([], {}, None, f"cannot read the tokens {self._path}: {reason}")
            return
        found = [_LINE.fullmatch(line) for line in lines]
        wrong = [
            number
            for number, (line, match) in enumerate(zip(lines, found, strict=True), 1)
            if match is None and line and not line.startswith("#")
        ]
        problem = f"lines of {self._path} are no tokens: {wrong[:5]}" if wrong else None
        self._use(lines, {match[1]: match[2] for match in found if match}, stamp, problem)

    def _use(
        self,
        lines: list[str],
        digests: dict[str, str],
        stamp: tuple[int, int, int] | None,
        problem: str | None,
    ) -> None:
        if problem is not None and problem != self.problem:
            _log.error("%s", problem)
        self._lines, self._digests, self._stamp, self.problem = lines, digests, stamp, problem


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
