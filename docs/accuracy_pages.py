# Licensed under a 3-clause BSD style license - see LICENSE
"""Tables of the limit, the errors, other fitters and Euclid's challenge."""

from benchmark_results import NOT_RUN, kept_times, read
from generated_pages import list_table

from astro_cnnfit.evaluation.published import COLUMNS

HEADER = "   :header-rows: 1"
CIRCULAR = [name if name != "pa" else "pa_circular" for name in COLUMNS]


def summary():
    """Say the whole page in four sentences."""
    limit, table2 = read("sersic_limit"), read("sersic_table2")
    coverage, real = read("sersic_coverage"), read("sersic_real")
    if None in (limit, table2, coverage, real):
        return NOT_RUN
    methods = limit["true_psf"]["methods"]
    alone, refined = (
        _between(methods[name]["nmad_over_limit"]) for name in ("network", "refined")
    )
    crowded = _between(table2["crowded_nmad_over_cramer_rao"]["sersic"])
    cases = coverage["cases"]
    inside = {name: _covered(case["columns"]) for name, case in cases.items()}
    r_eff = real["survey"]["statistics"]["all"]["network - least squares"]["r_eff"]
    lines = [
        f"**Isolated galaxies**: the network scatters by {alone} times the Cramer-Rao "
        f"limit, the smallest scatter that is possible; ``refine=True`` by {refined}.",
        "**Among neighbours and on real sky**: the network scatters by "
        f"{crowded} times the limit of the same galaxies were they alone.",
        f"**Errors**: 68 % intervals hold {inside['benchmark set']} of the truths "
        f"there, {inside['KiDS sky']} on the sky of KiDS, {inside['other sky']} on "
        "that of shallower surveys, where noise is often correlated, and "
        f"{inside['PSF too broad by 3 %']} with a PSF that is 3 % too broad.",
        f"**Real galaxies**: R_eff differs from that of least squares by "
        f"{r_eff['median']:+.0%} in the median, with a scatter of "
        f"{r_eff['scatter']:.0%}: real galaxies are no Sersic profiles.",
    ]
    return "\n".join(f"- {line}" for line in lines)


def _between(ratios):
    """Least and largest of the ratios, with the angle on the circle."""
    values = [ratios[key] for key in CIRCULAR]
    return f"{min(values):.2f} to {max(values):.2f}"


def _covered(columns):
    values = columns.values()
    return f"{100 * min(values):.0f} to {100 * max(values):.0f} %"


def isolated():
    """Network and refinement beside the Cramer-Rao limit."""
    result = read("sersic_limit")
    if result is None:
        return NOT_RUN
    true_psf = result["true_psf"]["methods"]
    rows = [("NMAD over the limit", *COLUMNS)]
    rows += [
        (name, *(f"{found['nmad_over_limit'][key]:.2f}" for key in CIRCULAR))
        for name, found in true_psf.items()
    ]
    others = [("", "R2 of n", "n off by a factor of 3", "ms a galaxy")]
    others += [
        (
            name,
            f"{found['r2_n']:.3f}",
            f"{found['n_off']:.2%}",
            f"{1e3 * found['seconds']:.2f}",
        )
        for name, found in true_psf.items()
    ]
    limit = result["true_psf"]["summaries"]["Cramer-Rao"]["R2"]["n"]
    others.append(("the limit itself", f"{limit:.3f}", "-", "-"))
    text = f"{result['settings']['n']} galaxies, seed {result['seed']}:"
    return "\n\n".join([text, list_table(rows, HEADER), list_table(others, HEADER)])


def crowded():
    """What neighbours and real sky leave, in units of the limit without them."""
    result = read("sersic_table2")
    if result is None or "crowded_nmad_over_cramer_rao" not in result:
        return NOT_RUN
    rows = [("NMAD over the limit", *COLUMNS)]
    rows += [
        (name, *(f"{ratio[key]:.2f}" for key in CIRCULAR))
        for name, ratio in result["crowded_nmad_over_cramer_rao"].items()
        if "(angle)" not in name
    ]
    return list_table(rows, HEADER)


