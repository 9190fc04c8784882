# Licensed under a 3-clause BSD style license - see LICENSE
"""The sky: its level along the borders of stamps, and in an image as a whole."""

import numpy as np

from astro_cnnfit.cutouts.sky import masked_median

__all__ = ["Border", "image_sky"]

_WIDTH = 2
# Good pixels that tell the sky to a fifth of its noise.
_ENOUGH = 40
# Half-width of the part of a stamp that is galaxy, never border.
_CORE = 10
# A frame's pixels this close to the middle of a side, and this far, as fractions of
# its half-width: they are 31 and 40 pixels from the centre of a stamp of 61.
_SIDE, _CORNER = 0.5, 0.73
# From the one to the other, Sersic profiles of any size fall to half as a rule, and
# all by more than a third.
_USUALLY_LEFT, _LEFT_AT_MOST = 0.5, 0.7
_ENOUGH_PARTS = 20
# Of a galaxy's light along the border, this is the step from pixel to pixel.
_SMOOTH = 3
# Pixels of a large image that are looked at: plenty for a mode.
_MAX_PIXELS = 1_000_000
_MAX_CLIPS = 20
_MANY_STAMPS = 10


class Border:
    """
    Frames of two rows and columns around the galaxies in stamps.

    Of each stamp it is the outermost frame with 40 good pixels: usually its
    edge, and farther in where the stamp reaches beyond the image.

    Parameters
    ----------
    mask : `~numpy.ndarray` of bool
        (N, size, size), True for pixels to leave out.

    Attributes
    ----------
    is_seen : `~numpy.ndarray` of bool
        (N,) whether there is such a frame.
    """

    def __init__(self, mask):
        size = mask.shape[1]
        y, x = np.mgrid[:size, :size]
        edge = np.minimum(np.minimum(x, size - 1 - x), np.minimum(y, size - 1 - y))
        depths = range(0, size // 2 - _CORE, _WIDTH)
        self._frames = [
            np.flatnonzero(edge.ravel() // _WIDTH == d // _WIDTH) for d in depths
        ]
        self._corners, self._sides = _parts(size, self._frames)
        self._x, self._y = (axis.ravel() - (size - 1) / 2 for axis in (x, y))
        self._mask = mask.reshape(len(mask), -1)
        self._frame_of = np.zeros(len(mask), dtype=int)
        self.is_seen = np.ones(len(mask), dtype=bool)
        masked = np.flatnonzero(self._mask.any(axis=1))
        self._is_masked = masked.size > 0
        if self._is_masked:
            self._choose(masked)

    def _choose(self, rows):
        good = ~self._mask[rows]
        count = [np.count_nonzero(good[:, frame], axis=1) for frame in self._frames]
        enough = np.array(count) >= _ENOUGH
        self._frame_of[rows] = np.argmax(enough, axis=0)
        self.is_seen[rows] = enough.any(axis=0)

    def first_guess(self, stamps, rows, sky, allowed):
        """
        Sky of stamps, before anything is known of the galaxies in them.

        Light of a galaxy falls from the sides of a frame to its corners, and a
        pedestal does not.

        Parameters
        ----------
        stamps : `~numpy.ndarray`
            (M, size, size): the stamps of ``rows``.
        rows : `~numpy.ndarray`
            (M,) which of the stamps they are.
        sky : `~numpy.ndarray`
            (M,) what it is thought to be.
        allowed : `~numpy.ndarray`
            (M,) by how much that may be wrong.

        Returns
        -------
        `~numpy.ndarray`
            (M,) ``sky`` where the frame allows for that, and otherwise the level
            that is left when light that falls to half is subtracted.
        """
        guess = np.empty(len(rows))
        flat = stamps.reshape(len(stamps), -1)
        for number, places in self._by_frame(rows):

            def median(part, places=places, number=number):
                values = _part(flat, places, part[number])
                mask = self._part_of_mask(rows[places], part[number])
                level, count = masked_median(values, mask)
                return np.where(count < _ENOUGH_PARTS, np.nan, level)

            corner, side = median(self._corners), median(self._sides)
            if np.isnan(side).any():
                # Only corners, or few pixels, are good.
                other = np.fmin(corner, median(self._frames))
                side = np.where(np.isnan(side), other, side)
            fall = np.fmax(side - corner, 0.0)
            low = side - fall / (1 - _LEFT_AT_MOST) - allowed[places]
            known = (low <= sky[places]) & (sky[places] <= side + allowed[places])
            usual = side - fall / (1 - _USUALLY_LEFT)
            guess[places] = np.where(known | np.isnan(side), sky[places], usual)
        return guess

    def _by_frame(self, rows):
        """Frames that are in use, and the places of their stamps."""
        number_of = self._frame_of[rows]
        for number in np.unique(number_of):
            yield number, np.flatnonzero(number_of == number)

    def _part_of_mask(self, rows, pixels):
        """Mask of some pixels of some stamps, None where nothing is masked."""
        return _part(self._mask, rows, pixels) if self._is_masked else None

    def levels(self, stamps, rows, light_at):
        """
        Sky and the galaxies' light along the borders.

        Parameters
        ----------
        stamps : `~numpy.ndarray`
            (M, size, size): the stamps of ``rows``.
        rows : `~numpy.ndarray`
            (M,) which of the stamps they are.
        light_at : callable
            ``light_at(places, x, y)`` is the light, (m, n), of the galaxies at
            ``places`` among the M, at positions relative to the stamps' centres.

        Returns
        -------
        level : `~numpy.ndarray`
            (M,) median of what is left when the light is subtracted; 0 where no
            pixel is good.
        light : `~numpy.ndarray`
            (M,) median of the light. Light that is not finite, as that of a needle,
            counts as none.
        """
        level, light = np.zeros((2, len(rows)))
        flat = stamps.reshape(len(stamps), -1)
        for number, places in self._by_frame(rows):
            frame = self._frames[number]
            values = _part(flat, places, frame)
            own = light_at(places, self._x[frame], self._y[frame])
            mask = self._part_of_mask(rows[places], frame)
            level[places], _ = masked_median(values - own, mask)
            # The light is smooth: some of the pixels tell its median.
            light[places], _ = masked_median(own[:, ::_SMOOTH], None)
            lost = np.flatnonzero(~(np.isfinite(level) & np.isfinite(light))[places])
            if lost.size:
                mask = None if mask is None else mask[lost]
                median, _ = masked_median(values[lost], mask)
                level[places[lost]], light[places[lost]] = np.nan_to_num(median), 0.0
        return level, light


def _parts(size, frames):
    """Pixels of the corners and of the sides of frames."""
    y, x = np.abs(np.mgrid[:size, :size].reshape(2, -1) - (size - 1) / 2)
    low, high = np.minimum(x, y), np.maximum(x, y)
    corners = [frame[(low > _CORNER * high)[frame]] for frame in frames]
    return corners, [frame[(low < _SIDE * high)[frame]] for frame in frames]


def _part(flat, rows, columns):
    """Some columns of some rows."""
    if len(rows) == len(flat):
        return np.take(flat, columns, axis=1)
    return flat[np.ix_(rows, columns)]


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
        two stamps. An image of less than ten stamps may still be mostly galaxy:
        there a sky within three times the scatter is taken to be subtracted.
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
        level = float(np.median(values))
        below = level - values[: len(values) // 2]
        scatter = 1.4826 * np.median(below) if len(below) else 0.0
        kept = np.searchsorted(values, level + 2.5 * scatter, side="right")
        if kept == len(values):
            break
        values = values[:kept]
    is_small = image.data.size < _MANY_STAMPS * size**2
    return 0.0 if is_small and abs(level) < 3 * scatter else level
