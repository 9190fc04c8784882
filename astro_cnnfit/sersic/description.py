# Licensed under a 3-clause BSD style license - see LICENSE
"""All that is known of galaxies after the last look at their stamps."""

import numpy as np

from astro_cnnfit import flags
from astro_cnnfit.parameters import LATENT_NAMES, NAMES, decode, decode_covariance

from .averaging import finer_psfs
from .images import psfs_or_typical, stamps_of_galaxies
from .neighbours import find_neighbours
from .quality import point_like, quality_flags
from .shot_noise import error_with_shot_noise
from .statistics import within_r_eff
from .surroundings import has_bad_pixel, is_saturated, neighbour_light

__all__ = ["describe"]

# Significance and size of the error of the PSF's width that get a flag.
_PSF_SIGMAS, _PSF_ERROR = 5.0, 0.03
# Light of neighbours, relative to the galaxy's flux, that gets a flag, and another. On
# simulated scenes errors are honest beyond the second, too; real galaxies of which a
# position is only a part (HSC's spiral) are magnitudes off, and all are beyond.
_NEIGHBOUR, _BLENDED = 0.03, 0.3
_PLACE = [LATENT_NAMES.index(name) for name in ("x", "y")]
_LOG_FLUX = LATENT_NAMES.index("log_flux")


def describe(looks, statistics, refine):
    """
    Sum up what is known of each galaxy.

    Parameters
    ----------
    looks : `~astro_cnnfit.sersic.looks.Looks`
        Stamps, and what the network last said about each. A refinement changes it.
    statistics : bool
        Whether to render the models and compare them with the data.
    refine : bool or 'map'
        Whether to refine what the network said, and how; includes statistics.

    Returns
    -------
    dict
        Arrays by the names of `~astro_cnnfit.sersic.results.Measurement`.
    """
    failed, others = np.zeros(len(looks.latent), dtype=bool), looks.stamps.mask
    seen = looks.psfs if looks.network.needs_psf else None
    stars = point_like(looks.network, looks.latent, looks.covariance, seen)
    if refine:
        failed, others = _refine(looks, refine)
    values = {"sky_sigma": looks.sigma, "local_bkg": looks.local_bkg}
    values["point_like_prob"] = stars
    values["border_level"] = looks.local_bkg + looks.unit * looks.light
    values["refined"] = ~failed & bool(refine)
    bits, values["snr"], widths = _quality(looks)
    bits |= np.where(failed, flags.REFINE_FAILED, 0)
    if statistics or refine:
        more, values["qfit"], values["reduced_chi2"] = _compare(looks, widths, others)
        bits |= more
    values["latent"], values["latent_covariance"] = _at_image_scale(looks)
    values["params"] = decode(values["latent"])
    values["covariance"] = decode_covariance(
        values["latent"], values["latent_covariance"]
    )
    lost = ~(
        np.isfinite(values["params"]).all(axis=1)
        & np.isfinite(values["covariance"]).all(axis=(1, 2))
        & (values["params"][:, NAMES.index("flux")] > 0)
    )
    if lost.any():
        for array in values.values():
            array[lost] = False if array.dtype == bool else np.nan
        bits[lost] = flags.NON_FINITE
    return values | {"flags": looks.stamps.flags | bits}


def _quality(looks):
    """Bits that cost little, S/N, and widths of the PSFs."""
    params, mask = decode(looks.latent), looks.stamps.mask
    psfs = looks.psfs if looks.network.needs_psf else None
    bits, snr, widths = quality_flags(params, psfs, looks.network.trained_ranges)
    others = neighbour_light(looks.seen, looks.level, mask, params, widths)
    bits[others > _NEIGHBOUR] |= flags.NEIGHBOUR
    bits[others > _BLENDED] |= flags.BLENDED
    bits[~looks.border.is_seen] |= flags.NO_BACKGROUND
    recorded = looks.stamps.data, mask, looks.local_bkg, looks.sigma
    bits[is_saturated(*recorded)] |= flags.SATURATED
    psfs = psfs_or_typical(looks.network, looks.true_psfs)
    bits[has_bad_pixel(*recorded, psfs)] |= flags.BAD_PIXEL
    return bits, snr, widths


