# Licensed under a 3-clause BSD style license - see LICENSE
"""Galaxies from procedures, noise-free, from which networks learn morphology."""

from .draw import draw_procedural

__all__ = ["draw_procedural"]
