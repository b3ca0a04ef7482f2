"""A whole training on one machine: the train server, a worker and matches as processes."""
