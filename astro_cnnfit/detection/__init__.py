# Licensed under a 3-clause BSD style license - see LICENSE
"""Objects of whole images: found, divided, and listed with a first guess of each."""

from .finder import Detections, GalaxyFinder
from .parse import parse_finder

__all__ = ["Detections", "GalaxyFinder", "parse_finder"]
