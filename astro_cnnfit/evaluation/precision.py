# Licensed under a 3-clause BSD style license - see LICENSE
"""
What a network's accuracy loses where its arithmetic is less precise.

The same stamps are measured in both precisions. Differences count in units of the
errors: one of d adds sqrt(1 + d^2) - 1 to the scatter. They grow with S/N, so that
galaxies are looked at in groups, from the faintest to the brightest, and the worst
group counts.
"""

import numpy as np

from astro_cnnfit.weights import load_network, read_description
from astro_cnnfit.weights.files import write_description

__all__ = ["precision_cost", "record_precision"]

# Groups of so many galaxies or more, and as many groups at most.
_SMALLEST_GROUP, _MOST_GROUPS = 100, 10


def precision_cost(model, stamps, psfs=None, *, precision="bfloat16", batch_size=512):
    """
    Compare a network's measurements in two precisions.

    Parameters
    ----------
    model : str or path-like
        Name of a bundled network, or the folder of a trained one.
    stamps : `~numpy.ndarray`
        (N, size, size) as the network sees them, in units of the sky noise of a
        pixel; as diverse as what it is to measure.
    psfs : `~numpy.ndarray`, optional
        (N or 1, psf_size, psf_size), of unit sum.
    precision : str
        What to compare with 'float32'.
    batch_size : int
        Stamps that are seen together.

    Returns
    -------
    dict
        Plain values: ``galaxies``, ``sha256`` of the weights, ``added_scatter`` and
        ``changed_errors`` of the worst group and quantity, as fractions, and
        ``groups``: for each the number of galaxies, the range of the quantity by which
        they are grouped, ``differences`` (the root of the mean square, in errors)
        and ``error_ratios`` (the median) by latent quantity.

    Raises
    ------
    ValueError
        If there is no such model or precision, there are no stamps, or shapes do not
        fit.
    """
    if len(stamps) == 0:
        raise ValueError("stamps must hold at least one galaxy")
    network = load_network(model)
    other = load_network(model, precision=precision)
    mean, sigma = _measured(network, stamps, psfs, batch_size)
    coarse, coarse_sigma = _measured(other, stamps, psfs, batch_size)
    latent, features = network.architecture.latent, network.architecture.features
    with np.errstate(all="ignore"):
        difference, ratio = (coarse - mean) / sigma, coarse_sigma / sigma
    # What becomes NaN is lost.
    difference = np.where(np.isfinite(difference), difference, np.inf)
    ratio = np.where(np.isfinite(ratio), ratio, np.inf)
    by = features[0] if features else None
    brightness = np.zeros(len(mean)) if by is None else mean[:, latent.index(by)]
    groups = []
    for rows in _groups(brightness):
        group = {"galaxies": len(rows)}
        if by is not None:
            group[by] = _rounded(brightness[rows[[0, -1]]])
        rms = np.sqrt(np.mean(difference[rows] ** 2, axis=0))
        group["differences"] = dict(zip(latent, _rounded(rms), strict=True))
        median = np.median(ratio[rows], axis=0)
        group["error_ratios"] = dict(zip(latent, _rounded(median), strict=True))
        groups.append(group)
    return {
        "galaxies": len(mean),
        "sha256": network.sha256,
        **_worst(groups),
        "groups": groups,
    }


def record_precision(folder, stamps, psfs=None, *, precision="bfloat16", command=None):
    """
    Measure what a precision costs a model and write it into its description.

    Measurers then take ``precision=`` for this model if the cost is small, see
    `~astro_cnnfit.weights.precision.MAX_COST`.

    Parameters
    ----------
    folder : path-like
        The model's folder, or the name of a bundled one.
    stamps, psfs, precision
        As for `precision_cost`.
    command : str, optional
        The command that does it, to be recorded.

    Returns
    -------
    dict
        What `precision_cost` gives; all but the groups is written down.

    Raises
    ------
    ValueError
        As `precision_cost` does.
    """
    cost = precision_cost(folder, stamps, psfs, precision=precision)
    record = {name: value for name, value in cost.items() if name != "groups"}
    if command is not None:
        record["command"] = command
    folder, description = read_description(folder)
    known = description.get("precision", {})
    description["precision"] = {**known, precision: record}
    write_description(folder, description)
    return cost


def _measured(network, stamps, psfs, batch_size):
    mean, covariance = network.predict(stamps, psfs, batch_size=batch_size)
    return mean, np.sqrt(np.einsum("ijj->ij", covariance))


def _groups(values):
    """Rows in groups of nearly the same size, by increasing value."""
    number = min(max(len(values) // _SMALLEST_GROUP, 1), _MOST_GROUPS)
    return np.array_split(np.argsort(values, kind="stable"), number)


def _worst(groups):
    differences = [max(group["differences"].values()) for group in groups]
    ratios = [ratio for group in groups for ratio in group["error_ratios"].values()]
    added = np.hypot(1, max(differences)) - 1
    changed = np.max(np.abs(np.array(ratios) - 1))
    return {
        "added_scatter": float(f"{added:.3g}"),
        "changed_errors": float(f"{changed:.3g}"),
    }


def _rounded(values):
    return [float(f"{value:.4g}") for value in values]
