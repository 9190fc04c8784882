# Licensed under a 3-clause BSD style license - see LICENSE
"""What to do about each flag, and how often the benchmark finds it set."""

from benchmark_results import NOT_RUN, read
from generated_pages import list_table

from astro_cnnfit.flags import FLAGS, MORPHOLOGY_CUT, RECOMMENDED_CUT

SETS = {"table1": "Table 1 of GaLNets I", "wide": "wide prior"}
GROUPS = {
    "good": "good",
    "bad": "not good",
    "n_off_by_2": "n off by a factor 2",
    "n_off_by_3": "by a factor 3",
}


FIRST = (
    "truncated",
    "neighbour",
    "block_averaged",
    "low_snr",
    "at_bound",
    "outside_training_range",
    "saturated",
    "masked_core",
    "no_data",
)
"""Flags of profiles that most users meet first."""


def first():
    """What those flags mean and what to do."""
    found = {flag.name: flag for flag in FLAGS}
    rows = [("flag", "what it means", "what to do")]
    rows += [(f"``{name}``", found[name].meaning, found[name].advice) for name in FIRST]
    return list_table(rows, "   :header-rows: 1", "   :widths: 22 40 38")


def advice():
    """Say what each flag means and what to do, and which cuts leave it out."""
    cuts = {"profiles": RECOMMENDED_CUT, "morphology": MORPHOLOGY_CUT}
    rows = [("bit", "flag", "what it means", "what to do", "in the cut for")]
    rows += [
        (
            flag.bit,
            f"``{flag.name}``",
            flag.meaning,
            flag.advice,
            ", ".join(name for name, cut in cuts.items() if flag.bit & cut) or "-",
        )
        for flag in FLAGS
    ]
    return list_table(rows, "   :header-rows: 1", "   :widths: 12 20 30 26 12")


def rates():
    """Say how often each flag is set, and what the cut keeps."""
    result = read("sersic_flags")
    if result is None:
        return NOT_RUN
    settings = result["settings"]
    text = (
        f"{settings['n']} galaxies of each set, {settings['real_sky']:.0%} of them on "
        f"real sky, seed {result['seed']}, measured on {result['date']}. Share of the "
        "galaxies, in per cent, that have a flag:"
    )
    parts = [text]
    for name, found in result["sets"].items():
        title = SETS[name]
        parts += [f"**{title}**", _rates(found), _cut(found["cut"])]
    return "\n\n".join([*parts, _provoked(result["provoked"])])


def _percent(value):
    return "-" if value is None else f"{100 * value:.1f}"


def _rates(found):
    rows = [("flag", "all", *GROUPS.values())]
    rows.append(("(share)", "100", *(_percent(found["share"][g]) for g in GROUPS)))
    for name, rate in found["rates"].items():
        if rate["all"]:
            rows.append((name, *(_percent(rate[g]) for g in ("all", *GROUPS))))
    return list_table(rows, "   :header-rows: 1")


def _cut(cut):
    return (
        f"The recommended cut keeps {cut['kept']:.1%} of all and "
        f"{cut['completeness']:.1%} of the good measurements (completeness). Of those "
        f"that it keeps, {cut['purity']:.1%} are good (purity), of all "
        f"{cut['purity_without_cut']:.1%}; n is off by more than a factor 3 in "
        f"{cut['n_off_by_3_among_kept']:.2%} of them."
    )


def _provoked(provoked):
    errors = list(next(iter(provoked["psf_mismatch"].values())))
    rows = [("flux (sky noises)", *(f"{float(error):+.0%}" for error in errors))]
    rows += [
        (flux, *(_percent(rate[error]) for error in errors))
        for flux, rate in provoked["psf_mismatch"].items()
    ]
    levels = list(next(iter(provoked["saturated"].values())))
    clipped = [("flux (sky noises)", *levels)]
    clipped += [
        (flux, *(_percent(rate[level]) for level in levels))
        for flux, rate in provoked["saturated"].items()
    ]
    return "\n\n".join(
        [
            "``psf_mismatch``, in per cent, for isolated galaxies that are measured "
            "with a PSF whose width is wrong:",
            list_table(rows, "   :header-rows: 1"),
            "``saturated``, in per cent, where cores are cut off at a share of their "
            "height:",
            list_table(clipped, "   :header-rows: 1"),
        ]
    )
