# Licensed under a 3-clause BSD style license - see LICENSE
"""
Precisions of a network's inner arithmetic, and which are good enough to measure with.

What a precision costs is measured once for each model
(`~astro_cnnfit.evaluation.precision`) and kept in its description.
"""

__all__ = ["MAX_COST", "POLICIES", "check_precision", "known_precision"]

POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16"}
"""Precisions, and the Keras policies that bring them about."""

MAX_COST = 0.01
"""Largest cost, as a fraction: of what a precision adds to the scatter of any
quantity, or changes of its stated error, in any group of galaxies. A per cent is less
than the calibration of the errors knows them by."""


def known_precision(precision):
    """
    A precision that networks can be loaded with.

    Raises
    ------
    ValueError
        If it is not one.
    """
    if not isinstance(precision, str) or precision not in POLICIES:
        raise ValueError(
            f"precision must be one of {', '.join(map(repr, POLICIES))}, got "
            f"{precision!r}"
        )
    return precision


def check_precision(precision, description):
    """
    Refuse a precision that costs a model accuracy, or may do so.

    Parameters
    ----------
    precision : str
        A key of `POLICIES`.
    description : dict
        What the model's ``model.json`` holds.

    Raises
    ------
    ValueError
        If its record says that the cost is above `MAX_COST`, or it has none.
    """
    known_precision(precision)
    if precision == "float32":
        return
    name = description.get("name", description["architecture"])
    record = description.get("precision", {}).get(precision)
    if record is None or record["sha256"] != description["sha256"]:
        raise ValueError(
            f"precision must be 'float32' with model {name!r}, which does not say what "
            f"{precision!r} costs it: astro_cnnfit.evaluation.precision."
            "record_precision(folder, stamps, psfs) finds out"
        )
    for key, what in _COSTS.items():
        if not record[key] <= MAX_COST:
            raise ValueError(
                f"precision must be 'float32' with model {name!r}: {precision!r} "
                f"{what} by {record[key]:.1%}, more than {MAX_COST:.0%} (load_network "
                "loads it all the same)"
            )


_COSTS = {
    "added_scatter": "increases the scatter of its measurements",
    "changed_errors": "changes its errors",
}
