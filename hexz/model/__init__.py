"""The network, its checkpoint files, and its conversion for inference.

Only this package and `hexz.training` need PyTorch, which takes a second or two to import: import
them where they are used.
"""

import torch

# PyTorch's OpenMP threads spin while they wait for each other, so as soon as another process
# takes a core, several of them are slower than one by orders of magnitude.
torch.set_num_threads(1)
