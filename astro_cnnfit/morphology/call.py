# Licensed under a 3-clause BSD style license - see LICENSE
"""What the two measurers share: a call from image to table, and what it leaves."""

import numpy as np
from astropy.coordinates import SkyCoord

from astro_cnnfit import flags
from astro_cnnfit.inputs import parse_image
from astro_cnnfit.psf import fwhm, psf_stamps_of_rows
from astro_cnnfit.sersic.arguments import parse_positive
from astro_cnnfit.sersic.quality import warn_of_lost
from astro_cnnfit.sersic.results import versions
from astro_cnnfit.sersic.sky import parse_pixel_scale

from .measure import Field, measure
from .results import make_table
from .segments import parse_segmap, sources_of
from .source_morphology import SourceMorphology
from .stamps import UNMEASURABLE

__all__ = ["Measurer"]

_LOST = UNMEASURABLE | flags.NON_FINITE | flags.NO_PETROSIAN | flags.NO_BACKGROUND
# Width of the stamps on which a PSF's FWHM is measured.
_PSF_SIZE = 41
# A star has a Petrosian radius of 1.0 to 1.3 FWHM.
_RESOLVED = 2.0


class Measurer:
    """
    Base of the measurers: their call, results and flags.

    Parameters
    ----------
    method : callable
        One of `astro_cnnfit.morphology.methods`.
    settings : dict
        For ``meta`` of the tables, as plain values.
    average : bool
        Whether galaxies larger than a stamp are averaged.
    combined : bool
        Whether the tables have weights.
    pixel_scale, subtract_sky, clean, seed, batch_size, progress_bar
        As for the measurers.
    """

    def __init__(
        self, method, settings, *, average, combined, pixel_scale, subtract_sky, clean,
        seed, batch_size, progress_bar,
    ):  # fmt: skip
        self.pixel_scale = parse_pixel_scale(pixel_scale)
        self.subtract_sky = bool(subtract_sky)
        self.clean = bool(clean)
        self.seed = seed
        self.batch_size = parse_positive(batch_size, "batch_size")
        self.progress_bar = bool(progress_bar)
        self._method = method
        self._settings = settings
        self._average = average
        self._combined = combined
        self._results = None

    def __call__(
        self, image, segmap=None, *, labels=None, init_params=None, mask=None,
        error=None, bad_bits=None, psf=None,
    ):  # fmt: skip
        """
        Measure the galaxies of one image or of a stack of images.

        Parameters
        ----------
        image : array_like, `~astropy.units.Quantity`, `~numpy.ma.MaskedArray`, \
`~astropy.nddata.NDData`, FITS image HDU or `~astropy.io.fits.HDUList`
            One image (ny, nx), or a stack (N, ny, nx) with a galaxy in the centre
            of each image, in linear units. It is not changed. Errors and masks
            beside the image are those of :doc:`/images`.
        segmap : array_like of int, `~photutils.segmentation.SegmentationImage` \
or HDU, optional
            Labels of the sources, 0 for the sky; of the image's shape. Each
            labelled source of one image is measured; pixels of the others are
            replaced by sky. Without it, galaxy and neighbours are found from the
            pixels, where sources that touch are one.
        labels : array_like of int, optional
            Which labels of the map of one image to measure.
        init_params : `~astropy.table.Table`, array_like or \
`~astropy.coordinates.SkyCoord`, optional
            Positions instead, in pixels or on the sky, in the forms that
            `~astro_cnnfit.CNNSersicFitter` takes. With a segmentation map, the
            label at each position is measured.
        mask : array_like of bool or int, optional
            True or nonzero for pixels to leave out; shape of ``image``.
        error : array_like or `~astropy.units.Quantity`, optional
            Standard deviation of each pixel. The noise of the sky is taken from
            it, otherwise from the scatter of the pixels around each galaxy.
        bad_bits : sequence of int and str, optional
            Bits of a mask of whole numbers that make a pixel bad: their values
            (1, 2, 4, ...), or names that the mask's header gives them. Without it,
            any bit does.
        psf : array_like, NDData, `~photutils.psf.ImagePSF` or model, optional
            PSF at the image's sampling: one, or one for each galaxy. It sets the
            flag ``unresolved``; the values are those of the galaxy as the PSF
            shows it, with or without it.

        Returns
        -------
        `~astropy.table.QTable`
            A row per galaxy, in the order of labels, positions or images; the
            columns are those of `astro_cnnfit.morphology.COLUMNS`. A galaxy that
            could not be measured has NaN and a flag.

        Raises
        ------
        TypeError
            If an argument does not hold real numbers, or ``segmap`` and
            ``labels`` not integers.
        ValueError
            If an argument has a wrong shape, unit or value, or is given twice.
            The message names it.

        Warns
        -----
        AstropyUserWarning
            Once a call, if galaxies could not be measured.
        """
        image = _parsed(image, mask, error, bad_bits)
        return self._run(image, segmap, labels, init_params, psf)

    @property
    def results(self):
        """Table of the last call, or None."""
        return self._results

    def decode_flags(self):
        """
        Return the names of the flags of each row.

        Returns
        -------
        list of list of str

        Raises
        ------
        ValueError
            If nothing was measured before.
        """
        if self._results is None:
            raise ValueError(
                "decode_flags needs results: call the measurer with an image first"
            )
        return flags.decode_flags(self._results["flags"])

    def source_morphology(
        self, image, segmap=None, *, labels=None, init_params=None, mask=None,
        error=None, bad_bits=None, psf=None,
    ):  # fmt: skip
        """
        Measure galaxies and return them as objects with statmorph's names.

        Parameters
        ----------
        image, segmap, labels, init_params, mask, error, bad_bits, psf
            As for a call.

        Returns
        -------
        list of `~astro_cnnfit.morphology.SourceMorphology`
            One for each row.
        """
        image = _parsed(image, mask, error, bad_bits)
        table = self._run(image, segmap, labels, init_params, psf)
        return [SourceMorphology(row) for row in table]

    def _run(self, image, segmap, labels, init_params, psf):
        if segmap is not None:
            segmap = parse_segmap(segmap, image.data.shape)
        sources = sources_of(image, segmap, init_params, labels)
        width = _psf_width(psf, sources)
        field = Field(
            image, segmap, sources, self._average, self.subtract_sky, self.seed,
            step=3 if self._average else 1,
            keep_masks=self._method.needs_masks,
            clean=self.clean,
            view=self._method.view,
        )  # fmt: skip
        values = measure(
            field, self._method, batch_size=self.batch_size,
            progress_bar=self.progress_bar,
        )  # fmt: skip
        values["flags"] |= _image_bits(values, width, image.data.shape[-2:])
        wcs = image.wcs if image.data.ndim == 2 else None
        sky, scale = _on_sky(wcs, values["x_centroid"], values["y_centroid"])
        results = make_table(
            sources.ids, values, unit=image.unit, sky=sky,
            pixel_scale=scale if self.pixel_scale is None else self.pixel_scale,
            combined=self._combined,
            meta={"versions": versions(), **self._settings, **self._plain_settings()},
        )  # fmt: skip
        # One assignment: another thread sees all of a call or nothing of it.
        self._results = results
        warn_of_lost(_lost(results), stacklevel=4, reasons=_LOST)
        return results

    def _plain_settings(self):
        return {
            "pixel_scale": self.pixel_scale,
            "subtract_sky": self.subtract_sky,
            "clean": self.clean,
            "seed": self.seed,
        }


