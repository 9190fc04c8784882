# Licensed under a 3-clause BSD style license - see LICENSE
"""
Published figures to compare with, as data.

Columns are in the order of `COLUMNS`; statistics in that of `STATISTICS`.
"""

__all__ = ["COLUMNS", "CRAMER_RAO_TABLE2", "GALNETS_TABLE2", "STATISTICS"]

COLUMNS = ("x", "y", "mag", "r_eff", "pa", "q", "n")
"""Parameters of Table 2: arcsec, arcsec, mag, arcsec, degrees, -, -."""

STATISTICS = ("R2", "outliers", "NMAD")

GALNETS_TABLE2 = {
    "GaLNet-1": {
        "R2": (0.9885, 0.9882, 0.9898, 0.9206, 0.6716, 0.9124, 0.7280),
        "outliers": (0.001, 0.001, 0.000, 0.028, 0.210, 0.008, 0.260),
        "NMAD": (0.0100, 0.0099, 0.0028, 0.0420, 0.0484, 0.02678, 0.1094),
    },
    "GaLNet-2": {
        "R2": (0.9924, 0.9915, 0.9945, 0.9624, 0.7692, 0.9781, 0.8905),
        "outliers": (0.000, 0.001, 0.000, 0.017, 0.165, 0.001, 0.128),
        "NMAD": (0.0090, 0.0090, 0.0022, 0.0199, 0.0344, 0.0139, 0.0655),
    },
}
"""Table 2 of Li et al. (2022, ApJ 929, 152): 20,000 simulated galaxies."""

CRAMER_RAO_TABLE2 = {
    "R2": (0.9964, 0.9963, 0.9989, 0.9851, 0.970, 0.9817, 0.943),
    "NMAD": (0.0054, 0.0053, 0.0007, 0.0094, 0.0211, 0.0109, 0.0424),
}
"""
Cramer-Rao limit of that table's scenes, from 400 draws with GalSim.

Isolated galaxies of the paper's Table 1 with KiDS-like r-band noise
(zero-point 30, sky sigma 2.26 per pixel of 0.2 arcsec, 12 electrons a count),
Moffat PSFs of 0.70 +- 0.11 arcsec, the sky marginalised over, prior
information included. `astro_cnnfit.evaluation.cramer_rao` recomputes it.
"""
