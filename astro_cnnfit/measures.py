# Licensed under a 3-clause BSD style license - see LICENSE
"""
The quantities of non-parametric morphology, in one table.

Tables, docstrings and networks take names, units and descriptions from
`MEASURES`. What the networks see of them are the `LATENT_MEASURES`, with radii
and S/N as logarithms.
"""

from typing import NamedTuple

import numpy as np

__all__ = ["LATENT_MEASURES", "MEASURES", "Measure", "from_latent", "latent_index"]


class Measure(NamedTuple):
    """One quantity."""

    name: str
    unit: str
    """As `astropy.units.Unit` reads it; empty for a number."""
    description: str
    source: str
    """Who defined it."""


MEASURES = (
    Measure(
        "concentration", "", "5 log10(r80 / r20)",
        "Bershady et al. 2000; Conselice 2003",
    ),
    Measure(
        "asymmetry", "", "sum |I - I180| / sum |I| within 1.5 R_p, less the sky's",
        "Conselice 2003; Tohill et al. 2021, Eq. 2",
    ),
    Measure(
        "smoothness", "",
        "light of small structures within 1.5 R_p, relative to all of it",
        "Conselice 2003; Lotz et al. 2004, Eq. 11",
    ),
    Measure(
        "gini", "", "Gini coefficient of the pixels above the surface brightness "
        "at R_p", "Lotz et al. 2004, Eq. 6",
    ),
    Measure(
        "m20", "", "log10 of the second moment of the brightest 20 % of the light, "
        "relative to that of all", "Lotz et al. 2004, Eq. 8",
    ),
    Measure(
        "rms_asymmetry", "", "root of the squared light of I - I180 relative to "
        "that of I, less the noise's", "Sazonova et al. 2024",
    ),
    Measure(
        "r20", "pix", "semi-major axis of the ellipse with 20 % of the light",
        "Conselice 2003",
    ),
    Measure(
        "r50", "pix", "semi-major axis of the ellipse with half of the light",
        "Conselice 2003",
    ),
    Measure(
        "r80", "pix", "semi-major axis of the ellipse with 80 % of the light",
        "Conselice 2003",
    ),
    Measure(
        "rpetro_ellip", "pix", "semi-major axis at which the surface brightness is "
        "0.2 of the mean within", "Petrosian 1976; Lotz et al. 2004",
    ),
    Measure("xc_asymmetry", "pix", "x of the centre of least asymmetry", ""),
    Measure("yc_asymmetry", "pix", "y of the centre of least asymmetry", ""),
    Measure(
        "sn_per_pixel", "", "mean S/N of a pixel within the Petrosian ellipse",
        "Tohill et al. 2021, Eq. 3",
    ),
)  # fmt: skip

LATENT_MEASURES = (
    "concentration",
    "asymmetry",
    "smoothness",
    "gini",
    "m20",
    "rms_asymmetry",
    "log_r20",
    "log_r50",
    "log_rpetro",
    "x",
    "y",
    "log_snr",
)
"""Order of the networks' output. ``x`` and ``y`` are the centre of least
asymmetry, in pixels from the centre of the stamp."""


def latent_index(name):
    """
    Place of a latent quantity.

    Parameters
    ----------
    name : str

    Returns
    -------
    int
    """
    return LATENT_MEASURES.index(name)


def from_latent(mean, covariance):
    """
    Quantities and their errors from what a network gives.

    Parameters
    ----------
    mean : `~numpy.ndarray`
        (N, 12) in the order of `LATENT_MEASURES`.
    covariance : `~numpy.ndarray`
        (N, 12, 12)

    Returns
    -------
    values, errors : dict of `~numpy.ndarray`
        (N,) for every name of `MEASURES`; centres relative to that of the stamp.
        ``r80`` is that of ``r20`` and ``concentration``.
    """
    sigma = np.sqrt(np.einsum("ijj->ij", covariance))
    values, errors = {}, {}
    for place, name in enumerate(LATENT_MEASURES[:6]):
        values[name], errors[name] = mean[:, place], sigma[:, place]
    logs = {"r20": "log_r20", "r50": "log_r50", "rpetro_ellip": "log_rpetro"}
    for name, latent in logs.items():
        place = latent_index(latent)
        values[name] = 10.0 ** mean[:, place]
        errors[name] = values[name] * np.log(10) * sigma[:, place]
    # log10 r80 = log10 r20 + C / 5
    weights = np.zeros(len(LATENT_MEASURES))
    weights[[latent_index("log_r20"), latent_index("concentration")]] = 1.0, 0.2
    values["r80"] = 10.0 ** (mean @ weights)
    variance = np.einsum("i,nij,j->n", weights, covariance, weights)
    errors["r80"] = values["r80"] * np.log(10) * np.sqrt(variance)
    for name, latent in (("xc_asymmetry", "x"), ("yc_asymmetry", "y")):
        place = latent_index(latent)
        values[name], errors[name] = mean[:, place], sigma[:, place]
    place = latent_index("log_snr")
    values["sn_per_pixel"] = 10.0 ** mean[:, place]
    errors["sn_per_pixel"] = values["sn_per_pixel"] * np.log(10) * sigma[:, place]
    return values, errors
