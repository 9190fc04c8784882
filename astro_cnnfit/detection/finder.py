# Licensed under a 3-clause BSD style license - see LICENSE
"""`GalaxyFinder`: from an image to a table of its objects."""

from copy import copy
from dataclasses import dataclass

import numpy as np
from astropy.stats import mad_std
from astropy.table import QTable
from photutils.segmentation import SegmentationImage
from scipy.ndimage import binary_dilation

from astro_cnnfit.inputs import parse_image

from .catalog import segment_table
from .segments import deblended, find_segments, smoothed
from .sky import measure_sky

__all__ = ["Detections", "GalaxyFinder"]

# First look at the sky: boxes so much larger than the last ones, that few galaxies
# fill one; objects are then left out down to this level, and pixels around them.
_LARGER, _LEFT_OUT, _AROUND = 4, 1.5, 5
_PASSES = 2
# Least and largest width of the smoothing, in pixels.
_WIDTHS = 1, 100


@dataclass(frozen=True, eq=False)
class Detections:
    """What was found in an image."""

    table: QTable
    """A row an object, see `GalaxyFinder`."""
    segmentation: SegmentationImage | None
    """Labels are the ``id`` of the table; None where nothing was found."""
    background: np.ndarray
    """(ny, nx) level of the sky, in the unit of the image."""
    noise: np.ndarray
    """(ny, nx) noise of the sky in a pixel: measured, or the ``error`` given."""
    snr: np.ndarray
    """(ny, nx) image in which objects were found: without sky, smoothed, in units
    of its noise."""


