# Licensed under a 3-clause BSD style license - see LICENSE
"""Galaxies, neighbours, noise and sky, drawn for training and testing."""

from .backgrounds import find_data, load_backgrounds
from .dataset import simulate, write_dataset
from .exposure import flip, observe
from .fields import Field, simulate_field
from .priors import BLOCKS, PRIORS, TABLE1, WIDE, Prior, draw_galaxies, draw_psfs
from .procedural import draw_procedural
from .scenes import Scenes, aperture_snr, draw_scenes

__all__ = [
    "BLOCKS",
    "PRIORS",
    "TABLE1",
    "WIDE",
    "Field",
    "Prior",
    "Scenes",
    "aperture_snr",
    "draw_galaxies",
    "draw_procedural",
    "draw_psfs",
    "draw_scenes",
    "find_data",
    "flip",
    "load_backgrounds",
    "observe",
    "simulate",
    "simulate_field",
    "write_dataset",
]
