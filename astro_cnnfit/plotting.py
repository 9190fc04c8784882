# Licensed under a 3-clause BSD style license - see LICENSE
"""Figures: data, model and residual side by side; a PSF and its stars."""

import numpy as np

from astro_cnnfit.inputs import parse_image

__all__ = ["plot_fit", "plot_psf"]

_PANELS = ("data", "model", "residual")
# Perceptually uniform, and readable with every kind of colour blindness.
_BRIGHTNESS_MAP = "cividis"
_DIFFERENCE_MAP = "PuOr_r"


def plot_fit(
    data, fit, *, row=None, mask=None, bad_bits=None, sigma=None, limit=5.0, axes=None
):
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
    axes : sequence of three `~matplotlib.axes.Axes`, optional
        Where to draw. By default a new figure is made.

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
        sigma = _robust_sigma(residual)
    if not sigma > 0:
        raise ValueError(f"sigma must be positive, got {sigma}")
    axes = _three_axes(axes)
    norm = _asinh_norm(values, model, sigma)
    drawn = [
        _show(axis, panel, cmap=_BRIGHTNESS_MAP, norm=norm)
        for axis, panel in zip(axes[:2], (values, model), strict=True)
    ]
    drawn.append(
        _show(axes[2], residual / sigma, cmap=_DIFFERENCE_MAP, vmin=-limit, vmax=limit)
    )
    unit = "" if image.unit is None else f" ({image.unit})"
    labels = (f"per pixel{unit}", f"per pixel{unit}", "data - model (sky sigma)")
    for axis, mappable, title, label in zip(axes, drawn, _PANELS, labels, strict=True):
        axis.set_title(title)
        ticks = None if axis is axes[2] else _ticks(norm)
        axis.figure.colorbar(mappable, ax=axis, label=label, shrink=0.8, ticks=ticks)
    axes[0].set_ylabel("y (pixels)")
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


def _robust_sigma(residual):
    deviation = np.abs(residual - np.nanmedian(residual))
    sigma = 1.4826 * np.nanmedian(deviation)
    return sigma if sigma > 0 else 1.0


def _three_axes(axes):
    if axes is None:
        import matplotlib.pyplot as plt

        _, axes = plt.subplots(
            1, 3, figsize=(13, 4), sharex=True, sharey=True, layout="constrained"
        )
    axes = np.ravel(axes)
    if len(axes) != 3:
        raise ValueError(f"axes must be three, got {len(axes)}")
    return axes


def _asinh_norm(values, model, sigma):
    from astropy.visualization import AsinhStretch, ImageNormalize

    # The median would be galaxy where that fills the image.
    sky = np.nanpercentile(values, 10) + 1.28 * sigma
    low = sky - 2 * sigma
    high = max(np.nanmax(values), np.nanmax(model), sky + 5 * sigma)
    # The stretch is linear up to about three sigma above the sky.
    softening = np.clip(3 * sigma / (high - low), 1e-4, 1.0)
    return ImageNormalize(vmin=low, vmax=high, stretch=AsinhStretch(softening))


def _ticks(norm):
    """Values at even steps of the stretched scale, rounded as far as they differ."""
    values = np.asarray(norm.inverse(np.linspace(0, 1, 7)))
    places = 1 - np.floor(np.log10(np.diff(values))).astype(int)
    return [
        np.clip(round(value, int(place) - 1), norm.vmin, norm.vmax)
        for value, place in zip(values[1:], places, strict=True)
    ]


def _show(axis, panel, **style):
    axis.set_xlabel("x (pixels)")
    return axis.imshow(panel, origin="lower", interpolation="nearest", **style)


