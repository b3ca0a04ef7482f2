"""The tree search: one that knows no rule of selection, and the rules that it is given."""
