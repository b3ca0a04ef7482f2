"""The checkpoints of a model with the examples that each was trained on, and where they are kept.

`hexz.places` says where each file lies. A bucket keeps the metadata with `model.pt`, as the custom
metadata of the object, so that both become visible in one step. `ratings.json` says how strong the
checkpoints are, as far as that was measured.
"""

from hexz.checkpoints.opening import model_names, open_store
from hexz.checkpoints.store import CheckpointInfo, CheckpointStore, NewCheckpoint

__all__ = ["CheckpointInfo", "CheckpointStore", "NewCheckpoint", "model_names", "open_store"]
