"""The network, its checkpoint files, and its conversion for inference.

Playing, on a CPU, needs no PyTorch: a network is arrays of weights (`weights.py`), read from its
file (`torch_file.py`, `checkpoint.py`), and computed by OpenVINO (`openvino_conversion.py`) as
`graph.py` says. PyTorch, which takes a second or two to import, is needed to train, by GPUs, for
TorchScript and to export: these modules are imported where they are used.
"""
