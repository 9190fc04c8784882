# Licensed under a 3-clause BSD style license - see LICENSE
"""Galaxies, neighbours, noise and sky, drawn for training and testing."""

from .backgrounds import find_data, load_backgrounds
from .dataset import simulate, write_dataset
from .distributions import (
    constant,
    exponential,
    f_distribution,
    log_normal,
    log_uniform,
    normal,
    seldom,
    uniform,
)
from .exposure import flip, observe
from .fields import Field, simulate_field
from .prior_tables import parse_prior, prior_table
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
    "constant",
    "draw_galaxies",
    "draw_procedural",
    "draw_psfs",
    "draw_scenes",
    "exponential",
    "f_distribution",
    "find_data",
    "flip",
    "load_backgrounds",
    "log_normal",
    "log_uniform",
    "normal",
    "observe",
    "parse_prior",
    "prior_table",
    "seldom",
    "simulate",
    "simulate_field",
    "uniform",
    "write_dataset",
]
