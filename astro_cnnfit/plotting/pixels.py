# Licensed under a 3-clause BSD style license - see LICENSE
"""Images on axes, in pixels or on the sky: stretches, colour bars, labels."""

import numpy as np

from astro_cnnfit.figure_style import BRIGHTNESS_MAP

__all__ = [
    "asinh_norm",
    "colour_bar",
    "label_axes",
    "robust_sigma",
    "show",
    "sky_of",
]

_SKY_LABELS = {
    "pos.eq.ra": "right ascension",
    "pos.eq.dec": "declination",
    "pos.galactic.lon": "Galactic longitude",
    "pos.galactic.lat": "Galactic latitude",
}


def robust_sigma(values):
    """
    Return 1.48 times the median absolute deviation, or 1 where that is 0.

    Parameters
    ----------
    values : `~numpy.ndarray`
        NaN is left out.

    Returns
    -------
    float
    """
    deviation = np.abs(values - np.nanmedian(values))
    sigma = 1.4826 * np.nanmedian(deviation)
    return sigma if sigma > 0 else 1.0


def asinh_norm(sigma, *images):
    """
    One stretch for some images: linear in the noise, logarithmic above.

    Parameters
    ----------
    sigma : float
        Noise of a pixel.
    *images : `~numpy.ndarray`
        NaN is left out. The first one tells the level of the sky.

    Returns
    -------
    `~astropy.visualization.ImageNormalize`
        From two sigma below the sky to the brightest pixel.
    """
    from astropy.visualization import AsinhStretch, ImageNormalize

    # The median would be galaxy where that fills the image.
    sky = np.nanpercentile(images[0], 10) + 1.28 * sigma
    low = sky - 2 * sigma
    high = max(*(np.nanmax(image) for image in images), sky + 5 * sigma)
    # The stretch is linear up to about three sigma above the sky.
    softening = np.clip(3 * sigma / (high - low), 1e-4, 1.0)
    return ImageNormalize(vmin=low, vmax=high, stretch=AsinhStretch(softening))


def show(axis, image, *, first=(0, 0), **style):
    """
    Draw an image, or a part of one at its place.

    Parameters
    ----------
    axis : `~matplotlib.axes.Axes`
    image : `~numpy.ndarray`
        (ny, nx)
    first : tuple of int
        (x, y) of its first pixel.
    **style
        For ``imshow``.

    Returns
    -------
    `~matplotlib.image.AxesImage`
    """
    style = {"cmap": BRIGHTNESS_MAP, "interpolation": "nearest", **style}
    (ny, nx), (x, y) = image.shape, first
    extent = (x - 0.5, x + nx - 0.5, y - 0.5, y + ny - 0.5)
    return axis.imshow(image, origin="lower", extent=extent, **style)


def label_axes(axes):
    """
    Label a row of images: x below each of them, y beside the first.

    Parameters
    ----------
    axes : sequence of `~matplotlib.axes.Axes`
        Some may be `~astropy.visualization.wcsaxes.WCSAxes`, which are labelled with
        their coordinates on the sky.
    """
    for place, axis in enumerate(axes):
        if hasattr(axis, "wcs"):
            _label_sky(axis, first=place == 0)
            continue
        axis.set_xlabel("x (pixels)")
        if place == 0:
            axis.set_ylabel("y (pixels)")


def _label_sky(axis, *, first):
    types = axis.wcs.low_level_wcs.world_axis_physical_types
    for place, (coordinate, kind) in enumerate(zip(axis.coords, types, strict=True)):
        coordinate.set_axislabel(_SKY_LABELS.get(kind, kind or "world"))
        # Labels on the sky are long: few of them, and none on top of another.
        coordinate.set_ticks(number=3)
        coordinate.set_ticklabel(exclude_overlapping=True)
        if place == 1 and not first:
            coordinate.set_axislabel(" ")
            coordinate.set_ticklabel_visible(False)


def sky_of(image, wcs):
    """
    Return the WCS on which to draw an image.

    Parameters
    ----------
    image : `~astro_cnnfit.inputs.Image`
    wcs : WCS or None
        What the caller was given.

    Returns
    -------
    WCS or None
        ``wcs``, or that of a single image, if it has two dimensions on the sky.

    Raises
    ------
    TypeError
        If ``wcs`` is not one that astropy can draw with.
    """
    given = wcs is not None
    if wcs is None and image.data.ndim == 2:
        wcs = image.wcs
    if wcs is None:
        return None
    low_level = getattr(wcs, "low_level_wcs", None)
    if given and low_level is None:
        raise TypeError(f"wcs must be a WCS of astropy, got {type(wcs).__name__}")
    if low_level is None or (low_level.pixel_n_dim, low_level.world_n_dim) != (2, 2):
        if given:
            raise ValueError("wcs must have two axes, as an image has")
        return None
    return wcs if given or getattr(wcs, "has_celestial", True) else None


def colour_bar(axis, drawn, label, *, norm=None):
    """
    Add a colour bar.

    Parameters
    ----------
    axis : `~matplotlib.axes.Axes`
    drawn : `~matplotlib.image.AxesImage`
    label : str
    norm : `~astropy.visualization.ImageNormalize`, optional
        Of which the ticks are at even steps of the stretched scale.
    """
    ticks = None if norm is None else _ticks(norm)
    axis.figure.colorbar(drawn, ax=axis, label=label, shrink=0.8, ticks=ticks)


def _ticks(norm):
    """Values at even steps of the stretched scale, rounded as far as they differ."""
    values = np.asarray(norm.inverse(np.linspace(0, 1, 7)))
    places = 1 - np.floor(np.log10(np.diff(values))).astype(int)
    return [
        np.clip(round(value, int(place) - 1), norm.vmin, norm.vmax)
        for value, place in zip(values[1:], places, strict=True)
    ]
