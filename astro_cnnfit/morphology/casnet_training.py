# Licensed under a 3-clause BSD style license - see LICENSE
"""Training of the CASNET networks as in Tohill et al. (2021), Section 3."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from astro_cnnfit.networks import ARCHITECTURES
from astro_cnnfit.training.augmentation import balanced_augmentation, transformed
from astro_cnnfit.training.retrain import retrain

from .casnet_data import draw_casnet

__all__ = ["CasnetSets", "casnet_sets", "train_casnet"]

# Added to the seed of the galaxies by which the training is stopped.
_HELD_OUT = 1_000_003
_SHARE = 0.1


class CasnetSets(NamedTuple):
    """Stamps of one quantity, as the paper trained on them."""

    train: tuple
    """Stamps (N, 60, 60) and classical values (N,), rare ones several times."""
    held_out: tuple
    """Stamps and values of other galaxies."""
    ranges: dict
    """Of S/N and radius."""
    numbers: dict
    """Of galaxies, copies and held-out galaxies."""


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
    sets = casnet_sets(
        config.architecture, data, config.galaxies, config.seed, folder,
        processes=processes, progress_bar=progress_bar,
    )  # fmt: skip
    return retrain(
        config.architecture, *sets.train, output,
        validation=sets.held_out, arguments=config.arguments,
        start_from=config.start_from, epochs=config.epochs, patience=config.patience,
        batch_size=config.batch_size, optimizer=config.optimizer,
        learning_rate=config.learning_rate, policy=config.policy, seed=config.seed,
        storage=storage,
        # The paper turns and mirrors rare galaxies alone.
        transform=None, progress_bar=progress_bar, ranges=sets.ranges,
        provenance={
            "command": command, "config": config.as_dict(), "data": sets.numbers
        },
    )  # fmt: skip


def casnet_sets(
    architecture, data, number, seed, folder, *, processes=1, progress_bar=False
):
    """
    Stamps to train one of the two networks, rare values copied, and others.

    Parameters
    ----------
    architecture : {'casnet_a', 'casnet_c'}
        Whose quantity.
    data : tuple of `~astro_cnnfit.training.galaxies.Library`
        Noise-free galaxies to train on, and others to hold out.
    number : int
        Noisy stamps to make of the first; a tenth of it of the others.
    seed : int
        Reproduces them.
    folder : path-like
        Keeps the noisy stamps, the same for both networks.
    processes : int
        Processes that make and measure the stamps.
    progress_bar : bool
        Show bars.

    Returns
    -------
    `CasnetSets`
    """
    numbers = number, max(round(_SHARE * number), 2)
    train, held_out = (
        draw_casnet(
            library, size, own, folder, processes=processes, progress_bar=progress_bar
        )
        for library, size, own in zip(
            data, numbers, (seed, seed + _HELD_OUT), strict=True
        )
    )
    quantity = ARCHITECTURES[architecture].latent[0]
    stamps, truth = train.stamps, train.measured[quantity]
    rows, symmetries = balanced_augmentation(truth)
    copies = transformed(stamps[rows], symmetries)
    return CasnetSets(
        (np.concatenate([stamps, copies]), np.concatenate([truth, truth[rows]])),
        (held_out.stamps, held_out.measured[quantity]),
        _ranges(train.measured),
        {
            "galaxies": len(truth),
            "copies": len(rows),
            "held_out": len(held_out.stamps),
        },
    )


def _ranges(measured):
    names = ("sn_per_pixel", "rpetro_ellip")
    limits = {name: np.quantile(measured[name], [0.001, 0.999]) for name in names}
    return {
        name: [float(f"{value:.4g}") for value in values]
        for name, values in limits.items()
    }
