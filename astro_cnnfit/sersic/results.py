# Licensed under a 3-clause BSD style license - see LICENSE
"""
The table of results: every column in one place.

`COLUMNS` declares the columns in the order of the table; the table, its
documentation and its units all come from it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cache
from importlib.metadata import PackageNotFoundError, version

import numpy as np

import astro_cnnfit
from astro_cnnfit.parameters import LATENT_NAMES, NAMES
from astro_cnnfit.wording import counted

from .columns import Column, assemble, describe

__all__ = ["COLUMNS", "Column", "FitInfo", "Measurement", "column_table", "make_table"]


_NETWORK = "mean of the network's prediction, refined if the fitter has refine"
_COVARIANCE = (
    "diagonal of the network's covariance, or of the refinement's, propagated linearly"
)
_SERSIC = "astropy.modeling.models.Sersic2D"

COLUMNS = (
    Column("id", "", "identification number: that of init_params, or from 1"),
    Column("x_init", "", "x of the stamp's centre as given or found (pixels)"),
    Column("y_init", "", "y of the stamp's centre as given or found (pixels)"),
    Column("x_fit", "", "x of the galaxy's centre (pixels)", _NETWORK),
    Column("y_fit", "", "y of the galaxy's centre (pixels)", _NETWORK),
    Column("flux_fit", "image", "total flux, to infinity", "Li et al. 2022, Eq. 4"),
    Column("r_eff_fit", "", "half-light semi-major axis (pixels)", _SERSIC),
    Column("n_fit", "", "Sersic index", _SERSIC),
    Column("ellip_fit", "", "ellipticity, 1 - q", _SERSIC),
    Column("theta_fit", "deg", "major axis, counter-clockwise from +x", _SERSIC),
    Column("x_err", "", "standard deviation of x_fit (pixels)", _COVARIANCE),
    Column("y_err", "", "standard deviation of y_fit (pixels)", _COVARIANCE),
    Column("flux_err", "image", "standard deviation of flux_fit", _COVARIANCE),
    Column("r_eff_err", "", "standard deviation of r_eff_fit (pixels)", _COVARIANCE),
    Column("n_err", "", "standard deviation of n_fit", _COVARIANCE),
    Column("ellip_err", "", "standard deviation of ellip_fit", _COVARIANCE),
    Column("theta_err", "deg", "standard deviation of theta_fit", _COVARIANCE),
    Column(
        "mag_fit", "mag", "total magnitude", "zeropoint - 2.5 log10(flux)", "zeropoint"
    ),
    Column(
        "mag_err", "mag", "standard deviation of mag_fit",
        "2.5 / ln(10) flux_err / flux_fit", "zeropoint",
    ),
    Column(
        "r_eff_sky_fit", "arcsec", "half-light semi-major axis on the sky",
        "r_eff_fit times the pixel scale", "scale",
    ),
    Column(
        "r_eff_sky_err", "arcsec", "standard deviation of r_eff_sky_fit",
        "r_eff_err times the pixel scale", "scale",
    ),
    Column(
        "pa_fit", "deg", "position angle of the major axis, east of north",
        "theta_fit through the WCS", "wcs",
    ),
    Column("pa_err", "deg", "standard deviation of pa_fit", "theta_err", "wcs"),
    Column(
        "sky_fit", "", "celestial coordinates of the galaxy's centre",
        "x_fit and y_fit through the WCS", "wcs",
    ),
    Column(
        "local_bkg", "image",
        "median of the stamp's outer ring less the model's light there, per pixel",
        "or the sky that was fitted, if the fitter has refine",
    ),
    Column("n_pixels_fit", "", "unmasked pixels of the stamp that was measured"),
    Column(
        "qfit", "",
        "sum of absolute residuals within the effective radius, over flux_fit",
        "photutils.psf; NaN unless the fitter has statistics=True or refine",
    ),
    Column(
        "reduced_chi2", "", "reduced chi-squared within the effective radius",
        "Li et al. 2022, Eq. 11; NaN unless the fitter has statistics=True or refine",
    ),
    Column(
        "point_like_prob", "",
        "probability that it is unresolved, a star, among as many stars as galaxies",
        "the network's posterior; NaN where the network cannot tell",
    ),
    Column("flags", "", "bit flags, see astro_cnnfit.decode_flags"),
)  # fmt: skip


@dataclass(frozen=True)
class Measurement:
    """
    What was measured of N galaxies, at the image's own sampling.

    Rows that could not be measured hold NaN.
    """

    params: np.ndarray
    """(N, 7) in the order of `~astro_cnnfit.parameters.NAMES`; ``x_0, y_0`` in
    pixels of the image."""
    covariance: np.ndarray
    """(N, 7, 7), of ``params``."""
    latent: np.ndarray
    """(N, 7) in the order of `~astro_cnnfit.parameters.LATENT_NAMES`: what
    ``params`` and ``covariance`` are made from, at the scale of the image."""
    latent_covariance: np.ndarray
    """(N, 7, 7), of ``latent``."""
    sky_sigma: np.ndarray
    """(N,) noise of the sky per pixel of the stamp that was measured."""
    snr: np.ndarray
    """(N,) signal-to-noise ratio within the effective radius, from the noise of
    the sky alone (`~astro_cnnfit.parameters.effective_snr`)."""
    factor: np.ndarray
    """(N,) int, side of the blocks that were averaged; 1 for none."""
    local_bkg: np.ndarray
    """(N,) background per pixel of the image."""
    border_level: np.ndarray
    """(N,) light per pixel at the border of the stamp, the background included."""
    n_pixels_fit: np.ndarray
    """(N,) int."""
    qfit: np.ndarray
    """(N,)."""
    reduced_chi2: np.ndarray
    """(N,)."""
    flags: np.ndarray
    """(N,) int."""
    refined: np.ndarray
    """(N,) bool, whether the row is that of a refinement, not the network's."""
    point_like_prob: np.ndarray
    """(N,) probability that it is unresolved; NaN where that is not known."""
    point_flux: np.ndarray
    """(N,) flux of the PSF that was subtracted in the place of a star; NaN where a
    galaxy was, or nothing."""
    passes: np.ndarray
    """(N,) int, how often it was measured, each time with fewer neighbours."""

    @classmethod
    def empty(cls, n):
        """Nothing measured yet: NaN, no pixels, no flags."""
        k = len(NAMES)
        values = {field.name: np.full(n, np.nan) for field in fields(cls)}
        values |= {name: np.full((n, k), np.nan) for name in ("params", "latent")}
        for name in ("covariance", "latent_covariance"):
            values[name] = np.full((n, k, k), np.nan)
        for name in ("n_pixels_fit", "flags", "passes"):
            values[name] = np.zeros(n, dtype=int)
        values["factor"] = np.ones(n, dtype=int)
        values["refined"] = np.zeros(n, dtype=bool)
        return cls(**values)


