# Licensed under a 3-clause BSD style license - see LICENSE
"""
Operations on sampled PSFs: width, centre, resampling, block averaging.

A PSF that is sampled finely enough is known between its samples as well:
`resample` evaluates its band-limited interpolation. The width of sharper ones is
taken from their logarithm, which is smooth where the PSF itself is not.
"""

import numpy as np
from scipy.interpolate import make_interp_spline

__all__ = [
    "SOFTENING",
    "block_average",
    "centroid",
    "fwhm",
    "interpolation_matrix",
    "resample",
    "soften",
]

# Weight of the four nearest pixels in the kernel of `soften`.
SOFTENING = 0.3

# Sub-steps per pixel at which the area above half maximum is measured.
_SUBSTEPS = 4
# Fainter pixels, relative to the brightest, are noise to the width.
_FLOOR = 1e-3
# Stamps treated at once: their upsampled copies stay in the processor's cache.
_CHUNK = 128


def interpolation_matrix(points, size):
    """
    Weights of band-limited interpolation in one dimension.

    Parameters
    ----------
    points : array_like, shape (M,)
        Where the value is wanted, in pixels; sample 0 is at 0.
    size : int
        Number of samples.

    Returns
    -------
    matrix : `~numpy.ndarray`, shape (M, size), float64
        ``matrix @ samples`` are the values: the samples themselves at integer
        points, zero outside of the outer samples' pixels.
    """
    points = np.asarray(points, dtype=float)
    # With an odd number of terms there is no lone Nyquist frequency to share
    # out; an even number of samples gets a zero beside it.
    terms = size + 1 - size % 2
    phase = np.pi * (points[:, np.newaxis] - np.arange(size))
    denominator = terms * np.sin(phase / terms)
    near = np.abs(denominator) < 1e-9
    matrix = np.where(near, 1.0, np.sin(phase) / np.where(near, 1.0, denominator))
    matrix[np.abs(matrix) < 1e-12] = 0.0
    matrix[(points < -0.5) | (points > size - 0.5)] = 0.0
    return matrix


def resample(stamps, y_points, x_points):
    """
    Evaluate stamps on a grid of points, by band-limited interpolation.

    Parameters
    ----------
    stamps : array_like, shape (N, ny, nx)
        Sampled images.
    y_points, x_points : array_like, shape (My,), (Mx,)
        Rows and columns of the grid, in pixels of the stamps.

    Returns
    -------
    values : `~numpy.ndarray`, shape (N, My, Mx)
        Zero outside the stamps.
    """
    rows = interpolation_matrix(y_points, stamps.shape[-2]).astype(stamps.dtype)
    columns = interpolation_matrix(x_points, stamps.shape[-1]).astype(stamps.dtype)
    return rows @ (stamps @ columns.T)


def _as_stack(stamps):
    stamps = np.asarray(stamps)
    stamps = stamps[np.newaxis] if stamps.ndim == 2 else stamps
    if stamps.ndim != 3 or 0 in stamps.shape[1:]:
        raise ValueError(
            "psf must be a stamp (ny, nx) or a stack of stamps (N, ny, nx), "
            f"got shape {stamps.shape}"
        )
    return stamps


def fwhm(stamps):
    """
    Full width at half maximum of sampled PSFs.

    It is the diameter of the circle that has the area in which the interpolated
    PSF exceeds half of its (interpolated) maximum, so that noise in single
    pixels, ellipticity and the place of the centre within its pixel hardly
    matter. As the PSFs are effective ones, the pixel is part of the width. What
    is interpolated is the logarithm, by a cubic spline, which is exact for a
    Gaussian. For Moffat profiles from 1.8 pixels on the width is
    within 2 per cent wherever in its pixel the centre is.

    Parameters
    ----------
    stamps : array_like, shape (N, ny, nx) or (ny, nx)
        PSFs.

    Returns
    -------
    fwhm : `~numpy.ndarray`, shape (N,), float64
        In pixels. NaN for a stamp without a positive pixel.

    Raises
    ------
    ValueError
        If ``stamps`` has neither two nor three dimensions.
    """
    # The empty one is for a stack without a stamp.
    widths = [np.empty(0), *(_fwhm(chunk) for chunk in _chunks(stamps))]
    return np.concatenate(widths)


def _chunks(stamps):
    stamps = _as_stack(stamps)
    for start in range(0, len(stamps), _CHUNK):
        yield stamps[start : start + _CHUNK].astype(np.float32)


def _fwhm(stamps):
    peak = stamps.max(axis=(1, 2), keepdims=True)
    good = peak > 0
    scaled = stamps / np.where(good, peak, 1)
    bright = np.any((scaled > 0.5) & good, axis=0)
    if not np.any(bright):
        return np.full(len(stamps), np.nan)
    # Only the rows and columns that hold bright pixels are interpolated.
    rows, columns = (_spline_matrix(bright.any(axis=axis)) for axis in (1, 0))
    fine = rows @ (np.log(np.clip(scaled, _FLOOR, None)) @ columns.T)
    half = _maximum(fine) - np.log(np.float32(2))
    # The contour cuts through cells: each counts with the part of it that lies
    # above, as if the surface were a plane within the cell.
    y_slope, x_slope = np.gradient(fine, axis=(1, 2))
    slope = np.hypot(y_slope, x_slope) + np.float32(1e-6)
    cells = np.clip(0.5 + (fine - half[:, None, None]) / slope, 0, 1).sum(axis=(1, 2))
    width = np.sqrt(4 / np.pi * cells.astype(float)) / _SUBSTEPS
    return np.where(good[:, 0, 0], width, np.nan)


