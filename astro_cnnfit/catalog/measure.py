# Licensed under a 3-clause BSD style license - see LICENSE
"""One task: from a tile and its rows to a part of the catalogue."""

import copy
import functools
import threading
import time
import warnings
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from astropy.table import Table
from astropy.utils.exceptions import AstropyUserWarning

from astro_cnnfit import flags

from .dataset import write_part
from .headers import read_header
from .loading import inference, load
from .merge import merge
from .pixels import read_tile
from .psfs import read_psf
from .settings import MEASURERS

__all__ = ["STAGES", "measure_task"]

STAGES = ("reading", "cutting", "inference", "writing")
"""On what time is spent; ``cutting`` is all that is neither of the others."""
_WITHOUT_INFERENCE = tuple(name for name in STAGES if name != "inference")

# One tile at a time uses the processor: where a process has more threads, the
# others read and write meanwhile.
_MEASURING = threading.Lock()
# Blocks of pixels up to which all that a galaxy's measurement looks at lies within
# the margin that is read around it, where not all of an image is.
_NEAR = {"sersic": 2, "cas": 1}
# Width of the stamps on which the width of a PSF is measured for morphology.
_PSF_SIZE = 41


def measure_task(task, settings, output):
    """
    Measure the galaxies of a tile and write them.

    Parameters
    ----------
    task : `~astro_cnnfit.catalog.tiles.Task`
        A tile and its rows.
    settings : `~astro_cnnfit.catalog.settings.Settings`
        What is measured and how.
    output : path-like
        Folder of the run.

    Returns
    -------
    dict
        Plain values, for the side file: ``task``, ``tile``, ``rows``, ``measured``
        (rows with a result), ``flags`` (how many rows have each, by column),
        ``seconds`` (by `STAGES`), ``cpu_seconds`` (processor time of this thread, by
        stage but ``inference``, which has threads of its own), ``looks`` (stamps that
        each network saw), ``bytes``, ``part`` (relative path; None for a
        task without rows, which writes none) and ``models``.

    Raises
    ------
    OSError
        If a file is missing or cannot be read, or the result cannot be written.
    ValueError
        If what was read does not fit together. Messages name the tile.
    """
    timer = _Timer()
    record = {"task": task.name, "tile": task.tile.name, "rows": len(task.rows)}
    if len(task.rows) == 0:
        with timer("reading"):
            read_header(task.tile)
        return record | {
            "measured": 0, "flags": {}, **timer.record(), "bytes": 0, "part": None,
            "models": settings.models,
        }  # fmt: skip
    with timer("reading"):
        image, is_whole = read_tile(task)
        psf = read_psf(task, settings)
        zeropoint = _zeropoint(task.tile, settings)
    init = _positions(task, image)
    measured = functools.partial(
        _measured, task, settings, init=init, psf=psf, zeropoint=zeropoint, timer=timer
    )
    tables, measurers = measured(image)
    if not is_whole and _reach_far(tables, measurers):
        with timer("reading"):
            image, _ = read_tile(task, whole=True)
        tables, _ = measured(image)
    with timer("writing"):
        table = merge(task, init, tables, settings, image.unit)
        path, size = write_part(table, output, task.name)
    return record | {
        "measured": _count_measured(table),
        "flags": _count_flags(table),
        **timer.record(),
        "bytes": size,
        "part": str(path.relative_to(Path(output))),
        "models": settings.models,
    }


class _Timer:
    """Adds up the time of each stage, and what networks saw meanwhile."""

    def __init__(self):
        self.seconds = dict.fromkeys(STAGES, 0.0)
        self.cpu_seconds = dict.fromkeys(_WITHOUT_INFERENCE, 0.0)
        self.looks = Counter()

    def record(self):
        return {name: dict(value) for name, value in vars(self).items()}

    @contextmanager
    def __call__(self, stage):
        start, cpu = time.perf_counter(), time.thread_time()
        try:
            yield
        finally:
            self.seconds[stage] += time.perf_counter() - start
            self.cpu_seconds[stage] += time.thread_time() - cpu

    @contextmanager
    def measuring(self):
        """All that is neither reading nor writing; networks are inference."""
        before = inference()
        try:
            with self("cutting"):
                yield
        finally:
            found = inference(before)
            self.seconds["inference"] += found.seconds
            self.seconds["cutting"] -= found.seconds
            self.cpu_seconds["cutting"] -= found.cpu_seconds
            self.looks.update(found.stamps)


