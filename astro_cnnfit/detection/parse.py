# Licensed under a 3-clause BSD style license - see LICENSE
"""Everything that may say where the objects of an image are."""

import os
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from astropy.table import QTable, Table
from photutils.segmentation import SegmentationImage, SourceCatalog

from astro_cnnfit.inputs import parse_image, parse_positions
from astro_cnnfit.inputs.paths import refuse_path

from .catalog import segment_table
from .finder import GalaxyFinder
from .segments import smoothed
from .sky import measure_sky

__all__ = ["Catalogue", "Found", "Labels", "parse_finder"]

ACCEPTED = (
    "a callable as finder(data, mask=mask), a segmentation image (a SegmentationImage "
    "or an array of integers), a table of positions, a SourceCatalog, 'default' or None"
)
# As in `GalaxyFinder`.
_BOX_SIZE, _FWHM = 128, 3.5


@dataclass(frozen=True, eq=False)
class Found:
    """What a callable of a user finds; it is not told the errors."""

    function: Callable

    def __call__(self, data, mask=None, error=None):
        """Call it; None stands for nothing found."""
        del error
        table = self.function(data, mask=mask)
        return np.empty((0, 2)) if table is None else table


@dataclass(frozen=True, eq=False)
class Catalogue:
    """A table of positions that was made before."""

    table: Table

    def __call__(self, data, mask=None, error=None):
        """Return the table, whatever the image."""
        del data, mask, error
        return self.table


@dataclass(frozen=True, eq=False)
class Labels:
    """The segments of a segmentation image that was made before."""

    labels: np.ndarray

    def __call__(self, data, mask=None, error=None):
        """
        Describe the segments of an image.

        Parameters
        ----------
        data, mask, error
            As for `GalaxyFinder`.

        Returns
        -------
        `~astropy.table.QTable`
            With the columns of `GalaxyFinder`; ``id`` is the label.

        Raises
        ------
        ValueError
            If the image does not have the shape of the labels.
        """
        image = parse_image(data, mask=mask, error=error, find_blank=True)
        if image.data.shape != self.labels.shape:
            raise ValueError(
                "finder must be a segmentation image of the shape of data, "
                f"{image.data.shape}, got {self.labels.shape}"
            )
        bad = np.zeros(image.data.shape, bool) if image.mask is None else image.mask
        pixels = np.where(bad, 0.0, image.data)
        sky = measure_sky(pixels, bad | (self.labels > 0), _BOX_SIZE)
        light = np.where(bad, 0.0, pixels - sky.level)
        snr = smoothed(light, (~bad).astype(np.float32), _FWHM)
        seen = np.where(bad, 0, self.labels)
        return segment_table(light, snr, seen, image.unit)


def parse_finder(finder):
    """
    Take what says where the objects of an image are.

    Parameters
    ----------
    finder : callable, `~photutils.segmentation.SegmentationImage`, array_like of int, \
`~astropy.table.Table`, `~photutils.segmentation.SourceCatalog`, 'default', bool or None
        A callable is called as ``finder(data, mask=mask)`` and returns a table of
        positions, or None. ``'default'`` or True is `GalaxyFinder` with its defaults.
        A segmentation image has the shape of the data and 0 where there is no object.

    Returns
    -------
    callable or None
        Called as ``finder(data, mask=mask, error=error)`` it returns what
        `~astro_cnnfit.inputs.parse_positions` takes. None for None and False.

    Raises
    ------
    TypeError
        If it is none of these.
    ValueError
        If a text is not ``'default'``, a table has no positions, or labels are
        negative or not two-dimensional.
    """
    if finder is None or finder is False:
        return None
    if finder is True:
        return GalaxyFinder()
    if isinstance(finder, str | os.PathLike):
        if finder != "default":
            # A name that ends as those of files do is not a misspelt word.
            if not isinstance(finder, str) or os.path.splitext(finder)[1]:
                refuse_path(finder, "finder")
            raise ValueError(f"finder must be {ACCEPTED}, got {finder!r}")
        return GalaxyFinder()
    if isinstance(finder, GalaxyFinder | Found | Catalogue | Labels):
        return finder
    if isinstance(finder, SegmentationImage):
        return Labels(finder.data.copy())
    if isinstance(finder, SourceCatalog):
        return Catalogue(_from_source_catalog(finder))
    if isinstance(finder, Table) or hasattr(finder, "to_numpy"):
        return _from_table(finder)
    if isinstance(finder, list | np.ndarray):
        return _from_array(finder)
    if not callable(finder) or isinstance(finder, type):
        name = finder.__name__ if isinstance(finder, type) else type(finder).__name__
        kind = "the class " if isinstance(finder, type) else ""
        raise TypeError(f"finder must be {ACCEPTED}, got {kind}{name}")
    return Found(finder)


def _from_table(finder):
    try:
        parse_positions(finder)
    except (TypeError, ValueError) as error:
        message = str(error).replace("init_params", "finder")
        raise type(error)(message) from None
    return Catalogue(finder.copy())


def _from_source_catalog(catalogue):
    # photutils 3.0 renamed what it measures.
    names = ("x_centroid", "y_centroid")
    if not hasattr(type(catalogue), names[0]):
        names = ("xcentroid", "ycentroid")
    x, y = (np.atleast_1d(getattr(catalogue, name)) for name in names)
    labels = np.atleast_1d(catalogue.labels)
    return QTable({"id": labels, "x_centroid": x, "y_centroid": y})


def _from_array(finder):
    labels = np.asarray(finder)
    if labels.dtype.kind not in "iu":
        raise TypeError(
            "finder must hold integers where it is an array, a segmentation image (for "
            f"positions there are init_params), got dtype {labels.dtype}"
        )
    if labels.ndim != 2 or labels.size == 0 or labels.min() < 0:
        raise ValueError(
            "finder must be a segmentation image (ny, nx) without negative labels, got "
            f"shape {labels.shape}"
        )
    return Labels(labels.copy())
