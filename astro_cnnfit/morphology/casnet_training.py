# Licensed under a 3-clause BSD style license - see LICENSE
"""Training of the CASNET networks as in Tohill et al. (2021), Section 3."""

from pathlib import Path

import numpy as np

from astro_cnnfit.networks import ARCHITECTURES
from astro_cnnfit.training.augmentation import balanced_augmentation, transformed
from astro_cnnfit.training.retrain import retrain

from .casnet_data import draw_casnet

__all__ = ["train_casnet"]

# Added to the seed of the galaxies by which the training is stopped.
_HELD_OUT = 1_000_003
_SHARE = 0.1


def train_casnet(
    name,
    libraries,
    output,
    *,
    number,
    seed=1,
    folder=None,
    processes=1,
    storage="int8",
    progress_bar=False,
    **settings,
):
    """
    Train one of the two networks, or go on where a killed run stopped.

    Parameters
    ----------
    name : {'casnet_a', 'casnet_c'}
        Which.
    libraries : tuple of `~astro_cnnfit.training.galaxies.Library`
        Noise-free galaxies to train on, and others to hold out, as
        `~astro_cnnfit.morphology.library.libraries` draws them.
    output : path-like
        Folder for the checkpoints and the model.
    number : int
        Noisy stamps to make and measure. Rare values are then copied, turned and
        mirrored (`~astro_cnnfit.training.augmentation.balanced_augmentation`).
    seed : int
        Of noise, weights and order.
    folder : path-like, optional
        Keeps the noisy stamps, the same for both networks; by default ``stamps``
        in the output folder.
    processes : int
        Processes that make and measure the stamps.
    storage : {'int8', 'float16'}
        How weights are written; 8 bits cost less than a hundredth of the scatter.
    progress_bar : bool
        Show bars.
    **settings
        Passed to `~astro_cnnfit.training.retrain.retrain`: ``epochs``,
        ``patience``, ``batch_size``, ``optimizer``, ``learning_rate``,
        ``policy``, ``start_from``, ...

    Returns
    -------
    `~pathlib.Path`
        The output folder.
    """
    folder = Path(output) / "stamps" if folder is None else Path(folder)
    held_out_number = max(round(_SHARE * number), 2)
    parts = [
        draw_casnet(
            library, count, seed + added, folder,
            processes=processes, progress_bar=progress_bar,
        )
        for library, count, added in (
            (libraries[0], number, 0), (libraries[1], held_out_number, _HELD_OUT),
        )
    ]  # fmt: skip
    quantity = ARCHITECTURES[name].latent[0]
    train, held_out = ((part.stamps, part.measured[quantity]) for part in parts)
    rows, symmetries = balanced_augmentation(train[1])
    stamps = np.concatenate([train[0], transformed(train[0][rows], symmetries)])
    more = settings.pop("provenance", None) or {}
    data = {
        "galaxies": len(train[1]),
        "copies": len(rows),
        "held_out": len(held_out[1]),
    }
    return retrain(
        name, stamps, np.concatenate([train[1], train[1][rows]]), output,
        validation=held_out, storage=storage, seed=seed, progress_bar=progress_bar,
        ranges=_ranges(parts[0].measured), provenance={"data": data, **more},
        # The paper turns and mirrors rare galaxies alone.
        **{"transform": None, **settings},
    )  # fmt: skip


def _ranges(measured):
    names = ("sn_per_pixel", "rpetro_ellip")
    limits = {name: np.quantile(measured[name], [0.001, 0.999]) for name in names}
    return {
        name: [float(f"{value:.4g}") for value in values]
        for name, values in limits.items()
    }
