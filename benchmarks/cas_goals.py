# Licensed under a 3-clause BSD style license - see LICENSE
"""What the measured concentration and asymmetry are to reach, and whether they do."""

from cas_statistics import BINS

__all__ = ["GOALS", "check_goals"]

# Largest values in the bins of the S/N, by kind of galaxies, quantity and figure.
GOALS = {
    "procedural": {
        ("asymmetry", "std"): (0.045, 0.040, 0.028, 0.020),
        ("asymmetry", "large"): (0.05, 0.02, 0.01, 0.005),
        ("concentration", "nmad"): (0.075, 0.055, 0.038, 0.028),
    },
    "real": {
        ("asymmetry", "std"): (0.050, 0.043, 0.034, 0.026),
        ("asymmetry", "large"): (0.06, 0.03, 0.02, 0.01),
        ("concentration", "nmad"): (0.065, 0.047, 0.034, 0.026),
    },
}
_NAMES = {"std": "std", "nmad": "NMAD", "large": "share beyond 0.1"}
_BIAS = {"asymmetry": 0.005, "concentration": 0.01}
_QUARTILES = {"asymmetry": 0.02, "concentration": 0.04}
_COVERAGE = {
    "68%": {"procedural": 0.03, "real": 0.05},
    "95%": {"procedural": 0.03, "real": 0.03},
}
# A share of zero in a hundred galaxies is not known to be below half a per cent:
# a goal counts as met by the value itself, and the error stands beside it.


def check_goals(sets, methods):
    """
    Compare figures with the goals.

    Parameters
    ----------
    sets : dict
        By kind, bin, ``'methods'``, method and quantity, the figures of
        `cas_statistics.summary`; by kind, bin and ``'better'`` who is better.
    methods : sequence of str
        Those that the goals are for.

    Returns
    -------
    dict of list of dict
        By method, for each goal: ``goal`` (a sentence), ``value``, ``limit``,
        ``error`` (None where not known) and ``met``.
    """
    found = {}
    for method in methods:
        rows = []
        for kind, bins in sets.items():
            for place, name in enumerate(BINS):
                own = bins.get(name, {}).get("methods", {}).get(method)
                if own:
                    rows += _of_bin(kind, place, name, own)
                    rows += _better(kind, name, bins[name]["better"][method])
        if rows:
            found[method] = rows
    return found


def _of_bin(kind, place, name, own):
    """Goals of one kind of galaxies and one bin."""
    where = f"{kind}, S/N {name}"
    rows = []
    for (quantity, figure), limits in GOALS[kind].items():
        error = own[quantity].get("error", {}).get(figure)
        text = f"{where}: {_NAMES[figure]} of {quantity}"
        rows.append(_goal(text, own[quantity][figure], limits[place], error))
    for quantity in _BIAS:
        figures = own[quantity]
        error = figures.get("error", {}).get("bias")
        text = f"{where}: bias of {quantity}"
        rows.append(_goal(text, abs(figures["bias"]), _BIAS[quantity], error))
        worst = max(abs(value) for value in figures["quartiles"])
        text = f"{where}: bias of {quantity} in quartiles"
        rows.append(_goal(text, worst, _QUARTILES[quantity]))
        for level, limits in _COVERAGE.items():
            if level in figures:
                off = abs(figures[level] - float(level.strip("%")) / 100)
                text = f"{where}: coverage of {quantity} off {level}"
                rows.append(_goal(text, off, limits[kind]))
    return rows


def _goal(text, value, limit, error=None):
    return {
        "goal": f"{text} {value:.4f}, at most {limit:g}",
        "value": value,
        "limit": limit,
        "error": error,
        "met": bool(value <= limit),
    }


def _better(kind, name, others):
    """Whether A and C are better than by any other method."""
    rows = []
    for other, quantities in others.items():
        for quantity in ("asymmetry", "concentration"):
            if quantities[quantity] is not None:
                text = f"{kind}, S/N {name}: better than {other} in {quantity}"
                rows.append({"goal": text, "met": quantities[quantity]})
    return rows
