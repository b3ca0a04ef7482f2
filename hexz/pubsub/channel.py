"""`ModelChannel`: the newest checkpoint of a model, from one server to any number of workers.

Redis holds, under `hexz:flagz:{model_name}:`,

- `checkpoint`: the number of the newest checkpoint,
- `model:{checkpoint}` and `sha256:{checkpoint}`: the bytes of its model file and their digest,
- `published`: the numbers whose models are kept, newest first,

and announces each new number on the channel `hexz:flagz:{model_name}:checkpoints`. Redis is a
cache: whoever publishes has the models elsewhere, and puts back what Redis lost.
"""

from __future__ import annotations

import contextlib
import hashlib
import random
import re
import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Final, TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

import redis
from redis.backoff import NoBackoff
from redis.client import PubSub
from redis.retry import Retry

from hexz.errors import ChannelError
from hexz.files import MAX_MODEL_BYTES

KEEP: Final = 3
"""So many of the last published models stay in Redis, for workers that are about to fetch one."""
POLL_SECONDS: Final = 5.0
"""A follower looks for a new model at least this often, in case an announcement was lost."""
TIMEOUT_SECONDS: Final = 5.0
"""Redis is taken to be unreachable if it is silent for this long."""

_MAX_TEXT_BYTES: Final = 64
"""Of a digest; a number is shorter."""
_STOP_SECONDS: Final = 0.25
"""How often a follower looks whether it shall stop."""
_FIRST_BACKOFF_SECONDS: Final = 0.1

T = TypeVar("T")


@dataclass(frozen=True)
class PublishedModel:
    """A checkpoint and the bytes of its model file, which are not trusted: load weights only."""

    checkpoint: int
    data: bytes = field(repr=False)

    @cached_property
    def sha256(self) -> str:
        """The digest of the bytes in hexadecimal digits."""
        return hashlib.sha256(self.data).hexdigest()


