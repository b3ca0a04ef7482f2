"""Training: examples -> replay window -> next model.

Only `learner` and what it is made of need PyTorch; `config`, `report` and `window` do not, and
nothing is imported here.
"""
