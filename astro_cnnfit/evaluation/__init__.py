# Licensed under a 3-clause BSD style license - see LICENSE
"""
How good measurements are.

* `~astro_cnnfit.evaluation.metrics`: agreement with true values, as GaLNets I
  and CASNET state it;
* `~astro_cnnfit.evaluation.summary`: the table of GaLNets I, beside the
  published figures;
* `~astro_cnnfit.evaluation.angle`: position angles as the paper counts them;
* `~astro_cnnfit.evaluation.coverage`: whether stated errors cover the truth;
* `~astro_cnnfit.evaluation.posterior`: whether whole posteriors do (TARP, ranks);
* `~astro_cnnfit.evaluation.classification`: probabilities of two classes;
* `~astro_cnnfit.evaluation.matching`: completeness and purity of a detection;
* `~astro_cnnfit.evaluation.cramer_rao`: the limit that noise sets (imports the
  renderer, so it is not imported here).
"""

from .angle import linear_position_angle
from .classification import (
    area_under_curve,
    calibration_error,
    completeness_at,
    reliability,
)
from .coverage import binned_coverage, coverage, pulls
from .matching import Match, completeness_and_purity, match_catalogs
from .metrics import (
    binned_errors,
    circular_difference,
    mean_absolute_error,
    nmad,
    outlier_fraction,
    pearson_r,
    r2,
    reduced_chi2,
    root_mean_square_error,
)
from .posterior import TARP, gaussian_samples, rank_uniformity, sbc_ranks, tarp
from .published import CRAMER_RAO_TABLE2, GALNETS_TABLE2
from .summary import compare_with_published, paper_columns, sersic_summary

__all__ = [
    "CRAMER_RAO_TABLE2",
    "GALNETS_TABLE2",
    "TARP",
    "Match",
    "area_under_curve",
    "binned_coverage",
    "binned_errors",
    "calibration_error",
    "circular_difference",
    "compare_with_published",
    "completeness_and_purity",
    "completeness_at",
    "coverage",
    "gaussian_samples",
    "linear_position_angle",
    "match_catalogs",
    "mean_absolute_error",
    "nmad",
    "outlier_fraction",
    "paper_columns",
    "pearson_r",
    "pulls",
    "r2",
    "rank_uniformity",
    "reduced_chi2",
    "reliability",
    "root_mean_square_error",
    "sbc_ranks",
    "sersic_summary",
    "tarp",
]