class ModelChannel:
    """The published models of one model name. Threads may share it.

    Every method but `follow` raises ChannelError if Redis cannot be reached or refuses; the
    message names its address and never its password.
    """

    def __init__(self, url: str, model_name: str) -> None:
        """Connects on first use.

        Args:
            url: `redis://[[user]:password@]host[:port][/database]`, or `rediss://` for TLS, to
                which options of redis-py like `?ssl_ca_certs=ca.pem` may be added.
            model_name: the model.

        Raises:
            ChannelError: the URL is none of these.
        """
        self._address, self._password = _parse(url)
        self._prefix = f"hexz:flagz:{model_name}"
        try:
            self._redis = redis.Redis.from_url(
                url,
                # Once more at once: the connection in the pool may be one of before a restart.
                retry=Retry(NoBackoff(), 1),
                socket_timeout=TIMEOUT_SECONDS,
                socket_connect_timeout=TIMEOUT_SECONDS,
                # Firewalls forget connections on which nothing happens.
                socket_keepalive=True,
                health_check_interval=POLL_SECONDS,
            )
            pool = self._redis.connection_pool
            pool.connection_class(**pool.connection_kwargs)  # fails now if it ever does
        except (ValueError, TypeError):
            raise ChannelError(f"the URL of Redis at {self._address} has bad options") from None

    def publish(self, checkpoint: int, data: bytes) -> None:
        """Makes a model the newest and announces it; all or nothing.

        The last one who publishes wins, also with a lower number: what the server has in its store
        is the truth, and Redis may hold what is left of an older one.
        """
        model = PublishedModel(checkpoint, data)
        with self._errors():
            listed = map(_number, self._redis.lrange(self._key("published"), 0, KEEP))
            kept = [checkpoint, *(n for n in listed if n is not None and n != checkpoint)]
            transaction = self._redis.pipeline(transaction=True)
            transaction.set(self._key("model", checkpoint), data)
            transaction.set(self._key("sha256", checkpoint), model.sha256)
            transaction.set(self._key("checkpoint"), checkpoint)
            for number in kept[KEEP:]:
                transaction.delete(self._key("model", number), self._key("sha256", number))
            transaction.delete(self._key("published"))
            transaction.rpush(self._key("published"), *kept[:KEEP])
            transaction.publish(self._key("checkpoints"), checkpoint)
            transaction.execute()

    def restore(self, checkpoint: int, data: bytes) -> bool:
        """Publishes a model again unless Redis still has it as the newest.

        Returns:
            Whether Redis had lost it.
        """
        model = PublishedModel(checkpoint, data)
        with self._errors():
            transaction = self._redis.pipeline(transaction=True)
            transaction.getrange(self._key("checkpoint"), 0, _MAX_TEXT_BYTES)
            transaction.getrange(self._key("sha256", checkpoint), 0, _MAX_TEXT_BYTES)
            transaction.strlen(self._key("model", checkpoint))
            found = transaction.execute()
        if found == [str(checkpoint).encode(), model.sha256.encode(), len(data)]:
            return False
        self.publish(checkpoint, data)
        return True

    def latest(self) -> PublishedModel | None:
        """The newest model; None if there is none, or its bytes do not match its digest."""
        with self._errors():
            return self._newest(None)

    def follow(
        self, stop: threading.Event, notify: Callable[[str], None]
    ) -> Generator[PublishedModel, None, None]:
        """Yields the newest model now, and again whenever another one is the newest.

        Waits for a Redis that is not up yet, lost its data or its connections, for as long as it
        takes. Models that were replaced before they could be yielded are left out.

        Args:
            stop: ends the iteration within half a second, whatever Redis does.
            notify: is called once an outage with a line that says what is wrong.
        """
        last: PublishedModel | None = None
        failures = 0
        subscription = self._subscription()
        try:
            while not stop.is_set():
                try:
                    model = _unless_stopped(stop, partial(self._next, subscription, last))
                except ChannelError as error:
                    if failures == 0:
                        notify(f"{error}; trying again until it works")
                    failures += 1
                    stop.wait(_backoff_seconds(failures))
                    subscription.close()
                    subscription = self._subscription()
                    continue
                failures = 0
                if model is not None:
                    last = model
                    yield model
        finally:
            subscription.close()

    def close(self) -> None:
        """Closes all connections; a later call opens new ones."""
        self._redis.close()

    def _subscription(self) -> PubSub:
        subscription: PubSub = self._redis.pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]
        return subscription

    def _next(self, subscription: PubSub, last: PublishedModel | None) -> PublishedModel | None:
        """The newest model if it is another than `last`; otherwise waits until it is worth to look
        again, and returns None.

        The first wait of a subscription ends with its confirmation. So there is a look after it,
        and no announcement falls between the two.
        """
        with self._errors():
            if not subscription.subscribed:
                subscription.subscribe(self._key("checkpoints"))
            model = self._newest(last)
            if model is None:
                subscription.get_message(timeout=POLL_SECONDS)
            return model

    def _newest(self, last: PublishedModel | None) -> PublishedModel | None:
        """The newest model, fetched only if it is another than `last`, which is None otherwise."""
        checkpoint = _number(self._text("checkpoint"))
        if checkpoint is None:
            return None
        if last is not None and last.checkpoint == checkpoint:
            digest = self._text("sha256", checkpoint)
            if digest == last.sha256.encode():
                return None
        size = self._redis.strlen(self._key("model", checkpoint))
        if size > MAX_MODEL_BYTES:
            raise ChannelError(
                f"Redis at {self._address}: checkpoint {checkpoint} has {size:,} bytes, more than "
                "a model has"
            )
        digest = self._text("sha256", checkpoint)
        data = self._redis.getrange(self._key("model", checkpoint), 0, size)
        if not isinstance(data, bytes) or not data:
            return None
        model = PublishedModel(checkpoint, data)
        # It may be the last one still: Redis may have lost and got it back since the first look.
        return model if model.sha256.encode() == digest and model != last else None

    def _text(self, name: str, checkpoint: int | None = None) -> bytes:
        """A short value, or the beginning of one that is too long to be ours."""
        found = self._redis.getrange(self._key(name, checkpoint), 0, _MAX_TEXT_BYTES)
        return found if isinstance(found, bytes) else b""

    def _key(self, name: str, checkpoint: int | None = None) -> str:
        suffix = "" if checkpoint is None else f":{checkpoint}"
        return f"{self._prefix}:{name}{suffix}"

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except redis.AuthenticationError:
            raise ChannelError(f"Redis at {self._address} wants another user or password") from None
        except (redis.RedisError, OSError) as error:
            reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
            # Old servers quote what they do not understand, AUTH and its arguments among it.
            reason = reason.partition(", with args beginning with")[0]
            if self._password:
                reason = reason.replace(self._password, "***")
            raise ChannelError(f"Redis at {self._address}: {reason}") from None


def _parse(url: str) -> tuple[str, str | None]:
    """The address of a URL for people, and its password.

    Messages quote nothing of the URL: if it is wrong, any part of it may be the password.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or 6379
    except ValueError:
        parts = None
    if parts is None or not host or "@" in parts.path + parts.query + parts.fragment:
        hint = "special characters in a password are written as %40 and the like"
    elif parts.scheme not in ("redis", "rediss"):
        hint = "it must start with redis:// or rediss://"
    elif not all(option.startswith("ssl_") for option in parse_qs(parts.query)):
        hint = "the only options are those that start with ssl_"
    else:
        return f"{host}:{port}", unquote(parts.password) if parts.password else None
    raise ChannelError(
        f"the URL of Redis is not like redis://[[user]:password@]host[:port][/database]: {hint}"
    )


def _number(value: bytes | str | None) -> int | None:
    """The number of a checkpoint, if it is one: anybody may have written it."""
    is_number = isinstance(value, bytes) and re.fullmatch(rb"\d{1,10}", value)
    return int(value) if value is not None and is_number else None


def _backoff_seconds(failures: int) -> float:
    """Grows from try to try, and differs between followers so that they do not come all at once."""
    longest = min(POLL_SECONDS, _FIRST_BACKOFF_SECONDS * 2 ** min(failures, 10))
    return random.uniform(longest / 2, longest)


def _unless_stopped(stop: threading.Event, call: Callable[[], T]) -> T | None:
    """What `call` returns or raises, or None once `stop` is set: no network makes us wait for it.

    The call then ends by itself in a thread that keeps no process alive.
    """
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, name="redis", daemon=True).start()
    while not stop.is_set():
        wait([future], timeout=_STOP_SECONDS)
        if future.done():
            return future.result()
    return None
