# Licensed under a 3-clause BSD style license - see LICENSE
"""Measures of merit of crowded fields: what is found, and how well it is measured."""

import numpy as np
from astropy.table import QTable

from astro_cnnfit.evaluation import (
    completeness_and_purity,
    coverage,
    match_catalogs,
    sersic_summary,
)
from astro_cnnfit.parameters import NAMES, encode

__all__ = [
    "COLUMNS",
    "RADIUS",
    "completed",
    "detected",
    "params_of",
    "scores",
    "summary",
]

RADIUS = 4.0
"""Within so many pixels a detection is that of a galaxy."""
COLUMNS = ("x", "y", "mag", "r_eff", "pa_circular", "q", "n")
SNR_BINS = (5, 10), (10, 20), (20, 1e6)
MAGNITUDES = np.arange(18.0, 25.6, 0.5)


def params_of(table):
    """Parameters in the order of `NAMES`, angle in radians."""
    columns = [table[name] for name in NAMES]
    return np.column_stack([getattr(c, "value", c) for c in columns[:6]]
                           + [columns[6].to_value("rad")])  # fmt: skip


def detected(truth, found, match):
    """Completeness and purity by magnitude, of galaxies, stars and all."""
    values = truth["mag"], 30.0 - 2.5 * np.log10(np.maximum(found["flux"], 1e-9))
    table = completeness_and_purity(match, *values, MAGNITUDES)
    paired = match.has_partner(len(truth), len(found))[0]
    result = {name: np.asarray(table[name]).tolist() for name in table.colnames}
    for name, is_kind in (("galaxies", ~truth["is_star"]), ("stars", truth["is_star"])):
        number, both = (
            np.histogram(truth["mag"][some], MAGNITUDES)[0]
            for some in (is_kind, is_kind & paired)
        )
        result[f"completeness of {name}"] = [
            float(b / n) if n else None for b, n in zip(both, number, strict=True)
        ]
    return result


def completed(truth, table, n_first):
    """Completeness by S/N and purity, of the first detections and what is added."""
    place = {name: np.nan_to_num(np.asarray(table[f"{name}_fit"]), nan=-99.0)
             for name in "xy"}  # fmt: skip
    match = match_catalogs(truth, QTable(place), RADIUS)
    paired, real = match.has_partner(len(truth), len(table))
    snr = np.nan_to_num(np.asarray(truth["snr"]))
    galaxy = ~truth["is_star"]
    rates = {"rows": len(table), "added": len(table) - n_first}
    for low, high in SNR_BINS:
        some = galaxy & (snr > low) & (snr <= high)
        rates[f"S/N {low:g} to {high:g}"] = float(paired[some].mean())
    rates["purity"] = float(real.mean())
    rates["purity of the added"] = (
        float(real[n_first:].mean()) if n_first < len(real) else None
    )
    return rates


def scores(params, latent, covariance, true):
    """Measures of merit of what was measured; what was lost is counted."""
    good = np.isfinite(params).all(axis=1)
    table = summary(params[good], true[good])
    rows = {row["metric"]: {c: float(row[c]) for c in COLUMNS} for row in table}
    within = coverage(latent[good], covariance[good], encode(true[good]))
    column = next(key for key in within.colnames if key.startswith("68"))
    covered = zip(within["parameter"], np.asarray(within[column]), strict=True)
    return {
        **rows,
        "coverage": {str(name): float(value) for name, value in covered},
        "lost": int(np.sum(~good)),
    }


def summary(params, true):
    """Statistics with positions from the nearest pixel, as on stamps."""
    params, true = params.copy(), true.copy()
    pixel = np.rint(true[:, :2])
    params[:, :2] -= pixel
    true[:, :2] -= pixel
    return sersic_summary(params, true)
