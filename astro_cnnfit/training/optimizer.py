# Licensed under a 3-clause BSD style license - see LICENSE
"""The optimisers and the schedules of their learning rate, by name."""

import keras

__all__ = ["OPTIMIZERS", "SCHEDULES", "learning_rates", "make_optimizer"]

OPTIMIZERS = {
    # As Li et al. (2022) train the GaLNets.
    "adam": lambda rate: keras.optimizers.Adam(rate, clipnorm=1.0),
    # As Tohill et al. (2021) train the asymmetry's network.
    "adamax": lambda rate: keras.optimizers.Adamax(rate),
    # The others of their search.
    "adadelta": lambda rate: keras.optimizers.Adadelta(rate),
    "rmsprop": lambda rate: keras.optimizers.RMSprop(rate),
    "sgd": lambda rate: keras.optimizers.SGD(rate),
    # Orthogonalised momentum for the dense layers (Jordan et al. 2024), Adam for
    # the convolutions. After 60,000 stamps the default network's sizes scatter
    # by 0.040 dex, with Adam by 0.056; convolutions in Muon as well: 0.053.
    "muon": lambda rate: keras.optimizers.Muon(rate, global_clipnorm=1.0),
}

SCHEDULES = ("constant", "cosine")
"""How the learning rate changes: not at all; or up, then along a cosine to zero."""


def make_optimizer(name, rate):
    """
    An optimiser by its name.

    Parameters
    ----------
    name : str
        A key of `OPTIMIZERS` or another name that Keras knows, such as 'nadam'.
    rate : float or keras.optimizers.schedules.LearningRateSchedule
        Learning rate.

    Returns
    -------
    keras.Optimizer

    Raises
    ------
    ValueError
        If there is no such optimiser.
    """
    if name in OPTIMIZERS:
        return OPTIMIZERS[name](rate)
    try:
        # The rate is set afterwards: a schedule would be taken for a description.
        settings = {"class_name": name, "config": {}}
        kind = type(keras.optimizers.get(settings))
    except (ValueError, TypeError):
        raise ValueError(
            f"optimizer must be one of {', '.join(OPTIMIZERS)} or a name that "
            f"Keras knows, got {name!r}"
        ) from None
    return kind(rate)


def learning_rates(rate, schedule, steps, warmup=0.03):
    """
    The learning rate of a whole run.

    Parameters
    ----------
    rate : float
        Its largest value.
    schedule : str
        One of `SCHEDULES`.
    steps : int
        Steps of the run.
    warmup : float
        Share of the steps in which it rises, for 'cosine'.

    Returns
    -------
    float or keras.optimizers.schedules.CosineDecay

    Raises
    ------
    ValueError
        If there is no such schedule.
    """
    if schedule not in SCHEDULES:
        raise ValueError(
            f"schedule must be one of {', '.join(SCHEDULES)}, got {schedule!r}"
        )
    if schedule == "constant":
        return rate
    return keras.optimizers.schedules.CosineDecay(
        0.0,
        decay_steps=max(int(steps * (1 - warmup)), 1),
        warmup_target=rate,
        warmup_steps=max(int(steps * warmup), 1),
    )
