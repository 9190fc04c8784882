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
    config,
    output,
    *,
    data,
    folder=None,
    processes=1,
    storage="int8",
    progress_bar=False,
    command=None,
):
    """
    Train one of the two networks, or go on where a killed run stopped.

    Parameters
    ----------
    config : `~astro_cnnfit.training.TrainingConfig`
        ``galaxies`` noisy stamps are made and measured; rare values are then copied,
        turned and mirrored
        (`~astro_cnnfit.training.augmentation.balanced_augmentation`).
    output : path-like
        Folder for the checkpoints and the model.
    data : tuple of `~astro_cnnfit.training.galaxies.Library`
        Noise-free galaxies to train on, and others to hold out, as
        `~astro_cnnfit.morphology.library.libraries` draws them.
    folder : path-like, optional
        Keeps the noisy stamps, the same for both networks; by default ``stamps``
        in the output folder.
    processes : int
        Processes that make and measure the stamps.
    storage : {'int8', 'float16'}
        How weights are written; 8 bits cost less than a hundredth of the scatter.
    progress_bar : bool
        Show bars.
    command : str, optional
        The command to record in the description.

    Returns
    -------
    `~pathlib.Path`
        The output folder.
    """
    folder = Path(output) / "stamps" if folder is None else Path(folder)
    parts = [
        draw_casnet(
            library, number, seed, folder,
            processes=processes, progress_bar=progress_bar,
        )
        for library, number, seed in (
            (data[0], config.galaxies, config.seed),
            (data[1], max(round(_SHARE * config.galaxies), 2), config.seed + _HELD_OUT),
        )
    ]  # fmt: skip
    quantity = ARCHITECTURES[config.architecture].latent[0]
    train, held_out = ((part.stamps, part.measured[quantity]) for part in parts)
    rows, symmetries = balanced_augmentation(train[1])
    stamps = np.concatenate([train[0], transformed(train[0][rows], symmetries)])
    numbers = {"galaxies": len(train[1]), "copies": len(rows)}
    numbers["held_out"] = len(held_out[1])
    return retrain(
        config.architecture, stamps, np.concatenate([train[1], train[1][rows]]), output,
        validation=held_out, arguments=config.arguments, start_from=config.start_from,
        epochs=config.epochs, patience=config.patience, batch_size=config.batch_size,
        optimizer=config.optimizer, learning_rate=config.learning_rate,
        policy=config.policy, seed=config.seed, storage=storage,
        # The paper turns and mirrors rare galaxies alone.
        transform=None, progress_bar=progress_bar, ranges=_ranges(parts[0].measured),
        provenance={"command": command, "config": config.as_dict(), "data": numbers},
    )  # fmt: skip


def _ranges(measured):
    names = ("sn_per_pixel", "rpetro_ellip")
    limits = {name: np.quantile(measured[name], [0.001, 0.999]) for name in names}
    return {
        name: [float(f"{value:.4g}") for value in values]
        for name, values in limits.items()
    }
