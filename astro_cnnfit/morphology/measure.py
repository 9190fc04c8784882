# Licensed under a 3-clause BSD style license - see LICENSE
"""
From galaxies in images to columns of results, many at a time.

Galaxies are treated in chunks, some chunks at a time where there are cores for that.
One that turns out to be too large for its stamp is looked at again.
"""

from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise

import numpy as np
from tqdm import tqdm

from astro_cnnfit import flags
from astro_cnnfit.overlap import overlapped

from .results import empty_values
from .seen import see
from .stamps import SIZE, UNMEASURABLE, Prepared, finish

__all__ = ["Field", "measure"]

# Stamps prepared together: fewer cost more calls, more do not fit into a processor's
# cache.
_CHUNK = 128
# A galaxy is looked at again, at another scale, at most this often.
_MAX_ROUNDS = 4
# What a network says of a galaxy much larger than its stamp is a guess: the next
# stamp is at most this many times as large.
_GROWS = 4
# A network is made ready anew for each number of stamps, which takes as long as to
# see thousands: those few that are looked at again are seen in these numbers.
_AT_LEAST = 8
# Largest Petrosian radius that fits a stamp, relative to its width: 33 pixels of
# 101, so that the aperture of 1.5 radii is inside.
_FITS = 1 / 3
# Stamps are centred anew on galaxies that are farther off, in stamp pixels, but
# never moved farther from where the user said they are: beyond lies another.
_OFF_CENTRE, _MAX_SHIFT = 1.5, 4.0
# A galaxy that reaches farther than this, relative to the stamp's width, leaves too
# little sky.
_FILLS = 0.3
# A galaxy may be larger than its stamp if its own pixels are found out to here,
# relative to the stamp's width; a profile that does not end, out to there.
# Otherwise it did not rise out of the noise far enough to tell.
_MAY_BE_LARGE, _GOES_ON = 0.12, 0.2
_PREPARED = {
    "x_centroid": "x_centroid",
    "y_centroid": "y_centroid",
    "local_bkg": "sky",
    "local_bkg_err": "sky_err",
}


