"""The checkpoints of a model with the examples that each was trained on, and where they are kept.

    {root}/models/flagz/{model_name}/ratings.json
                                    /checkpoints/{number}/model.pt
                                                         /examples/{batch}.zip
                                                         /training-{sha256[:12]}.pt
                                                         /metadata.json

The root is a directory or `gs://bucket/prefix`. A bucket keeps the metadata with `model.pt`, as the
custom metadata of the object, so that both become visible in one step. `ratings.json` says how
strong the checkpoints are, as far as that was measured.
"""

from hexz.checkpoints.store import (
    CheckpointInfo,
    CheckpointStore,
    NewCheckpoint,
    model_names,
    open_store,
)

__all__ = ["CheckpointInfo", "CheckpointStore", "NewCheckpoint", "model_names", "open_store"]