def networks():
    """Networks side by side on the same stamps."""
    result = read("sersic_networks")
    if result is None:
        return NOT_RUN
    first, *others = result["networks"]
    rows = [("galaxies", "network", *COLUMNS, "68 % cover")]
    for case, found in result["cases"].items():
        for name in others:
            ratio, error = found[name]["ratio"], found[name]["ratio_error"]
            cells = [f"{ratio[key]:.3f} ± {error[key]:.3f}" for key in CIRCULAR]
            covered = found[name]["coverage"].values()
            rows.append((case, name, *cells, f"{min(covered):.2f}-{max(covered):.2f}"))
    operations = ", ".join(
        f"``{name}`` {row['mega_operations']:.0f} million"
        for name, row in result["networks"].items()
    )
    text = (
        f"NMAD relative to that of ``{first}`` on {result['settings']['n']} galaxies "
        f"of each kind, {result['real_sky']:.0%} of them on real sky, and the range of "
        f"the coverages of the parameters' 68 % intervals ({result['date']}). "
        f"Operations per galaxy: {operations}."
    )
    return f"{text}\n\n{list_table(rows, HEADER)}"


def errors():
    """Coverage of 68 % intervals in each case."""
    result = read("sersic_coverage")
    if result is None:
        return NOT_RUN
    names = list(next(iter(result["cases"].values()))["coverage"])
    rows = [("68 % intervals hold", *names, "farthest off")]
    for name, case in result["cases"].items():
        inside = (f"{case['coverage'][key]['68%']:.3f}" for key in names)
        rows.append((name, *inside, f"{case['largest_offset']:.3f}"))
    others = [("", "farthest off in a third", "TARP, farthest off", "TARP, p")]
    others += [
        (
            name,
            f"{case['largest_offset_in_thirds']:.3f}",
            f"{case['tarp']['largest_offset']:.3f}",
            f"{case['tarp']['p_value']:.2g}",
        )
        for name, case in result["cases"].items()
    ]
    text = f"{result['settings']['n']} galaxies of each kind, seed {result['seed']}:"
    return "\n\n".join([text, list_table(rows, HEADER), list_table(others, HEADER)])


def peers():
    """Other fitters on the same stamps."""
    result = read("sersic_peers")
    if result is None:
        return NOT_RUN
    names = ("x", "mag", "r_eff", "q", "n")
    header = ("", "s a galaxy", "failures", "n off by 3", "R2 of n", "cover by 68 %")
    rows = [header]
    spread = [("NMAD", *names)]
    for name, found in result["methods"].items():
        inside = [
            values["68%"]
            for key, values in result["coverage"].items()
            if key.rsplit(" ", 1)[0] == name and values["68%"] is not None
        ]
        mean = f"{sum(inside) / len(inside):.2f}" if inside else "no errors"
        number = (f"{found['seconds']:.4f}", found["failures"], found["n_off"])
        rows.append((name, *number, f"{found['R2_n']:.3f}", mean))
        spread.append((name, *(f"{found[f'NMAD_{key}']:.4f}" for key in names)))
    missing = [f"{name} did not run: {why}." for name, why in result["not_run"].items()]
    settings = f"{result['settings']['n']} stamps, seed {result['seed']}. "
    settings += kept_times(result)
    tables = [list_table(rows, HEADER), list_table(spread, HEADER)]
    return "\n\n".join([settings, *tables, *missing])


def euclid():
    """The bins of the Euclid Morphology Challenge."""
    result = read("sersic_euclid")
    if result is None:
        return NOT_RUN
    keys = ("D_r_eff", "D_q", "D_n", "O_r_eff")
    rows = [("I_E", "by", *keys)]
    bins = result["bins"]
    for name in next(iter(bins.values())):
        for method, table in bins.items():
            rows.append((name, method, *(f"{table[name][key]:.3f}" for key in keys)))
    faint = [("published, three faint bins", *keys)]
    for code, found in result["published"].items():
        faint.append((code, *(_three(found[key]) for key in keys)))
    return "\n\n".join([list_table(rows, HEADER), list_table(faint, HEADER)])


def _three(values):
    return " / ".join("-" if value is None else f"{value:.3f}" for value in values)
