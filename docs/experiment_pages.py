# Licensed under a 3-clause BSD style license - see LICENSE
"""Tables of real galaxies in numbers and of the papers' own experiments."""

from pathlib import Path

from benchmark_results import NOT_RUN, read
from generated_pages import list_table

__all__ = ["PARTS"]

HEADER = "   :header-rows: 1"
STATIC = Path(__file__).parent / "_static"
KEYS = ("mag", "r_eff", "n", "q")
SHIFTS = {"original": "Table 1", "30%": "by 30 %", "50%": "by 50 %", "flat": "flat"}


def survey():
    """Median and scatter of differences between methods, for real galaxies."""
    result = read("sersic_real")
    if result is None or "survey" not in result:
        return NOT_RUN
    rows = [("galaxies", "difference", "number", *KEYS)]
    for name, methods in result["survey"]["statistics"].items():
        for method, columns in methods.items():
            if name != "all" and not method.endswith("least squares"):
                continue
            cells = [
                f"{columns[k]['median']:+.3f} ± {columns[k]['scatter']:.3f}"
                if k in columns
                else "-"
                for k in KEYS
            ]
            number = max(column["count"] for column in columns.values())
            rows.append((name, method.replace(" - ", " less "), number, *cells))
    return list_table(rows, HEADER)


def worst():
    """The galaxies that differ most, a sentence each, and how they look."""
    result = read("sersic_real")
    if result is None or "survey" not in result:
        return NOT_RUN
    lines = [f"- {row['sentence']}" for row in result["survey"]["worst"]]
    shown = figure("sersic_real_worst.png", "Data, model and residual of these.")
    return "\n".join([*lines, "", shown])


def wavelengths():
    """Scatter of nine bands about straight lines."""
    result = read("sersic_real")
    if result is None or not result.get("survey", {}).get("wavelength"):
        return NOT_RUN
    rows = [("", "parameter", "scatter", "in units of the error")]
    for method, lines in result["survey"]["wavelength"].items():
        rows += [
            (method, name, f"{line['rms']:.3f}", f"{line['rms in errors']:.2f}")
            for name, line in lines.items()
        ]
    return list_table(rows, HEADER)


def shifts():
    """How networks do on galaxies that are distributed otherwise."""
    result = read("sersic_experiments")
    if result is None:
        return NOT_RUN
    rows = [("galaxies", "network", "R_eff", "q", "n", "R2 of n", "n, if above 4")]
    offsets = result["claims"]["median_offset_of_n_above_4"]
    for kind, networks in result["shifts"].items():
        for name, found in networks.items():
            nmad = found["statistics"]["NMAD"]
            offset = offsets[kind][name]
            rows.append(
                (
                    SHIFTS[kind],
                    name,
                    *(f"{nmad[key]:.4f}" for key in ("r_eff", "q", "n")),
                    f"{found['statistics']['R2']['n']:.3f}",
                    "-" if offset is None else f"{offset:+.2f}",
                )
            )
    shown = figure(
        "sersic_prior_shifts.png", "Distributions, and measured against true values."
    )
    text = f"{result['settings']['n']} galaxies of each kind, seed {result['seed']}:"
    return "\n\n".join([text, list_table(rows, HEADER), shown])


def cases():
    """Easy, crowded and failed galaxies."""
    result = read("sersic_experiments")
    if result is None or "cases" not in result:
        return NOT_RUN
    rows = [("case", "true n", "measured n", "flags")]
    for case in result["cases"]:
        own = case["measured"]
        value = f"{own['n']:.2f} ± {own['n_err']:.2f}"
        flags = " ".join(own["flags"]) or "-"
        rows.append((case["case"], f"{case['true']['n']:.2f}", value, flags))
    shown = figure("sersic_cases.png", "Data, model and residual of the six, in order.")
    return "\n\n".join([list_table(rows, HEADER), shown])


def sizes():
    """Networks for stamps of three sizes."""
    result = read("sersic_experiments")
    if result is None or "stamp_sizes" not in result:
        return NOT_RUN
    rows = [("pixels", "galaxies", "mag", "R_eff", "q", "n", "minutes of training")]
    for size, found in result["stamp_sizes"].items():
        for name in ("all", "large"):
            if name in found:
                nmad = found[name]["NMAD"]
                values = (f"{nmad[key]:.4f}" for key in ("mag", "r_eff", "q", "n"))
                minutes = f"{found['training_seconds'] / 60:.0f}"
                rows.append((size, name, *values, minutes if name == "all" else ""))
    text = f"NMAD after {result['settings']['samples']} stamps each:"
    return f"{text}\n\n{list_table(rows, HEADER)}"


def figure(name, caption):
    """A figure, where it has been drawn."""
    if not (STATIC / name).is_file():
        return ""
    return f".. figure:: _static/{name}\n   :alt: {caption}\n\n   {caption}"


PARTS = {
    "survey.inc": survey,
    "worst.inc": worst,
    "wavelengths.inc": wavelengths,
    "shifts.inc": shifts,
    "cases.inc": cases,
    "sizes.inc": sizes,
}
