# Licensed under a 3-clause BSD style license - see LICENSE
"""Model images and astropy models of measured galaxies."""

from typing import NamedTuple

import numpy as np
from astropy.modeling.models import Sersic2D
from scipy.special import gammaincinv

from astro_cnnfit.parameters import NAMES, amplitude_from_flux, sersic_b
from astro_cnnfit.psf import moffat

__all__ = [
    "Patch",
    "astropy_models",
    "image_of_galaxies",
    "patches_of_galaxies",
    "psfs_or_typical",
    "stack_of_galaxies",
    "stamps_of_galaxies",
]

# Sides of the stamps in which the galaxies of an image are drawn. A larger
# stamp costs time with the third power of its side.
_SIDES = (61, 121, 241, 481, 961)
_LIGHT_FRACTION = 0.995
# FWHM in pixels: KiDS's r band, which GaLNet-1 was trained on.
_TYPICAL_FWHM = (3.5, 3.5)
# Tracing the renderer for a new shape takes as long as this many galaxies.
_MANY = 64
# Small stamps are drawn often, if few at a time.
_OFTEN = {61: 16, 121: 4, 241: 1}


def image_of_galaxies(params, psfs, shape):
    """
    One image with all galaxies.

    Parameters
    ----------
    params : `~numpy.ndarray`
        (N, 7), ``x_0, y_0`` in pixels of the image; rows that are not finite
        are left out.
    psfs : `~numpy.ndarray`
        (N or 1, k, k).
    shape : tuple of int
        (ny, nx) of the image.

    Returns
    -------
    `~numpy.ndarray`
        (ny, nx) float64. Each galaxy is drawn in a stamp that holds 99.5 % of
        its light, but no larger than 961 pixels a side.
    """
    image = np.zeros(shape)
    for _, patch in patches_of_galaxies(params, psfs, shape):
        patch.add_to(image)
    return image


class Patch(NamedTuple):
    """Part of an image."""

    pixels: np.ndarray
    """(ny, nx)."""
    left: int
    """Column of its first pixel in the image; may be outside."""
    bottom: int
    """Row of its first pixel in the image; may be outside."""

    def add_to(self, image, sign=1):
        """Add it to an image, or subtract it, as far as it is inside."""
        part = self.of(image)
        part += sign * self.inside(image.shape)

    def of(self, image):
        """The part of an image that it covers, as a view."""
        rows, columns = self._covered(image.shape)
        return image[rows, columns]

    def inside(self, shape):
        """Its pixels that lie inside an image of some shape."""
        rows, columns = self._covered(shape)
        bottom, left = rows.start - self.bottom, columns.start - self.left
        return self.pixels[
            bottom : bottom + rows.stop - rows.start,
            left : left + columns.stop - columns.start,
        ]

    def _covered(self, shape):
        """Rows and columns of an image that it covers; none if it is outside."""
        return tuple(
            slice(np.clip(first, 0, total), np.clip(first + length, 0, total))
            for first, length, total in zip(
                (self.bottom, self.left), self.pixels.shape, shape, strict=True
            )
        )


def patches_of_galaxies(params, psfs, shape, reach=None):
    """
    Draw galaxies one by one, in many sizes.

    Parameters
    ----------
    params, psfs, shape
        As for `image_of_galaxies`.
    reach : `~numpy.ndarray`, optional
        (N,) pixels from the centre beyond which a galaxy's light does not matter.

    Yields
    ------
    row : int
        Of the galaxy.
    patch : `Patch`
        With 99.5 % of its light, but of no more than 961 pixels a side.
    """
    good = np.flatnonzero(np.isfinite(params).all(axis=1))
    sides = _stamp_sides(
        params[good], max(shape), np.inf if reach is None else reach[good]
    )
    for side in np.unique(sides).tolist():
        rows = good[sides == side]
        whole = side >= max(shape)
        centre, size = np.rint(params[rows, :2]), (side, side)
        if whole:
            centre, size = np.broadcast_to(_centre(shape), centre.shape), shape
        stamps = _render(params[rows], _own(psfs, rows), centre, size)
        corner = 0 * centre if whole else centre - side // 2
        for row, stamp, (left, bottom) in zip(
            rows.tolist(), stamps, corner.astype(int).tolist(), strict=True
        ):
            yield row, Patch(stamp, left, bottom)


def psfs_or_typical(network, psfs):
    """
    PSFs to draw models with, where none may have been given.

    Parameters
    ----------
    network : `~astro_cnnfit.weights.Network`
        What measured.
    psfs : `~numpy.ndarray` or None
        (N or 1, k, k).

    Returns
    -------
    `~numpy.ndarray`
        ``psfs``, or the PSF that a network without PSF has learnt to expect: a
        Moffat profile in the (logarithmic) middle of what it was trained on.
    """
    if psfs is not None:
        return psfs
    low, high = network.trained_ranges.get("psf_fwhm", _TYPICAL_FWHM)
    return moffat([np.sqrt(low * high)], 3.0)


