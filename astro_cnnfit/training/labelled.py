# Licensed under a 3-clause BSD style license - see LICENSE
"""Stamps with their targets, checked, and divided into training and validation."""

from typing import NamedTuple
from zlib import crc32

import numpy as np

__all__ = ["Galaxies", "checked", "divided", "fingerprint"]

# Keeps these draws apart from those of the training.
_DIVISION = 10


class Galaxies(NamedTuple):
    """Some of the galaxies: the rows of inputs and targets that are theirs."""

    inputs: list
    targets: np.ndarray
    rows: np.ndarray

    def take(self, which):
        """Inputs and targets as float32; other types, or files, may hold them."""
        rows = self.rows[which]
        inputs = [np.asarray(part[rows], dtype=np.float32) for part in self.inputs]
        return inputs, self.targets[rows]


def checked(stamps, targets, name="stamps", name_of_targets="targets"):
    """
    Galaxies to train on, or an error that names what is wrong.

    Parameters
    ----------
    stamps : `~numpy.ndarray` or list of `~numpy.ndarray`
        (N, ...), each; of any type that NumPy turns into float32.
    targets : `~numpy.ndarray`
        (N, m)
    name, name_of_targets : str
        What the errors call them.

    Returns
    -------
    `Galaxies`

    Raises
    ------
    ValueError
        If shapes do not fit, or a number is not finite.
    """
    inputs = stamps if isinstance(stamps, (list, tuple)) else [stamps]
    inputs = [np.asarray(part) for part in inputs]
    targets = np.asarray(targets, dtype=np.float32)
    if targets.ndim != 2 or any(len(part) != len(targets) for part in inputs):
        raise ValueError(
            f"{name_of_targets} must have shape (N, m) with the N of {name}, got "
            f"{targets.shape} for {', '.join(str(part.shape) for part in inputs)}"
        )
    finite = np.isfinite(targets).all() and all(map(_all_finite, inputs))
    if not finite:
        raise ValueError(f"{name} and {name_of_targets} must be finite")
    if not len(targets):
        raise ValueError(f"{name} must not be empty")
    return Galaxies(inputs, targets, np.arange(len(targets)))


def _all_finite(array):
    # Piece by piece: what is on disk need not fit into memory.
    return all(
        np.isfinite(array[i : i + 1024]).all() for i in range(0, len(array), 1024)
    )


def divided(galaxies, validation, seed):
    """
    Galaxies to train on, and others.

    Parameters
    ----------
    galaxies : `Galaxies`
    validation : float or tuple
        Share of them to hold out, or (stamps, targets) of others.
    seed : int
        Chooses which.

    Returns
    -------
    galaxies, held_out : `Galaxies`

    Raises
    ------
    ValueError
        If it is neither, or too few are left.
    """
    if isinstance(validation, tuple):
        return galaxies, checked(*validation, "validation's stamps", "its targets")
    number = len(galaxies.rows)
    if not 0 < validation < 1 or number < 2:
        raise ValueError(
            "validation must be (stamps, targets) or a share between 0 and 1 of two "
            f"or more galaxies, got {validation!r} of {number}"
        )
    order = np.random.default_rng([seed, _DIVISION]).permutation(number)
    count = min(max(round(validation * number), 1), number - 1)
    return tuple(
        galaxies._replace(rows=np.sort(rows)) for rows in (order[count:], order[:count])
    )


def fingerprint(galaxies):
    """
    A number that differs for other galaxies.

    Parameters
    ----------
    galaxies : `Galaxies`

    Returns
    -------
    int
        Of 256 galaxies among them, to be quick.
    """
    value = 0
    for array in (*galaxies.inputs, galaxies.targets, galaxies.rows):
        some = array[:: max(len(array) // 256, 1)]
        value = crc32(np.ascontiguousarray(some).tobytes(), value)
        value = crc32(repr(array.shape).encode(), value)
    return value
