# Licensed under a 3-clause BSD style license - see LICENSE
"""Tables and figures of the page on real fields."""

from benchmark_results import NOT_RUN, read
from experiment_pages import figure
from generated_pages import list_table

__all__ = ["PARTS"]

_HEADER = "   :header-rows: 1"
CAPTION = (
    "Image, model and residual with one asinh stretch; circles galaxies, squares stars."
)


def fields():
    """Tell of every field what was found and what is left."""
    result = read("real_fields")
    if result is None:
        return NOT_RUN
    rows = [
        (
            "field", "objects", "stars", "lost", "light left (noise alone)",
            "chi2 of the median object", "seconds",
        )
    ]  # fmt: skip
    rows += [
        (
            name, found["objects"], found["stars"], found["lost"],
            f"{found['light_left']:.1%} ({found['light_left_by_noise']:.1%})",
            f"{found['object_chi2_before']:.1f}, {found['object_chi2_after']:.1f}",
            f"{sum(found['seconds'].values()):.0f}",
        )
        for name, found in result["fields"].items()
    ]  # fmt: skip
    text = (
        f"Measured on {result['date']}, {result['settings']['iterations']} iterations:"
    )
    return f"{text}\n\n{list_table(rows, _HEADER)}"


def pictures(name):
    """Make the part that is one figure."""
    return lambda: figure(f"fields_{name}.png", CAPTION)


def hsc_hst():
    """Put the parameters of HSC and HST side by side."""
    result = read("real_fields")
    if result is None or "hsc_hst" not in result:
        return NOT_RUN
    found = result["hsc_hst"]
    keys = ("mag", "r_eff", "n", "q", "pa")
    rows = [
        ("object", "survey", "magnitude", "R_eff (arcsec)", "n", "q", "PA (degrees)")
    ]
    for number, row in enumerate(found["rows"], start=1):
        for survey in ("hsc", "hst"):
            cells = [
                f"{row[survey][k]:.3g} ± {row[survey][k + '_err']:.2g}" for k in keys
            ]
            rows.append((number, survey.upper(), *cells))
    text = (
        f"{found['in HSC']} objects in HSC, {found['in HST']} in HST, "
        f"{found['in both']} in both. The zero-points are not told, 27 stands for them:"
    )
    shown = figure(
        "fields_hsc_against_hst.png", "HSC against HST, with the errors of each."
    )
    return "\n\n".join([text, list_table(rows, _HEADER), shown])


def pipeline():
    """Medians and scatters of the pipeline's magnitudes less ours."""
    result = read("real_fields")
    if result is None or "pipeline" not in result:
        return NOT_RUN
    rows = [("objects", "band", "of which", "number", "CModel - ours", "Kron - ours")]
    for kind, found in result["pipeline"].items():
        for band, choices in found["less_ours"].items():
            for name, one in choices.items():
                cells = [_cell(one["cmodel"]), _cell(one["kron"])]
                rows.append((kind, band, name, one["cmodel"]["number"], *cells))
    shown = figure(
        "fields_pipeline.png",
        "The pipeline's magnitudes less ours at its positions; beyond 1.9 at the edge.",
    )
    return "\n\n".join([list_table(rows, _HEADER), shown])


def _cell(one):
    if not one["number"]:
        return "-"
    return f"{one['median']:+.3f} ± {one['scatter']:.3f}"


_FIGURES = ("kids", "hsc", "hsc_blends", "hsc_hst", "decals", "decam", "ntt")

PARTS = {
    "real_fields.inc": fields,
    "fields_against_hst.inc": hsc_hst,
    "fields_pipeline.inc": pipeline,
    **{f"fields_{name}.inc": pictures(name) for name in _FIGURES},
}
