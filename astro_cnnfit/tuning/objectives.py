# Licensed under a 3-clause BSD style license - see LICENSE
"""What a search can make small or large."""

__all__ = ["METRICS", "OBJECTIVES", "checked_objective"]

METRICS = ("mae", "rmse", "pearson_r", "val_loss")
"""What is measured on the validation set after each training."""

OBJECTIVES = {
    "val_mae": ("mae", "min"),
    "val_rmse": ("rmse", "min"),
    "val_pearson_r": ("pearson_r", "max"),
    "val_loss": ("val_loss", "min"),
}
"""Objectives: the metric of each, and whether less or more of it is better."""


def checked_objective(objective):
    """
    An objective's name, or an error that says which there are.

    Parameters
    ----------
    objective : str
        A key of `OBJECTIVES`.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If the networks do not report it.
    """
    if objective not in OBJECTIVES:
        raise ValueError(
            f"objective must be one of {', '.join(OBJECTIVES)}, which the networks "
            f"report, got {objective!r}"
        )
    return objective
