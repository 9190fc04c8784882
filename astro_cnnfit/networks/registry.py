# Licensed under a 3-clause BSD style license - see LICENSE
"""Architectures by name: the only way from a description to a network."""

from collections.abc import Callable
from typing import NamedTuple

import keras

from . import galnet, sersic

__all__ = ["ARCHITECTURES", "Architecture", "build"]


class Architecture(NamedTuple):
    """A kind of network and how to read its output."""

    build: Callable
    """Keyword arguments -> a Keras model of [stamps] or [stamps, psfs]."""
    targets: Callable
    """Physical parameters (N, 7) -> what the loss compares with, (N, m)."""
    loss: Callable
    """Loss of (targets, output), a scalar tensor."""
    posterior: Callable
    """Output (N, m) -> latent mean (N, 7) and covariance (N, 7, 7)."""
    needs_psf: bool


ARCHITECTURES = {
    "galnet1": Architecture(
        galnet.build_galnet1, galnet.targets, galnet.loss, galnet.posterior, False
    ),
    "galnet2": Architecture(
        galnet.build_galnet2, galnet.targets, galnet.loss, galnet.posterior, True
    ),
    "sersic": Architecture(
        sersic.build_sersic, sersic.targets, sersic.loss, sersic.posterior, True
    ),
}


def build(name, *, policy="float32", **arguments):
    """
    Build a network with random weights.

    Parameters
    ----------
    name : str
        A key of `ARCHITECTURES`.
    policy : str
        Keras dtype policy of the layers, such as 'mixed_bfloat16'.
    **arguments
        Passed to the architecture: filters, widths, sizes.

    Returns
    -------
    keras.Model

    Raises
    ------
    ValueError
        If there is no architecture of that name.
    """
    if name not in ARCHITECTURES:
        known = ", ".join(ARCHITECTURES)
        raise ValueError(f"model must name an architecture ({known}), got {name!r}")
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        return ARCHITECTURES[name].build(**arguments)
    finally:
        keras.config.set_dtype_policy(before)
