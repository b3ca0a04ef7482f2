"""What evaluates positions for the search, and what it is loaded from.

Nothing here needs PyTorch: a process that only plays is spared a second of importing it, and its
memory. What a `PreparedModel` is made of is known to `hexz.model`.
"""

from hexz.inference.evaluator import Evaluation, Evaluator, Floats, PreparedModel

__all__ = ["Evaluation", "Evaluator", "Floats", "PreparedModel"]
