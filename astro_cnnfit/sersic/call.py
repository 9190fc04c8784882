# Licensed under a 3-clause BSD style license - see LICENSE
"""
One call of the fitter: which finder it has, the measurement, the table.

Of a fitter that is an argument, only the settings are read.
"""

import numpy as np

from astro_cnnfit import flags
from astro_cnnfit.psf import fwhm

from .field import MeasuredField, find_and_measure_field
from .measure import measure
from .psfs import psf_stamps
from .results import make_table, versions
from .sky import sky_columns

__all__ = ["adapted_finder", "make_results", "measure_all"]


def measure_all(fitter, image, x, y, psfs, r_eff, finder):
    """Measure galaxies, each by itself or all together."""
    psfs, star_psfs, good = psfs
    settings = {
        "r_eff": r_eff, "statistics": fitter.statistics, "refine": fitter.refine,
        "batch_size": fitter.batch_size, "progress_bar": fitter.progress_bar,
    }  # fmt: skip
    # Nobody looks at a galaxy whose PSF is none.
    lost = np.broadcast_to(False if good is None else ~good, x.shape)
    place = np.where(lost, np.nan, x), y
    if fitter.iterations == 1:
        found = measure(fitter.model, image, *place, psfs, **settings)
        field = MeasuredField(found, x, y, psfs, star_psfs)
    elif image.data.ndim == 2:
        field = find_and_measure_field(
            fitter.model, image, *place, psfs, iterations=fitter.iterations,
            star_psfs=star_psfs, finder=finder, **settings,
        )  # fmt: skip
        field = field._replace(x=np.append(x, field.x[len(x) :]))
    else:
        raise ValueError(
            "iterations must be 1 for a stack, whose images have nothing to do "
            f"with each other, got {fitter.iterations}"
        )
    field.measurement.flags[: len(x)][lost] = flags.BAD_PSF
    return field


def adapted_finder(finder, network, image, psf, of_psf):
    """A finder of galaxies that smooths as much as the PSF in the middle does."""
    middle = ([n / 2] for n in image.data.shape[:-3:-1])
    try:
        psfs, _ = psf_stamps(psf, *map(np.array, middle), network, **of_psf)
    except (TypeError, ValueError):
        # One for each galaxy, or none at all, of which others complain.
        return finder
    width = float(fwhm(psfs)[0])
    return finder.with_fwhm(width) if np.isfinite(width) else finder


def make_results(fitter, image, wcs, positions, measurement, zeropoint):
    """Make the table of a call, with what it was told in ``meta``."""
    value, source = (None, None) if zeropoint is None else zeropoint
    sky = sky_columns(
        measurement.params,
        measurement.covariance,
        wcs=wcs,
        pixel_scale=fitter.pixel_scale,
    )
    meta = versions() | {
        "model": fitter.model.name,
        "model_sha256": fitter.model.sha256,
        "precision": fitter.precision,
        "pixel_scale": fitter.pixel_scale,
        "zeropoint": value,
        "zeropoint_source": source,
        "statistics": fitter.statistics,
        "refine": fitter.refine,
        "iterations": fitter.iterations,
        "error_given": image.error is not None,
    }
    # FITS headers and other files have no None.
    meta = {name: value for name, value in meta.items() if value is not None}
    return make_table(
        measurement,
        positions,
        unit=image.unit,
        zeropoint=value,
        sky=sky,
        meta=meta,
    )