def _zeropoint(tile, settings):
    """Zero-point of a tile: its own, that of its header or that of the settings."""
    if settings.sersic is None:
        return None
    value = tile.zeropoint
    if value is None:
        value = settings.sersic["zeropoint"]
    if not isinstance(value, str):
        return value
    cards = read_header(tile).cards
    found = cards.get(value)
    if isinstance(found, bool) or not isinstance(found, (int, float, np.number)):
        raise ValueError(
            f"tile {tile.name!r} {tile.path}: header has no number {value!r} to be the "
            f"zeropoint, got {found!r}"
        )
    return float(found)


def _measured(task, settings, image, *, init, psf, zeropoint, timer):
    """Tables of the measurers that are asked for, and the measurers, by name."""
    # Copies keep what a call leaves behind only as long as this task. To load the
    # networks is no part of any tile's time.
    measurers = {
        name: copy.copy(load(settings, name))
        for name in MEASURERS
        if getattr(settings, name) is not None
    }
    if "sersic" in measurers:
        measurers["sersic"].zeropoint = zeropoint
    tables = {}
    with _MEASURING, timer.measuring(), warnings.catch_warnings():
        # Rows without result have flags, which are counted.
        warnings.simplefilter("ignore", AstropyUserWarning)
        try:
            for name, measurer in measurers.items():
                tables[name] = _CALLS[name](measurer, settings, image, psf, init)
        except (TypeError, ValueError) as error:
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(f"tile {task.tile.name!r}: {error}") from error
    return tables, measurers


def _positions(task, image):
    rows, shape = task.rows, image.data.shape
    table = Table({"id": np.asarray(rows["id"])})
    for name, length in (("x", shape[-1]), ("y", shape[-2])):
        known = name in rows.colnames
        table[f"{name}_init"] = rows[name] if known else (length - 1) / 2
    return table


def _sersic(fitter, settings, image, psf, init):
    oversampling = settings.psf_oversampling
    return fitter(image, psf, init_params=init, psf_oversampling=oversampling)


def _cas(measurer, settings, image, psf, init):
    from astro_cnnfit.psf import as_psf_stamps

    if psf is not None and settings.psf_oversampling != 1:
        places = np.asarray(init["x_init"]), np.asarray(init["y_init"])
        psf = as_psf_stamps(
            psf, size=_PSF_SIZE, n=len(init), positions=places,
            oversampling=settings.psf_oversampling,
        )  # fmt: skip
    return measurer(image, init_params=init, psf=psf)


_CALLS = {"sersic": _sersic, "cas": _cas}


def _reach_far(tables, measurers):
    """Whether a galaxy's measurement looked farther than what was read around it."""
    if "cas" in tables and np.any(tables["cas"]["block_factor"] > _NEAR["cas"]):
        return True
    # Few galaxies, where not all of an image was read: a loop is quick enough.
    info = measurers["sersic"].fit_info if "sersic" in measurers else ()
    return any(row["block_factor"] > _NEAR["sersic"] for row in info)


def _count_measured(table):
    names = ("flux_fit", "concentration", "asymmetry", "gini")
    found = [np.isfinite(table[name]) for name in names if name in table.colnames]
    return int(np.any(found, axis=0).sum())


def _count_flags(table):
    counts = {}
    for column in ("flags", "flags_cas"):
        if column in table.colnames:
            bits = np.asarray(table[column])
            found = {f.name: int(np.sum((bits & f.bit) != 0)) for f in flags.FLAGS}
            counts[column] = {name: count for name, count in found.items() if count}
    return counts
