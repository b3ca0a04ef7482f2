"""Packages that only some kinds of files need."""

from __future__ import annotations

from typing import Any

from hexz.errors import HexzError


def require_h5py() -> Any:
    """The package h5py; raises HexzError with what to install if it is missing."""
    try:
        import h5py
    except ImportError:
        raise HexzError("HDF5 files need the package h5py: pip install 'hexzctl[hdf5]'") from None
    return h5py
