# Licensed under a 3-clause BSD style license - see LICENSE
"""
From positions to Sersic parameters, many at a time.

Nothing here loops over galaxies: they are treated in chunks that share one
block-averaging factor, some chunks at a time where there are cores for that. A galaxy
that turns out to be too large for its stamp, or far from the stamp's centre, is looked
at again.
"""

from contextlib import closing
from dataclasses import fields

import numpy as np
from tqdm import tqdm

from astro_cnnfit.cutouts import cut_stamps
from astro_cnnfit.inputs import Image
from astro_cnnfit.overlap import overlapped

from .border import image_sky
from .looks import measure_stamps
from .results import Measurement
from .scales import Scales

__all__ = ["measure"]

# Stamps treated together, rounded to whole batches: more no longer fit into a
# processor's cache, and the work around the network takes half as long again.
_CHUNK = 1024
# A galaxy is looked at again, at another scale or place, at most this often.
_MAX_ROUNDS = 5


def measure(
    network, image, x, y, psfs, *, r_eff=None, sky=None, statistics=False,
    refine=False, batch_size=512, progress_bar=False,
):  # fmt: skip
    """
    Measure galaxies at given positions.

    Parameters
    ----------
    network : `~astro_cnnfit.weights.Network`
        What measures.
    image : `~astro_cnnfit.inputs.Image`
        One image, or a stack with one galaxy each.
    x, y : `~numpy.ndarray`
        (N,) positions in pixels of the image, or of each image of the stack.
    psfs : `~numpy.ndarray` or None
        (N or 1, k, k).
    r_eff : `~numpy.ndarray`, optional
        (N,) rough sizes in pixels, NaN where unknown: they save the first look
        at galaxies that are larger than a stamp.
    sky : float, optional
        What the sky's level is thought to be; by default the image tells.
    statistics : bool
        Whether to render the models and compare them with the data.
    refine : bool or 'map'
        Whether to refine what the network says, and how.
    batch_size : int
        Stamps that the network sees together.
    progress_bar : bool
        Whether to show one.

    Returns
    -------
    `~astro_cnnfit.sersic.results.Measurement`
    """
    size = network.stamp_size
    result = Measurement.empty(len(x))

    def look(chunk):
        rows, scale = chunk
        return measure_stamps(
            network,
            _cut(image, scales.centre, rows, size, scale),
            psfs if psfs is None or len(psfs) == 1 else psfs[rows],
            sky,
            batch_size=batch_size,
            statistics=statistics,
            refine=refine,
        )

    if sky is None:
        sky = image_sky(image, size)
    scales = Scales(image, x, y, r_eff, sky, size)
    pending = np.arange(len(x))
    with tqdm(total=len(x), disable=not progress_bar, unit="galaxy") as bar:
        for again in range(_MAX_ROUNDS):
            chunks = list(_chunks(pending, scales.factor, batch_size))
            with closing(overlapped(look, chunks)) as parts:
                for (rows, _), part in zip(chunks, parts, strict=True):
                    for field in fields(Measurement):
                        getattr(result, field.name)[rows] = getattr(part, field.name)
                    bar.update(0 if again else len(rows))
            pending = scales.after(result)
            if pending.size == 0:
                break
    result.passes[:] = 1
    return result


def _chunks(rows, factor, batch_size):
    """Rows in chunks of one factor each."""
    step = batch_size * max(1, _CHUNK // batch_size)
    for scale in np.unique(factor[rows]).tolist():
        same = rows[factor[rows] == scale]
        for start in range(0, len(same), step):
            yield same[start : start + step], scale


def _cut(image, centre, rows, size, factor):
    x, y = centre[rows].T
    if image.data.ndim == 2:
        return cut_stamps(image, x, y, size=size, factor=factor)
    # A run of whole images is cut without copying it.
    planes = rows
    if rows[-1] - rows[0] == len(rows) - 1:
        some = slice(rows[0], rows[-1] + 1)
        mask, error = (
            None if array is None else array[some]
            for array in (image.mask, image.error)
        )
        image, planes = Image(image.data[some], mask, error), rows - rows[0]
    return cut_stamps(image, x, y, size=size, factor=factor, planes=planes)
