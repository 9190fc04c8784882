# Licensed under a 3-clause BSD style license - see LICENSE
"""Tables of the page on whole fields."""

from benchmark_results import NOT_RUN, read
from experiment_pages import figure
from generated_pages import list_table

_HEADER = "   :header-rows: 1"


def point_like():
    """Say how well stars and galaxies are told apart."""
    result = read("point_like")
    if result is None:
        return NOT_RUN
    settings = result["settings"]
    methods = {f"``{name}``": found for name, found in result["models"].items()}
    methods |= result["reference"]
    rows = [
        (
            "",
            "area under the curve",
            "calibration error",
            "mean -log likelihood",
            "stars kept, 5 % contamination",
        )
    ]
    rows += [
        (
            name,
            f"{found['auc']:.4f}",
            f"{found['calibration_error']:.4f}",
            f"{found['negative_log_likelihood']:.3f}",
            f"{found['completeness']:.3f}",
        )
        for name, found in methods.items()
    ]
    fitter = result["fitter"]
    text = (
        f"{settings['n']} held-out objects, half of them point sources, "
        f"{settings['real_sky']:.0%} of them on real sky, seed {result['seed']}, "
        f"{result['date']}:"
    )
    whole = (
        f"Of {fitter['n']} of them, measured by the whole fitter with its own estimate "
        f"of the sky: area {fitter['auc']:.4f}, calibration error "
        f"{fitter['calibration_error']:.4f}."
    )
    shown = figure(
        "point_like.png",
        "Reliability, and stars kept at a contamination of 5 %, in bins of S/N and of "
        "the size of the galaxies, as many of these as of stars.",
    )
    first = next(iter(result["models"].values()))
    parts = [text, list_table(rows, _HEADER), whole, shown]
    return "\n\n".join([*parts, _bins(first, "by_snr", "S/N"), _bins(first, "by_size")])


def _bins(found, key, name="R_eff / FWHM"):
    rows = [(name, "objects", "area", "stars kept", "right at p = 0.5")]
    rows += [
        (
            f"{row['low']:g} to {row['high']:g}",
            row["n"],
            f"{row['auc']:.3f}",
            f"{row['completeness']:.3f}",
            f"{row['right_at_half']:.3f}",
        )
        for row in found[key]
    ]
    return list_table(rows, _HEADER)


_PARAMETERS = {
    "x": "x", "y": "y", "mag": "magnitude", "r_eff": "R_eff", "q": "q",
    "pa_circular": "angle", "n": "n",
}  # fmt: skip


def crowded():
    """Say what neighbours cost, and what is left of that when they are subtracted."""
    result = read("crowded")
    if result is None:
        return NOT_RUN
    fields = {f"{name} x KiDS": found for name, found in result["densities"].items()}
    parts = [
        f"Fields of {result['settings']['side']} pixels a side, seed {result['seed']}, "
        f"{result['date']}; NMAD over that of the galaxies drawn alone:",
        _ratios(fields),
        "In full:",
        _scores(fields),
        "Share of the truths within the 68 % intervals:",
        _covered(fields),
        "How much was found, and how long it took:",
        _found(fields),
        _rates(fields),
        _limit(fields),
    ]
    joint = [found.get("joint", {}) for found in fields.values()]
    parts += [_joint(found) for found in joint if "AstroPhot" in found]
    return "\n\n".join(parts)


def _ratios(fields):
    rows = [("density", "", *_PARAMETERS.values())]
    for density, found in fields.items():
        for name, ratio in found["nmad_ratio"].items():
            rows.append((density, name, *(f"{ratio[key]:.2f}" for key in _PARAMETERS)))
    return list_table(rows, _HEADER)


def _scores(fields):
    rows = [("density", "", "", *_PARAMETERS.values())]
    for density, found in fields.items():
        for name, score in found["methods"].items():
            for label in ("NMAD", "outliers", "R2"):
                values = (f"{score[label][key]:.3g}" for key in _PARAMETERS)
                rows.append((density, name, label, *values))
    return list_table(rows, _HEADER)


def _covered(fields):
    rows = [("density", "", *_COVERED.values(), "lost")]
    for density, found in fields.items():
        for name, score in found["methods"].items():
            covered = (f"{score['coverage'][key]:.2f}" for key in _COVERED)
            rows.append((density, name, *covered, score["lost"]))
    return list_table(rows, _HEADER)


def _found(fields):
    methods = list(next(iter(fields.values()))["seconds"])
    names = ("density", "objects", "found", "galaxies of S/N > 20", "of them found")
    rows = [(*names, *(f"seconds: {name}" for name in methods))]
    for density, found in fields.items():
        galaxies = found["galaxies"]["number"], found["galaxies"]["found"]
        seconds = (f"{found['seconds'][name]:.0f}" for name in methods)
        both = found["objects"], found["detections"]
        rows.append((density, *both, *galaxies, *seconds))
    return list_table(rows, _HEADER)


def _rates(fields):
    """Completeness and purity of the first search and of those between the passes."""
    shown = [
        (density, method, rates)
        for density, found in fields.items()
        for method, rates in found.get("rates", {}).items()
    ]
    if not shown:
        return ""
    names = [name for name in shown[0][2] if name.startswith("S/N")]
    heads = [name.replace(" to 1e+06", " and more") for name in names]
    rows = [("density", "", "rows", "added", *heads, "purity", "of those added")]
    for density, method, rates in shown:
        added = rates["purity of the added"]
        shares = (f"{rates[name]:.3f}" for name in [*names, "purity"])
        last = "" if added is None else f"{added:.3f}"
        rows.append((density, method, rates["rows"], rates["added"], *shares, last))
    text = (
        "Rows of the table, how many of them were added between the passes, the share "
        "of the galaxies that they hold by S/N within R_eff, and the share of rows "
        "that have an object of the field within 4 pixels (at twice the density, a "
        "fifth of all places have):"
    )
    return "\n\n".join([text, list_table(rows, _HEADER)])


def _limit(fields):
    limits = ", ".join(
        f"{found['limit_ratio']['log_flux']['median']:.2f} (magnitude) and "
        f"{found['limit_ratio']['log_r_eff']['median']:.2f} (R_eff) at {density}"
        for density, found in fields.items()
    )
    return (
        "Were only the neighbours of S/N > 5 there and all of them known, the "
        "Cramer-Rao errors of half of these galaxies would rise by no more than "
        f"{limits}. The rest is what is too close or too faint to be found, and what "
        "the method loses."
    )


def _joint(found):
    """AstroPhot's joint fits beside ours."""
    names = [name for name in found if isinstance(found[name], dict)]
    rows = [("NMAD", *_PARAMETERS.values())]
    rows += [
        (name, *(f"{found[name]['NMAD'][key]:.3g}" for key in _PARAMETERS))
        for name in names
    ]
    text = (
        "AstroPhot's joint fit of all objects of a cut-out, for "
        f"{found['number']} of the galaxies ({found['failed']} fits failed, "
        f"{found['seconds']:.0f} s each), beside ours of the same ones:"
    )
    return "\n\n".join([text, list_table(rows, _HEADER)])


_COVERED = {
    "x": "x", "y": "y", "log_flux": "flux", "log_r_eff": "R_eff", "log_n": "n",
    "e1": "e1", "e2": "e2",
}  # fmt: skip

PARTS = {"point_like.inc": point_like, "crowded_fields.inc": crowded}
