# Licensed under a 3-clause BSD style license - see LICENSE
"""Simulated data sets on disk, with their truth, for people who want one."""

import os
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import QTable
from astropy.units import Unit
from keras import ops
from tqdm.auto import tqdm

from astro_cnnfit.parameters import NAMES, PARAMETERS

from .backgrounds import find_data, load_backgrounds
from .exposure import observe
from .priors import PRIORS
from .scenes import draw_scenes

__all__ = ["simulate", "write_dataset"]

_CHUNK = 1024


def simulate(
    n, prior="table1", *, seed=0, neighbours=True, real_sky=0.0, progress_bar=False
):
    """
    Simulate stamps of galaxies.

    Parameters
    ----------
    n : int
        Number of galaxies.
    prior : str or `~astro_cnnfit.simulation.Prior`
        ``'table1'``, ``'wide'`` or a prior of your own.
    seed : int
        Reproduces the data set.
    neighbours : bool
        Whether there are neighbours.
    real_sky : float
        Share of the stamps on real sky; needs ``ASTRO_CNNFIT_TEST_DATA``.
    progress_bar : bool
        Show a bar.

    Returns
    -------
    stamps : `~numpy.ndarray`
        (n, 61, 61) float32 in units of the sky noise.
    psfs : `~numpy.ndarray`
        (n, 25, 25) float32, unit sum.
    truth : `~astropy.table.QTable`
        Sersic parameters, a row a galaxy; ``x_0`` and ``y_0`` are pixels of
        the stamp, with (0, 0) at the centre of its first pixel.

    Raises
    ------
    ValueError
        If the prior is unknown, ``n`` is not positive, or real sky is asked
        for where there is none.
    """
    if isinstance(prior, str):
        if prior not in PRIORS:
            raise ValueError(f"prior must be one of {', '.join(PRIORS)}, got {prior!r}")
        prior = PRIORS[prior]
    if n < 1:
        raise ValueError(f"n must be a positive number of galaxies, got {n}")
    backgrounds = _backgrounds(real_sky)
    parts = []
    for start in tqdm(range(0, n, _CHUNK), disable=not progress_bar, unit="chunk"):
        rng = np.random.default_rng([seed, start])
        scenes = draw_scenes(prior, rng, min(_CHUNK, n - start))
        stamps, psfs, params = observe(
            scenes, rng, backgrounds, neighbours=neighbours, real_sky=real_sky
        )
        parts.append((ops.convert_to_numpy(stamps), psfs, params))
    stamps, psfs, params = (
        np.concatenate(column) for column in zip(*parts, strict=True)
    )
    return stamps, psfs, _truth_table(params, stamps.shape[1:])


def _backgrounds(real_sky):
    if real_sky <= 0:
        return None
    folder = find_data()
    if folder is None:
        raise ValueError(
            "real_sky needs the variable ASTRO_CNNFIT_TEST_DATA to name a folder of "
            "survey images"
        )
    return load_backgrounds(folder, "train")


def _truth_table(params, shape):
    table = QTable()
    for name, parameter, values in zip(NAMES, PARAMETERS, params.T, strict=True):
        unit = parameter.unit if parameter.unit != "image" else ""
        table[name] = values if not unit else values * Unit(unit)
        table[name].info.description = parameter.description
    ny, nx = shape
    table["x_0"] += (nx - 1) / 2 * Unit("pix")
    table["y_0"] += (ny - 1) / 2 * Unit("pix")
    return table


def write_dataset(path, stamps, psfs, truth):
    """
    Write a data set as FITS or HDF5, by suffix.

    FITS has the HDUs ``STAMPS``, ``PSFS`` and ``TRUTH``; HDF5 the same names in
    lower case, the truth as an astropy table. The file appears when it is whole.

    Parameters
    ----------
    path : path-like
        ``.fits``, ``.fits.gz``, ``.h5`` or ``.hdf5``.
    stamps, psfs, truth
        What `simulate` returns.

    Raises
    ------
    ValueError
        If the suffix is another one or the folder does not exist.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise ValueError(f"output must lie in a folder that exists, got {path}")
    writers = {".fits": _write_fits, ".gz": _write_fits, ".h5": _write_hdf5}
    writers[".hdf5"] = _write_hdf5
    if path.suffix not in writers:
        raise ValueError(f"output must end in .fits, .h5 or .hdf5, got {path.name}")
    partial = path.with_name(".partial-" + path.name)
    try:
        writers[path.suffix](partial, stamps, psfs, truth)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _write_fits(path, stamps, psfs, truth):
    hdus = [
        fits.PrimaryHDU(),
        fits.ImageHDU(stamps, name="STAMPS"),
        fits.ImageHDU(psfs, name="PSFS"),
        fits.table_to_hdu(truth),
    ]
    hdus[-1].name = "TRUTH"
    fits.HDUList(hdus).writeto(path, overwrite=True)


def _write_hdf5(path, stamps, psfs, truth):
    import h5py

    with h5py.File(path, "w") as file:
        file.create_dataset("stamps", data=stamps, compression="gzip", shuffle=True)
        file.create_dataset("psfs", data=psfs, compression="gzip", shuffle=True)
    truth.write(path, path="truth", append=True, format="hdf5", serialize_meta=True)
