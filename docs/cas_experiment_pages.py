# Licensed under a 3-clause BSD style license - see LICENSE
"""Tables of the paper's experiments on concentration and asymmetry, made here."""

from functools import partial

from benchmark_results import NOT_RUN, read
from cas_pages import HEADER, NAMES, NONE, percent, signed
from experiment_pages import figure
from generated_pages import list_table

__all__ = ["PARTS"]

GROUPS = {"agreeing": "agreed on", "all": "all"}
FIGURES = {
    "cas_paper_figures": (
        "C and A of networks and the classical code against each other and the truth."
    ),
    "cas_noise": (
        "Deviations from the value at a S/N of 10: mean with scatter (black), "
        "median (open), single galaxies (grey)."
    ),
    "cas_redshift_one": "One galaxy at increasing redshift.",
    "cas_redshift": (
        "Deviations from z = 0.2: mean with scatter (black), median (open), "
        "single galaxies (grey)."
    ),
    "cas_redshift_distributions": "Their distributions.",
}
"""Names of figures, which the benchmarks draw, and what is below them."""


def noise():
    """The paper's noise experiment."""
    result = read("cas_noise")
    if result is None:
        return NOT_RUN
    rows = [("galaxies", "method", "scatter of A", "A, bias at 3", "A, catastrophic")]
    rows[0] += ("scatter of C", "C, bias at 3")
    names = {"casnet": "network (paper)", "tohill2021": "Morfometryka (paper)"}
    for method, text in names.items():
        paper = result["paper"]
        a, c = paper["asymmetry"][method], paper["concentration"][method]
        cells = (f"{a['scatter']:.3f}", signed(a["bias_at_3"]))
        rows.append(("paper's", text, *cells, percent(a["catastrophic"])))
        rows[-1] += (f"{c['scatter']:.2f}", NONE)
    for group, own in result["groups"].items():
        for method, found in own["methods"].items():
            a, c = found["asymmetry"], found["concentration"]
            cells = (f"{a['scatter']:.3f}", signed(a["bias_at_3"]))
            cells += (percent(a["catastrophic"]), f"{c['scatter']:.3f}")
            rows.append((GROUPS[group], method, *cells, signed(c["bias_at_3"])))
    return list_table(rows, HEADER)


def paper_figures():
    """MAE, RMSE and Pearson's r as the paper gives them."""
    result = read("cas_paper_figures")
    if result is None:
        return NOT_RUN
    rows = [("", "pair", "MAE", "RMSE", "r", "bias")]
    for name, pairs in result["pairs"].items():
        paper = result["paper"][name]
        cells = (f"{paper[key]:.3f}" for key in ("mae", "rmse", "r"))
        rows.append((NAMES[name], "network against Morfometryka (paper)", *cells, NONE))
        for pair, found in pairs.items():
            cells = (f"{found[key]:.3f}" for key in ("mae", "rmse", "r"))
            rows.append((NAMES[name], pair, *cells, signed(found["bias"])))
    return list_table(rows, HEADER)


def redshift():
    """Mean deviations at artificial redshift."""
    result = read("cas_redshift")
    if result is None:
        return NOT_RUN
    shown = [i for i, z in enumerate(result["redshifts"]) if z in (0.5, 1, 2, 3, 5, 7)]
    header = [f"z = {result['redshifts'][i]:g}" for i in shown]
    rows = [("", "method", *header)]
    sn = [result["snr"][i] for i in shown]
    rows.append(("S/N per pixel", NONE, *(f"{value:.0f}" for value in sn)))
    for name in ("asymmetry", "concentration"):
        for method, own in result["all"][name].items():
            cells = (_mean(own["mean"][i], own["std"][i]) for i in shown)
            rows.append((NAMES[name], method, *cells))
    number = len(result["galaxies"])
    text = f"{number} galaxies, each seen {result['settings']['versions']} times:"
    return f"{text}\n\n{list_table(rows, HEADER)}"


def _mean(mean, std):
    return NONE if mean is None else f"{mean:+.2f} ± {std:.2f}"


def retraining():
    """Another survey, before and after."""
    result = read("cas_retrain")
    if result is None:
        return NOT_RUN
    header = ("network", "A, std", "A, bias", "A in 68 %", "C, NMAD", "C, bias")
    rows = [(*header, "C in 68 %", "seconds")]
    for name, found in result["networks"].items():
        a, c = found["asymmetry"], found["concentration"]
        cells = (f"{a['std']:.4f}", signed(a["bias"]), percent(a.get("68%"), 0))
        cells += (f"{c['nmad']:.4f}", signed(c["bias"]), percent(c.get("68%"), 0))
        seconds = result["seconds"][name]
        rows.append((name, *cells, f"{seconds:.0f}" if seconds else NONE))
    settings = result["settings"]
    text = (
        f"Fine-tuned on {settings['few']} galaxies, trained from the start on "
        f"{settings['samples']}, at most {settings['epochs']} epochs, one core:"
    )
    return f"{text}\n\n{list_table(rows, HEADER)}"


PARTS = {
    "cas_noise.inc": noise,
    "cas_paper_figures.inc": paper_figures,
    "cas_redshift.inc": redshift,
    "cas_retraining.inc": retraining,
    **{
        f"{name}_figure.inc": partial(figure, f"{name}.png", caption)
        for name, caption in FIGURES.items()
    },
}
