# Licensed under a 3-clause BSD style license - see LICENSE
"""Data, model and residual side by side."""

import numpy as np

from astro_cnnfit.figure_style import DIFFERENCE_MAP, axes_for
from astro_cnnfit.inputs import parse_image

from .pixels import asinh_norm, colour_bar, label_axes, robust_sigma, show, sky_of

__all__ = ["plot_fit"]

_PANELS = ("data", "model", "residual")


def plot_fit(
    data, fit, *, row=None, mask=None, bad_bits=None, sigma=None, limit=5.0, wcs=None,
    axes=None,
):  # fmt: skip
    """
    Draw data, model and residual.

    Parameters
    ----------
    data : array_like, `~astropy.units.Quantity`, `~astropy.nddata.NDData` or HDU
        The image that was measured, or the stack (with ``row``).
    fit : `~astro_cnnfit.CNNSersicFitter` or array_like
        A fitter after its call, or a model image of the shape of ``data``. A
        fitter's model includes its local background.
    row : int, optional
        Which galaxy of a stack to draw; 0 by default.
    mask : array_like of bool or int, optional
        True or nonzero for pixels to leave blank in data and residual.
    bad_bits : sequence of int and str, optional
        Bits of the mask that make a pixel bad, as of the fitter's call.
    sigma : float, optional
        Noise of the sky per pixel. The residual is drawn in units of it. By
        default 1.48 times the median absolute deviation of the residual.
    limit : float
        The residual's colours end at plus and minus this many ``sigma``.
    wcs : `~astropy.wcs.WCS`, optional
        On which a new figure is drawn; that of ``data`` by default, if it has one.
    axes : sequence of three `~matplotlib.axes.Axes`, optional
        Where to draw; `~astropy.visualization.wcsaxes.WCSAxes` show coordinates on
        the sky. By default a new figure is made.

    Returns
    -------
    `~numpy.ndarray` of three `~matplotlib.axes.Axes`

    Raises
    ------
    ImportError
        If matplotlib is not installed: it comes with the extra ``plot``.
    ValueError
        If the shapes differ, ``axes`` are not three, or the fitter was not
        called before.

    Notes
    -----
    Data and model share one asinh stretch that runs from two ``sigma`` below
    the sky to the brightest pixel of data or model.
    """
    image = parse_image(data, mask=mask, bad_bits=bad_bits)
    model = _model_of(fit, image.data.shape)
    values, model, blank = _one_galaxy(image, model, row)
    values = np.where(blank, np.nan, values)
    if not np.isfinite(values).any():
        raise ValueError("data must have at least one finite, unmasked pixel")
    residual = values - model
    if sigma is None:
        sigma = robust_sigma(residual)
    if not sigma > 0:
        raise ValueError(f"sigma must be positive, got {sigma}")
    axes = axes_for(
        axes, 1, 3, figsize=(12, 3.7), wcs=sky_of(image, wcs), sharex=True, sharey=True
    )
    norm = asinh_norm(sigma, values, model)
    unit = "" if image.unit is None else f" ({image.unit})"
    for axis, panel in zip(axes[:2], (values, model), strict=True):
        drawn = show(axis, panel, norm=norm)
        colour_bar(axis, drawn, f"per pixel{unit}", norm=norm)
    style = {"cmap": DIFFERENCE_MAP, "vmin": -limit, "vmax": limit}
    drawn = show(axes[2], residual / sigma, **style)
    colour_bar(axes[2], drawn, "data - model (sky sigma)")
    label_axes(axes)
    for axis, title in zip(axes, _PANELS, strict=True):
        axis.set_title(title)
    return axes


def _model_of(fit, shape):
    if not hasattr(fit, "make_model_image"):
        return np.asarray(getattr(fit, "value", fit), dtype=float)
    return np.asarray(fit.make_model_image(shape, include_local_bkg=True))


def _one_galaxy(image, model, row):
    if model.shape != image.data.shape:
        raise ValueError(
            f"fit must give a model of the shape of data, {image.data.shape}, "
            f"got {model.shape}"
        )
    blank = np.zeros(model.shape, bool) if image.mask is None else image.mask
    if model.ndim == 2:
        if row is not None:
            raise ValueError("row is for a stack; data is one image")
        return image.data, model, blank
    row = 0 if row is None else row
    return image.data[row], model[row], blank[row]
