"""A worker of a fleet: plays with the newest network and posts its examples to the train server.

Imports nothing by itself: `hexz.worker.run` needs the network.
"""
