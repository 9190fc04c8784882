# Licensed under a 3-clause BSD style license - see LICENSE
"""
Libraries of noise-free galaxies with their classical measures as labels.

They are drawn and measured in chunks, in as many processes as are asked for; a
folder keeps the chunks, so that a killed run goes on and a second one starts at
once. Real galaxies for calibration are sources that no training galaxy was made
from, and neither has any of the test sources.
"""

import logging
import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm.auto import tqdm

from astro_cnnfit.measures import latent_index
from astro_cnnfit.simulation.backgrounds import find_data
from astro_cnnfit.simulation.procedural import draw_procedural
from astro_cnnfit.simulation.real_galaxies import draw_real, load_sources
from astro_cnnfit.training.galaxies import Library

from .classical import label_stamps

__all__ = ["PARTS", "draw_library", "learnable", "libraries"]

log = logging.getLogger(__name__)

CHUNK = 500
# Petrosian radii, in pixels, that the networks learn.
SIZES = (3.5, 38.0)
# Least share of the stamp's light within 1.5 Petrosian radii, largest distance of
# the centre of least asymmetry from that of the stamp (pixels), largest asymmetry.
ENCLOSED, FARTHEST, LARGEST_ASYMMETRY = 0.9, 8.0, 1.2
# Every so many of the real training sources is kept for calibration.
_KEPT = 7
_HELD_OUT_SHARE = 0.06

PARTS = ("train", "held_out", "test")
"""For training, for the calibration of errors, and for benchmarks."""


class _Chunk(NamedTuple):
    kind: str
    part: str
    seed: int
    number: int

    @property
    def name(self):
        return f"{self.kind}-{self.part}-{self.seed}-{self.number:05d}.npz"


def libraries(config, folder=None, *, processes=1, progress_bar=False):
    """
    Libraries for a training run.

    Parameters
    ----------
    config : `~astro_cnnfit.training.TrainingConfig`
        ``galaxies``, ``priors`` and ``seed`` are taken from it.
    folder : path-like, optional
        Keeps the chunks.
    processes : int
        Processes that draw and measure.
    progress_bar : bool
        Show a bar.

    Returns
    -------
    train, held_out : `~astro_cnnfit.training.galaxies.Library`
    """
    held_out = max(int(config.galaxies * _HELD_OUT_SHARE), 200)
    arguments = {"processes": processes, "progress_bar": progress_bar}
    return tuple(
        draw_library(number, part, config.priors, config.seed, folder, **arguments)
        for number, part in ((config.galaxies, "train"), (held_out, "held_out"))
    )


