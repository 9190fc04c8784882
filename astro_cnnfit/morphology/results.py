# Licensed under a 3-clause BSD style license - see LICENSE
"""The table of results of morphology: every column in one place."""

import numpy as np

from astro_cnnfit.measures import MEASURES
from astro_cnnfit.sersic.columns import Column, assemble, describe

__all__ = [
    "COLUMNS",
    "WEIGHTED",
    "column_table",
    "empty_values",
    "make_table",
]

WEIGHTED = (
    *("concentration", "asymmetry", "smoothness", "gini", "m20", "rms_asymmetry"),
    *("r20", "r50", "rpetro_ellip", "sn_per_pixel"),
)
"""Quantities of which the network's and the classical value are combined."""

_ERROR = "standard deviation; NaN where the method gives none"
_CLASSICAL = "classical measure; NaN where method='network'"
_ON_SKY = ("r20", "r50", "r80", "rpetro_ellip")


def _measured():
    for measure in MEASURES:
        pixels = " (pixels)" if measure.unit else ""
        yield Column(measure.name, "", measure.description + pixels, measure.source)
        yield Column(f"{measure.name}_err", "", f"of {measure.name}: {_ERROR}{pixels}")


COLUMNS = (
    Column("id", "", "label of the segmentation map, id of init_params, or from 1"),
    Column("x_centroid", "", "x of the centre of light of the segment (pixels)"),
    Column("y_centroid", "", "y of the centre of light of the segment (pixels)"),
    *_measured(),
    Column(
        "rpetro_circ", "", "circular Petrosian radius (pixels)",
        f"Petrosian 1976; {_CLASSICAL}",
    ),
    Column("ellip", "", "ellipticity of the segment's light, 1 - q", _CLASSICAL),
    Column(
        "theta", "deg", "major axis of the segment's light, counter-clockwise from +x",
        _CLASSICAL,
    ),
    Column("flux", "image", "light within the aperture, 1.5 R_p", _CLASSICAL),
    *(
        Column(f"{name}_sky", "arcsec", f"on the sky: {name} times the pixel scale", "",
               "scale")
        for name in _ON_SKY
    ),
    *(
        Column(f"{name}_sky_err", "arcsec", f"standard deviation of {name}_sky", "",
               "scale")
        for name in _ON_SKY
    ),
    Column(
        "sky_centroid", "", "celestial coordinates of the centre of light",
        "x_centroid and y_centroid through the WCS", "wcs",
    ),
    *(
        Column(
            f"{name}_weight", "",
            f"share of the network's {name} in the combined one, from 0 to 1; the "
            "rest is the classical measure's", "", "combined",
        )
        for name in WEIGHTED
    ),
    Column(
        "local_bkg", "image",
        "level of the sky around the galaxy, per pixel, that was subtracted",
    ),
    Column("local_bkg_err", "image", "its standard deviation for white noise"),
    Column("sky_sigma", "image", "noise of the sky per pixel of the image"),
    Column("block_factor", "", "side of the blocks of pixels that were averaged"),
    Column("flags", "", "bit flags, see astro_cnnfit.decode_flags"),
)  # fmt: skip


def empty_values(n):
    """
    Columns of galaxies of which nothing is known yet.

    Parameters
    ----------
    n : int
        Number of galaxies.

    Returns
    -------
    dict of `~numpy.ndarray`
        (n,) each, under the names of `COLUMNS` that hold measured values: NaN,
        blocks of 1 and no flags.
    """
    skipped = {"id", "sky_centroid", "block_factor", "flags"}
    values = {
        column.name: np.full(n, np.nan)
        for column in COLUMNS
        if column.name not in skipped and column.needs != "scale"
    }
    return values | {"block_factor": np.ones(n, int), "flags": np.zeros(n, int)}


def make_table(ids, values, *, unit=None, pixel_scale=None, sky=None, combined, meta):
    """
    The table of results.

    Parameters
    ----------
    ids : `~numpy.ndarray`
        (N,).
    values : dict of `~numpy.ndarray`
        As `empty_values` makes them; ``theta`` in radians.
    unit : `~astropy.units.Unit`, optional
        Of the image.
    pixel_scale : float or `~numpy.ndarray`, optional
        In arcsec.
    sky : `~astropy.coordinates.SkyCoord`, optional
        Of the centres of light.
    combined : bool
        Whether there are weights.
    meta : dict
        Plain values.

    Returns
    -------
    `~astropy.table.QTable`
        A row per galaxy, with those of `COLUMNS` that have what they need.
    """
    values = {"id": ids, **values, "theta": np.degrees(values["theta"])}
    if sky is not None:
        values["sky_centroid"] = sky
    if pixel_scale is not None:
        for name in _ON_SKY:
            values[f"{name}_sky"] = values[name] * pixel_scale
            values[f"{name}_sky_err"] = values[f"{name}_err"] * pixel_scale
    columns = [c for c in COLUMNS if combined or c.needs != "combined"]
    return assemble(columns, values, unit=unit, meta=meta)


def column_table():
    """
    Write `COLUMNS` as reStructuredText, for docstrings and the docs.

    Returns
    -------
    str
        A definition list: name and unit, then what it is and where it is from.
    """
    return describe(COLUMNS)
