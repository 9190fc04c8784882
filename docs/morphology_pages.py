# Licensed under a 3-clause BSD style license - see LICENSE
"""Tables of the page on morphology, from flags and benchmarks."""

from benchmark_results import NOT_RUN, read
from generated_pages import list_table

from astro_cnnfit import flags

__all__ = ["PARTS"]

HEADER = "   :header-rows: 1"
# A bare hyphen would begin a list.
NONE = r"\-"
SHOWN = {
    "combined": "combined",
    "network": "network",
    "tohill2021": "classical",
}
"""Methods of the benchmark, and what the page calls them."""
KINDS = {"procedural": "procedural galaxies", "real": "real galaxies"}
NAMES = {
    "concentration": "C",
    "asymmetry": "A",
    "smoothness": "S",
    "gini": "Gini",
    "m20": "M20",
}
REASONS = {
    "centre": "another centre of asymmetry",
    "rpetro_circ": "another circular Petrosian radius",
    "rpetro_ellip": "another elliptical Petrosian radius",
    "aperture_outside": "an aperture that leaves the image",
    "pixels": "other pixels that count as the galaxy's or as sky",
}
# Only a fit of a profile sets these.
_FITTED = (
    flags.AT_BOUND
    | flags.PSF_MISMATCH
    | flags.NEIGHBOUR
    | flags.SATURATED
    | flags.POOR_MODEL
    | flags.REFINE_FAILED
    | flags.BAD_PIXEL
    | flags.BLENDED
)


def meanings():
    """What the flags of morphology mean, and what to do."""
    rows = [("bit", "flag", "what it means", "what to do", "in the cut")]
    rows += [
        (
            flag.bit,
            f"``{flag.name}``",
            flag.meaning,
            flag.advice,
            "yes" if flag.bit & flags.MORPHOLOGY_CUT else "no",
        )
        for flag in flags.FLAGS
        if not flag.bit & _FITTED
    ]
    return list_table(rows, HEADER, "   :widths: 10 20 32 28 10")


def trust():
    """Scatter and bias of A and C by S/N, for what a user can choose."""
    result = read("cas_accuracy")
    if result is None:
        return NOT_RUN
    columns = [("asymmetry", "std"), ("concentration", "nmad")]
    header = [f"{NAMES[n]}, {shown}" for n, _ in columns for shown in SHOWN.values()]
    parts = []
    for kind, bins in result["sets"].items():
        rows = [("S/N per pixel", *header)]
        for name, own in bins.items():
            found = own["methods"]
            cells = [
                _scatter(found.get(method, {}).get(quantity), scatter)
                for quantity, scatter in columns
                for method in SHOWN
            ]
            rows.append((name, *cells))
        parts += [f"{KINDS.get(kind, kind).capitalize()}:", list_table(rows, HEADER)]
    return "\n\n".join(parts)


def _scatter(found, key):
    if not found or found.get(key) is None:
        return NONE
    return f"{found[key]:.3f} ({found['bias']:+.3f})"


def agreement():
    """How well ``definition='statmorph'`` agrees with that package."""
    result = read("cas_statmorph")
    if result is None:
        return NOT_RUN
    found = result["sets"]["all"]
    header = ("", "tolerance", "galaxies within it", "95 % differ by less than")
    rows = [header]
    for name, own in found["quantities"].items():
        tolerance = "1 %" if name == "concentration" else f"{own['tolerance']:g}"
        nearly_all = own["percentiles_68_95_99"][1]
        rows.append(
            (NAMES[name], tolerance, f"{own['within']:.1%}", f"{nearly_all:.1g}")
        )
    causes = [f"{REASONS[key]} ({n})" for key, n in found["reasons"].items() if n]
    text = (
        f"{found['measured_by_both']} galaxies, real and simulated, {result['date']}. "
        f"Those that are outside a tolerance have {', '.join(causes) or 'no cause'}:"
    )
    return f"{text}\n\n{list_table(rows, HEADER)}"


PARTS = {
    "morphology_flags.inc": meanings,
    "morphology_trust.inc": trust,
    "morphology_agreement.inc": agreement,
}
