"""Opens the stores of checkpoints, wherever they are."""

from __future__ import annotations

from collections.abc import Sequence

from hexz.checkpoints.directory import DirectoryStore, directory_models
from hexz.checkpoints.store import CheckpointStore, is_model_name
from hexz.places import is_in_bucket


def open_store(url: str, model_name: str) -> CheckpointStore:
    """The checkpoints of a model, there or yet to come. Asks nothing of a bucket yet.

    Args:
        url: a directory, or `gs://bucket` or `gs://bucket/prefix`.
        model_name: letters, digits, `.`, `_` and `-`.

    Raises:
        InvalidSettings: it is neither.
        StoreError: the bucket or the name cannot be used, or there are no credentials for it.
    """
    if is_in_bucket(url):
        from hexz.checkpoints.bucket import BucketStore  # half a second for Google's packages

        return BucketStore(url, model_name)
    return DirectoryStore(url, model_name)


def model_names(url: str) -> Sequence[str]:
    """The names of the models that have a place below a root, in alphabetical order.

    Args:
        url: see `open_store`.

    Raises:
        InvalidSettings, StoreError: the URL cannot be used, or the place cannot be read.
    """
    if is_in_bucket(url):
        from hexz.checkpoints.bucket import bucket_models

        names = bucket_models(url)
    else:
        names = directory_models(url)
    return sorted(filter(is_model_name, names))
