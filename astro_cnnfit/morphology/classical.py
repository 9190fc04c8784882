# Licensed under a 3-clause BSD style license - see LICENSE
"""Classical measures of stamps: the reference that networks learn from."""

import numpy as np

from astro_cnnfit.measures import LATENT_MEASURES
from astro_cnnfit.morphology.circle_measures import measure_circle
from astro_cnnfit.morphology.definitions import find_definition
from astro_cnnfit.morphology.ellipse_measures import measure_ellipse
from astro_cnnfit.morphology.record import COLUMNS, FLAGS, Galaxy
from astro_cnnfit.morphology.segment import find_segment, light_ellipse
from astro_cnnfit.morphology.sky_cells import CELL

__all__ = ["label_stamps", "measure_stamps"]

_MEASURE = {"ellipse": measure_ellipse, "circle": measure_circle}


def measure_stamps(
    stamps,
    *,
    segments=None,
    sky_sigma=None,
    mask=None,
    definition="tohill2021",
    cell_size=CELL,
):
    """
    Measure one galaxy in each stamp.

    Parameters
    ----------
    stamps : array_like
        (N, ny, nx), background-subtracted.
    segments : array_like of bool, optional
        (N, ny, nx): the galaxy's own pixels. By default those above the surface
        brightness at its circular Petrosian radius, which suits stamps without
        noise and neighbours.
    sky_sigma : float or array_like, optional
        Noise of the sky per pixel, one for all or (N,). None says that there is no
        noise: nothing is taken off for the background, and S/N is that for a
        noise of 1.
    mask : array_like of bool, optional
        (N, ny, nx): pixels to leave out, those of neighbours as well. Non-finite
        pixels are left out in any case.
    definition : {'tohill2021', 'statmorph', 'conselice2003'}, optional
        See `astro_cnnfit.morphology.definitions`.
    cell_size : int or tuple of int, optional
        Side in pixels, or (height, width), of the cells of sky in which
        'tohill2021' takes the background. The paper's "10 x 10 pixel grid" on 101
        pixels reads as cells of 10 pixels, the default, or as ten by ten cells:
        ``(ny // 10, nx // 10)``.

    Returns
    -------
    dict of `~numpy.ndarray`
        (N,) each. Radii and coordinates are in pixels, (0, 0) is the centre of
        the first pixel; NaN where undefined. Boolean arrays ``no_petrosian``,
        ``aperture_outside``, ``no_background_cell`` and ``undefined`` say why.
    """
    chosen = find_definition(definition)
    stamps = np.asarray(stamps)
    if stamps.ndim != 3:
        raise ValueError(f"stamps must have shape (N, ny, nx), got {stamps.shape}")
    n = len(stamps)
    segments = _like(segments, stamps, "segments")
    mask = _like(mask, stamps, "mask")
    sigma = [None] * n if sky_sigma is None else _sigmas(sky_sigma, n)
    rows = {name: np.full(n, np.nan) for name in COLUMNS}
    rows |= {name: np.zeros(n, dtype=bool) for name in FLAGS}
    for k, stamp in enumerate(stamps):
        segment = None if segments is None else segments[k]
        masked = None if mask is None else mask[k]
        row = _measured(stamp, segment, masked, sigma[k], cell_size, chosen)
        for name, value in row.items():
            rows[name][k] = value
    return rows


def _measured(stamp, segment, masked, sigma, cell_size, definition):
    valid = np.isfinite(stamp)
    if masked is not None:
        valid &= ~masked
    image = np.where(valid, stamp, 0.0).astype(float)
    if segment is None:
        segment = find_segment(image, valid)
        if segment is None:
            return {"no_petrosian": True, "undefined": True}
    light = light_ellipse(image, segment & valid)
    if light is None:
        return {"undefined": True}
    galaxy = Galaxy(image, valid, segment, light, sigma, cell_size)
    row = {"xc_centroid": light.xc, "yc_centroid": light.yc}
    row |= {"ellip": 1.0 - light.q, "theta": light.theta}
    return row | _MEASURE[definition.aperture](galaxy, definition)


def _like(values, stamps, name):
    if values is None:
        return None
    values = np.asarray(values)
    if values.shape != stamps.shape:
        raise ValueError(
            f"{name} must have the shape of stamps, {stamps.shape}, got {values.shape}"
        )
    if values.dtype != bool:
        raise TypeError(f"{name} must be of bool, got {values.dtype}")
    return values


def _sigmas(sky_sigma, n):
    sigma = np.asarray(sky_sigma, dtype=float)
    if sigma.shape not in ((), (n,)):
        raise ValueError(f"sky_sigma must be a number or ({n},), got {sigma.shape}")
    if not np.all(sigma > 0):
        raise ValueError("sky_sigma must be positive")
    return np.broadcast_to(sigma, n)


def label_stamps(stamps):
    """
    What networks learn, measured on stamps without noise.

    Parameters
    ----------
    stamps : array_like
        (N, ny, nx), PSF-convolved, without noise or neighbours.

    Returns
    -------
    `~numpy.ndarray`
        (N, 12) in the order of `~astro_cnnfit.measures.LATENT_MEASURES`, as the
        definition 'tohill2021' has them; rows of NaN where one is undefined.
    """
    rows = measure_stamps(stamps)
    ny, nx = np.shape(stamps)[1:]
    with np.errstate(invalid="ignore", divide="ignore"):
        latent = {
            **{f"log_r{part}": np.log10(rows[f"r{part}"]) for part in (20, 50)},
            "log_rpetro": np.log10(rows["rpetro_ellip"]),
            "log_snr": np.log10(rows["sn_per_pixel"]),
            "x": rows["xc_asymmetry"] - (nx - 1) / 2.0,
            "y": rows["yc_asymmetry"] - (ny - 1) / 2.0,
        }
    labels = np.stack(
        [latent[name] if name in latent else rows[name] for name in LATENT_MEASURES],
        axis=1,
    )
    labels[~np.isfinite(labels).all(axis=1)] = np.nan
    return labels
