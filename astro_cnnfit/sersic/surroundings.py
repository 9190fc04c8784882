# Licensed under a 3-clause BSD style license - see LICENSE
"""
What lies around a galaxy or spoils its core: neighbours, saturation, bad pixels.

Both are told from pixels and parameters alone, without an image of the model, at
a few per cent of a network's time.
"""

from functools import cache

import numpy as np

from astro_cnnfit.parameters import NAMES

from .statistics import light_of

__all__ = ["has_bad_pixel", "is_saturated", "neighbour_light"]

# Side of the blocks of pixels in which neighbours are looked for.
_BLOCK = 3
# Distance within which all light is the galaxy's: a neighbour that is nearer has
# not been told apart when the galaxy was found.
_OWN = 6.0
# Neighbours are brighter than this in noises of a block, correlated as that of
# resampled images is, and than this in units of the galaxy's own light, which is
# not convolved with the PSF but only widened.
_SIGNIFICANT, _NOISE, _OWN_LIGHT = 5.0, 1.4 / _BLOCK, 0.5
# Variance of the widening: half the PSF's width at half maximum, and the pixels'.
_PSF_SHARE, _PIXEL = 0.375, 1.0
# Half-width of the core in which saturation is looked for, pixels that share the
# highest value, and how far above the sky it is, in noises.
_CORE, _PLATEAU, _BRIGHT = 7, 6, 20.0
# How far values of a plateau may differ: in noises of the sky, which real pixels
# never have less of, and relative to its height where there may be no noise.
_SAME_NOISE, _SAME, _NOISY = 0.02, 1e-6, 500.0
# By which factor, and by which share of its light, a pixel stands out more than the
# peak of a point source does, and by how many noises: room for PSFs that are too wide,
# and for the noise of the light itself.
_SHARPER, _SHARP_SHARE, _SHARP_SIGMAS = 1.5, 0.1, 6.0
# Spikes, rings and what resampling leaves of bright cores are sharp, too, but fainter
# than this part of the highest pixel.
_OF_HIGHEST = 0.1
_X, _Y, _FLUX, _R_EFF, _ELLIP = (
    NAMES.index(name) for name in ("x_0", "y_0", "flux", "r_eff", "ellip")
)


def neighbour_light(stamps, sky, mask, params, widths):
    """
    Light of other objects, and light that is missing, weighted by their nearness.

    Parameters
    ----------
    stamps : `~numpy.ndarray`
        (N, size, size) float32 in units of the sky noise.
    sky : `~numpy.ndarray`
        (N,) level of the sky in them.
    mask : `~numpy.ndarray`
        (N, size, size), True for pixels to leave out.
    params : `~numpy.ndarray`
        (N, 7), the centre relative to that of the stamp.
    widths : `~numpy.ndarray` or float
        (N,) FWHM of the PSF in pixels.

    Returns
    -------
    `~numpy.ndarray`
        (N,) sum of all light that is not the galaxy's, or that is missing where it
        is darker than the sky, each pixel multiplied by
        1 / (1 + (d / r)^2) at a distance d, where r is the effective radius with
        the PSF's added in quadrature; in units of the galaxy's flux. About what
        a neighbour adds to the flux in a fit that does not know of it.

    Notes
    -----
    Averages of 3 x 3 pixels count where they exceed the model by 5 times their
    noise and by half of the model's own light, or are that much darker than the sky
    (values that stand for none, such as -999, or a neighbour that was subtracted
    badly), at least 6 pixels from the galaxy.
    """
    excess = _block_means(stamps) - sky[:, np.newaxis].astype(np.float32)
    x, y = _block_centres(stamps.shape[1])
    # Most blocks are sky: galaxies are looked at only where there is light, or less
    # than none.
    row, block = np.nonzero(np.abs(excess) > np.float32(_SIGNIFICANT * _NOISE))
    excess, x, y = excess[row, block], x[block], y[block]
    squared = np.square(x - _float32(params[:, _X])[row])
    squared += np.square(y - _float32(params[:, _Y])[row])
    wide = _widened(params, widths)
    model = light_of(wide, row, x, y)
    dark = excess < 0
    excess -= model
    np.abs(excess, out=excess)
    model *= np.float32(_OWN_LIGHT)
    model += np.float32(_SIGNIFICANT * _NOISE)
    seen = (squared > _OWN**2) & (dark | (excess > model))
    masked = np.flatnonzero(mask.any(axis=(1, 2)))
    if masked.size:
        bad = np.zeros((len(mask), _averaging(stamps.shape[1]).shape[1] ** 2), bool)
        bad[masked] = _block_means(mask[masked].astype(np.float32)) > 0
        seen &= ~bad[row, block]
    near = excess / (1 + squared / np.square(_float32(wide[:, _R_EFF]))[row])
    total = np.bincount(row[seen], near[seen], minlength=len(params))
    return total * _BLOCK**2 / params[:, _FLUX]


def _float32(array):
    return array.astype(np.float32)


