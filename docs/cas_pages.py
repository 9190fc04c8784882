# Licensed under a 3-clause BSD style license - see LICENSE
"""Tables of how well concentration, asymmetry and their kin are measured."""

from functools import partial

from benchmark_results import NOT_RUN, read
from experiment_pages import figure
from generated_pages import list_table

__all__ = ["HEADER", "NAMES", "NONE", "PARTS", "percent", "signed"]

HEADER = "   :header-rows: 1"
# A bare hyphen would begin a list.
NONE = r"\-"
NAMES = {
    "concentration": "C",
    "asymmetry": "A",
    "smoothness": "S",
    "gini": "Gini",
    "m20": "M20",
    "rms_asymmetry": "RMS A",
}
# Standard deviation of A, which tails belong to; NMAD of the others.
SCATTER = {"asymmetry": "std", "rms_asymmetry": "std"}
MAIN = ("concentration", "asymmetry")
CAPTION = "Scatter and mean bias against the true S/N per pixel."


def main_table(kind):
    """Scatter, bias and coverage of A and C, by bin and method."""

    def make():
        result = read("cas_accuracy")
        if result is None or kind not in result["sets"]:
            return NOT_RUN
        header = (
            "S/N",
            "method",
            "A, std",
            "A, bias",
            "A off by 0.1",
            "A in 68 / 95 %",
        )
        header += ("C, NMAD", "C, bias", "C in 68 / 95 %", "missing")
        rows = [header]
        for name, own in result["sets"][kind].items():
            rows += [(name, *_main_row(*pair)) for pair in own["methods"].items()]
        sources = result["sources"][kind]
        number = result["settings"]["number"]
        text = f"{number} galaxies a bin, from {sources} sources"
        text = text if kind == "real" else f"{number} galaxies a bin"
        seed = f"seed {result['seed']}, {result['date']}"
        return f"{text}, {seed}:\n\n{list_table(rows, HEADER)}"

    return make


def _main_row(method, found):
    a, c = found.get("asymmetry", {}), found.get("concentration", {})
    return (
        method,
        _with_error(a, "std"),
        signed(a.get("bias")),
        percent(a.get("large")),
        _inside(a),
        _with_error(c, "nmad"),
        signed(c.get("bias")),
        _inside(c),
        percent((a or c).get("missing")),
    )


def _with_error(found, key):
    if found.get(key) is None:
        return NONE
    error = found.get("error", {}).get(key)
    return f"{found[key]:.3f}" + (f" ± {error:.3f}" if error is not None else "")


def _inside(found):
    """Coverage of 68 and 95 % intervals."""
    if found.get("68%") is None:
        return NONE
    return f"{100 * found['68%']:.0f} / {100 * found['95%']:.0f}"


def signed(value):
    """A deviation to three decimals."""
    return NONE if value is None else f"{value:+.3f}"


def percent(value, decimals=1):
    """A share in per cent."""
    return NONE if value is None else f"{value:.{decimals}%}"


def selection():
    """What was left out of the tables, and what comes of it."""
    result = read("cas_accuracy")
    if result is None:
        return NOT_RUN
    rows = [("galaxies", "left out", "method", "A, std (bias)", "C, std (bias)")]
    for kind, shares in result["left_out"].items():
        for method, found in result["others"].get(kind, {}).get("methods", {}).items():
            cells = (
                f"{found[name]['std']:.3f} ({found[name]['bias']:+.3f})"
                for name in ("asymmetry", "concentration")
            )
            rows.append((kind, percent(sum(shares.values())), method, *cells))
    return list_table(rows, HEADER)


def others():
    """The other quantities the same way, procedural and real."""
    result = read("cas_accuracy")
    if result is None:
        return NOT_RUN
    names = [name for name in NAMES if name not in MAIN]
    titles = [f"{NAMES[name]}, {SCATTER.get(name, 'nmad')} (bias)" for name in names]
    rows = [("galaxies", "S/N", "method", *titles)]
    for kind, bins in result["sets"].items():
        for bin_name, own in bins.items():
            for method, found in own["methods"].items():
                if any(name in found for name in names):
                    cells = (_other(found.get(name), name) for name in names)
                    rows.append((kind, bin_name, method, *cells))
    return list_table(rows, HEADER)


def _other(found, name):
    if not found or found.get("bias") is None:
        return NONE
    return f"{found[SCATTER.get(name, 'nmad')]:.3f} ({found['bias']:+.3f})"


def goals():
    """How many of the goals are met, and which are not."""
    result = read("cas_accuracy")
    if result is None or not result.get("goals"):
        return NOT_RUN
    parts = []
    for method, rows in result["goals"].items():
        missed = [row["goal"] for row in rows if not row["met"]]
        parts.append(f"``{method}`` meets {len(rows) - len(missed)} of {len(rows)}.")
        if missed:
            parts.append("It misses:")
            parts.append("\n".join(f"- {goal}" for goal in missed))
    return "\n\n".join(parts)


