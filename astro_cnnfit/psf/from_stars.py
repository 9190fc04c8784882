# Licensed under a 3-clause BSD style license - see LICENSE
"""`psf_from_stars`: from an image to its PSF, and how that varies."""

from dataclasses import dataclass

import numpy as np
from astropy.stats import mad_std
from astropy.table import QTable

from astro_cnnfit.inputs import parse_image
from astro_cnnfit.psf.candidates import measure_candidates, prepare_field
from astro_cnnfit.psf.moments import cut_out
from astro_cnnfit.psf.psfex import PsfExModel
from astro_cnnfit.psf.sampling import fwhm
from astro_cnnfit.psf.star_fits import fit_stars
from astro_cnnfit.psf.stars import choose_stars, leave_out_on_light, stands_on_light

__all__ = ["StarPSF", "psf_from_stars"]

# Light beyond the stamp is needed to move a star by a part of a pixel.
_MARGIN = 3
_MAX_DEGREE = 4
_STARS_PER_TERM = 3


@dataclass(frozen=True, eq=False)
class StarPSF:
    """
    The PSF of an image, made of its stars by `psf_from_stars`.

    It goes into ``psf=`` as it is.

    Parameters
    ----------
    model : `PsfExModel`
        A polynomial of position, at the sampling of the image.
    stars : `~astropy.table.QTable`
        All candidates, the brightest first: ``id, x, y, flux, snr, fwhm, e1, e2,
        peak, local_bkg, used, reason`` and ``misfit``. ``local_bkg`` is the light at
        the border of the stamp. ``reason`` says why a source is not used: ``edge``,
        ``masked``, ``saturated``, ``neighbour``, ``faint``, ``sharp``, ``extended``,
        ``elongated``, ``on a galaxy``, ``residual``, ``no source``, or ``enough``
        where there are more stars than needed.
    centred : `~numpy.ndarray`, shape (N, size, size)
        The stars that are used, without sky, moved to the centre and scaled to unit
        flux, in the order of the table.
    """

    model: PsfExModel
    stars: QTable
    centred: np.ndarray

    @property
    def varies(self):
        """Whether the PSF depends on the position."""
        return self.model.varies

    @property
    def stamp(self):
        """The PSF in the middle of the stars, (size, size), of unit sum."""
        return self.model.coefficients[0] / self.model.coefficients[0].sum()

    @property
    def fwhm(self):
        """Its full width at half maximum in pixels."""
        return float(fwhm(self.stamp)[0])

    def at(self, x, y, *, size=25):
        """
        PSFs at positions.

        Parameters
        ----------
        x, y : array_like, shape (N,)
            In pixels of the image.
        size : int
            Width of the stamps, odd.

        Returns
        -------
        stamps : `~numpy.ndarray`, shape (N, size, size), float64
        """
        return self.model.at(x, y, size=size)


def psf_from_stars(
    data, *, mask=None, error=None, stars=None, size=25, degree=0, min_snr=50,
    saturation=None, min_stars=3, max_stars=200,
):  # fmt: skip
    """
    Make the effective PSF of an image of its own stars.

    Parameters
    ----------
    data : array_like, `~astropy.nddata.NDData`, HDU or path-like
        One image (ny, nx) in linear units. It is not changed.
    mask : array_like of bool, optional
        True for pixels to leave out.
    error : array_like, optional
        Standard deviation of each pixel; by default the noise is measured.
    stars : `~astropy.table.Table` or array_like, optional
        Positions of stars, as ``init_params`` of a measurement. By default they are
        found. Those given are not asked for their width and neighbours.
    size : int
        Width of the stamp, odd.
    degree : int
        Degree of the polynomial of position that each pixel of the PSF is; 0 for
        one PSF for all.
    min_snr : float
        Least S/N of a star.
    saturation : float, optional
        Stars whose highest pixel, above the sky, exceeds this are left out, in the
        unit of ``data``. Stars with flat tops are left out in any case.
    min_stars, max_stars : int
        Fewest stars to be content with, at least three for each term of the
        polynomial if it has a degree; and most to use, the brightest.

    Returns
    -------
    `StarPSF`

    Raises
    ------
    TypeError, ValueError
        If an argument is not what it must be, or too few stars are left; the message
        says what became of the candidates.

    Notes
    -----
    Candidates are the peaks of the smoothed image. Stars are those of one width: in
    the logarithm of width (adaptive moments) they crowd within a few per cent, while
    galaxies spread. Those with light of neighbours, masked pixels or flat tops are
    left out before, those that do not look like the others after a first PSF. Stars
    in the light of a large galaxy are used where there are too few others, less that
    light.
    """
    size, degree = _checked(size, degree)
    image = parse_image(data, mask=mask, error=error, find_blank=True)
    if image.data.ndim != 2:
        raise ValueError(f"data must be one image, got shape {image.data.shape}")
    wide = size + 2 * _MARGIN
    if min(image.data.shape) < wide + 2:
        raise ValueError(
            f"data must be wider than the PSF and its margin, {wide} pixels, got "
            f"shape {image.data.shape}"
        )
    field = prepare_field(image, wide)
    table = measure_candidates(field, wide, stars)
    if stars is None:
        choose_stars(table, min_snr=min_snr, saturation=saturation)
    table["misfit"] = np.nan
    powers = _powers(degree)
    least = max(min_stars, _STARS_PER_TERM * len(powers) if degree else 1)
    if stars is None:
        leave_out_on_light(table, field.sigma, least)
    _limit(table, max_stars)
    chosen = _left(table, least)
    fits = _fit(field, table, chosen, powers, wide)[0]
    table["misfit"][chosen] = fits.misfit
    odd = fits.misfit > np.median(fits.misfit) + 5 * np.maximum(
        mad_std(fits.misfit), 0.003
    )
    table["reason"][chosen[odd]] = "residual"
    chosen = _left(table, least)
    fits, zero, scale = _fit(field, table, chosen, powers, wide)
    _write(table, chosen, fits)
    inner = slice(_MARGIN, -_MARGIN)
    model = PsfExModel(fits.coefficients[:, inner, inner], powers, zero, scale, 1.0)
    return StarPSF(model, table, fits.centred[:, inner, inner])


