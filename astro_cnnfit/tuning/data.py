# Licensed under a 3-clause BSD style license - see LICENSE
"""What the networks of a search are trained and judged on."""

import hashlib
from dataclasses import dataclass

import numpy as np

__all__ = ["TuningData"]

_PARTS = ("train", "validation")


@dataclass(frozen=True)
class TuningData:
    """
    A training and a validation set.

    Parameters
    ----------
    train, validation : tuple
        (inputs, truth). The inputs are what the network sees: stamps (N, size,
        size), or a list of stamps and PSFs for a network that takes both; arrays of
        any type that NumPy turns into float32, in memory or mapped from disk. The
        truth is what the architecture learns: the quantity, (N,), for CASNET, the
        parameters (N, 7) in the order of `astro_cnnfit.parameters` for Sersic
        networks. The validation set stops the training and gives the scores.

    Raises
    ------
    ValueError
        If a part is missing or empty, shapes do not fit, or a number is not
        finite.
    """

    train: tuple
    validation: tuple

    def __post_init__(self):
        """Check the arrays."""
        for name in _PARTS:
            object.__setattr__(self, name, _checked(getattr(self, name), name))
        shapes = [_shapes(getattr(self, name)) for name in _PARTS]
        if shapes[0] != shapes[1]:
            raise ValueError(
                "train and validation must hold stamps and truths of the same shape, "
                f"got {shapes[0]} and {shapes[1]}"
            )

    @property
    def sizes(self):
        """Pixels on a side of each input: (stamp,) or (stamp, PSF)."""
        return tuple(array.shape[1] for array in self.train[0])

    def fingerprint(self):
        """
        Checksum of all numbers, by which a search knows its data again.

        Returns
        -------
        dict of str
            SHA-256 of ``train`` and of ``validation``.
        """
        return {name: _sha256(getattr(self, name)) for name in _PARTS}


def _checked(part, name):
    if not isinstance(part, list | tuple) or len(part) != 2:
        raise ValueError(
            f"{name} must be (inputs, truth): a search needs a training and a "
            f"validation set, got {type(part).__name__}"
        )
    inputs, truth = part
    inputs = list(inputs) if isinstance(inputs, list | tuple) else [inputs]
    inputs, truth = [np.asanyarray(array) for array in inputs], np.asarray(truth)
    square = all(a.ndim == 3 and a.shape[1] == a.shape[2] for a in inputs)
    if not inputs or not square or any(len(a) != len(truth) for a in inputs):
        raise ValueError(
            f"inputs of {name} must have shape (N, size, size) with the N of its "
            f"truth, got {', '.join(str(a.shape) for a in inputs)} and {truth.shape}"
        )
    if not len(truth):
        raise ValueError(f"{name} must not be empty")
    for array in (*inputs, truth):
        if not np.issubdtype(array.dtype, np.number) or not _finite(array):
            raise ValueError(f"{name} must hold finite numbers alone")
    return inputs, truth


def _finite(array):
    # Piece by piece: what is on disk need not fit into memory.
    return all(
        np.isfinite(array[i : i + 1024]).all() for i in range(0, len(array), 1024)
    )


def _shapes(part):
    inputs, truth = part
    return tuple(array.shape[1:] for array in (*inputs, truth))


def _sha256(part):
    digest = hashlib.sha256()
    inputs, truth = part
    for array in (*inputs, truth):
        # Of the values: neither where they lie nor their byte order matters.
        digest.update(f"{array.shape} {array.dtype.newbyteorder('=')}".encode())
        for start in range(0, len(array), 1024):
            piece = array[start : start + 1024]
            native = piece.astype(array.dtype.newbyteorder("="), order="C", copy=False)
            digest.update(np.ascontiguousarray(native))
    return digest.hexdigest()