def quartiles():
    """Bias within quartiles of the truth."""
    result = read("cas_accuracy")
    if result is None:
        return NOT_RUN
    rows = [("galaxies", "S/N", "method", "A, quartiles", "C, quartiles")]
    for kind, bins in result["sets"].items():
        for bin_name, own in bins.items():
            for method in ("network", "combined", "reg"):
                found = own["methods"].get(method)
                if found:
                    cells = (_four(found[name]) for name in ("asymmetry", MAIN[0]))
                    rows.append((kind, bin_name, method, *cells))
    return list_table(rows, HEADER)


def by_asymmetry():
    """Errors by how asymmetric the galaxies are."""
    result = read("cas_accuracy")
    if result is None or not result.get("by_asymmetry"):
        return NOT_RUN
    header = ("galaxies", "S/N", "truth", "number", "method")
    rows = [(*header, "A, std", "bias", "off by 0.1", "C, NMAD")]
    for kind, bins in result["by_asymmetry"].items():
        for bin_name, parts in bins.items():
            for part, own in parts.items():
                rows += _of_part((kind, bin_name, part), own)
    return list_table(rows, HEADER)


def _of_part(names, own):
    """Rows of one range of asymmetry, if it has galaxies enough."""
    if own["count"] < 10:
        return
    for method, found in own.items():
        if method != "count":
            a = found["asymmetry"]
            cells = f"{a['std']:.3f}", signed(a["bias"]), percent(a["large"])
            c = f"{found['concentration']['nmad']:.3f}"
            yield *names, str(own["count"]), method, *cells, c


def _four(found):
    return " ".join(signed(value) for value in found["quartiles"])


def conditions():
    """What noise, sky and neighbours do."""
    result = read("cas_conditions")
    if result is None:
        return NOT_RUN
    header = ("galaxies", "case", "S/N", "method")
    rows = [
        (*header, "A, bias", "A, std", "68 / 95 %", "C, bias", "C, NMAD", "68 / 95 %")
    ]
    for kind, cases in result["sets"].items():
        for case, bins in cases.items():
            for bin_name, methods in bins.items():
                for method, found in methods.items():
                    cells = _condition(found["asymmetry"], "std")
                    cells += _condition(found["concentration"], "nmad")
                    rows.append((kind, case, bin_name, method, *cells))
    return list_table(rows, HEADER)


def _condition(found, scatter):
    if found.get("bias") is None:
        return (NONE, NONE, NONE)
    return (signed(found["bias"]), f"{found[scatter]:.3f}", _inside(found))


def correction():
    """Before and after the correction for the PSF."""
    result = read("cas_correction")
    if result is None:
        return NOT_RUN
    rows = [("values", "", "", "bias", "RMSE", "bias in quartiles")]
    for values, quantities in result["values"].items():
        for name, own in quantities.items():
            for key, found in own.items():
                cells = (signed(found["bias"]), f"{found['rmse']:.3f}", _four(found))
                rows.append((values, NAMES[name], key, *cells))
    return list_table(rows, HEADER)


def speed():
    """Milliseconds a galaxy on one core."""
    result = read("cas_speed")
    if result is None:
        return NOT_RUN
    texts = {
        "network": "``CNNCASMeasurer(method='network')``, whole call",
        "network_bfloat16": "the same in bfloat16, on this processor, which has it",
        "forward": "the network alone",
        "combined": "``CNNCASMeasurer()``, whole call",
        "classical": "``CNNCASMeasurer(method='classical')``, whole call",
        "reference": "classical functions alone, 101 x 101 pixels",
        "reference_60": "classical functions alone, 60 x 60 pixels",
        "statmorph": "statmorph, all that it measures",
        "statmorph_cas": "statmorph, C, A, S, Gini and M20 alone",
    }
    rows = [("", "ms a galaxy", "times as long as the network")]
    for name, value in result["ms"].items():
        ratio = result["times_faster"].get(name)
        rows.append(
            (texts[name], f"{value:.3g}", NONE if not ratio else f"{ratio:.0f}")
        )
    text = f"On one core of a processor that calls itself {result['processor']}, "
    return f"{text}{result['date']}:\n\n{list_table(rows, HEADER)}"


PARTS = {
    "cas_procedural.inc": main_table("procedural"),
    "cas_real.inc": main_table("real"),
    "cas_selection.inc": selection,
    "cas_others.inc": others,
    "cas_goals.inc": goals,
    "cas_quartiles.inc": quartiles,
    "cas_by_asymmetry.inc": by_asymmetry,
    "cas_conditions.inc": conditions,
    "cas_correction.inc": correction,
    "cas_speed.inc": speed,
    "cas_accuracy_figure.inc": partial(figure, "cas_accuracy.png", CAPTION),
}
