# Licensed under a 3-clause BSD style license - see LICENSE
"""Architectures by name: the only way from a description to a network."""

from collections.abc import Callable
from typing import NamedTuple

import keras

from astro_cnnfit.measures import LATENT_MEASURES
from astro_cnnfit.parameters import LATENT_NAMES

from . import cas, casnet, galnet, sersic

__all__ = ["ARCHITECTURES", "Architecture", "build"]


class Architecture(NamedTuple):
    """A kind of network and how to read its output."""

    build: Callable
    """Keyword arguments -> a Keras model of [stamps] or [stamps, psfs]."""
    targets: Callable
    """Truth (N, k) -> what the loss compares with, (N, m)."""
    loss: Callable
    """Loss of (targets, output), a scalar tensor."""
    posterior: Callable
    """Output (N, m) -> latent mean (N, K) and covariance (N, K, K)."""
    needs_psf: bool
    task: str = "sersic"
    """What it is trained on: a key of `~astro_cnnfit.training.tasks.TASKS`."""
    latent: tuple = LATENT_NAMES
    """Names of the K latent quantities."""
    features: tuple = ("log_flux", "log_r_eff", "log_n")
    """Those of them with which the calibration of the errors may change."""


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
    "cas": Architecture(
        cas.build_cas, cas.targets, cas.loss, cas.posterior, False,
        "cas", LATENT_MEASURES, ("log_snr", "log_rpetro", "concentration", "asymmetry"),
    ),
    "casnet_a": Architecture(
        casnet.build_casnet_a, casnet.targets_a, casnet.loss, casnet.posterior, False,
        "casnet", ("asymmetry",), (),
    ),
    "casnet_c": Architecture(
        casnet.build_casnet_c, casnet.targets_c, casnet.loss, casnet.posterior, False,
        "casnet", ("concentration",), (),
    ),
}  # fmt: skip


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