def _parsed(image, mask, error, bad_bits):
    return parse_image(
        image, mask=mask, error=error, bad_bits=bad_bits, argument="image",
        single=True, find_blank=True,
    )  # fmt: skip


def _lost(results):
    """Flags of the rows without any result."""
    names = ("concentration", "asymmetry", "gini")
    lost = np.all([np.isnan(results[name]) for name in names], axis=0)
    return np.where(lost, results["flags"], 0)


def _psf_width(psf, sources):
    """FWHM of the PSF of each galaxy in pixels; NaN where it is unknown."""
    n = len(sources.x)
    if psf is None:
        return np.full(n, np.nan)
    places = (np.nan_to_num(sources.x), np.nan_to_num(sources.y))
    stamps, good = psf_stamps_of_rows(psf, size=_PSF_SIZE, n=n, positions=places)
    return np.broadcast_to(np.where(good, fwhm(stamps), np.nan), n)


def _image_bits(values, width, shape):
    """Bits for galaxies that the PSF hides and those near the image's edge."""
    ny, nx = shape
    reach = 1.5 * values["rpetro_ellip"]
    x, y = values["xc_asymmetry"], values["yc_asymmetry"]
    # Half sides of the ellipse's box; of its circle where the shape is unknown.
    axis, theta = 1 - np.nan_to_num(values["ellip"]), np.nan_to_num(values["theta"])
    dx = reach * np.hypot(np.cos(theta), axis * np.sin(theta))
    dy = reach * np.hypot(np.sin(theta), axis * np.cos(theta))
    with np.errstate(invalid="ignore"):
        outside = (x - dx < -0.5) | (x + dx > nx - 0.5)
        outside |= (y - dy < -0.5) | (y + dy > ny - 0.5)
        unresolved = values["rpetro_ellip"] < _RESOLVED * width
    bits = np.where(outside, flags.APERTURE_OUTSIDE, 0)
    return bits | np.where(unresolved, flags.UNRESOLVED, 0)


def _on_sky(wcs, x, y):
    """Coordinates, and the side of a pixel in arcsec; None without a WCS."""
    if wcs is None or wcs.low_level_wcs.pixel_n_dim != 2:
        return None, None
    with np.errstate(invalid="ignore"):
        centre, right, up = (
            wcs.pixel_to_world(x + dx, y + dy) for dx, dy in ((0, 0), (1, 0), (0, 1))
        )
    if not isinstance(centre, SkyCoord):
        return None, None
    sides = [centre.separation(other).to_value("arcsec") for other in (right, up)]
    return centre, np.sqrt(sides[0] * sides[1])
