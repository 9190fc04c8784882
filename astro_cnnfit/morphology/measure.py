# Licensed under a 3-clause BSD style license - see LICENSE
"""
From galaxies in images to columns of results, many at a time.

Galaxies are treated in chunks that share one scale, some chunks at a time where there
are cores for that. One that turns out to be too
large for its stamp, or far from the stamp's centre, is looked at again.
"""

from contextlib import closing
from dataclasses import dataclass
from functools import partial

import numpy as np
from tqdm import tqdm

from astro_cnnfit import flags
from astro_cnnfit.overlap import overlapped

from .results import empty_values
from .stamps import SIZE, UNMEASURABLE, Prepared, prepare

__all__ = ["Field", "measure"]

# Stamps prepared together: more no longer fit into a processor's cache.
_CHUNK = 64
# A galaxy is looked at again, at another scale or place, at most this often.
_MAX_ROUNDS = 4
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

    def prepared(self, rows, scale):
        """Stamps of some galaxies at a scale: factor of averaging or of size."""
        chunk = max(1, _CHUNK // scale**2)
        parts = [
            self._prepared(rows[start : start + chunk], scale)
            for start in range(0, len(rows), chunk)
        ]
        return Prepared.joined(parts)

    def _prepared(self, rows, scale):
        size, factor = (SIZE, scale) if self.average else (_size(scale), 1)
        found = self._cut(rows, size, factor)
        large = np.flatnonzero(found.reach > _FILLS * size)
        if large.size and max(self.image.data.shape[-2:]) > size * factor:
            # What a galaxy leaves of its stamp is no longer sky.
            wide = self._cut(rows[large], _size(2) * size // SIZE | 1, factor)
            found.replace(large, self._cut(rows[large], size, factor, sky_from=wide))
        return found

    def _cut(self, rows, size, factor, sky_from=None):
        return prepare(
            self.image, self.segmap, self.sources, rows, size=size, factor=factor,
            subtract_sky=self.subtract_sky, seed=self.seed, step=self.step,
            keep_masks=self.keep_masks, sky_from=sky_from, clean=self.clean,
        )  # fmt: skip

    def limit(self):
        """Scale at which a stamp covers the image: there is no more to be seen."""
        return max(1, -(-max(self.image.data.shape[-2:]) // SIZE))


def _size(scale):
    return (SIZE - 1) * scale + 1


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
    pending = np.arange(n)
    with tqdm(total=n, disable=not progress_bar, unit="galaxy") as bar:
        for again in range(_MAX_ROUNDS):
            chunks = list(_chunks(pending, scale, batch_size))
            look = partial(_look, field, method)
            with closing(overlapped(look, chunks)) as looks:
                for (rows, _), found in zip(chunks, looks, strict=True):
                    reach[rows] = found.pop("reach")
                    for name, column in found.items():
                        values[name][rows] = column
                    bar.update(0 if again else len(rows))
            larger = np.minimum(_wanted(values, scale, reach), limit)
            moved, field = _recentred(field, values, scale, first=again == 0)
            pending = np.flatnonzero((larger > scale) | moved)
            scale = np.maximum(larger, scale)
            if pending.size == 0:
                break
    lost = (values["flags"] & UNMEASURABLE) > 0
    for name in ("x_centroid", "y_centroid"):
        values[name][lost] = np.nan
    return values


def _chunks(rows, scale, batch_size):
    """Rows in chunks of one scale each."""
    for one in np.unique(scale[rows]).tolist():
        same = rows[scale[rows] == one]
        for start in range(0, len(same), batch_size):
            yield same[start : start + batch_size], one


def _look(field, method, chunk):
    """Measure galaxies at a scale; columns, and how far they reach."""
    rows, scale = chunk
    prepared = field.prepared(rows, scale)
    found = method(prepared)
    found |= {name: getattr(prepared, part) for name, part in _PREPARED.items()}
    # The noise of averages of white noise, put back to that of a pixel.
    found["sky_sigma"] = prepared.sky_sigma * prepared.factor
    found["block_factor"] = prepared.factor
    return found | {"reach": prepared.reach * prepared.factor}


def _wanted(values, scale, reach):
    """Scales at which galaxies fit their stamps."""
    with np.errstate(invalid="ignore"):
        wanted = np.ceil(values["rpetro_ellip"] / (_FITS * SIZE))
        large = np.nan_to_num(wanted, nan=1.0).clip(1, 1e6).astype(int)
    large = np.where(reach > _MAY_BE_LARGE * SIZE * scale, large, 1)
    # A profile that does not end within the stamp goes on beyond.
    endless = values["flags"] & (flags.NO_PETROSIAN | flags.NO_BACKGROUND) > 0
    endless &= (values["flags"] & UNMEASURABLE) == 0
    endless &= reach > _GOES_ON * SIZE * scale
    return np.where(endless, np.maximum(large, 2 * scale), large)


def _recentred(field, values, scale, first):
    """Centres moved to the light where it is far from them, once, in images."""
    sources = field.sources
    moved = np.zeros(len(scale), bool)
    if not first or field.image.data.ndim == 3 or len(scale) == 0:
        return moved, field
    found = np.column_stack([values["x_centroid"], values["y_centroid"]])
    start = np.column_stack([sources.x, sources.y])
    reach = scale[:, np.newaxis]
    with np.errstate(invalid="ignore"):
        far = np.abs(found - np.floor(start + 0.5)) > _OFF_CENTRE * reach
    moved = far.any(axis=1) & np.isfinite(found).all(axis=1)
    new = np.clip(found, start - _MAX_SHIFT * reach, start + _MAX_SHIFT * reach)
    x, y = np.where(moved[:, np.newaxis], new, start).T
    return moved, Field(**{**vars(field), "sources": sources._replace(x=x, y=y)})