@dataclass(frozen=True)
class Field:
    """What is measured, and how its stamps are cut."""

    image: object
    """An `~astro_cnnfit.inputs.Image`."""
    segmap: object
    """`~numpy.ndarray` of int, or None."""
    sources: object
    """`~astro_cnnfit.morphology.segments.Sources`."""
    average: bool = True
    """Whether galaxies larger than a stamp are averaged over blocks of pixels;
    otherwise they get larger stamps."""
    subtract_sky: bool = True
    """Whether the sky around each galaxy is subtracted."""
    seed: int = 0
    """Of what is drawn for the pixels of other sources."""
    step: int = 2
    """Every so manieth pixel of the sky is used."""
    keep_masks: bool = True
    """Whether the method looks at masks."""
    clean: bool = True
    """Whether sources that are found without a map are replaced."""
    view: float = 1.0
    """Side of the part of the image that is looked at, relative to that of the
    segment's box."""

    def prepared(self, rows, scale, *, centred=False):
        """
        Stamps of some galaxies.

        Parameters
        ----------
        rows : `~numpy.ndarray`
            (N,) which of them.
        scale : `~numpy.ndarray`
            (N,) factors of averaging or, all of them equal, of size.
        centred : bool
            Whether to centre the stamps of one image on the light where it is far
            from them.

        Returns
        -------
        prepared : `~astro_cnnfit.morphology.stamps.Prepared`
        x, y : `~numpy.ndarray`
            (N,) where the stamps are centred.
        """
        size = SIZE if self.average else _size(scale[0])
        stamps = np.empty((len(rows), size, size), np.float32)
        order = np.argsort(scale, kind="stable")
        parts = []
        for start, stop in _runs(scale[order]):
            factor = int(scale[order[start]]) if self.average else 1
            part = self._prepared(
                rows[order[start:stop]], factor, centred, stamps[start:stop]
            )
            parts.append(part)
        found, x, y = zip(*parts, strict=True)
        found = Prepared.joined([part._replace(stamps=None) for part in found])
        found, x, y = found._replace(stamps=stamps), np.hstack(x), np.hstack(y)
        if scale[order[0]] == scale[order[-1]]:
            return found, x, y
        back = np.argsort(order)
        return found.rows(back), x[back], y[back]

    def _prepared(self, rows, factor, centred, out):
        sources = self.sources
        if self.image.data.ndim == 2:
            sources, rows = sources.some(rows), np.arange(len(rows))
        seen = self._see(sources, rows, len(out[0]), factor, out)
        if centred and self.image.data.ndim == 2:
            sources = self._centred(sources, seen)
        sky = self._sky(sources, rows, seen)
        prepared = finish(
            seen, sky, subtract_sky=self.subtract_sky, seed=self.seed,
            keep_masks=self.keep_masks, clean=self.clean or self.segmap is not None,
        )  # fmt: skip
        return prepared, sources.x[rows], sources.y[rows]

    def _see(self, sources, rows, size, factor, out=None):
        return see(
            self.image, self.segmap, sources, rows, size=size, factor=factor,
            step=self.step, out=out,
        )  # fmt: skip

    def _centred(self, sources, seen):
        """Centre stamps on the light where it is far from them, once, in images."""
        factor = seen.factor
        _, x, y = seen.light(np.nan_to_num(seen.sky.level))
        found = np.stack([x, y])
        start = np.stack([sources.x, sources.y])
        with np.errstate(invalid="ignore"):
            far = np.abs(found - np.floor(start + 0.5)) > _OFF_CENTRE * factor
        moved = np.flatnonzero(far.any(axis=0) & np.isfinite(found).all(axis=0))
        if moved.size == 0:
            return sources
        reach = _MAX_SHIFT * factor
        start[:, moved] = np.clip(found, start - reach, start + reach)[:, moved]
        sources = sources._replace(x=start[0], y=start[1])
        seen.replace(moved, self._see(sources, moved, seen.data.shape[1], factor))
        return sources

    def _sky(self, sources, rows, seen):
        """Sky of stamps; of larger ones where a galaxy fills its own."""
        size = seen.data.shape[1]
        large = np.flatnonzero(seen.reach > _FILLS * size)
        if large.size == 0 or max(self.image.data.shape[-2:]) <= size * seen.factor:
            return seen.sky
        # What such a galaxy leaves of its stamp is no longer sky.
        width = _size(2) * size // SIZE | 1
        wide = self._see(sources, rows[large], width, seen.factor)
        zero, scale = seen.zero[large], seen.scale[large]
        level, level_err, sigma = np.full((3, len(seen.zero)), np.nan)
        level[large] = (wide.sky.level * wide.scale + wide.zero - zero) / scale
        level_err[large] = wide.sky.level_err * wide.scale / scale
        sigma[large] = wide.noise * wide.scale / scale
        known = np.isfinite(level) & np.isfinite(sigma)
        if self.image.error is None:
            seen.noise[known] = sigma[known]
        return seen.sky.elsewhere(level, level_err, sigma)

    def limit(self):
        """Scale at which a stamp covers the image: there is no more to be seen."""
        return max(1, -(-max(self.image.data.shape[-2:]) // SIZE))


def _size(scale):
    return (SIZE - 1) * int(scale) + 1


def _runs(scale):
    """Where runs of equal scales start and stop, cut into chunks."""
    bounds = [0, *(np.flatnonzero(np.diff(scale)) + 1), len(scale)]
    for first, last in pairwise(bounds):
        chunk = max(1, _CHUNK // int(scale[first]) ** 2)
        for start in range(first, last, chunk):
            yield start, min(start + chunk, last)


def measure(field, method, *, batch_size=512, progress_bar=False):
    """
    Measure all galaxies of a field.

    Parameters
    ----------
    field : `Field`
        The galaxies.
    method : callable
        One of `astro_cnnfit.morphology.methods`.
    batch_size : int
        Galaxies that are measured together.
    progress_bar : bool
        Whether to show one.

    Returns
    -------
    dict of `~numpy.ndarray`
        As `~astro_cnnfit.morphology.results.empty_values` makes them.
    """
    n = len(field.sources.x)
    values, reach = empty_values(n), np.zeros(n)
    limit = field.limit()
    scale = np.ceil(field.view * field.sources.extent / (SIZE // 2)).astype(int)
    scale = np.clip(scale, 1, limit)
    pending = _in_order(field)
    with tqdm(total=n, disable=not progress_bar, unit="galaxy") as bar:
        for again in range(_MAX_ROUNDS):
            chunks = list(_chunks(pending, scale, batch_size, field.average, again))
            look = partial(_look, field, method, again == 0)
            x, y = field.sources.x.copy(), field.sources.y.copy()
            with closing(overlapped(look, chunks)) as looks:
                for (rows, _), found in zip(chunks, looks, strict=True):
                    reach[rows], x[rows], y[rows] = found.pop("place")
                    for name, column in found.items():
                        values[name][rows] = column
                    bar.update(0 if again else len(rows))
            field = replace(field, sources=field.sources._replace(x=x, y=y))
            larger = np.minimum(_wanted(values, scale, reach), limit)
            pending = np.flatnonzero(larger > scale)
            scale = np.maximum(larger, scale)
            if pending.size == 0:
                break
    lost = (values["flags"] & UNMEASURABLE) > 0
    for name in ("x_centroid", "y_centroid"):
        values[name][lost] = np.nan
    return values


def _in_order(field):
    """All galaxies; those of an image so that neighbours follow one another."""
    n = len(field.sources.x)
    if field.image.data.ndim == 3 or n <= _CHUNK:
        return np.arange(n)
    return np.argsort(field.sources.y, kind="stable")


def _chunks(rows, scale, batch_size, together, again):
    """Rows in chunks, and their scales: of one each unless they go together."""
    if rows.size == 0:
        return
    if together and again:
        # Some twice, rather than a number of them that the network never saw.
        at_least = min(_AT_LEAST, batch_size)
        rows = np.resize(rows, -(-len(rows) // at_least) * at_least)
    groups = [rows]
    if not together:
        groups = [rows[scale[rows] == one] for one in np.unique(scale[rows])]
    for same in groups:
        for start in range(0, len(same), batch_size):
            some = same[start : start + batch_size]
            yield some, scale[some]


def _look(field, method, first, chunk):
    """Measure galaxies at some scales; columns, how far they reach, and where."""
    prepared, x, y = field.prepared(*chunk, centred=first)
    found = method(prepared)
    found |= {name: getattr(prepared, part) for name, part in _PREPARED.items()}
    # The noise of averages of white noise, put back to that of a pixel.
    found["sky_sigma"] = prepared.sky_sigma * prepared.factor
    found["block_factor"] = prepared.factor
    return found | {"place": (prepared.reach * prepared.factor, x, y)}


def _wanted(values, scale, reach):
    """Scales at which galaxies fit their stamps."""
    with np.errstate(invalid="ignore"):
        wanted = np.ceil(values["rpetro_ellip"] / (_FITS * SIZE))
        large = np.nan_to_num(wanted, nan=1.0).clip(1, 1e6).astype(int)
    large = np.where(reach > _MAY_BE_LARGE * SIZE * scale, large, 1)
    large = np.minimum(large, _GROWS * scale)
    # A profile that does not end within the stamp goes on beyond.
    endless = values["flags"] & (flags.NO_PETROSIAN | flags.NO_BACKGROUND) > 0
    endless &= (values["flags"] & UNMEASURABLE) == 0
    endless &= reach > _GOES_ON * SIZE * scale
    return np.where(endless, np.maximum(large, 2 * scale), large)
