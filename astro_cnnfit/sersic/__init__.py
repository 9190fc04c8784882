# Licensed under a 3-clause BSD style license - see LICENSE
"""Sersic parameters of galaxies: the fitter and its table of results."""

from .fitter import CNNSersicFitter
from .modeling import CNNSersicModelFitter
from .results import COLUMNS, Column, FitInfo, column_table

__all__ = [
    "COLUMNS",
    "CNNSersicFitter",
    "CNNSersicModelFitter",
    "Column",
    "FitInfo",
    "column_table",
]
