# Licensed under a 3-clause BSD style license - see LICENSE
"""
What the CASNET networks learn from: the classical values of noisy stamps.

Tohill et al. (2021) measured C and A on the very images that their networks
saw, so that what noise does to these measures is learned with them. The stamps
made here have the properties that they state of their sample: white noise, a
median S/N per pixel of 4.5 and none below 2, Petrosian radii above 5 pixels.
"""

import os
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm.auto import tqdm

from astro_cnnfit.simulation.observe_galaxies import IDEAL, observe

from .classical import measure_stamps
from .detection import find_sources
from .preparation import MIN_SNR, selected, unit_maximum_stamps

__all__ = ["CasnetGalaxies", "casnet_dataset", "draw_casnet", "draw_snr"]

# Mean and width of the logarithms of the S/N: without what is below 2, the median
# is 4.5, and less than 1 % lie above 20.
_LOG_SNR = 0.612, 0.27
_MEASURED = ("concentration", "asymmetry", "sn_per_pixel", "rpetro_ellip")
_CHUNK = 500


class CasnetGalaxies(NamedTuple):
    """Stamps and what was measured on them."""

    stamps: np.ndarray
    """(N, 60, 60) float16, the brightest pixel of each is 1."""
    measured: dict
    """(N,) each: ``concentration``, ``asymmetry``, ``sn_per_pixel`` and
    ``rpetro_ellip`` of the noisy stamps of 101 x 101 pixels."""
    truth: np.ndarray
    """(N, 12), the labels of the galaxies without noise, with the S/N that they
    were given."""


def draw_snr(rng, n):
    """
    Draw the S/N per pixel of a sample like the paper's.

    Parameters
    ----------
    rng : `numpy.random.Generator`
        Source of random numbers.
    n : int
        How many.

    Returns
    -------
    `~numpy.ndarray`
        (n,), log-normal with the median 4.5, those below 2 drawn again.
    """
    found = np.zeros(0)
    while len(found) < n:
        drawn = 10 ** rng.normal(*_LOG_SNR, 2 * n)
        found = np.concatenate([found, drawn[drawn > MIN_SNR]])
    return found[:n]


def casnet_dataset(galaxies, rng, n):
    """
    Noisy stamps with their classical measures.

    Parameters
    ----------
    galaxies : `~astro_cnnfit.training.galaxies.Library`
        Noise-free galaxies, (N, size, size), with their labels.
    rng : `numpy.random.Generator`
        Source of random numbers.
    n : int
        Stamps to make. Galaxies are taken in random order, again and again with
        other noise if there are fewer of them.

    Returns
    -------
    `CasnetGalaxies`
        At most ``n``: what the paper's selection leaves out, or whose measures are
        undefined, is missing.

    Raises
    ------
    ValueError
        If there are no galaxies or ``n`` is not positive.
    """
    if not len(galaxies.labels) or n < 1:
        raise ValueError(
            f"galaxies must not be empty and n must be positive, got "
            f"{len(galaxies.labels)} and {n}"
        )
    order = _order(rng, len(galaxies.labels), n)
    return _joined(
        [
            _chunk(galaxies, order[start : start + _CHUNK], rng)
            for start in range(0, n, _CHUNK)
        ]
    )


def draw_casnet(library, number, seed, folder=None, *, processes=1, progress_bar=False):
    """
    Make a large data set in several processes.

    Parameters
    ----------
    library : `~astro_cnnfit.training.galaxies.Library`
        Noise-free galaxies with their labels; each is used about equally often.
    number : int
        Stamps to make.
    seed : int
        Reproduces them.
    folder : path-like, optional
        Keeps the chunks: a killed run goes on, a second one starts at once. A
        folder is for one library.
    processes : int
        Processes that make and measure them.
    progress_bar : bool
        Show a bar.

    Returns
    -------
    `CasnetGalaxies`
        At most ``number``, as for `casnet_dataset`.
    """
    if folder is not None:
        Path(folder).mkdir(parents=True, exist_ok=True)
    order = _order(np.random.default_rng(seed), len(library.labels), number)
    chunks = [order[start : start + _CHUNK] for start in range(0, number, _CHUNK)]

    def task(place):
        rows = chunks[place]
        part = type(library)(library.stamps[rows], library.labels[rows])
        path = folder and Path(folder) / f"{seed}-{place:05d}-{len(rows)}.npz"
        return part, [seed, place], path

    bar = tqdm(total=len(chunks), disable=not progress_bar, unit="chunk")
    parts = []
    with _mapper(processes) as mapped:
        # A few at a time: what waits for a process is a copy of its galaxies.
        for start in range(0, len(chunks), 2 * processes):
            places = range(start, min(start + 2 * processes, len(chunks)))
            for part in mapped(_kept_chunk, map(task, places)):
                parts.append(part)
                bar.update()
    bar.close()
    return _joined(parts)


@contextmanager
def _mapper(processes):
    """Give `map`, or that of a pool of processes."""
    if processes == 1:
        yield map
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        yield pool.map


def _kept_chunk(task):
    """A chunk, from its file if that is there."""
    library, seed, path = task
    if path is not None and path.is_file():
        with np.load(path) as file:
            return (
                file["stamps"],
                {name: file[name] for name in _MEASURED},
                file["truth"],
            )
    rows = np.arange(len(library.labels))
    stamps, measured, truth = _chunk(library, rows, np.random.default_rng(seed))
    if path is not None:
        partial = path.with_suffix(f".{os.getpid()}.npz")
        np.savez(partial, stamps=stamps, truth=truth, **measured)
        os.replace(partial, path)
    return stamps, measured, truth


def _order(rng, number, n):
    """Rows of a library in random order, again and again until there are n."""
    passes = -(-n // max(number, 1))
    return np.concatenate([rng.permutation(number) for _ in range(passes)])[:n]


def _joined(parts):
    stamps, measured, truth = zip(*parts, strict=True)
    measured = {name: np.concatenate([m[name] for m in measured]) for name in _MEASURED}
    return CasnetGalaxies(np.concatenate(stamps), measured, np.concatenate(truth))


def _chunk(galaxies, rows, rng):
    seen = observe(
        np.asarray(galaxies.stamps[rows], np.float32), galaxies.labels[rows], rng,
        snr=draw_snr(rng, len(rows)), conditions=IDEAL,
    )  # fmt: skip
    own, _ = find_sources(seen.stamps)
    found = measure_stamps(seen.stamps, segments=own, sky_sigma=1.0)
    stamps = unit_maximum_stamps(seen.stamps)
    good = selected(found["sn_per_pixel"], found["rpetro_ellip"])
    good &= np.isfinite(found["concentration"]) & np.isfinite(found["asymmetry"])
    good &= np.isfinite(stamps).all(axis=(1, 2))
    measured = {name: found[name][good] for name in _MEASURED}
    return stamps[good].astype(np.float16), measured, seen.labels[good]
