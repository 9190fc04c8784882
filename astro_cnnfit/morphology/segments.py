# Licensed under a 3-clause BSD style license - see LICENSE
"""
Which galaxies a call asks for.

They are labels of a segmentation map, positions, or the centres of a stack of
images.
"""

from typing import NamedTuple

import numpy as np
from scipy.ndimage import find_objects

from astro_cnnfit import flags
from astro_cnnfit.inputs import parse_positions
from astro_cnnfit.inputs.paths import refuse_path

__all__ = ["MIN_AREA", "Sources", "parse_segmap", "sources_of"]

MIN_AREA = 5
"""Pixels that a segment has at least."""

_TAKES = (
    "a segmentation map of integers, 0 for the sky: an array, a photutils "
    "SegmentationImage or a FITS image HDU"
)


class Sources(NamedTuple):
    """Galaxies to measure, N of them; positions in pixels of the image."""

    ids: np.ndarray
    """(N,) labels of the segmentation map, the ids of positions, or 1, 2, ..."""
    x: np.ndarray
    """(N,) where the stamp is centred; NaN where unknown."""
    y: np.ndarray
    """(N,)."""
    labels: np.ndarray | None
    """(N,) int, of each galaxy in the segmentation map; None without one."""
    extent: np.ndarray
    """(N,) half of the longer side of the segment's box (pixels), 0 if unknown."""
    flags: np.ndarray
    """(N,) int."""

    def some(self, rows):
        """Return some of the galaxies."""
        return Sources(*(None if part is None else part[rows] for part in self))


def parse_segmap(segmap, shape):
    """
    Take a segmentation map.

    Parameters
    ----------
    segmap : array_like of int, `~photutils.segmentation.SegmentationImage` or HDU
        Labels, 0 for the sky. Booleans mark the pixels of one galaxy.
    shape : tuple of int
        That of the image or stack.

    Returns
    -------
    `~numpy.ndarray`
        Integers of the machine's byte order, of that shape; may be the map itself.

    Raises
    ------
    TypeError
        If it does not hold integers.
    ValueError
        If its shape is another or a label is negative.
    """
    refuse_path(segmap, "segmap")
    if hasattr(segmap, "data") and not isinstance(segmap, np.ndarray):
        segmap = segmap.data
    if isinstance(segmap, np.ma.MaskedArray):
        segmap = segmap.filled(0)
    values = np.asarray(segmap)
    if values.dtype.kind not in "biu":
        raise TypeError(f"segmap must be {_TAKES}; got dtype {values.dtype}")
    if values.shape != shape:
        raise ValueError(
            f"segmap must have the shape of the image, {shape}, got {values.shape}"
        )
    if values.dtype.kind == "i" and values.min() < 0:
        raise ValueError(
            f"segmap must be {_TAKES}; got the negative label {values.min()}"
        )
    # Maps are large: they are only copied where they must be.
    kind = np.uint8 if values.dtype.kind == "b" else values.dtype.newbyteorder("=")
    return values.astype(kind, copy=False)


def sources_of(image, segmap=None, init_params=None, labels=None):
    """
    The galaxies that a call asks for.

    Parameters
    ----------
    image : `~astro_cnnfit.inputs.Image`
        One image or a stack.
    segmap : `~numpy.ndarray`, optional
        As `parse_segmap` returns it.
    init_params : optional
        Positions, as `~astro_cnnfit.inputs.parse_positions` takes them.
    labels : array_like of int, optional
        Which labels of the map of one image to measure; all by default.

    Returns
    -------
    `Sources`
        Without positions, the labels of one image's map, or the centres of
        images.

    Raises
    ------
    ValueError
        If labels are given without a map of one image or with positions, or
        there is not one position for each image of a stack.
    TypeError
        If labels are not integers.
    """
    is_stack = image.data.ndim == 3
    if labels is not None and (segmap is None or is_stack or init_params is not None):
        raise ValueError(
            "labels must be those of the segmentation map of one image, without "
            "init_params"
        )
    if segmap is None or is_stack or init_params is not None:
        sources = _at_positions(image, init_params)
        return sources if segmap is None else _labelled(sources, segmap, image)
    stats = _Segments(segmap, image)
    wanted = stats.labels if labels is None else _parse_labels(labels)
    n = len(wanted)
    nothing = Sources(wanted, *np.full((2, n), np.nan), wanted, np.zeros(n), 0)
    return stats.fill(nothing, recentre=True)


def _parse_labels(labels):
    labels = np.atleast_1d(np.asarray(labels))
    if labels.dtype.kind not in "iu" or labels.ndim != 1:
        raise TypeError(
            f"labels must be integers, got dtype {labels.dtype} of shape {labels.shape}"
        )
    return labels.astype(np.int64)


