# Licensed under a 3-clause BSD style license - see LICENSE
"""`CNNSersicModelFitter`: the networks as a fitter of `astropy.modeling`."""

import os
import threading
import warnings

import numpy as np
from astropy.modeling.fitting import Fitter
from astropy.utils.exceptions import AstropyUserWarning

from astro_cnnfit.inputs import parse_image
from astro_cnnfit.parameters import NAMES, total_flux

from .arguments import parse_model
from .conditioning import (
    MODEL_NAMES,
    Posterior,
    condition,
)
from .fitter import CNNSersicFitter
from .images import image_of_galaxies, psfs_or_typical
from .model_description import at_scale_of, describe_fit
from .model_units import (
    check_model,
    known_values,
    parse_weights,
    set_values,
    units_of_data,
    value_in,
    within_bounds,
)
from .pixel_grid import parse_grid
from .psfs import psfs_of

__all__ = ["CNNSersicModelFitter"]

# Fixed values that are farther from the measurement ask more of a Gaussian
# posterior than it holds.
_FAR = 5.0


class CNNSersicModelFitter(Fitter):
    """
    Fit a `~astropy.modeling.functional_models.Sersic2D` with a network.

    It is called as the fitters of `astropy.modeling.fitting` are. The parameters
    of the model are those before convolution with the PSF; the network, not the
    model, knows of the PSF and of the sky.

    Parameters
    ----------
    psf
        PSF of the image, in the forms that `CNNSersicFitter` takes; an array has
        the axes of ``z``, a `~photutils.psf.GriddedPSFModel` is evaluated at the
        galaxy's ``x`` and ``y``. None for a network without PSF.
    model : str, path-like or `~astro_cnnfit.weights.Network`
        The network, as for `CNNSersicFitter`.
    refine : bool or 'map'
        As for `CNNSersicFitter`.
    psf_oversampling : float
        Samples of ``psf`` per pixel of the image.

    Attributes
    ----------
    fit_info : dict or None
        Of the last call in this thread; its keys can be read as attributes, too.
        ``success``, ``flags`` and ``flag_names``; ``param_names``,
        ``param_values`` and ``param_cov`` of the free parameters, in the units
        of the returned model; ``fixed_distance``, how far the fixed values are
        from the measurement, in standard deviations; ``at_bounds``, the names of
        parameters that were moved to a bound; ``flux``, ``flux_err``,
        ``local_bkg`` and ``sky_sigma`` in the unit of ``z``; ``snr``,
        ``block_factor`` and ``refined``; ``latent_names``, ``latent_values`` and
        ``latent_cov`` of the whole posterior, before parameters were held.

    Raises
    ------
    TypeError, ValueError
        If ``psf`` or ``model`` are not what `CNNSersicFitter` takes.

    Notes
    -----
    Fixed parameters are honoured by conditioning the posterior on them, bounds by
    conditioning it on the bound of a parameter that would lie beyond (its error
    remains that without bounds). Tied parameters and other constraints are
    refused.

    A fitter can be pickled when ``model`` is the name or folder of a network: the
    copy loads it when it is first called.

    Examples
    --------
    ::

        fitter = CNNSersicModelFitter(psf)
        y, x = np.mgrid[:61, :61]
        fitted = fitter(Sersic2D(), x, y, image, weights=1 / error)
        fitted.n.value, fitted.stds["n"]
    """

    supported_constraints = ["fixed", "bounds"]
    supports_masked_input = True

    def __init__(self, psf, *, model="sersic", refine=False, psf_oversampling=1):
        self.psf, self.model = psf, model
        self.refine, self.psf_oversampling = refine, psf_oversampling
        self._own = threading.local()
        self._loaded = parse_model(model)
        # What cannot work is said here, not at the first galaxy.
        self._make_fitter()
        self._psf_at(0.0, 0.0)

    def __getstate__(self):
        if not isinstance(self.model, (str, os.PathLike)):
            raise TypeError(
                "a fitter can be pickled if its model is the name or folder of a "
                f"network, not a {type(self.model).__name__}"
            )
        state = dict(self.__dict__)
        del state["_own"], state["_loaded"]
        return state

    def __setstate__(self, state):
        self.__dict__.update(state, _own=threading.local(), _loaded=None)

    @property
    def fit_info(self):
        """Details of the last call in this thread, or None."""
        return getattr(self._own, "fit_info", None)

    @fit_info.setter
    def fit_info(self, value):
        self._own.fit_info = value

    def __call__(self, model, x, y, z, weights=None, *, inplace=False):
        """
        Fit a model to one galaxy.

        Parameters
        ----------
        model : `~astropy.modeling.functional_models.Sersic2D`
            Its ``x_0`` and ``y_0`` say where the galaxy is, within a pixel or
            two; where both have their default of 0 and that is no place inside
            the image, the galaxy is in the image's middle. Of the other
            parameters only those that are fixed matter.
        x, y : array_like or `~astropy.units.Quantity`, shape (ny, nx)
            Coordinates of the pixels' centres: a regular grid of square pixels,
            as from ``np.mgrid``, in either order of axes.
        z : array_like, `~astropy.units.Quantity` or masked array, shape (ny, nx)
            The image, in linear units; a sky pedestal may remain. Pixels that
            are masked or not finite are left out.
        weights : array_like or `~astropy.units.Quantity`, optional
            1 / (standard deviation) of each pixel, or one number. Pixels of zero
            weight, or one that is not finite, are left out. Without weights the
            noise is that of the sky around the galaxy.
        inplace : bool
            Whether to change and return ``model`` itself in place of a copy.

        Returns
        -------
        `~astropy.modeling.functional_models.Sersic2D`
            With the fitted parameters, ``cov_matrix`` and ``stds``, each in the
            unit that the parameter of ``model`` has, or else that of the data;
            ``amplitude`` is the surface brightness per pixel. All are NaN where
            the galaxy could not be measured, those that are fixed excepted.

        Raises
        ------
        TypeError
            If ``model`` is no single ``Sersic2D``, or an argument does not hold
            real numbers.
        ValueError
            If ``x`` and ``y`` are no such grid, shapes or weights do not fit, a
            fixed value is outside its range, or ``x_0, y_0`` lie outside.
        `~astropy.units.UnitsError`
            If the units of the model and of the data do not go together.
        `~astropy.modeling.fitting.UnsupportedConstraintError`
            If parameters are tied or under equality or inequality constraints.

        Warns
        -----
        AstropyUserWarning
            If the galaxy could not be measured, or fixed values are more than 5
            standard deviations from what was measured: the free parameters are
            then extrapolated.
        """
        check_model(model)
        image = parse_image(z, argument="z")
        grid = parse_grid(x, y, image.data.shape)
        error = parse_weights(weights, image)
        units = units_of_data(model, grid.unit, image.unit)
        start = {name: value_in(model, name, units) for name in MODEL_NAMES}
        place = grid.start(start["x_0"], start["y_0"])
        known = known_values(model, start)
        info = self._measure(grid, image, error, place)
        latent, covariance = at_scale_of(grid, info)
        if not info["success"]:
            posterior, at_bounds = Posterior(latent, covariance, np.nan), []
            values = dict.fromkeys(MODEL_NAMES, np.nan)
        else:
            posterior = condition(latent, covariance, known)
            values, at_bounds = within_bounds(latent, covariance, known, model, units)
            _warn_if_far(posterior.distance)
        result = model if inplace else model.copy()
        factors = set_values(result, values | known, units)
        self.fit_info = describe_fit(result, posterior, factors, info, at_bounds)
        return result

    def model_image(self, model, x, y):
        """
        Draw a model convolved with the PSF, as the network takes it to be seen.

        Parameters
        ----------
        model : `~astropy.modeling.functional_models.Sersic2D`
            For instance the fitted one.
        x, y : array_like or `~astropy.units.Quantity`, shape (ny, nx)
            As for a call.

        Returns
        -------
        `~numpy.ndarray` or `~astropy.units.Quantity`, shape (ny, nx)
            In the unit of the model's amplitude, without sky.
        """
        check_model(model)
        grid = parse_grid(x, y, np.shape(x))
        units = units_of_data(model, grid.unit, model.amplitude.unit)
        values = {name: value_in(model, name, units) for name in MODEL_NAMES}
        values["x_0"], values["y_0"] = grid.to_pixels(values["x_0"], values["y_0"])
        values["r_eff"] /= grid.step
        shape = (values[name] for name in ("r_eff", "n", "ellip"))
        values["flux"] = total_flux(values.pop("amplitude"), *shape)
        params = np.array([[values[name] for name in NAMES]])
        psf = psfs_or_typical(self._network(), self._psf_at(model.x_0, model.y_0))
        drawn = image_of_galaxies(params, grid.upright(psf), grid.shape)
        drawn = grid.upright(drawn)
        return drawn if units["amplitude"] is None else drawn * units["amplitude"]

    def _network(self):
        if self._loaded is None:
            self._loaded = parse_model(self.model)
        return self._loaded

    def _make_fitter(self):
        # One for each call: what it keeps of a call is no other thread's.
        return CNNSersicFitter(self._network(), refine=self.refine)

    def _psf_at(self, x, y):
        places = (np.array([getattr(value, "value", value)]) for value in (x, y))
        psfs, _ = psfs_of(
            self.psf,
            *places,
            self._network(),
            oversampling=self.psf_oversampling,
            refine=self.refine,
        )
        return psfs

    def _measure(self, grid, image, error, place):
        """Measure the galaxy at a place; what is known of it as a dictionary."""
        psf = self._psf_at(*place)
        arrays = [image.data, image.mask, error, psf]
        data, mask, error, psf = (
            None if array is None else grid.upright(array) for array in arrays
        )
        fitter = self._make_fitter()
        start = [grid.to_pixels(*place)]
        row = fitter(data, psf, mask=mask, error=error, init_params=start)[0]
        info = dict(fitter.fit_info[0])
        info["flags"] = int(row["flags"])
        info["flag_names"] = fitter.decode_flags()[0]
        info["local_bkg"] = float(row["local_bkg"])
        info["success"] = bool(np.isfinite(info["latent_values"]).all())
        return info


def _warn_if_far(distance):
    if distance > _FAR:
        warnings.warn(
            f"the fixed values of the model are {distance:.1f} standard deviations "
            "from what was measured; its free parameters are extrapolated",
            AstropyUserWarning,
            stacklevel=3,
        )
