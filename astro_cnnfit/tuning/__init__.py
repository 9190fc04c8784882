# Licensed under a 3-clause BSD style license - see LICENSE
"""
Bayesian search for hyperparameters, as Tohill et al. (2021) chose CASNET.

Nothing here loads Keras before a search begins.
"""

from .data import TuningData
from .dimensions import Choice, Fixed, Integer, Real
from .objectives import OBJECTIVES
from .results import RESULT_COLUMNS, read_results
from .search import BayesianHyperparameterSearch
from .space import SearchSpace, available_spaces, read_space

__all__ = [
    "OBJECTIVES",
    "RESULT_COLUMNS",
    "BayesianHyperparameterSearch",
    "Choice",
    "Fixed",
    "Integer",
    "Real",
    "SearchSpace",
    "TuningData",
    "available_spaces",
    "read_results",
    "read_space",
]
