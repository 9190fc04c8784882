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


PARTS = {"point_like.inc": point_like}
