# Licensed under a 3-clause BSD style license - see LICENSE
"""Stamps of galaxies, and what a segmentation map says of their pixels."""

import numpy as np

from astro_cnnfit.cutouts import cut_stamps, cut_windows
from astro_cnnfit.inputs import Image

__all__ = ["cut_sources"]


def cut_sources(image, segmap, sources, rows, size, factor):
    """
    Cut the stamps of some galaxies.

    Parameters
    ----------
    image : `~astro_cnnfit.inputs.Image`
        One image or a stack.
    segmap : `~numpy.ndarray` or None
        Labels, of the image's shape.
    sources : `~astro_cnnfit.morphology.segments.Sources`
        All galaxies of the call.
    rows : `~numpy.ndarray`
        (N,) which of them.
    size : int
        Pixels on a side of the stamps, odd.
    factor : int
        Side of the blocks of pixels that are averaged.

    Returns
    -------
    cut : `~astro_cnnfit.cutouts.Stamps`
    own, others : `~numpy.ndarray` of bool
        (N, size, size), the galaxies' own pixels and those of other sources; None
        without a map.
    """
    x, y = sources.x[rows], sources.y[rows]
    planes = None
    if image.data.ndim == 3:
        image, segmap, planes = _planes(image, segmap, rows)
    how = {"size": size, "factor": factor, "planes": planes}
    if segmap is None:
        return cut_stamps(image, x, y, **how), None, None
    labels = cut_windows(segmap, x, y, **how)
    wanted = sources.labels[rows].astype(labels.dtype)[:, np.newaxis, np.newaxis]
    labelled = labels > 0
    own = (labels == wanted) & labelled
    others = labelled & ~own
    if factor == 1:
        return cut_stamps(image, x, y, **how), own, others
    return _averaged(image, own, others, (x, y), how)


def _averaged(image, own, others, position, how):
    """The same for blocks; pixels of other sources do not enter their means."""
    parts = [
        None if array is None else cut_windows(array, *position, **how, beyond=beyond)
        for array, beyond in (
            (image.data, np.nan), (image.mask, True), (image.error, np.nan),
        )
    ]  # fmt: skip
    data, mask, error = parts
    mask = others | (~np.isfinite(data) if mask is None else mask)
    size, factor = how["size"], how["factor"]
    middle = np.full(len(data), (data.shape[1] - 1) / 2)
    stack = Image(data, mask, error)
    cut = cut_stamps(
        stack, middle, middle, size=size, factor=factor, planes=np.arange(len(data))
    )
    # Places and edges are those in the image itself.
    real = cut_stamps(image, *position, **how)
    covered, own = (
        pixels.reshape(-1, size, factor, size, factor).mean(axis=(2, 4))
        for pixels in (others, own)
    )
    others = cut.mask & (covered > 0) & ~real.mask
    cut = real._replace(data=cut.data, error=cut.error, mask=cut.mask & ~others)
    return cut, own >= 0.5, others


def _planes(image, segmap, rows):
    """The images of some rows of a stack, without a copy if they are a run."""
    if rows.size and rows[-1] - rows[0] == len(rows) - 1:
        some, planes = slice(rows[0], rows[-1] + 1), rows - rows[0]
        data, mask, error, segmap = (
            None if array is None else array[some]
            for array in (image.data, image.mask, image.error, segmap)
        )
        return Image(data, mask, error), segmap, planes
    return image, segmap, rows