def is_saturated(data, mask, sky, sigma):
    """
    Whether the core of a galaxy is cut off at one value.

    Parameters
    ----------
    data : `~numpy.ndarray`
        (N, size, size) stamps as they were recorded.
    mask : `~numpy.ndarray`
        (N, size, size), True for pixels to leave out.
    sky, sigma : `~numpy.ndarray`
        (N,) level and noise of the sky, in the unit of ``data``.

    Returns
    -------
    `~numpy.ndarray` of bool
        (N,) whether six or more pixels within 7 pixels of the centre, along each
        axis, share the highest value there, 20 or more noises above the sky. A
        plateau that was interpolated over, or to which noise was added later, is
        not seen.
    """
    middle = data.shape[1] // 2
    core = slice(max(middle - _CORE, 0), middle + _CORE + 1)
    values = np.where(mask[:, core, core], -np.inf, data[:, core, core])
    values = values.reshape(len(values), -1)
    highest = values.max(axis=1)
    with np.errstate(invalid="ignore"):
        height = highest - sky
        noisy = height < _NOISY * sigma
        same = np.where(noisy, _SAME_NOISE * sigma, _SAME * height)
        count = np.sum(values >= (highest - same)[:, np.newaxis], axis=1)
        return (count >= _PLATEAU) & (height > _BRIGHT * sigma)


def has_bad_pixel(data, mask, sky, sigma, psfs):
    """
    Whether a pixel near the centre is brighter or darker than optics allow.

    Parameters
    ----------
    data : `~numpy.ndarray`
        (N, size, size) stamps as they were recorded.
    mask : `~numpy.ndarray`
        (N, size, size), True for pixels to leave out.
    sky, sigma : `~numpy.ndarray`
        (N,) level and noise of the sky, in the unit of ``data``.
    psfs : `~numpy.ndarray`
        (N or 1, k, k) at the sampling of the stamps.

    Returns
    -------
    `~numpy.ndarray` of bool
        (N,) whether a good pixel within 7 pixels of the centre, along each axis,
        exceeds the mean of the four beside it by half as much again as the peak of a
        point source of its height does (or by a tenth of the height more), or is as
        much below it as the peak of one as high as the highest of the four would be
        above; and by a tenth of the highest pixel: cosmic rays, hot and dead pixels.

    Notes
    -----
    Nothing that was convolved with a PSF is sharper than the PSF. The idea is that of
    van Dokkum (2001, PASP, 113, 1420), with the PSF in place of a fine structure image.
    """
    middle = data.shape[1] // 2
    half = min(_CORE + 1, middle)
    core = slice(middle - half, middle + half + 1)
    light = data[:, core, core] - sky[:, np.newaxis, np.newaxis]
    light = np.where(mask[:, core, core], np.nan, light)
    own, beside = light[:, 1:-1, 1:-1], _beside(light)
    mean = sum(beside[1:], start=beside[0]) / len(beside)
    sigma = sigma[:, np.newaxis, np.newaxis]
    sharpest = _sharpness(psfs)[:, np.newaxis, np.newaxis]
    allowed = np.maximum(_SHARPER * sharpest, sharpest + _SHARP_SHARE)
    with np.errstate(invalid="ignore"):
        step, noise = own - mean, _SHARP_SIGMAS * sigma
        bright = step > allowed * own + noise
        dark = -step > allowed * np.maximum.reduce(beside) + noise
        highest = np.nanmax(own, axis=(1, 2), keepdims=True, initial=0.0)
        counts = np.abs(step) > _OF_HIGHEST * highest
    return ((bright | dark) & counts).any(axis=(1, 2))


def _sharpness(psfs):
    """By how much the peaks of PSFs exceed what is beside them, relative to them."""
    middle = psfs.shape[1] // 2
    core = psfs[:, middle - 2 : middle + 3, middle - 2 : middle + 3]
    own = core[:, 1:-1, 1:-1]
    step = own - sum(_beside(core)) / 4
    return step.max(axis=(1, 2)) / own.max(axis=(1, 2))


def _beside(images):
    """The four pixels beside each of the inner ones."""
    return [
        images[:, 1:-1, 2:], images[:, 1:-1, :-2],
        images[:, 2:, 1:-1], images[:, :-2, 1:-1],
    ]  # fmt: skip


def _widened(params, widths):
    """Profiles about as wide as the PSF makes them."""
    wide = params.copy()
    added = _PSF_SHARE * np.square(widths) + _PIXEL
    major = np.square(params[:, _R_EFF]) + added
    minor = np.square(params[:, _R_EFF] * (1 - params[:, _ELLIP])) + added
    wide[:, _R_EFF] = np.sqrt(major)
    wide[:, _ELLIP] = 1 - np.sqrt(minor / major)
    return wide


def _block_means(stamps):
    """Means of 3 x 3 pixels, (N, M); faster than a sum over small axes."""
    n, size = stamps.shape[:2]
    # One large product takes half the time of many small ones.
    rows = (stamps.reshape(-1, size) @ _averaging(size)).reshape(n, size, -1)
    count = size // _BLOCK
    first = (size - count * _BLOCK) // 2
    sums = [rows[:, first + k : first + count * _BLOCK : _BLOCK] for k in range(_BLOCK)]
    total = sum(sums[1:], start=sums[0])
    total *= np.float32(1 / _BLOCK)
    return total.reshape(n, -1)


@cache
def _averaging(size):
    count = size // _BLOCK
    first = (size - count * _BLOCK) // 2
    matrix = np.zeros((size, count), np.float32)
    matrix[first + np.arange(count * _BLOCK), np.arange(count * _BLOCK) // _BLOCK] = (
        1 / _BLOCK
    )
    return matrix


@cache
def _block_centres(size):
    """Positions of the blocks from the centre of the stamp, (M,) each."""
    axis = (_averaging(size).T @ np.arange(size, dtype=np.float32)) - (size - 1) / 2
    y, x = np.meshgrid(axis, axis, indexing="ij")
    return x.ravel(), y.ravel()
