"""The command line: thin frontends over hexz."""

import os

# NumPy's threads spin while they wait for each other, as PyTorch's do (hexz/model/layers.py), and
# it reads this when it is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