def plot_psf(psf, *, axes=None):
    """
    Draw a PSF that was made of stars, and the stars.

    Four panels: all candidates in the plane of magnitude and width, with those that
    were used; the PSF, on a logarithmic scale; what is left of the stars on average
    when it is subtracted; and the profile of stars and PSF.

    Parameters
    ----------
    psf : `~astro_cnnfit.psf.StarPSF`
        What `~astro_cnnfit.psf.psf_from_stars` returned.
    axes : sequence of four `~matplotlib.axes.Axes`, optional
        Where to draw. By default a new figure is made.

    Returns
    -------
    `~numpy.ndarray` of four `~matplotlib.axes.Axes`

    Raises
    ------
    ImportError
        If matplotlib is not installed: it comes with the extra ``plot``.
    TypeError
        If ``psf`` is something else.
    ValueError
        If ``axes`` are not four.
    """
    if not hasattr(psf, "centred") or not hasattr(psf, "stars"):
        raise TypeError(
            f"psf must be what psf_from_stars returns, got {type(psf).__name__}"
        )
    axes = _four_axes(axes)
    used = psf.stars["used"]
    size = psf.stamp.shape[0]
    # Each star's own PSF: where it varies, the middle's is not that of all.
    models = psf.at(psf.stars["x"][used], psf.stars["y"][used], size=size)
    _draw_locus(axes[0], psf.stars)
    _draw_stretched(axes[1], psf.stamp)
    residual = 100 * (psf.centred - models).mean(axis=0) / psf.stamp.max()
    limit = max(np.abs(residual).max(), 0.1)
    drawn = _show(axes[2], residual, cmap=_DIFFERENCE_MAP, vmin=-limit, vmax=limit)
    axes[2].set_title("mean residual")
    label = "stars - PSF (% of the maximum)"
    axes[2].figure.colorbar(drawn, ax=axes[2], label=label, shrink=0.8)
    _draw_profile(axes[3], psf)
    return axes


def _four_axes(axes):
    if axes is None:
        import matplotlib.pyplot as plt

        _, axes = plt.subplots(2, 2, figsize=(10, 8), layout="constrained")
    axes = np.ravel(axes)
    if len(axes) != 4:
        raise ValueError(f"axes must be four, got {len(axes)}")
    return axes


def _draw_locus(axis, stars):
    with np.errstate(invalid="ignore", divide="ignore"):
        magnitude = -2.5 * np.log10(np.asarray(stars["flux"]))
    width, used = np.asarray(stars["fwhm"]), np.asarray(stars["used"])
    kinds = [
        ("others", ~used, {"color": "0.6", "s": 8, "linewidths": 0}),
        ("used", used, {"color": "tab:orange", "s": 18, "edgecolors": "k"}),
    ]
    for label, rows, style in kinds:
        axis.scatter(
            magnitude[rows], width[rows], label=f"{label} ({rows.sum()})",
            **{"linewidths": 0.5, **style},
        )  # fmt: skip
    axis.set_ylim(0, 4 * np.median(width[used]))
    axis.set_xlabel("magnitude (zero-point 0)")
    axis.set_ylabel("width (FWHM, pixels)")
    axis.set_title("candidates")
    axis.legend(loc="upper left")


def _draw_stretched(axis, stamp):
    from matplotlib.colors import LogNorm

    relative = stamp / stamp.max()
    norm = LogNorm(max(1e-5, np.percentile(np.abs(relative), 10)), 1, clip=True)
    drawn = _show(
        axis, np.clip(relative, norm.vmin, 1), cmap=_BRIGHTNESS_MAP, norm=norm
    )
    axis.set_ylabel("y (pixels)")
    axis.set_title("PSF")
    axis.figure.colorbar(drawn, ax=axis, label="of the maximum", shrink=0.8)


def _draw_profile(axis, psf):
    size = psf.stamp.shape[0]
    steps = np.arange(size) - size // 2
    radius = np.hypot(steps, steps[:, np.newaxis]).ravel()
    order = np.argsort(radius)
    top = psf.stamp.max()
    values = psf.centred.reshape(len(psf.centred), -1) / top
    low, middle, high = np.percentile(values, [16, 50, 84], axis=0)
    model = psf.stamp.ravel() / top
    axis.errorbar(
        radius, middle, [middle - low, high - middle], fmt=".", color="0.6",
        markersize=3, elinewidth=0.5, label="stars, median and 68 %",
    )  # fmt: skip
    axis.plot(radius[order], model[order], ".", color="tab:orange", ms=3, label="PSF")
    axis.set_yscale("log")
    axis.set_ylim(max(1e-5, np.percentile(np.abs(model), 5) / 3), 1.5)
    axis.set_xlabel("radius (pixels)")
    axis.set_ylabel("of the maximum")
    axis.set_title(f"profile, FWHM {psf.fwhm:.2f} pixels")
    axis.legend()
