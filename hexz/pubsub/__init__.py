"""How models reach the workers: through Redis, or through a Redis that we start ourselves."""

from hexz.pubsub.channel import ModelChannel, PublishedModel
from hexz.pubsub.private import PrivateRedis

__all__ = ["ModelChannel", "PrivateRedis", "PublishedModel"]