def stamps_of_galaxies(params, psfs, shape):
    """
    Stamps, all positions relative to their centres.

    Parameters
    ----------
    params : `~numpy.ndarray`
        (N, 7), the centre relative to that of the stamp.
    psfs : `~numpy.ndarray`
        (N or 1, k, k).
    shape : tuple of int
        (ny, nx) of each stamp.

    Returns
    -------
    `~numpy.ndarray`
        (N, ny, nx); NaN for rows that are not finite.
    """
    stamps = np.full((len(params), *shape), np.nan)
    rows = np.flatnonzero(np.isfinite(params).all(axis=1))
    stamps[rows] = _render(params[rows], _own(psfs, rows), (0, 0), shape)
    return stamps


def stack_of_galaxies(params, psfs, shape):
    """
    One image for each galaxy.

    Parameters
    ----------
    params : `~numpy.ndarray`
        (N, 7), ``x_0, y_0`` in pixels of each image.
    psfs : `~numpy.ndarray`
        (N or 1, k, k).
    shape : tuple of int
        (ny, nx) of each image.

    Returns
    -------
    `~numpy.ndarray`
        (N, ny, nx) float64; zero for rows that are not finite.
    """
    params = params.copy()
    params[:, :2] -= _centre(shape)
    return np.nan_to_num(stamps_of_galaxies(params, psfs, shape))


def astropy_models(params, unit=None):
    """
    The galaxies as models of `astropy.modeling`.

    Parameters
    ----------
    params : `~numpy.ndarray`
        (N, 7), ``x_0, y_0`` in pixels of the image.
    unit : `~astropy.units.Unit`, optional
        Unit of the image; the amplitude gets it.

    Returns
    -------
    list of `~astropy.modeling.functional_models.Sersic2D`
        With the amplitude that gives each its total flux, ``theta`` in radians,
        and not convolved with a PSF. Rows that could not be measured have NaN
        parameters.
    """
    columns = dict(zip(NAMES, np.transpose(params), strict=True))
    amplitude = amplitude_from_flux(
        *(columns[k] for k in ("flux", "r_eff", "n", "ellip"))
    )
    if unit is not None:
        amplitude = amplitude * unit
    columns["amplitude"] = amplitude
    del columns["flux"]
    return [
        Sersic2D(**{name: column[row] for name, column in columns.items()})
        for row in range(len(params))
    ]


def _stamp_sides(params, limit, reach):
    """The smallest of the sides that holds the light that matters, or ``limit``."""
    r_eff, n = params[:, 3], np.clip(params[:, 4], 0.3, 8.0)
    radius = r_eff * (gammaincinv(2 * n, _LIGHT_FRACTION) / sersic_b(n)) ** n
    sides = [side for side in _SIDES if side < limit]
    if limit <= _SIDES[-1]:
        sides.append(limit)
    sides = np.array(sides)
    place = np.searchsorted(sides, 2 * np.minimum(radius, reach) + 1)
    return sides[np.minimum(place, len(sides) - 1)]


def _centre(shape):
    return (shape[1] - 1) / 2, (shape[0] - 1) / 2


def _own(psfs, rows):
    return psfs if len(psfs) == 1 else psfs[rows]


def _render(params, psfs, centre, shape):
    # The renderer needs Keras, which the rest of this module does not.
    from astro_cnnfit.rendering import render_sersic, render_sersic_numpy

    params = params.copy()
    params[:, :2] -= centre
    # float32 holds the shape; the flux may be of any size.
    flux, params[:, 2] = params[:, 2].copy(), 1.0
    batch_size, few = (
        max(1, 64 * 61**2 // (shape[0] * shape[1])),
        _OFTEN.get(max(shape)),
    )
    if len(params) > _MANY or few:
        # Of two sizes alone, whatever their number: each is traced once.
        batch_size = few if few and len(params) <= batch_size // 2 else batch_size
        stamps = render_sersic_numpy(params, psfs, shape, batch_size=batch_size)
    else:
        stamps = [np.empty((0, *shape))]
        for start in range(0, len(params), batch_size):
            rows = slice(start, start + batch_size)
            own = psfs if len(psfs) == 1 else psfs[rows]
            stamps.append(np.asarray(render_sersic(params[rows], own, shape)))
        stamps = np.concatenate(stamps)
    return stamps * flux[:, np.newaxis, np.newaxis]
