# Licensed under a 3-clause BSD style license - see LICENSE
"""The networks, by name, and what they are trained to predict."""

from .registry import ARCHITECTURES, Architecture, build

__all__ = ["ARCHITECTURES", "Architecture", "build"]
