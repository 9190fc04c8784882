# Licensed under a 3-clause BSD style license - see LICENSE
"""Real fields beside others: one scene in HSC and HST, and HSC's own pipeline."""

import numpy as np
from astropy.coordinates import SkyCoord, match_coordinates_sky
from astropy.table import Table

from astro_cnnfit.evaluation import match_catalogs
from astro_cnnfit.flags import NEIGHBOUR, RECOMMENDED_CUT

__all__ = ["hsc_against_hst", "pipeline_catalog", "pipeline_rows", "summary"]

# Arcsec between positions of one object in two surveys, pixels in one image.
MOST_ARCSEC, MOST_PIXELS = 0.35, 3.0


def hsc_against_hst(hsc, hst):
    """Pairs, nearest in both directions, and the medians of their differences."""
    sky = [SkyCoord(scene.table["sky_fit"]).icrs for scene in (hsc, hst)]
    there, distance, _ = match_coordinates_sky(*sky)
    back, _, _ = match_coordinates_sky(sky[1], sky[0])
    pairs = [
        (i, j)
        for i, j in enumerate(there)
        if back[j] == i and distance[i].arcsec < MOST_ARCSEC
    ]
    rows = [
        {"hsc": _values(hsc.table[i]), "hst": _values(hst.table[j])} for i, j in pairs
    ]
    rows.sort(key=lambda row: row["hsc"]["mag"])
    differences = {
        name: np.array([row["hsc"][name] - row["hst"][name] for row in rows])
        for name in ("mag", "q", "pa")
    }
    differences["pa"] = (differences["pa"] + 90) % 180 - 90
    for name in ("r_eff", "n"):
        ratio = [row["hsc"][name] / row["hst"][name] for row in rows]
        differences[f"log10 {name}"] = np.log10(ratio)
    return {
        "in HSC": len(hsc.table),
        "in HST": len(hst.table),
        "in both": len(rows),
        "rows": rows,
        "hsc_less_hst": {name: summary(d) for name, d in differences.items()},
    }


def _values(row):
    names = {
        "mag": "mag_fit", "mag_err": "mag_err", "r_eff": "r_eff_sky_fit",
        "r_eff_err": "r_eff_sky_err", "n": "n_fit", "n_err": "n_err",
        "q_err": "ellip_err", "pa": "pa_fit", "pa_err": "pa_err",
        "point_like_prob": "point_like_prob", "flags": "flags",
    }  # fmt: skip
    found = {key: float(getattr(row[k], "value", row[k])) for key, k in names.items()}
    return found | {"q": 1 - float(row["ellip_fit"])}


def pipeline_catalog(path, wcs, shape):
    """HSC's catalogue, its positions in pixels, of what is within the image."""
    table = Table.read(path, format="ascii.csv", comment=None)
    table["x"], table["y"] = wcs.all_world2pix(table["ra"], table["dec"], 0)
    inside = (table["x"] > 0) & (table["x"] < shape[1] - 1)
    inside &= (table["y"] > 0) & (table["y"] < shape[0] - 1)
    return table[inside]


def pipeline_rows(catalog, table, band):
    """A row for each object of ours that is one of the pipeline's with a CModel."""
    cmodel = np.asarray(catalog[f"{band}_cmodel_mag"], float)
    catalog = catalog[np.isfinite(cmodel)]
    ours = Table({"x": table["x_fit"], "y": table["y_fit"]})
    match = match_catalogs(catalog["x", "y"], ours, MOST_PIXELS)
    rows = []
    for theirs, own in zip(catalog[match.truth], table[match.found], strict=True):
        flags = int(own["flags"])
        rows.append(
            {
                "band": band,
                "mag": float(own["mag_fit"].value),
                "star": bool(np.nan_to_num(own["point_like_prob"]) > 0.5),
                "good": (flags & RECOMMENDED_CUT) == 0,
                "isolated": (flags & (RECOMMENDED_CUT | NEIGHBOUR)) == 0,
                "cmodel": float(theirs[f"{band}_cmodel_mag"]),
                "kron": float(theirs[f"{band}_kronflux_mag"]),
            }
        )
    return rows


def summary(values):
    """Number, median and scatter (1.48 MAD)."""
    values = np.asarray(values, float)
    values = values[np.isfinite(values)]
    if not len(values):
        return {"number": 0}
    median = np.median(values)
    scatter = 1.4826 * np.median(np.abs(values - median))
    return {"number": len(values), "median": median, "scatter": scatter}