def _in_sky_noises(looks):
    """
    Recorded pixels without sky, and latent parameters, in units of ``sigma``.

    They are those that were averaged, but neither filled nor smoothed.
    """
    light = looks.stamps.data - looks.local_bkg[:, None, None]
    light /= looks.sigma[:, None, None]
    light[looks.stamps.mask] = 0
    latent = looks.latent.copy()
    latent[:, _LOG_FLUX] += np.log10(looks.unit / looks.sigma)
    return light.astype(np.float32), latent


def _refine(looks, how):
    """Refine in place; which rows failed, and pixels of other objects."""
    from .refine import refine_stamps

    light, latent = _in_sky_noises(looks)
    good = np.isfinite(latent).all(axis=1)
    good &= np.isfinite(looks.covariance).all(axis=(1, 2))
    rows, mask = np.flatnonzero(good), looks.stamps.mask.copy()
    failed = np.zeros(len(latent), dtype=bool)
    if rows.size == 0:
        return failed, mask
    psfs = looks.true_psfs if len(looks.true_psfs) == 1 else looks.true_psfs[rows]
    error = 1.0 if np.ndim(looks.error) == 0 else looks.error[rows]
    params, shape = decode(latent[rows]), light.shape[1:]
    models = stamps_of_galaxies(params, psfs, shape)
    others = find_neighbours(light[rows], models, error, mask[rows]).mask
    # A model that is off leaves residuals of the galaxy itself.
    mask[rows] |= others & ~within_r_eff(params, shape)
    if np.ndim(error) == 0:
        error = error_with_shot_noise(light[rows], models, mask[rows])
        looks.error = np.ones(light.shape, np.float32)
        looks.error[rows] = error
    psfs = looks.image_psfs if len(psfs) == 1 else looks.image_psfs[rows]
    psfs, block = finer_psfs(psfs, looks.stamps.factor)
    found = refine_stamps(
        light[rows], psfs, error, mask[rows], latent[rows], looks.covariance[rows],
        use_prior=how == "map", block=block, batch_size=16 if block == 1 else 8,
    )  # fmt: skip
    failed[rows[~found.converged]] = True
    done, found = rows[found.converged], _only(found, found.converged)
    looks.latent[done], looks.covariance[done] = found.latent, found.covariance
    ratio = looks.sigma[done] / looks.unit[done]
    looks.latent[done, _LOG_FLUX] += np.log10(ratio)
    looks.level[done] += found.sky * ratio
    return failed, mask


def _compare(looks, widths, mask):
    """Bits, qfit and reduced chi-squared from an image of each model."""
    # It needs Keras, which is loaded when a network is.
    from .residuals import examine

    light, latent = _in_sky_noises(looks)
    found = examine(
        light,
        mask,
        looks.error,
        latent,
        psfs_or_typical(looks.network, looks.true_psfs),
        widths,
    )
    bits = np.where(found.is_poor, flags.POOR_MODEL, 0)
    wrong = np.abs(found.psf_sigmas) > _PSF_SIGMAS
    wrong &= np.abs(found.psf_error) > _PSF_ERROR
    if looks.network.needs_psf:
        bits[wrong] |= flags.PSF_MISMATCH
    return bits, found.qfit, found.reduced_chi2


def _at_image_scale(looks):
    """Latent parameters and covariance in pixels and flux of the image."""
    factor, latent = looks.stamps.factor, looks.latent.copy()
    latent[:, _PLACE] *= factor
    latent[:, _PLACE] += np.column_stack([looks.stamps.x_origin, looks.stamps.y_origin])
    latent[:, LATENT_NAMES.index("log_r_eff")] += np.log10(factor)
    # Blocks hold the mean of their pixels, not the sum.
    latent[:, _LOG_FLUX] += np.log10(looks.unit * factor**2)
    scale = np.ones(len(LATENT_NAMES))
    scale[_PLACE] = factor
    return latent, looks.covariance * scale[:, None] * scale


def _only(found, rows):
    return found._replace(**{k: v[rows] for k, v in found._asdict().items()})