class GalaxyFinder:
    """
    Find the galaxies and stars of an image.

    The sky is measured in boxes, first in large ones, then in small ones without
    the objects that were found. The image is smoothed with a Gaussian of the width
    of a point source and divided by its noise. Objects are connected pixels; those
    of several peaks are divided.

    Parameters
    ----------
    nsigma : float
        S/N of a point source that is just found: of an object's peak in the smoothed
        image.
    outskirts : float
        Level down to which an object is followed outwards, in noises of the smoothed
        image.
    npixels : int
        Smallest number of pixels of an object.
    deblend : bool
        Whether to divide objects that touch; needs scikit-image.
    contrast : float
        Share of the light of all that touch, which a part must have to be an object
        of its own. Arms and knots of large galaxies, which hardly stand out of them,
        are joined to them again.
    n_levels : int
        Number of levels at which parts are looked for.
    box_size : int
        Pixels on a side of the boxes in which the sky is measured. Large galaxies
        should not fill one.
    fwhm : float
        Width in pixels of the smoothing: that of the PSF.

    Raises
    ------
    ValueError
        If a number is out of its range.

    Notes
    -----
    Called as ``finder(data, mask=mask, error=error)`` it returns a table as
    `CNNSersicFitter` takes it, with the columns ``id, x_centroid, y_centroid, flux,
    r_eff_init, a, b, theta, n_pixels, peak, snr``, by label of the segmentation image,
    and no row where nothing is found. `find` returns that image too.

    Examples
    --------
    >>> import numpy as np
    >>> from astro_cnnfit.detection import GalaxyFinder
    >>> y, x = np.mgrid[:100, :120]
    >>> image = np.random.default_rng(1).normal(size=x.shape)
    >>> image += 50 * np.exp(-((x - 40) ** 2 + (y - 60) ** 2) / 18)
    >>> table = GalaxyFinder()(image)
    >>> print(len(table), np.round(table["x_centroid"][0]))
    1 40.0
    """

    def __init__(
        self,
        *,
        nsigma=4.5,
        outskirts=1.5,
        npixels=5,
        deblend=True,
        contrast=0.002,
        n_levels=32,
        box_size=128,
        fwhm=3.5,
    ):
        for name, value, low, high in (
            ("nsigma", nsigma, 1, np.inf),
            ("outskirts", outskirts, 0.5, nsigma),
            ("npixels", npixels, 1, 1e6),
            ("contrast", contrast, 0, 1),
            ("n_levels", n_levels, 1, 1000),
            ("box_size", box_size, 8, 1e6),
            ("fwhm", fwhm, *_WIDTHS),
        ):
            if not low <= value <= high:
                raise ValueError(f"{name} must be from {low} to {high:g}, got {value}")
        self.nsigma, self.outskirts = float(nsigma), float(outskirts)
        self.npixels, self.deblend = int(npixels), bool(deblend)
        self.contrast, self.n_levels = float(contrast), int(n_levels)
        self.box_size, self.fwhm = int(box_size), float(fwhm)

    def with_fwhm(self, fwhm):
        """
        The same finder for another PSF.

        Parameters
        ----------
        fwhm : float
            Of the PSF, in pixels. Below 1 it is taken for 1, above 100 for 100.

        Returns
        -------
        `GalaxyFinder`
        """
        finder = copy(self)
        finder.fwhm = float(np.clip(fwhm, *_WIDTHS))
        return finder

    def __call__(self, data, mask=None, error=None):
        """
        Find the objects of an image.

        Parameters
        ----------
        data : array_like, `~astropy.units.Quantity`, `~astropy.nddata.NDData` or HDU
            (ny, nx); a sky may remain.
        mask : array_like of bool, optional
            True for pixels to leave out.
        error : array_like, optional
            Standard deviation of each pixel. Without it the noise is measured.

        Returns
        -------
        `~astropy.table.QTable`
        """
        return self.find(data, mask=mask, error=error).table

    def find(self, data, mask=None, error=None):
        """
        Find the objects of an image, and return all that is known of them.

        Parameters
        ----------
        data, mask, error
            As for a call.

        Returns
        -------
        `Detections`

        Raises
        ------
        ValueError
            If ``data`` is not one image.
        ImportError
            If scikit-image is missing and parts are to be divided.
        """
        image = parse_image(data, mask=mask, error=error, find_blank=True)
        if image.data.ndim != 2:
            raise ValueError(f"data must be one image, got shape {image.data.shape}")
        bad = np.zeros(image.data.shape, bool) if image.mask is None else image.mask
        pixels = np.where(bad, 0.0, image.data)
        sky, noise, snr = self._look(pixels, bad, image.error)
        segments = find_segments(snr, bad, self.nsigma, self.outskirts, self.npixels)
        if segments is not None and self.deblend:
            segments = deblended(
                snr,
                segments,
                nsigma=self.nsigma,
                npixels=self.npixels,
                n_levels=self.n_levels,
                contrast=self.contrast,
                fwhm=self.fwhm,
            )
        labels = np.zeros(bad.shape, int) if segments is None else segments.data
        table = segment_table(np.where(bad, 0, pixels - sky), snr, labels, image.unit)
        return Detections(table, segments, sky, noise, snr)

    def _look(self, pixels, bad, error):
        """Sky, noise and smoothed image, the last without the objects found."""
        objects, box_size = bad, _LARGER * self.box_size
        weight = (~bad).astype(np.float32)
        for again in range(_PASSES + 1):
            sky = measure_sky(pixels, objects, box_size)
            noise = sky.noise if error is None else np.where(bad, np.inf, error)
            with np.errstate(divide="ignore", invalid="ignore"):
                relative = np.where(bad | ~(noise > 0), 0, (pixels - sky.level) / noise)
            snr = smoothed(relative, weight, self.fwhm)
            # Of correlated pixels, and of errors that are not quite right.
            empty = snr[~objects]
            scale = mad_std(empty) if empty.size else 0.0
            snr /= scale if scale > 0 else 1.0
            if again < _PASSES:
                objects = bad | self._objects(snr, bad)
                box_size = self.box_size
        return sky.level, noise, snr

    def _objects(self, snr, bad):
        """Pixels of objects and around them."""
        found = find_segments(snr, bad, self.nsigma, _LEFT_OUT, self.npixels)
        if found is None:
            return bad
        return binary_dilation(found.data > 0, iterations=_AROUND)
