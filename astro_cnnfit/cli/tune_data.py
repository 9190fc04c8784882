# Licensed under a 3-clause BSD style license - see LICENSE
"""What ``astro-cnnfit tune`` trains on: simulated stamps, or the user's own."""

import os
from pathlib import Path

import numpy as np

__all__ = ["load_data"]

# Simulated galaxies of the validation set, relative to the training set.
_VALIDATION_SHARE = 0.1

# Added to the seed of the galaxies that validate.
_HELD_OUT = 1_000_003
_SEED = 1


def load_data(architecture, folder, *, path=None, number, library, processes, prior):
    """
    Training and validation set of a search.

    Parameters
    ----------
    architecture : str
        'casnet_a', 'casnet_c' or 'sersic'.
    folder : path-like
        Keeps simulated stamps, so that a second call starts at once.
    path : path-like, optional
        NPZ file of the user's own.
    number : int
        Galaxies to simulate for the training.
    library : path-like
        Keeps the noise-free galaxies of CASNET.
    processes : int
        Processes that draw and measure them.
    prior : str
        Of simulated Sersic galaxies.

    Returns
    -------
    `~astro_cnnfit.tuning.TuningData`

    Raises
    ------
    ValueError, OSError
        If the file is not such a data set, or a number is not positive.
    """
    from astro_cnnfit.tuning import TuningData

    if path is not None:
        return TuningData(*read_parts(path, architecture == "sersic"))
    if number < 10:
        raise ValueError(f"--number must be 10 galaxies or more, got {number}")
    if architecture == "sersic":
        return TuningData(*_sersic(number, prior, Path(folder)))
    return TuningData(*_casnet(architecture, number, folder, library, processes))


def read_parts(path, with_psf):
    """
    Read a data set of the user's own.

    Parameters
    ----------
    path : path-like
        NPZ file with ``stamps`` (N, size, size), ``truth``, and the same for
        validation, ``validation_stamps`` and ``validation_truth``.
    with_psf : bool
        Whether it must have ``psfs`` and ``validation_psfs`` as well.

    Returns
    -------
    train, validation : tuple
        (inputs, truth) each.

    Raises
    ------
    ValueError, OSError
        If it is not such a file.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"--data {path}: no such file")
    names = ("stamps", "psfs", "truth") if with_psf else ("stamps", "truth")
    try:
        file = np.load(path, allow_pickle=False)
        if not isinstance(file, np.lib.npyio.NpzFile):
            raise ValueError("it holds a single array")
    except (OSError, ValueError, EOFError) as error:
        raise OSError(f"--data {path}: not an NPZ file: {error}") from None
    with file:
        for prefix in ("", "validation_"):
            missing = [prefix + name for name in names if prefix + name not in file]
            if missing:
                advice = "leave out a tenth of your galaxies for it: " if prefix else ""
                raise ValueError(
                    f"--data {path}: {advice}there must be arrays "
                    f"{', '.join(missing)}, got {', '.join(file.files) or 'none'}"
                )
        train, validation = (
            [file[prefix + name] for name in names] for prefix in ("", "validation_")
        )
    return tuple(
        (inputs[0] if len(inputs) == 1 else inputs, truth)
        for *inputs, truth in (train, validation)
    )


def _casnet(architecture, number, folder, library, processes):
    """Stamps as ``astro-cnnfit train`` makes them, rare values copied."""
    from astro_cnnfit.morphology.casnet_training import casnet_sets
    from astro_cnnfit.morphology.library import libraries
    from astro_cnnfit.training import read_config

    config = read_config(architecture, galaxies=number, seed=_SEED)
    how = {"processes": processes, "progress_bar": True}
    galaxies = libraries(config, library, **how)
    sets = casnet_sets(architecture, galaxies, number, _SEED, folder, **how)
    return sets.train, sets.held_out


def _sersic(number, prior, folder):
    numbers = number, max(round(_VALIDATION_SHARE * number), 2)
    return [
        _kept(folder / f"{prior}-{seed}-{size}.npz", size, prior, seed)
        for size, seed in zip(numbers, (_SEED, _SEED + _HELD_OUT), strict=True)
    ]


def _kept(path, number, prior, seed):
    """Simulated galaxies, from their file if that is there."""
    if path.is_file():
        with np.load(path) as file:
            return [file["stamps"], file["psfs"]], file["truth"]
    stamps, psfs, params = _simulated(number, prior, seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}.npz")
    np.savez(partial, stamps=stamps, psfs=psfs, truth=params)
    os.replace(partial, path)
    return [stamps, psfs], params


def _simulated(number, prior, seed):
    from astro_cnnfit.parameters import NAMES
    from astro_cnnfit.simulation.dataset import simulate

    stamps, psfs, truth = simulate(number, prior, seed=seed, progress_bar=True)
    columns = [getattr(truth[name], "value", truth[name]) for name in NAMES]
    params = np.column_stack([np.asarray(column, dtype=float) for column in columns])
    # Networks count from the centre of the stamp.
    params[:, :2] -= (np.array(stamps.shape[:0:-1]) - 1) / 2
    return stamps, psfs, params