def _at_positions(image, init_params):
    ny, nx = image.data.shape[-2:]
    is_stack = image.data.ndim == 3
    n = len(image.data) if is_stack else 1
    if init_params is None:
        init_params = np.tile([(nx - 1) / 2, (ny - 1) / 2], (n, 1))
    wcs = None if is_stack else image.wcs
    ids, x, y, _ = parse_positions(init_params, wcs)
    if is_stack and len(x) != n:
        raise ValueError(
            f"init_params must have a row for each image of the stack, {n}, "
            f"got {len(x)}"
        )
    return Sources(ids, x, y, None, np.zeros(len(x)), np.zeros(len(x), int))


def _labelled(sources, segmap, image):
    """Give the galaxies at positions the labels that they stand on."""
    ny, nx = segmap.shape[-2:]
    inside = np.isfinite(sources.x) & np.isfinite(sources.y)
    column = np.rint(np.where(inside, sources.x, -1)).astype(int)
    row = np.rint(np.where(inside, sources.y, -1)).astype(int)
    inside = (column >= 0) & (column < nx) & (row >= 0) & (row < ny)
    column, row = np.where(inside, column, 0), np.where(inside, row, 0)
    plane = np.arange(len(column)) if segmap.ndim == 3 else ()
    labels = segmap[(plane, row, column) if segmap.ndim == 3 else (row, column)]
    labels = np.where(inside, labels, 0)
    own_type = labels.astype(segmap.dtype)[:, np.newaxis, np.newaxis]
    labels = labels.astype(np.int64)
    sources = sources._replace(labels=labels)
    if segmap.ndim == 2:
        return _Segments(segmap, image).fill(sources, inside=inside)
    own = (segmap == own_type) & (own_type > 0)
    return _fill_stack(sources, own, inside)


def _fill_stack(sources, own, inside):
    rows, columns = own.any(axis=2), own.any(axis=1)
    sides = [1 + _last(some) - np.argmax(some, axis=1) for some in (rows, columns)]
    edge = rows[:, 0] | rows[:, -1] | columns[:, 0] | columns[:, -1]
    bits = _bits(np.count_nonzero(own, axis=(1, 2)), edge, inside)
    return sources._replace(extent=np.maximum(*sides) / 2, flags=sources.flags | bits)


def _last(some):
    return some.shape[1] - 1 - np.argmax(some[:, ::-1], axis=1)


def _bits(area, at_edge, inside=True):
    # A position outside the image gets its own flag where the stamp is cut.
    bits = np.where((area == 0) & inside, flags.LABEL_MISSING, 0)
    bits |= np.where((area > 0) & (area < MIN_AREA), flags.SEGMENT_SMALL, 0)
    return bits | np.where((area > 0) & at_edge, flags.SEGMENT_AT_EDGE, 0)


class _Segments:
    """Areas, boxes and centres of light of all segments of one image's map."""

    def __init__(self, segmap, image):
        self._shape = segmap.shape
        where = np.flatnonzero(segmap)
        labels, number = np.unique(segmap.ravel()[where], return_inverse=True)
        self.labels = labels.astype(np.int64)
        compact = np.zeros(segmap.size, dtype=np.int32)
        compact[where] = number + 1
        self._boxes = find_objects(compact.reshape(segmap.shape))
        self._area = np.bincount(number, minlength=len(self.labels))
        values = image.data.ravel()[where]
        good = values > 0
        if image.mask is not None:
            good &= ~image.mask.ravel()[where]
        light = np.where(good, values, 0.0)
        total = np.bincount(number, light, minlength=len(self.labels))
        # Where there is no light, the centre of the segment's pixels.
        dark = total <= 0
        light[dark[number]] = 1.0
        total = np.where(dark, self._area, total)
        y, x = np.divmod(where, segmap.shape[1])
        self._x, self._y = (
            np.bincount(number, light * axis, minlength=len(self.labels)) / total
            for axis in (x, y)
        )

    def fill(self, sources, *, recentre=False, inside=True):
        """Give galaxies what is known of the segments of their labels."""
        place = np.searchsorted(self.labels, sources.labels)
        place = np.minimum(place, max(len(self.labels) - 1, 0))
        if len(self.labels) == 0:
            return sources._replace(flags=_bits(np.zeros(len(place), int), False))
        known = self.labels[place] == sources.labels
        area = np.where(known, self._area[place], 0)
        boxes = np.array(
            [[s.start for s in box] + [s.stop for s in box] for box in self._boxes]
        )[place]
        edge = (boxes[:, :2] == 0).any(axis=1)
        edge |= (boxes[:, 2:] == self._shape).any(axis=1)
        sides = (boxes[:, 2:] - boxes[:, :2]).max(axis=1)
        bits = sources.flags | _bits(area, edge, inside)
        sources = sources._replace(extent=np.where(known, sides / 2, 0), flags=bits)
        if recentre:
            x = np.where(known, self._x[place], np.nan)
            y = np.where(known, self._y[place], np.nan)
            sources = sources._replace(x=x, y=y)
        return sources
