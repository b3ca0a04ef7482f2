"""Training: examples -> replay window -> next model.

`report` and `rows` need no PyTorch, the others do, and nothing is imported here.
"""