def _checked(size, degree):
    if size != int(size) or size < 5 or size % 2 == 0:
        raise ValueError(f"size must be an odd number from 5 on, got {size}")
    if degree != int(degree) or not 0 <= degree <= _MAX_DEGREE:
        raise ValueError(
            f"degree must be a whole number from 0 to {_MAX_DEGREE}, got {degree}"
        )
    return int(size), int(degree)


def _powers(degree):
    return np.array(
        [(i, j) for j in range(degree + 1) for i in range(degree + 1 - j)], dtype=int
    )


def _limit(table, most):
    left = np.flatnonzero(table["reason"] == "")
    order = left[np.argsort(-np.asarray(table["snr"])[left], kind="stable")]
    table["reason"][order[most:]] = "enough"


def _left(table, least):
    left = np.flatnonzero(table["reason"] == "")
    if len(left) >= least:
        return left
    reasons, counts = np.unique(np.asarray(table["reason"]), return_counts=True)
    became = [
        f"{count} {reason}"
        for reason, count in zip(reasons, counts, strict=True)
        if reason
    ]
    raise ValueError(
        f"data must have at least {least} stars that show the PSF, got {len(left)}; "
        f"other candidates: {', '.join(became) or 'none'}"
    )


def _fit(field, table, chosen, powers, size):
    x, y, flux = (np.asarray(table[name])[chosen] for name in ("x", "y", "flux"))
    # As PsfEx has it: scaled positions from -0.5 to 0.5, counted from 1.
    zero = (x.min() + x.max()) / 2 + 1, (y.min() + y.max()) / 2 + 1
    scale = max(np.ptp(x), 1.0), max(np.ptp(y), 1.0)
    scaled = (np.transpose([x, y]) + 1 - zero) / scale
    basis = np.prod(scaled[:, np.newaxis] ** powers, axis=2)
    x_pixel, y_pixel = _pixels(x, y, field.data.shape, size)
    stamps = cut_out(field.data, x_pixel, y_pixel, size)
    # What all stars stand on would become part of the PSF.
    lit = stands_on_light(table[chosen], field.sigma)
    stamps[lit] -= np.asarray(table["local_bkg"])[chosen[lit], np.newaxis, np.newaxis]
    fits = fit_stars(
        stamps,
        cut_out(field.mask, x_pixel, y_pixel, size),
        basis, x=x - x_pixel, y=y - y_pixel, flux=flux, sigma=field.sigma,
        core=1.5 * np.median(table["fwhm"][chosen]),
    )  # fmt: skip
    return fits, zero, scale


def _pixels(x, y, shape, size):
    half = size // 2
    return (
        np.clip(np.rint(values).astype(int), half, length - 1 - half)
        for values, length in ((x, shape[1]), (y, shape[0]))
    )


def _write(table, chosen, fits):
    table["used"][chosen] = True
    table["flux"][chosen] = fits.flux
    table["misfit"][chosen] = fits.misfit