def _spline_matrix(bright):
    """Weights of a cubic spline, from two pixels before the bright ones to after."""
    size = len(bright)
    first, last = np.flatnonzero(bright)[[0, -1]]
    points = np.arange(first - 2, last + 2 + 1 / _SUBSTEPS, 1 / _SUBSTEPS)
    spline = make_interp_spline(np.arange(size), np.eye(size), k=min(3, size - 1))
    return spline(np.clip(points, 0, size - 1)).astype(np.float32)


def _maximum(images):
    """Maximum of each image, by a parabola along each axis about the largest pixel."""
    flat = images.reshape(len(images), -1).argmax(axis=1)
    number = np.arange(len(images))
    y, x = np.unravel_index(flat, images.shape[1:])
    y, x = (
        np.clip(index, 1, length - 2)
        for index, length in zip((y, x), images.shape[1:], strict=True)
    )
    centre = images[number, y, x]
    result = images.max(axis=(1, 2))
    for dy, dx in ((1, 0), (0, 1)):
        after, before = images[number, y + dy, x + dx], images[number, y - dy, x - dx]
        curvature = np.minimum(after - 2 * centre + before, -np.finfo(np.float32).eps)
        step = np.clip((before - after) / (2 * curvature), -0.5, 0.5)
        result = result - 0.5 * curvature * step**2
    return result


def centroid(stamps):
    """
    Centre of sampled PSFs, from their brightest part.

    Parameters
    ----------
    stamps : array_like, shape (N, ny, nx) or (ny, nx)
        PSFs.

    Returns
    -------
    x, y : `~numpy.ndarray`, shape (N,), float64
        Mean position, in pixels, of what exceeds a tenth of the maximum: wings,
        noise and a sky that was not subtracted well do not move it. NaN for a
        stamp without a positive pixel.
    """
    nothing = np.empty(0), np.empty(0)
    x, y = zip(nothing, *(_centroid(chunk) for chunk in _chunks(stamps)), strict=True)
    return np.concatenate(x), np.concatenate(y)


def _centroid(stamps):
    peak = stamps.max(axis=(1, 2), keepdims=True)
    weights = np.clip(stamps - 0.1 * peak, 0, None)
    rows, columns = weights.sum(axis=2, dtype=float), weights.sum(axis=1, dtype=float)
    with np.errstate(invalid="ignore"):
        y = rows @ np.arange(rows.shape[1]) / rows.sum(axis=1)
        x = columns @ np.arange(columns.shape[1]) / columns.sum(axis=1)
    return x, y


def block_average(psf, factor, *, size=25):
    """
    Effective PSF of an image whose pixels are averaged in blocks.

    A block is a larger pixel. The PSF is summed over the block about each
    sampling point, and the points are ``factor`` pixels apart.

    Parameters
    ----------
    psf : array_like, shape (N, ny, nx) or (ny, nx)
        Effective PSFs at the sampling of the image, of odd size and centred, as
        `as_psf_stamps` returns them. Large ones are worth having here: a stamp
        of 25 pixels fills 25 / ``factor`` pixels of the result.
    factor : int
        Pixels along the side of a block, at least 1.
    size : int
        Width of the stamps that are returned, odd.

    Returns
    -------
    stamps : `~numpy.ndarray`, shape (N, size, size), float32
        Unit sum, in averaged pixels.

    Raises
    ------
    ValueError
        If ``psf`` has not an odd size or ``factor`` is not a positive integer.
    """
    stamps = _as_stack(psf)
    if stamps.shape[1] % 2 == 0 or stamps.shape[2] % 2 == 0:
        raise ValueError(f"psf must have an odd size, got shape {stamps.shape}")
    if factor != int(factor) or factor < 1:
        raise ValueError(f"factor must be a positive integer, got {factor}")
    offsets = np.arange(factor) - (factor - 1) / 2
    centres = factor * (np.arange(size) - (size - 1) / 2)
    rows, columns = (
        sum(
            interpolation_matrix(centres + offset + (length - 1) / 2, length)
            for offset in offsets
        )
        for length in stamps.shape[1:]
    )
    averaged = rows @ stamps.astype(float) @ columns.T
    averaged /= averaged.sum(axis=(1, 2), keepdims=True)
    return averaged.astype(np.float32)


def soften(stamps, weight=SOFTENING):
    """
    Mix the four nearest pixels into each.

    The PSF of a block average is about as sharp as a pixel; softening image and
    PSF alike brings both back to where sampled images are well behaved.

    Parameters
    ----------
    stamps : `~numpy.ndarray`, shape (N, ny, nx)
        Stamps or PSFs.
    weight : float
        Weight of each of the four pixels, relative to that of the central one.

    Returns
    -------
    `~numpy.ndarray`
        The same shape and, for PSFs, sum.
    """
    padded = np.pad(stamps, ((0, 0), (1, 1), (1, 1)), mode="edge")
    near = padded[:, 2:, 1:-1] + padded[:, :-2, 1:-1]
    near += padded[:, 1:-1, 2:] + padded[:, 1:-1, :-2]
    return (stamps + np.float32(weight) * near) / np.float32(1 + 4 * weight)