class FitInfo(Sequence):
    """
    Details of every galaxy, as a list of dictionaries aligned with the rows.

    The dictionaries are made when they are asked for. Their keys are:

    * ``param_names``: order of the parameters below,
    * ``param_values``: (7,) as in the table, ``theta`` in radians,
    * ``param_cov``: (7, 7) covariance of those,
    * ``latent_names``, ``latent_values``, ``latent_cov``: the same in the
      parameters in which errors are closest to Gaussian, see
      `~astro_cnnfit.parameters`,
    * ``sky_sigma``: noise of the sky per pixel of the measured stamp,
    * ``snr``: signal-to-noise ratio within the effective radius, from the noise
      of the sky alone,
    * ``block_factor``: side of the blocks that were averaged; 1 for none,
    * ``refined``: whether the row is that of a refinement, not the network's,
    * ``passes``: how often it was measured, each time with fewer neighbours,
    * ``point_flux``: flux of the PSF that was subtracted in its place, NaN where it
      was not taken for a star.

    Parameters
    ----------
    measurement : `Measurement`
        What was measured.
    """

    def __init__(self, measurement):
        self._measurement = measurement

    def __len__(self):
        return len(self._measurement.params)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return [self[row] for row in range(*index.indices(len(self)))]
        measurement = self._measurement
        return {
            "param_names": NAMES,
            "param_values": measurement.params[index].copy(),
            "param_cov": measurement.covariance[index].copy(),
            "latent_names": LATENT_NAMES,
            "latent_values": measurement.latent[index].copy(),
            "latent_cov": measurement.latent_covariance[index].copy(),
            "sky_sigma": float(measurement.sky_sigma[index]),
            "snr": float(measurement.snr[index]),
            "block_factor": int(measurement.factor[index]),
            "refined": bool(measurement.refined[index]),
            "passes": int(measurement.passes[index]),
            "point_flux": float(measurement.point_flux[index]),
        }

    def __repr__(self):
        return f"<FitInfo of {counted(len(self))}>"


def make_table(measurement, positions, *, unit=None, zeropoint=None, sky=None, meta):
    """
    The table of results.

    Parameters
    ----------
    measurement : `Measurement`
        What was measured, N galaxies.
    positions : tuple of array_like
        ``id, x_init, y_init``, (N,) each.
    unit : `~astropy.units.Unit`, optional
        Unit of the image.
    zeropoint : float, optional
        Magnitude of a galaxy whose flux is 1.
    sky : dict, optional
        Columns that need a pixel scale or a WCS.
    meta : dict
        Plain values for the table's ``meta``.

    Returns
    -------
    `~astropy.table.QTable`
        A row per galaxy, with those of `COLUMNS` that have what they need.
    """
    values = dict(zip(("id", "x_init", "y_init"), positions, strict=True))
    values |= _parameter_values(measurement) | (sky or {})
    if zeropoint is not None:
        values |= _magnitudes(values, zeropoint)
    names = {column.name for column in COLUMNS} & set(vars(measurement))
    values |= {name: getattr(measurement, name) for name in names}
    return assemble(COLUMNS, values, unit=unit, meta=meta)


def _parameter_values(measurement):
    """Fitted parameters and errors under the names of their columns."""
    variance = np.diagonal(measurement.covariance, axis1=1, axis2=2)
    values = {}
    for index, name in enumerate(NAMES):
        # Tables say x_fit for the model's x_0, as photutils does.
        name = name.removesuffix("_0")
        value, error = measurement.params[:, index], np.sqrt(variance[:, index])
        if name == "theta":
            value, error = np.degrees(value), np.degrees(error)
        values[f"{name}_fit"], values[f"{name}_err"] = value, error
    return values


def _magnitudes(values, zeropoint):
    flux, flux_err = values["flux_fit"], values["flux_err"]
    return {
        "mag_fit": zeropoint - 2.5 * np.log10(flux),
        "mag_err": 2.5 / np.log(10) * flux_err / flux,
    }


def versions():
    """Versions of the packages that a result depends on, as plain strings."""
    return dict(_versions())


@cache
def _versions():
    # Looking them up takes longer than measuring a galaxy.
    found = {"astro_cnnfit": astro_cnnfit.__version__}
    for name in ("keras", "tensorflow", "numpy", "astropy"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def column_table():
    """
    Write `COLUMNS` as reStructuredText, for docstrings and the docs.

    Returns
    -------
    str
        A definition list: name and unit, then what it is and where it is from.
    """
    return describe(COLUMNS)
