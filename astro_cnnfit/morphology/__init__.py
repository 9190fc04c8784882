# Licensed under a 3-clause BSD style license - see LICENSE
"""Non-parametric morphology: classical measures and those of networks."""

from .call import Measurer
from .classical import label_stamps, measure_stamps
from .classical_measurer import ClassicalCASMeasurer
from .cleaning import clean_neighbours
from .combination import combine
from .combination_fit import add_combination, classical_values, fit_combination
from .definitions import DEFINITIONS
from .measurer import CNNCASMeasurer
from .preparation import cut_centre, selected, unit_maximum_stamps
from .results import COLUMNS, column_table
from .source_morphology import SourceMorphology, source_morphology

__all__ = [
    "COLUMNS",
    "CNNCASMeasurer",
    "ClassicalCASMeasurer",
    "DEFINITIONS",
    "Measurer",
    "SourceMorphology",
    "add_combination",
    "classical_values",
    "clean_neighbours",
    "column_table",
    "combine",
    "cut_centre",
    "fit_combination",
    "label_stamps",
    "measure_stamps",
    "selected",
    "source_morphology",
    "unit_maximum_stamps",
]
