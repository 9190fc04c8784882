# Licensed under a 3-clause BSD style license - see LICENSE
"""
Tables of the documentation that are made from ``benchmarks/results``.

A page that shows a figure of merit includes it from here, so that no number is
typed twice and none outlives the run that measured it.
"""

import accuracy_pages
import cas_experiment_pages
import cas_pages
import casnet_pages
import catalog_pages
import experiment_pages
import fields_pages
import figure_pages
import flag_pages
import morphology_pages
import paper_pages
import psf_pages
import real_fields_pages
import robustness_pages
import speed_pages
import survey_pages
import tuning_pages
import why_pages
from benchmark_results import NOT_RUN, read
from generated_pages import list_table

from astro_cnnfit.evaluation.published import COLUMNS, GALNETS_TABLE2, STATISTICS


def write_all(folder):
    """Write every part into ``folder``."""
    parts = {
        "table2.inc": table2,
        "sky.inc": sky,
        "limit.inc": limit,
        "real.inc": real,
        "accuracy_summary.inc": accuracy_pages.summary,
        "isolated.inc": accuracy_pages.isolated,
        "crowded.inc": accuracy_pages.crowded,
        "networks_compared.inc": accuracy_pages.networks,
        "errors.inc": accuracy_pages.errors,
        "peers.inc": accuracy_pages.peers,
        "euclid.inc": accuracy_pages.euclid,
        "first_flags.inc": flag_pages.first,
        "flag_advice.inc": flag_pages.advice,
        "flag_rates.inc": flag_pages.rates,
        **experiment_pages.PARTS,
        **fields_pages.PARTS,
        **figure_pages.PARTS,
        **cas_experiment_pages.PARTS,
        **cas_pages.PARTS,
        **casnet_pages.PARTS,
        **catalog_pages.PARTS,
        **morphology_pages.PARTS,
        **paper_pages.PARTS,
        **psf_pages.PARTS,
        **real_fields_pages.PARTS,
        **robustness_pages.PARTS,
        **speed_pages.PARTS,
        **survey_pages.PARTS,
        **tuning_pages.PARTS,
        **why_pages.PARTS,
    }
    for name, make in parts.items():
        (folder / name).write_text(make() + "\n", encoding="utf-8")


def table2():
    """Put networks beside the paper's Table 2."""
    result = read("sersic_table2")
    if result is None:
        return NOT_RUN
    published = {f"{name} (paper)": paper(name) for name in GALNETS_TABLE2}
    settings = result["settings"]
    text = (
        f"{settings['n']} galaxies, {settings['real_sky']:.0%} of them on real sky, "
        f"seed {result['seed']}, measured on {result['date']}:"
    )
    return f"{text}\n\n{statistics({**published, **result['crowded']})}"


def sky():
    """Put kinds of real sky beside each other."""
    result = read("sersic_table2")
    if result is None or "kids_sky" not in result:
        return NOT_RUN
    names = {"kids_sky": "KiDS", "other_sky": "VIKING, DECam, BASS, MzLS, HSC"}
    tables = {text: result[key]["tables"]["sersic"] for key, text in names.items()}
    return statistics({"GaLNet-2 (paper)": paper("GaLNet-2"), **tables})


def paper(name):
    """The paper's Table 2 in the form of our results."""
    rows = GALNETS_TABLE2[name]
    return {key: dict(zip(COLUMNS, row, strict=True)) for key, row in rows.items()}


def limit():
    """Put networks beside the Cramer-Rao limit."""
    result = read("sersic_table2")
    if result is None:
        return NOT_RUN
    rows = {"Cramer-Rao limit": result["cramer_rao"], **result["isolated"]}
    ratios = result["nmad_over_cramer_rao"]
    table = [
        (name, *(f"{ratio[column]:.2f}" for column in accuracy_pages.CIRCULAR))
        for name, ratio in ratios.items()
        if "(angle)" not in name
    ]
    return "\n\n".join(
        [
            statistics(rows),
            "NMAD in units of the limit, of the angle on the circle:",
            list_table([("", *COLUMNS), *table], "   :header-rows: 1"),
        ]
    )


def statistics(tables):
    """Show the three statistics of several networks as one table."""
    rows = [("", "", *COLUMNS)]
    for statistic in STATISTICS:
        decimals = 3 if statistic == "outliers" else 4
        for name, table in tables.items():
            if statistic in table:
                values = (f"{table[statistic][c]:.{decimals}f}" for c in COLUMNS)
                rows.append((statistic, name, *values))
    return list_table(rows, "   :header-rows: 1")


def real():
    """Put the real galaxies beside other fits of them."""
    result = read("sersic_real")
    if result is None:
        return NOT_RUN
    names = ("mag", "r_eff", "n", "q")
    rows = [("galaxy", "measured by", *names)]
    for galaxy, found in result["galaxies"].items():
        for source, values in found["compared"].items():
            numbers = (f"{values[name]:.3f}" for name in names)
            rows.append((galaxy, source, *numbers))
    return list_table(rows, "   :header-rows: 1")
