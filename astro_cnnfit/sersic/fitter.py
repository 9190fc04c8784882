# Licensed under a 3-clause BSD style license - see LICENSE
"""`CNNSersicFitter`: from images to a table of Sersic parameters."""

import numpy as np

from astro_cnnfit import flags
from astro_cnnfit.inputs import parse_image

from .arguments import (
    parse_model,
    parse_positive,
    parse_refine,
    parse_zeropoint,
    zeropoint_of,
)
from .call import adapted_finder, make_results, measure_all
from .fit import Fit, model_image, residual_image
from .images import astropy_models
from .positions import more_ids, positions_of
from .posterior import draw_parameters, draw_table
from .psfs import psf_stamps, psfs_of, refuse_swapped
from .quality import warn_of_lost
from .results import FitInfo
from .sky import parse_pixel_scale

__all__ = ["CNNSersicFitter"]


# Pixels on a side of the PSFs with which stars are subtracted, wings and all.
_STAR_SIZE = 61


class CNNSersicFitter:
    """
    Measure the Sersic parameters of galaxies with a convolutional network.

    Parameters
    ----------
    model : str, path-like or `~astro_cnnfit.weights.Network`
        Name of a bundled network, ``'sersic'`` (the default), ``'sersic_wide'``,
        ``'galnet2'`` or ``'galnet1'`` (which needs no PSF), or the folder of a
        trained one.
    pixel_scale : float or `~astropy.units.Quantity`, optional
        In arcsec per pixel. Adds ``r_eff_sky_fit`` to the table, which a WCS
        does too; if both are there, this one counts.
    zeropoint : float or `~astropy.units.Quantity`, optional
        Magnitude of unit flux. Adds ``mag_fit`` and ``mag_err``. Without it, that
        which the unit or header of the image tells, if it does; see :doc:`/images`.
    refine : bool or 'map'
        Whether to refine the network's answer to the maximum of the likelihood
        of the pixels; ``'map'`` holds on to the network's answer where it knows
        more than the pixels. With ``iterations`` above 1, 'map' refines all
        galaxies of the image together. See :doc:`/errors`.
    finder : 'default', callable, segmentation image or table, optional
        Finds the objects of an image where no ``init_params`` are given. ``'default'``
        is `~astro_cnnfit.detection.GalaxyFinder` with the FWHM of the PSF; with
        ``iterations`` above 2, a GalaxyFinder looks once more at the image without
        the models of what it found, and rows are added to the table's end. A callable
        is called as
        ``finder(data, mask=mask)``, as the star finders of photutils are, and
        returns a table with positions, or None. A
        `~photutils.segmentation.SegmentationImage` or a table says itself where they
        are.
    iterations : int
        How often each galaxy of an image is measured, at most. From the second time
        on, the models of all others are subtracted, the brightest first, until
        nothing changes; 6 to 12 are enough for crowded fields. See :doc:`/fields`.
    statistics : bool
        Whether to compute ``qfit``, ``reduced_chi2`` and the flags
        ``poor_model`` and ``psf_mismatch``. They need an image of each model,
        which takes longer than the measurement itself. A refinement brings them
        along; otherwise they are NaN and not set.
    batch_size : int
        Stamps that the network sees together. More need more memory.
    precision : {'float32', 'bfloat16'}, optional
        Of the network's arithmetic. 'bfloat16' is faster on processors that have it
        and refused where it costs the model accuracy, or its description does not say
        what it costs. A network that is brought keeps its own.
    progress_bar : bool
        Whether to show a progress bar.

    Attributes
    ----------
    results : `~astropy.table.QTable` or None
        What the last call returned.
    fit_info : sequence of dict or None
        A dictionary for each row: ``param_names``, ``param_values``,
        ``param_cov`` (7, 7), ``latent_names``, ``latent_values``, ``latent_cov``
        (7, 7), ``sky_sigma``, ``snr``, ``block_factor`` and ``refined``.
    init_params : `~astropy.table.QTable` or None
        ``id, x_init, y_init`` of each row.

    Raises
    ------
    ValueError
        If ``model`` is unknown or its files are damaged, or a setting is out of
        its range.
    TypeError
        If ``finder`` cannot be called.

    Notes
    -----
    The network sees stamps of 61 x 61 pixels in units of the sky noise: that of
    ``error``, or else that measured around each galaxy. A pedestal is removed,
    and masked pixels are replaced by those on the other side of the galaxy. A
    galaxy with R_eff above 7.6 pixels is measured on averaged pixels, image and
    PSF alike, where the image goes on beyond the stamp; a stamp is moved if the
    galaxy is more than 1.5 pixels off its centre.

    Errors are those of the network's posterior, calibrated on held-out scenes
    with neighbours, or those of the refinement.

    Examples
    --------
    ::

        fitter = CNNSersicFitter(pixel_scale=0.2, zeropoint=30.0)
        table = fitter(image, psf)
        residual = fitter.make_residual_image(image)
    """

    def __init__(
        self,
        model="sersic",
        *,
        pixel_scale=None,
        zeropoint=None,
        refine=False,
        finder=None,
        iterations=1,
        statistics=False,
        batch_size=512,
        precision=None,
        progress_bar=False,
    ):
        self.pixel_scale = parse_pixel_scale(pixel_scale)
        self.zeropoint = parse_zeropoint(zeropoint)
        self.refine = parse_refine(refine)
        self.finder = None
        if finder is not None:
            # photutils takes a second to import.
            from astro_cnnfit.detection import parse_finder

            self.finder = parse_finder(finder)
        self._is_default_finder = finder is True or isinstance(finder, str)
        self.iterations = parse_positive(iterations, "iterations")
        self.statistics = bool(statistics)
        self.batch_size = parse_positive(batch_size, "batch_size")
        self.progress_bar = bool(progress_bar)
        self.model = parse_model(model, precision=precision)
        self.precision = getattr(self.model, "precision", "float32")
        self._fit = None

    def __call__(
        self,
        data,
        psf=None,
        *,
        mask=None,
        error=None,
        bad_bits=None,
        init_params=None,
        psf_oversampling=1,
        psf_includes_pixel=None,
    ):
        """
        Measure the galaxies of one image or of a stack of images.

        Parameters
        ----------
        data : array_like, `~astropy.units.Quantity`, `~numpy.ma.MaskedArray`, \
`~astropy.nddata.NDData`, FITS image HDU or `~astropy.io.fits.HDUList`
            One image (ny, nx), or a stack (N, ny, nx) with a galaxy in the centre
            of each image, in linear units. A sky pedestal may remain. It is not
            changed. Errors and masks beside the image, and its zero-point, are
            those of :doc:`/images`.
        psf : array_like, NDData, HDU, `~photutils.psf.ImagePSF`, \
`~photutils.psf.GriddedPSFModel` or `~astropy.modeling.Model`, optional
            Effective PSF at the image's sampling: one, or one for each galaxy.
            ``'galnet1'`` needs none.
        mask : array_like of bool or int, optional
            True or nonzero for pixels to leave out; shape of ``data``.
        error : array_like or `~astropy.units.Quantity`, optional
            Standard deviation of each pixel.
        bad_bits : sequence of int and str, optional
            Bits of a mask of whole numbers that make a pixel bad: their values
            (1, 2, 4, ...), or names that the mask's header gives them. Without it,
            any bit does.
        init_params : `~astropy.table.Table`, array_like or \
`~astropy.coordinates.SkyCoord`, optional
            Positions in pixels: a table with ``x_init`` and ``y_init`` (or
            ``x, y``, ``xcentroid, ycentroid``, ...) and perhaps ``id`` and
            ``r_eff_init``, or an array (N, 2). With a WCS also on the sky:
            coordinates, or a table with a column of them or with ``ra`` and
            ``dec``. Without them (and without a finder), the galaxy in the centre
            of the image is measured.
        psf_oversampling : float
            Samples of ``psf`` per pixel of the image.
        psf_includes_pixel : bool, optional
            Whether ``psf`` is an effective one, as those that are measured from stars
            (the default for arrays), or is still to be integrated over the pixel.

        Returns
        -------
        `~astropy.table.QTable`
            A row per galaxy, in the order of the positions or of the stack; the
            columns are those of `astro_cnnfit.sersic.COLUMNS`. A galaxy that
            could not be measured has NaN and a flag.

        Raises
        ------
        TypeError
            If an argument does not hold real numbers.
        ValueError
            If an argument has a wrong shape, unit or value, is given twice, or
            is missing. The message names it.

        Warns
        -----
        AstropyUserWarning
            Once a call, if galaxies could not be measured.
        """
        image = parse_image(
            data, mask=mask, error=error, bad_bits=bad_bits, single=True,
            find_blank=True,
        )  # fmt: skip
        if psf_oversampling == 1:
            refuse_swapped(image, psf)
        zeropoint = zeropoint_of(image, self.zeropoint)
        of_psf = {
            "oversampling": psf_oversampling,
            "includes_pixel": psf_includes_pixel,
        }
        finder = self.finder if init_params is None else None
        if finder is not None and self._is_default_finder and psf is not None:
            finder = adapted_finder(finder, self.model, image, psf, of_psf)
        ids, x, y, extra = positions_of(image, init_params, finder)
        psfs, good = psfs_of(psf, x, y, self.model, refine=self.refine, **of_psf)
        star_psfs = None
        if self.iterations > 1 and psf is not None:
            star_psfs, _ = psf_stamps(psf, x, y, self.model, size=_STAR_SIZE, **of_psf)
        field = measure_all(
            self, image, x, y, (psfs, star_psfs, good), extra.get("r_eff"),
            finder if hasattr(finder, "find") else None,
        )  # fmt: skip
        measurement = field.measurement
        ids = more_ids(ids, len(field.x))
        wcs = image.wcs if image.data.ndim == 2 else None
        positions = ids, field.x, field.y
        results = make_results(self, image, wcs, positions, measurement, zeropoint)
        init = results["id", "x_init", "y_init"]
        # One assignment: another thread sees all of a call or nothing of it.
        self._fit = Fit(
            results=results,
            init_params=init,
            measurement=measurement,
            network=self.model,
            psfs=field.psfs,
            star_psfs=field.star_psfs,
            is_stack=image.data.ndim == 3,
            unit=image.unit,
            wcs=wcs,
            zeropoint=None if zeropoint is None else zeropoint.value,
        )
        warn_of_lost(measurement.flags, stacklevel=3)
        return results

    @property
    def results(self):
        """Table of the last call, or None."""
        return None if self._fit is None else self._fit.results

    @property
    def fit_info(self):
        """Details of the last call, a dictionary for each row, or None."""
        return None if self._fit is None else FitInfo(self._fit.measurement)

    @property
    def init_params(self):
        """Positions of the last call, or None."""
        return None if self._fit is None else self._fit.init_params

    def make_model_image(self, shape, *, psf=None, include_local_bkg=False):
        """
        Draw the measured galaxies, convolved with the PSF.

        Parameters
        ----------
        shape : tuple of int
            Of the image (ny, nx) or the stack (N, ny, nx) that was measured.
        psf : optional
            PSF to draw with, in the forms that a call takes; by default that of
            the call. If there was none, a Moffat profile of the width that the
            network was trained on.
        include_local_bkg : bool
            Whether to add the sky: each stamp's own ``local_bkg`` for a stack,
            for an image the median of all.

        Returns
        -------
        `~numpy.ndarray` or `~astropy.units.Quantity`
            Of that shape, with the unit of the data. Galaxies that could not be
            measured are left out.

        Raises
        ------
        ValueError
            If the fitter was not called before or ``shape`` does not fit.
        """
        fit = self._last("make_model_image")
        image = model_image(fit, shape, psf=psf, include_local_bkg=include_local_bkg)
        return image if fit.unit is None else image * fit.unit

    def make_residual_image(self, data, *, psf=None, include_local_bkg=False):
        """
        Subtract the measured galaxies from the data.

        Parameters
        ----------
        data : array_like, `~astropy.units.Quantity`, `~astropy.nddata.NDData` or HDU
            What was measured. It is not changed.
        psf, include_local_bkg
            As for `make_model_image`.

        Returns
        -------
        `~numpy.ndarray`, `~astropy.units.Quantity` or `~astropy.nddata.NDData`
            Data minus model; an NDData where ``data`` is one.

        Raises
        ------
        ValueError
            If the fitter was not called before, or ``data`` does not have the
            shape or unit of what was measured.
        """
        fit = self._last("make_residual_image")
        return residual_image(fit, data, psf=psf, include_local_bkg=include_local_bkg)

    def results_to_models(self):
        """
        Return the measured galaxies as models of `astropy.modeling`.

        Returns
        -------
        list of `~astropy.modeling.functional_models.Sersic2D`
            One for each row, with the amplitude that gives it its total flux; not
            convolved. NaN parameters where a galaxy could not be measured.

        Raises
        ------
        ValueError
            If the fitter was not called before.
        """
        fit = self._last("results_to_models")
        return astropy_models(fit.measurement.params, fit.unit)

    def sample(self, n, *, seed=None):
        """
        Draw from the posterior of each galaxy.

        Parameters
        ----------
        n : int
            Draws for each galaxy.
        seed : int or `numpy.random.Generator`, optional
            Makes the draws reproducible.

        Returns
        -------
        `~astropy.table.QTable`
            A row per galaxy: ``id`` and, as columns of shape (rows, n), the
            parameters ``x_fit`` ... ``theta_fit`` with their units, ``mag_fit``,
            ``r_eff_sky_fit`` and ``pa_fit`` where the table of results has them.
            NaN for galaxies that could not be measured.

        Raises
        ------
        ValueError
            If the fitter was not called before or ``n`` is not a positive
            integer.

        Notes
        -----
        The posterior is Gaussian in the latent parameters (see
        `astro_cnnfit.parameters`), with ``latent_cov`` of `fit_info`. All draws
        have n from 0.3 to 8 and an ellipticity of at most 0.95: others are drawn
        again, and moved to the bound where nearly all lie beyond it.
        """
        fit, n = self._last("sample"), parse_positive(n, "n")
        params = draw_parameters(
            fit.measurement.latent,
            fit.measurement.latent_covariance,
            n,
            np.random.default_rng(seed),
        )
        return draw_table(
            params,
            fit.results["id"],
            unit=fit.unit,
            zeropoint=fit.zeropoint,
            pixel_scale=self.pixel_scale,
            wcs=fit.wcs,
        )

    def decode_flags(self):
        """
        Return the names of the flags of each row.

        Returns
        -------
        list of list of str

        Raises
        ------
        ValueError
            If the fitter was not called before.
        """
        return flags.decode_flags(self._last("decode_flags").results["flags"])

    def _last(self, method):
        fit = self._fit
        if fit is None:
            raise ValueError(f"{method} needs results: call the fitter with data first")
        return fit
