# Licensed under a 3-clause BSD style license - see LICENSE
"""Figures that are drawn from ``benchmarks/results`` when the pages are built."""

from pathlib import Path

from benchmark_results import NOT_RUN, kept_times, read

__all__ = ["PARTS"]

FOLDER = Path(__file__).parent / "generated"
# Okabe and Ito's colours, which colour-blind readers tell apart.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9")
MARKERS = "osD^vP"
LABELS = {
    "x": "x",
    "y": "y",
    "log_flux": "flux",
    "log_r_eff": "R_eff",
    "log_n": "n",
    "e1": "e1",
    "e2": "e2",
    "joint": "all seven",
}


def coverage():
    """How often stated intervals hold the truth, and TARP's test."""
    result = read("sersic_coverage")
    if result is None:
        return NOT_RUN
    figure, (left, right) = _axes(2, (9.2, 3.9), width_ratios=[1.6, 1])
    places = range(len(LABELS))
    for number, (name, case) in enumerate(result["cases"].items()):
        shift = 0.11 * (number - 2.5)
        for level in ("50%", "68%", "95%"):
            values = [100 * case["coverage"][key][level] for key in LABELS]
            left.plot(
                [place + shift for place in places], values, MARKERS[number], ms=4,
                color=COLOURS[number], label=name if level == "68%" else None,
            )  # fmt: skip
        tarp = case["tarp"]
        right.plot(tarp["levels"], tarp["coverage"], color=COLOURS[number], lw=1.3)
    for level in (50, 68, 95):
        left.axhline(level, color="0.6", lw=0.8, zorder=0)
    left.set_xticks(places, LABELS.values())
    left.set(ylabel="truths within the interval (%)", ylim=(30, 100), yticks=_LEVELS)
    left.legend(fontsize=7, ncols=3, loc="upper center", bbox_to_anchor=(0.5, 1.17))
    right.plot([0, 1], [0, 1], "--", color="0.6", lw=0.8)
    right.set(xlabel="credibility", ylabel="truths within (TARP)", aspect="equal")
    settings = result["settings"]
    return _save(
        figure,
        "coverage.png",
        "Left: shares of the truths within the 50, 68 and 95 % intervals (grey lines), "
        "by parameter and case. Right: the joint posterior; on the diagonal it is "
        f"right. {settings['n']} galaxies a case, ``{settings['model']}``.",
    )


_LEVELS = (30, 50, 68, 80, 95)


def cas_coverage():
    """The same for A and C, by S/N."""
    result = read("cas_accuracy")
    if result is None:
        return NOT_RUN
    figure, axes = _axes(2, (8.4, 3.3))
    names = {"asymmetry": "A", "concentration": "C"}
    methods = ("network", "combined")
    for axis, (quantity, label) in zip(axes, names.items(), strict=True):
        for row, kind in enumerate(result["sets"]):
            for number, method in enumerate(methods):
                bins = result["sets"][kind]
                values = [
                    100 * _inside(found, method, quantity) for found in bins.values()
                ]
                axis.plot(
                    list(bins), values, "-" if row else "--", marker=MARKERS[number],
                    color=COLOURS[number], ms=4, lw=1, label=f"{method}, {kind}",
                )  # fmt: skip
        axis.axhline(68, color="0.6", lw=0.8, zorder=0)
        axis.set(xlabel="S/N per pixel", ylim=(30, 100), title=label)
    axes[0].set_ylabel("truths within the 68 % interval (%)")
    axes[0].legend(fontsize=7)
    return _save(
        figure,
        "cas_coverage.png",
        "Shares of the true A and C within their 68 % intervals, by S/N per pixel.",
    )


def _inside(found, method, quantity):
    return found["methods"][method][quantity]["68%"]


def speed():
    """Time of a galaxy on one core, beside other programs."""
    core, peers, cas = read("single_core"), read("sersic_peers"), read("cas_speed")
    if None in (core, peers, cas):
        return NOT_RUN
    figure, axes = _axes(2, (9.2, 3.1))
    bars = _sersic_bars(peers), _cas_bars(core, cas)
    for axis, rows, title in zip(
        axes, bars, ("Sersic profile", "C, A, S"), strict=True
    ):
        names, values = zip(*rows, strict=True)
        colours = [COLOURS[0] if "(ours)" in name else "0.7" for name in names]
        labels = [name.removesuffix(" (ours)") for name in names]
        axis.barh(range(len(rows)), values, color=colours)
        axis.set_yticks(range(len(rows)), labels, fontsize=8)
        axis.set(xscale="log", xlabel="ms a galaxy, one core", title=title)
        axis.set_xlim(0.3, 2 * 10**4 if max(values) > 1000 else 2000)
        for place, value in enumerate(values):
            shown = f"{value:,.0f}" if value >= 100 else f"{value:.2g}"
            axis.text(value * 1.15, place, shown, va="center", fontsize=8)
        axis.invert_yaxis()
    return _save(
        figure,
        "speed.png",
        "Milliseconds that a galaxy takes on one core: this package (blue), hundreds "
        f"in a call, and other programs (grey). {kept_times(peers)}",
    )


def _sersic_bars(peers):
    # All of one benchmark: times of two days are not times of one machine.
    methods = peers["methods"]
    ours = {"network": "network (ours)", "refined": "refine=True (ours)"}
    others = ("astropy", "statmorph", "imfit", "AstroPhot", "pysersic")
    names = ours | dict(zip(others, others, strict=True))
    return [(text, 1e3 * methods[name]["seconds"]) for name, text in names.items()]


def _cas_bars(core, cas):
    call = core["ms"]["cas_float32"]["batches"]["512"]["call"]
    ms = cas["ms"]
    return [
        ("method='network' (ours)", call),
        ("method='combined' (ours)", ms["combined"]),
        ("method='classical' (ours)", ms["classical"]),
        ("statmorph, C A S Gini M20", ms["statmorph_cas"]),
        ("statmorph, everything", ms["statmorph"]),
    ]


def _axes(number, size, **ratios):
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(1, number, gridspec_kw=ratios or None)
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _save(figure, name, caption):
    FOLDER.mkdir(exist_ok=True)
    figure.savefig(FOLDER / name, dpi=130)
    alt = caption.replace("``", "")
    return f".. figure:: generated/{name}\n   :alt: {alt}\n\n   {caption}"


PARTS = {
    "coverage_figure.inc": coverage,
    "cas_coverage_figure.inc": cas_coverage,
    "speed_figure.inc": speed,
}
