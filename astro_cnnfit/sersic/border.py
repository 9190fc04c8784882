# Licensed under a 3-clause BSD style license - see LICENSE
"""The sky: its level along the borders of stamps, and in an image as a whole."""

import numpy as np

__all__ = ["Border", "image_sky"]

_WIDTH = 2
# Pixels of a large image that are looked at: plenty for a mode.
_MAX_PIXELS = 1_000_000
_MAX_CLIPS = 20


class Border:
    """
    The outer two rows and columns of stamps.

    Parameters
    ----------
    mask : `~numpy.ndarray` of bool
        (N, size, size), True for pixels to leave out.

    Attributes
    ----------
    x, y : `~numpy.ndarray`
        Positions of the border's pixels relative to the centre of the stamp.
    """

    def __init__(self, mask):
        size = mask.shape[1]
        y, x = np.mgrid[:size, :size]
        depth = np.minimum(np.minimum(x, size - 1 - x), np.minimum(y, size - 1 - y))
        self._pixels = np.flatnonzero(depth < _WIDTH)
        self.x, self.y = (
            axis.ravel()[self._pixels] - (size - 1) / 2 for axis in (x, y)
        )
        self._mask = mask.reshape(len(mask), -1)[:, self._pixels]
        self._masked = self._mask.any()

    def median(self, stamps, rows=slice(None), light=0.0):
        """
        Median level along the border.

        Parameters
        ----------
        stamps : `~numpy.ndarray`
            (M, size, size): the stamps of ``rows``.
        rows : index
            Which of the stamps they are.
        light : `~numpy.ndarray`
            (M, n) light to subtract from the border's pixels.

        Returns
        -------
        `~numpy.ndarray`
            (M,); 0 where all of the border is masked.
        """
        values = stamps.reshape(len(stamps), -1)[:, self._pixels] - light
        if not self._masked:
            # Half the time of np.median, which looks for NaN, too.
            middle = values.shape[1] // 2
            ordered = np.partition(values, (middle - 1, middle), axis=1)
            return 0.5 * (ordered[:, middle - 1] + ordered[:, middle])
        mask = self._mask[rows]
        # Masked pixels go to the end; the median is among the first `count`.
        ordered = np.sort(np.where(mask, np.inf, values), axis=1)
        count = np.sum(~mask, axis=1)
        some = np.maximum(count, 1)
        row = np.arange(len(ordered))
        median = 0.5 * (ordered[row, (some - 1) // 2] + ordered[row, some // 2])
        return np.where(count > 0, median, 0.0)


def image_sky(image, size):
    """
    Sky level of an image as a whole.

    Parameters
    ----------
    image : `~astro_cnnfit.inputs.Image`
        One image or a stack.
    size : int
        Pixels on a side of a stamp.

    Returns
    -------
    float
        Median of the pixels after those above it by 2.5 times the scatter below
        it are left out, again and again: light only adds. Zero for a stack, whose
        images may have nothing in common, and for an image with fewer pixels than
        two stamps, most of which may be galaxy.
    """
    if image.data.ndim == 3 or image.data.size < 2 * size**2:
        return 0.0
    step = int(np.ceil(np.sqrt(image.data.size / _MAX_PIXELS)))
    data = image.data[::step, ::step]
    if image.mask is not None:
        data = data[~image.mask[::step, ::step]]
    values = np.sort(data, axis=None)
    if values.size == 0:
        return 0.0
    for _ in range(_MAX_CLIPS):
        level = np.median(values)
        below = level - values[: len(values) // 2]
        scatter = 1.4826 * np.median(below) if len(below) else 0.0
        kept = np.searchsorted(values, level + 2.5 * scatter, side="right")
        if kept == len(values):
            break
        values = values[:kept]
    return float(np.median(values))