def draw_library(
    number, part, shares, seed, folder=None, *, processes=1, progress_bar=False
):
    """
    Draw noise-free galaxies and measure them.

    Parameters
    ----------
    number : int
        Galaxies to draw; those that are not `learnable` are left out.
    part : {'train', 'held_out', 'test'}
        Sources and random numbers of the three differ.
    shares : dict
        Share of 'procedural' and 'real' galaxies. Without the real images
        (``ASTRO_CNNFIT_TEST_DATA``) all are procedural.
    seed : int
        Reproduces the library.
    folder : path-like, optional
        Keeps the chunks.
    processes : int
        Processes that draw and measure.
    progress_bar : bool
        Show a bar.

    Returns
    -------
    `~astro_cnnfit.training.galaxies.Library`

    Raises
    ------
    ValueError
        If the part or the shares are unknown.
    """
    if part not in PARTS:
        raise ValueError(f"part must be one of {', '.join(PARTS)}, got {part!r}")
    if set(shares) - {"procedural", "real"} or not shares:
        raise ValueError(
            f"shares must be of 'procedural' and 'real', got {sorted(shares)}"
        )
    if find_data() is None and "real" in shares:
        log.warning("no real galaxies: ASTRO_CNNFIT_TEST_DATA is not set")
        shares = {"procedural": 1.0}
    total = sum(shares.values())
    chunks = [
        _Chunk(kind, part, seed, place)
        for kind, share in shares.items()
        for place in range(-(-round(number * share / total) // CHUNK))
    ]
    if folder is not None:
        Path(folder).mkdir(parents=True, exist_ok=True)
    bar = {"total": len(chunks), "disable": not progress_bar, "unit": "chunk"}
    folders = [folder] * len(chunks)
    if processes == 1:
        parts = list(tqdm(map(_chunk, chunks, folders), **bar))
    else:
        with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
            parts = list(tqdm(pool.map(_chunk, chunks, folders), **bar))
    stamps, labels = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Library(stamps, labels)


def _chunk(chunk, folder):
    """Stamps and labels of one chunk, from the folder if it is there."""
    path = None if folder is None else Path(folder) / chunk.name
    if path is not None and path.is_file():
        with np.load(path) as file:
            return file["stamps"], file["labels"]
    seed = [chunk.seed, PARTS.index(chunk.part), chunk.number]
    rng = np.random.default_rng([*seed, chunk.kind == "real"])
    stamps = _DRAW[chunk.kind](rng, chunk.part)
    labels = label_stamps(stamps)
    good = learnable(stamps, labels)
    # Half precision with the brightest pixel at 1 keeps faint wings.
    peak = stamps[good].max(axis=(1, 2))
    stamps = (stamps[good] / peak[:, None, None]).astype(np.float16)
    labels = labels[good]
    labels[:, latent_index("log_snr")] -= np.log10(peak)
    if path is not None:
        partial = path.with_suffix(f".{os.getpid()}.npz")
        np.savez(partial, stamps=stamps, labels=labels)
        os.replace(partial, path)
    return stamps, labels


def learnable(stamps, labels):
    """
    Galaxies whose measures are those of the whole of what is on the stamp.

    Left out are sizes out of range and systems of which the Petrosian aperture
    holds only a part: detection would take the rest for a neighbour, and clean
    or deblend it.

    Parameters
    ----------
    stamps : `~numpy.ndarray`
        (N, size, size) noise-free.
    labels : `~numpy.ndarray`
        (N, 12), NaN where undefined.

    Returns
    -------
    `~numpy.ndarray` of bool
        (N,)
    """
    radius = 10 ** labels[:, latent_index("log_rpetro")]
    x, y = labels[:, latent_index("x")], labels[:, latent_index("y")]
    axis = np.arange(stamps.shape[1]) - (stamps.shape[1] - 1) / 2
    distance = np.hypot(axis - x[:, None, None], (axis - y[:, None])[:, :, None])
    inside = (stamps * (distance < 1.5 * radius[:, None, None])).sum(axis=(1, 2))
    with np.errstate(invalid="ignore"):
        return (
            np.isfinite(labels).all(axis=1)
            & (radius > SIZES[0])
            & (radius < SIZES[1])
            & (inside > ENCLOSED * stamps.sum(axis=(1, 2)))
            & (np.hypot(x, y) < FARTHEST)
            & (labels[:, latent_index("asymmetry")] < LARGEST_ASYMMETRY)
        )


def _draw_procedural(rng, part):
    del part
    return draw_procedural(rng, CHUNK)[0]


def _draw_real(rng, part):
    return draw_real(_sources(part), rng, CHUNK)[0]


_SOURCES = {}


def _sources(part):
    """Sources of a part, loaded once a process."""
    if not _SOURCES:
        folder = find_data()
        train = load_sources(folder, "train")
        kept = [place % _KEPT == 0 for place in range(len(train))]
        pairs = list(zip(train, kept, strict=True))
        _SOURCES["train"] = [source for source, keep in pairs if not keep]
        _SOURCES["held_out"] = [source for source, keep in pairs if keep]
        _SOURCES["test"] = load_sources(folder, "test")
    return _SOURCES[part]


_DRAW = {"procedural": _draw_procedural, "real": _draw_real}
