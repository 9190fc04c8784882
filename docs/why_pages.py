# Licensed under a 3-clause BSD style license - see LICENSE
"""What the benchmarks say of other programs, for those who choose one."""

from benchmark_results import NOT_RUN, kept_times, read
from generated_pages import list_table

__all__ = ["PARTS"]

HEADER = "   :header-rows: 1"
NAMES = {
    "network": "``CNNSersicFitter()``",
    "refined": "``CNNSersicFitter(refine=True)``",
    "astropy": "astropy, ``LMLSQFitter``",
    "imfit": "imfit (through pyimfit)",
    "statmorph": "statmorph's Sersic fit",
    "AstroPhot": "AstroPhot",
    "pysersic": "pysersic (maximum a posteriori)",
    "from_truth": "least squares that start at the truth",
}
"""Methods of the benchmark and what they are called here."""


def measured():
    """Time, failures and scatter of each program, on the same stamps."""
    result = read("sersic_peers")
    if result is None:
        return NOT_RUN
    number = result["settings"]["n"]
    header = ("", "ms a galaxy", "fails", "n off by a factor 3")
    rows = [(*header, "scatter of R_eff", "scatter of n")]
    for name, text in NAMES.items():
        own = result["methods"][name]
        rows.append(
            (
                text,
                f"{1e3 * own['seconds']:.3g}" if own["seconds"] < 1 else _whole(own),
                f"{own['failures'] / number:.1%}",
                f"{own['n_off'] / number:.1%}",
                f"{own['NMAD_r_eff']:.4f}",
                f"{own['NMAD_n']:.3f}",
            )
        )
    text = (
        f"{number} isolated galaxies (seed {result['seed']}, {result['date']}), the "
        "same stamps, PSFs, errors of the pixels and automatic first guess for all, on "
        "one core. A failure is a missing result or one at a bound; scatter is the "
        f"NMAD of (measured - true) / (1 + true). The network was ``{_model(result)}``."
        f" {kept_times(result)}"
    )
    return f"{text}\n\n{list_table(rows, HEADER)}"


def _whole(own):
    return f"{1e3 * own['seconds']:,.0f}"


def _model(result):
    return result["settings"]["model"]


def real():
    """How far the network is from least squares on real galaxies."""
    result = read("sersic_real")
    if result is None or "survey" not in result:
        return NOT_RUN
    found = result["survey"]["statistics"]["all"]["network - least squares"]
    names = {"r_eff": "R_eff", "n": "n"}
    parts = [
        f"{text} by {100 * found[key]['median']:+.0f} % in the median, with a scatter "
        f"of {100 * found[key]['scatter']:.0f} %"
        for key, text in names.items()
    ]
    mag = found["mag"]
    parts.append(f"the magnitude by {mag['median']:+.2f} ± {mag['scatter']:.2f}")
    return (
        f"On {found['r_eff']['count']} real galaxies the network and a least-squares "
        f"fit of the same stamp differ: {', '.join(parts)}. That is more than either "
        "error says: real galaxies are no Sersic profiles, and two fair methods weigh "
        "what is left over differently. See :doc:`accuracy`."
    )


PARTS = {"why_measured.inc": measured, "why_real.inc": real}
