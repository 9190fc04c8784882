# Licensed under a 3-clause BSD style license - see LICENSE
"""What one call of the fitter leaves behind, and images of it."""

from dataclasses import dataclass
from typing import Any

import astropy.units as u
import numpy as np
from astropy.nddata import NDData
from astropy.table import QTable

from astro_cnnfit.inputs.image import parse_values

from .arguments import checked_shape
from .images import image_of_galaxies, psfs_or_typical, stack_of_galaxies
from .point_sources import psfs_at
from .psfs import psf_stamps
from .results import Measurement

__all__ = ["Fit", "model_image", "residual_image"]


@dataclass(frozen=True)
class Fit:
    """All that one call leaves behind."""

    results: QTable
    init_params: QTable
    measurement: Measurement
    network: Any
    psfs: np.ndarray | None
    """(N or 1, k, k) that galaxies were measured with."""
    star_psfs: np.ndarray | None
    """(N or 1, k, k) that stars were subtracted with, if any were."""
    is_stack: bool
    unit: u.UnitBase | None
    wcs: Any
    zeropoint: float | None


def model_image(fit, shape, *, psf=None, include_local_bkg=False):
    """
    Draw what was measured.

    Parameters
    ----------
    fit : `Fit`
        What a call left.
    shape, psf, include_local_bkg
        As for `~astro_cnnfit.CNNSersicFitter.make_model_image`.

    Returns
    -------
    `~numpy.ndarray`
        Of that shape.
    """
    found = fit.measurement
    shape = checked_shape(shape, len(found.params), fit.is_stack)
    psfs, star_psfs = fit.psfs, fit.star_psfs
    if psf is not None:
        psfs, _ = psf_stamps(psf, *found.params[:, :2].T, fit.network)
        star_psfs = psfs
    psfs = psfs_or_typical(fit.network, psfs)
    background = found.local_bkg
    if fit.is_stack:
        image = stack_of_galaxies(found.params, psfs, shape[1:])
        background = np.nan_to_num(background)[:, np.newaxis, np.newaxis]
    else:
        is_star = np.isfinite(found.point_flux)
        galaxies = np.where(is_star[:, np.newaxis], np.nan, found.params)
        image = image_of_galaxies(galaxies, psfs, shape)
        _add_stars(image, found, np.flatnonzero(is_star), star_psfs)
        known = background[np.isfinite(background)]
        background = np.median(known) if known.size else 0.0
    return image + background if include_local_bkg else image


def _add_stars(image, found, rows, psfs):
    if rows.size:
        psfs = psfs if len(psfs) == 1 else psfs[rows]
        x, y = found.params[rows, :2].T
        for flux, patch in zip(
            found.point_flux[rows], psfs_at(x, y, psfs), strict=True
        ):
            patch.add_to(image, flux)


def residual_image(fit, data, **settings):
    """
    Subtract what was measured.

    Parameters
    ----------
    fit : `Fit`
        What a call left.
    data
        As for `~astro_cnnfit.CNNSersicFitter.make_residual_image`.
    **settings
        For `model_image`.

    Returns
    -------
    `~numpy.ndarray`, `~astropy.units.Quantity` or `~astropy.nddata.NDData`
    """
    image = parse_values(data)
    if image.unit != fit.unit:
        raise ValueError(
            f"data must have the unit of what was measured, {fit.unit}, got "
            f"{image.unit}"
        )
    residual = image.data - model_image(fit, image.data.shape, **settings)
    if isinstance(data, NDData):
        return NDData(
            residual, uncertainty=data.uncertainty, mask=data.mask, wcs=data.wcs,
            meta=data.meta, unit=data.unit,
        )  # fmt: skip
    return residual if fit.unit is None else residual * fit.unit
