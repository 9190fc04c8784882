# Licensed under a 3-clause BSD style license - see LICENSE
"""
Real sky: stamps of survey images around positions where little is.

The stamps hold what no simulation has: correlated and quantised noise, faint
and blended galaxies, ghosts. The upper 30 % of the rows of each image are kept for
testing and never trained on.
"""

import os
from pathlib import Path

import numpy as np
from astropy.io import fits
from photutils.background import Background2D, MedianBackground
from scipy.ndimage import gaussian_filter

__all__ = ["SURVEYS", "find_data", "load_backgrounds", "sky_stamps"]

TEST_SHARE = 0.3

SURVEYS = {
    "kids": ("kids_field/[gri].fits",),
    "viking": ("kids_field/Z.fits",),
    "decam": ("decam/*oo[i]*.fits",),
    "hsc": ("hsc_field/*_300x300_*.fits",),
}
"""Where the images of each survey lie in the folder."""


def find_data():
    """
    Folder of real images, from the variable ``ASTRO_CNNFIT_TEST_DATA``.

    Returns
    -------
    `~pathlib.Path` or None
        None where the variable is unset or names no folder.
    """
    folder = Path(os.environ.get("ASTRO_CNNFIT_TEST_DATA") or "/nonexistent")
    return folder if folder.is_dir() else None


def load_backgrounds(
    folder, part, n_stamps=20_000, size=61, rng=None, surveys=tuple(SURVEYS)
):
    """
    Sky stamps from KiDS, DECam, BASS, MzLS and HSC images.

    Parameters
    ----------
    folder : path-like
        The data set's folder.
    part : {'train', 'test'}
        The two are cut from different rows of each image.
    n_stamps : int
        How many stamps, spread over the images by their area.
    size : int
        Pixels on a side.
    rng : `numpy.random.Generator`, optional
        Source of the positions; seed 0 by default.
    surveys : sequence of str
        Keys of `SURVEYS`.

    Returns
    -------
    `~numpy.ndarray`
        (n, size, size) float32, sky subtracted, in units of the sky noise.
        ``n`` may be smaller than asked for where little sky is clean.

    Raises
    ------
    ValueError
        If ``part`` is neither, or the folder holds none of the images.
    """
    if part not in ("train", "test"):
        raise ValueError(f"part must be 'train' or 'test', got {part!r}")
    rng = np.random.default_rng(0) if rng is None else rng
    images = [
        rows for image in _images(Path(folder), surveys) for rows in _rows(image, part)
    ]
    images = [image for image in images if min(image.shape) > size]
    if not images:
        raise ValueError(f"folder holds none of the survey images: {folder}")
    area = np.array([image.size for image in images], dtype=float)
    share = np.maximum(n_stamps * area / area.sum(), 1).astype(int)
    stamps = [
        sky_stamps(image, n, size, rng) for image, n in zip(images, share, strict=True)
    ]
    return np.concatenate(stamps)


def _images(folder, surveys):
    for survey in surveys:
        for pattern in SURVEYS[survey]:
            for path in sorted(folder.glob(pattern)):
                if "psfex" not in path.name:
                    yield _first_image(path)


def _first_image(path):
    with fits.open(path) as hdus:
        for hdu in hdus:
            if hdu.data is not None and getattr(hdu.data, "ndim", 0) == 2:
                return np.array(hdu.data, dtype=np.float32)
    raise ValueError(f"no two-dimensional image in {path}")


def _rows(image, part):
    """Lower rows for training, upper rows for testing."""
    cut = int(image.shape[0] * (1 - TEST_SHARE))
    return [image[:cut] if part == "train" else image[cut:]]


def sky_stamps(image, n_stamps, size, rng, threshold=3.0):
    """
    Stamps of an image whose central part holds no bright source.

    Parameters
    ----------
    image : `~numpy.ndarray`
        (ny, nx), linear units; NaN and constant borders are left out.
    n_stamps : int
        How many to return at most.
    size : int
        Pixels on a side.
    rng : `numpy.random.Generator`
        Source of the positions.
    threshold : float
        Largest value, in noises of the smoothed image, within 4 pixels of the
        centre.

    Returns
    -------
    `~numpy.ndarray`
        (n, size, size) float32 in units of the sky noise, n <= n_stamps.
    """
    bad = ~np.isfinite(image) | (image == 0)
    box = max(size, min(image.shape) // 8)
    if min(image.shape) < size or bad.mean() > 0.5:
        return np.empty((0, size, size), np.float32)
    sky = Background2D(
        np.where(bad, 0, image), box, mask=bad, bkg_estimator=MedianBackground(),
        exclude_percentile=90,
    )  # fmt: skip
    clean = np.where(bad, 0, (image - sky.background) / _noise(image, bad))
    smooth = gaussian_filter(clean, 2.0)
    smooth_noise = 1.4826 * np.median(np.abs(smooth[~bad]))
    windows = np.lib.stride_tricks.sliding_window_view(clean, (size, size))
    y = rng.integers(0, windows.shape[0], 4 * n_stamps)
    x = rng.integers(0, windows.shape[1], 4 * n_stamps)
    half = size // 2
    core = np.lib.stride_tricks.sliding_window_view(smooth, (9, 9))
    peak = core[y + half - 4, x + half - 4].max(axis=(1, 2)) / smooth_noise
    lost = np.lib.stride_tricks.sliding_window_view(bad, (size, size))[y, x]
    good = (peak < threshold) & (lost.mean(axis=(1, 2)) < 0.02)
    stamps = windows[y[good][:n_stamps], x[good][:n_stamps]]
    # Saturated stars and their halos: the paper's authors sorted them out by eye.
    level = np.median(stamps.reshape(len(stamps), size**2), axis=1)
    calm = np.abs(level) < 1.0
    return np.array(stamps[calm], dtype=np.float32)


def _noise(image, bad):
    """Noise of a pixel from differences of neighbouring ones."""
    step = np.diff(image, axis=1)[~(bad[:, 1:] | bad[:, :-1])]
    return 1.4826 * np.median(np.abs(step - np.median(step))) / np.sqrt(2)
