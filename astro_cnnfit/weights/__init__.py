# Licensed under a 3-clause BSD style license - see LICENSE
"""Trained weights, their descriptions, and the networks made of both."""

from .files import available, read_description, write_model
from .network import Network, load_network
from .point_like import point_like_probability

__all__ = [
    "Network",
    "available",
    "load_network",
    "point_like_probability",
    "read_description",
    "write_model",
]
