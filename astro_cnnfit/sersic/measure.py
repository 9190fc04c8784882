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

from astro_cnnfit.cutouts import (
    block_factor,
    cut_stamps,
    estimate_half_light_radius,
)
from astro_cnnfit.cutouts.sizes import divisible_factor
from astro_cnnfit.inputs import Image
from astro_cnnfit.overlap import overlapped
from astro_cnnfit.parameters import NAMES

from .border import image_sky
from .looks import measure_stamps
from .results import Measurement

__all__ = ["measure"]

# Stamps treated together, rounded to whole batches: more no longer fit into a
# processor's cache, and the work around the network takes half as long again.
_CHUNK = 1024
# A galaxy is looked at again, at another scale or place, at most this often.
_MAX_ROUNDS = 5
# R_eff as a fraction of a stamp's width, from which on pixels are averaged: 7.6
# pixels of 61, so that the stamp reaches out to 4 R_eff. On simulated Sersic
# galaxies of high S/N it pays from 9 pixels on; a real one of 8 pixels that is no
# Sersic profile (HSC 3 of the benchmark) needs the larger field.
_LARGE = 1 / 8
# Sky in excess of the image's, in sky noises, that may be a large galaxy's light.
_EXCESS = 0.5
# Stamps are centred anew on galaxies that are farther off, in stamp pixels, but
# never moved farther from where the user said they are: beyond lies another.
_OFF_CENTRE, _MAX_SHIFT = 1.5, 4.0
_X, _Y, _R_EFF = (NAMES.index(name) for name in ("x_0", "y_0", "r_eff"))


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
            _cut(image, centre, rows, size, scale),
            psfs if psfs is None or len(psfs) == 1 else psfs[rows],
            sky,
            batch_size=batch_size,
            statistics=statistics,
            refine=refine,
        )

    if sky is None:
        sky = image_sky(image, size)
    # At this factor a stamp covers the image: there is no more to be seen.
    limit = divisible_factor(max(1, -(-max(image.data.shape[-2:]) // size)))
    factor = np.ones(len(x), dtype=int)
    if r_eff is not None:
        factor = _factor_for(r_eff, factor, size, limit)
    centre = np.column_stack([x, y])
    pending = np.arange(len(x))
    with tqdm(total=len(x), disable=not progress_bar, unit="galaxy") as bar:
        for again in range(_MAX_ROUNDS):
            chunks = list(_chunks(pending, factor, batch_size))
            with closing(overlapped(look, chunks)) as parts:
                for (rows, _), part in zip(chunks, parts, strict=True):
                    for field in fields(Measurement):
                        getattr(result, field.name)[rows] = getattr(part, field.name)
                    bar.update(0 if again else len(rows))
            seen = factor, centre
            sizes = result.params[:, _R_EFF]
            if limit > 1 and not again:
                sizes = np.fmax(sizes, _rough_sizes(result, image, x, y, sky, size))
            factor = _factor_for(sizes, factor, size, limit)
            if image.data.ndim == 2:
                centre = _recentred(result.params, centre, (x, y), factor)
            changed = (factor > seen[0]) | np.any(centre != seen[1], axis=1)
            pending = np.flatnonzero(changed)
            if pending.size == 0:
                break
    result.passes[:] = 1
    return result


def _factor_for(r_eff, factor, size, limit):
    """Side of the blocks that make galaxies small enough; never a smaller one."""
    with np.errstate(invalid="ignore"):
        large = r_eff > _LARGE * size * factor
    wanted = np.minimum(block_factor(r_eff, size=size), limit)
    return np.where(large, np.maximum(wanted, factor), factor)


def _rough_sizes(result, image, x, y, sky, size):
    """Sizes from growth curves, where there is light at the stamp's border."""
    sizes = np.full(len(x), np.nan)
    if image.data.ndim == 3:
        return sizes
    with np.errstate(invalid="ignore"):
        large = result.params[:, _R_EFF] > 0.5 * _LARGE * size
        bright = result.border_level - sky > _EXCESS * result.sky_sigma
    rows = np.flatnonzero(large | bright)
    if rows.size:
        sizes[rows] = estimate_half_light_radius(image, x[rows], y[rows], size=size)
    return sizes


def _recentred(params, centre, start, factor):
    """Centres of the stamps, moved where the galaxy is far from them."""
    found, reach = params[:, [_X, _Y]], factor[:, np.newaxis]
    with np.errstate(invalid="ignore"):
        far = np.any(np.abs(found - np.rint(centre)) > _OFF_CENTRE * reach, axis=1)
    start = np.column_stack(start)
    moved = np.clip(found, start - _MAX_SHIFT * reach, start + _MAX_SHIFT * reach)
    return np.where(far[:, np.newaxis], np.rint(moved), centre)


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
