# Licensed under a 3-clause BSD style license - see LICENSE
"""Many real galaxies, measured by several methods and compared."""

import warnings

import numpy as np
from astropy.table import Table
from common import print_table
from drawing import pyplot
from real_galaxies import load_set

__all__ = ["METHODS", "draw_worst", "survey"]

METHODS = {"network": False, "refined": True, "map": "map"}
LEAST_SQUARES = "least squares"
# What a difference is measured in: the tolerances of the five galaxies.
SCALES = {"mag": 0.1, "r_eff": 0.10, "n": 0.15, "q": 0.05}
RELATIVE = ("r_eff", "n")
# What is needed of each band.
KEYS = ("r_eff", "r_eff_err", "q", "q_err", "theta", "theta_err")
N_WORST = 5
# Half-width of the panels that show them, in pixels and in units of R_eff.
REACH, REACH_R_EFF = 30, 4


def survey(network, folder, sets, methods, measure, fit_stamp):
    """
    Measure all galaxies of some sets.

    Parameters
    ----------
    network : Network
    folder : path-like
        The folder of real images.
    sets, methods : list of str
        Names of sets and of `METHODS`.
    measure, fit_stamp : callable
        ``measure(network, galaxy, refine)`` and ``fit_stamp(galaxy, factor)``.

    Returns
    -------
    dict
        ``galaxies``, ``statistics``, ``refine_failed``, ``worst`` and
        ``wavelength`` are plain;
        ``to_draw`` holds what `draw_worst` takes.
    """
    found, fitters = {}, {}
    for name in sets:
        for galaxy in load_set(name, folder):
            row, fitter = _all_methods(network, galaxy, methods, measure, fit_stamp)
            found[galaxy.name] = {"set": name, **row}
            fitters[galaxy.name] = galaxy, fitter
        print(f"{name}: {len(found)} galaxies so far", flush=True)
    statistics = _statistics(found)
    failed = _refine_failed(found)
    print("Refinements that failed, and kept the network's answer:", failed)
    worst = _worst(found, fitters)
    return {
        "galaxies": found,
        "statistics": statistics,
        "refine_failed": failed,
        "worst": worst,
        "wavelength": _wavelengths(found, fitters),
        "to_draw": [(*fitters[row["name"]], row["sentence"]) for row in worst],
    }


def _all_methods(network, galaxy, methods, measure, fit_stamp):
    row, shown = {}, None
    for method in methods:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                fitter, row[method] = measure(network, galaxy, METHODS[method])
        except ValueError as error:
            if "refine" not in str(error):
                raise
            continue
        shown = shown or fitter
    factor = next(iter(row.values()))["block_factor"]
    try:
        row[LEAST_SQUARES] = fit_stamp(galaxy, factor)
    except ValueError as error:
        print(f"{galaxy.name}: no least-squares fit ({error})")
    if galaxy.published:
        row["published"] = galaxy.published
    return row, shown


def differences(found, reference):
    """Differences in all that both know, relative for R_eff and n."""
    keys = [key for key in SCALES if key in found and key in reference]
    values = {key: found[key] - reference[key] for key in keys}
    return {
        key: value / reference[key] if key in RELATIVE else value
        for key, value in values.items()
    }


def _statistics(found):
    """Median and scatter of the differences by set, method and reference."""
    sets = {row["set"] for row in found.values()}
    rows, result = [], {}
    for name in [*sorted(sets), "all"]:
        own = [row for row in found.values() if name in ("all", row["set"])]
        for method in (*METHODS, LEAST_SQUARES):
            for reference in (LEAST_SQUARES, "published"):
                if method == reference:
                    continue
                columns = _columns(own, method, reference)
                if columns:
                    key = f"{method} - {reference}"
                    result.setdefault(name, {})[key] = columns
                    cells = (columns.get(k, {}) for k in SCALES)
                    text = [
                        f"{c['median']:+.3f} ({c['scatter']:.3f})" if c else "-"
                        for c in cells
                    ]
                    count = max(c["count"] for c in columns.values())
                    rows.append([name, key, count, *text])
    if rows:
        table = Table(rows=rows, names=["set", "difference", "count", *SCALES])
        print_table(table, "Median (scatter) of the differences")
    return result


def _refine_failed(found):
    """How many refinements failed, by method."""
    return {
        method: sum("refine_failed" in row[method]["flags"] for row in found.values())
        for method in METHODS
        if METHODS[method] and all(method in row for row in found.values())
    }


def _columns(rows, method, reference):
    pairs = [
        differences(row[method], row[reference])
        for row in rows
        if method in row and reference in row
    ]
    columns = {}
    for key in SCALES:
        values = [pair[key] for pair in pairs if np.isfinite(pair.get(key, np.nan))]
        if values:
            median = np.median(values)
            columns[key] = {
                "median": median,
                "scatter": 1.4826 * np.median(np.abs(values - median)),
                "count": len(values),
            }
    return columns


def _worst(found, fitters):
    """The galaxies in which network and least squares differ most."""
    scores = {}
    for name, row in found.items():
        if "network" in row and LEAST_SQUARES in row:
            pair, errors = _with_errors(row["network"], row[LEAST_SQUARES])
            # Large in itself, and not for want of light.
            score = max(
                abs(pair[key]) / np.hypot(SCALES[key], errors[key]) for key in pair
            )
            scores[name] = score if np.isfinite(score) else np.inf
    names = sorted(scores, key=scores.get, reverse=True)[:N_WORST]
    print("\nThe five that differ most")
    worst = []
    for name in names:
        sentence = _sentence(name, found[name], fitters[name][0])
        print(sentence)
        worst.append({"name": name, "score": scores[name], "sentence": sentence})
    return worst


def _with_errors(network, fit):
    """Differences and their errors, both relative for R_eff and n."""
    pair, errors = differences(network, fit), {}
    for key in pair:
        error = np.hypot(network[f"{key}_err"], fit[f"{key}_err"])
        errors[key] = error / fit[key] if key in RELATIVE else error
    return pair, errors


def _sentence(name, row, galaxy):
    """Say in one sentence how a galaxy differs, and what may be behind it."""
    network, fit = row["network"], row[LEAST_SQUARES]
    pair, errors = _with_errors(network, fit)
    pulls = [pair[key] / errors[key] for key in pair]
    far = max(pulls, key=abs)
    text = ", ".join(f"{key} {value:+.2f}" for key, value in pair.items())
    reasons = [
        f"least squares leaves a reduced chi2 of {fit['reduced_chi2']:.1f}",
        f"at most {abs(far):.1f} sigma",
    ]
    if "refine_failed" in row.get("refined", {}).get("flags", ()):
        reasons.append("the refinement failed")
    if network["flags"]:
        reasons.append("flags " + " ".join(network["flags"]))
    if galaxy.note:
        reasons.append(galaxy.note)
    return f"{name}: {text} ({'; '.join(reasons)})."


def _wavelengths(found, fitters):
    """Scatter about straight lines in the logarithm of the wavelength."""
    bands = [
        (np.log10(galaxy.wavelength), found[name])
        for name, (galaxy, _) in fitters.items()
        if galaxy.wavelength is not None
    ]
    if len(bands) < 3:
        return {}
    x = np.array([band for band, _ in bands])
    result, rows = {}, []
    for method in (*METHODS, LEAST_SQUARES):
        if method in bands[0][1]:
            result[method] = _lines(x, [row[method] for _, row in bands])
            for name, line in result[method].items():
                rows.append([method, name, *line.values()])
    table = Table(rows=rows, names=["method", "parameter", *line])
    for column in table.colnames[2:]:
        table[column].format = ".3f"
    print_table(table, "Nine bands: straight lines in log10 of the wavelength")
    return result


def _lines(x, rows):
    get = {key: np.array([row[key] for row in rows]) for key in rows[0] if key in KEYS}
    theta = np.radians(get["theta"])
    weight = np.minimum(get["theta_err"], 1e3) ** -2
    mean = np.angle(np.sum(weight * np.exp(2j * theta))) / 2
    offset = np.degrees((theta - mean + np.pi / 2) % np.pi - np.pi / 2)
    values = {
        "ln r_eff": (np.log(get["r_eff"]), get["r_eff_err"] / get["r_eff"]),
        "q": (get["q"], get["q_err"]),
        "theta": (offset, get["theta_err"]),
    }
    return {name: _line(x, *value) for name, value in values.items()}


def _line(x, y, error):
    good = np.isfinite(y) & np.isfinite(error) & (error > 0)
    x, y, error = x[good], y[good], error[good]
    slope, start = np.polyfit(x, y, 1, w=1 / error)
    left = y - start - slope * x
    free = max(len(x) - 2, 1)
    return {
        "slope per dex": slope,
        "rms": np.sqrt(np.sum(left**2) / free),
        # About 1 if the bands agree within their errors.
        "rms in errors": np.sqrt(np.sum((left / error) ** 2) / free),
        "typical error": np.median(error),
    }


def draw_worst(worst, folder):
    """Draw data, model and residual of the galaxies that differ most."""
    plt = pyplot()

    folder.mkdir(parents=True, exist_ok=True)
    figure, axes = plt.subplots(
        len(worst), 3, figsize=(8, 2.7 * len(worst)), squeeze=False
    )
    for row, (galaxy, fitter, sentence) in zip(axes, worst, strict=True):
        model = fitter.make_model_image(galaxy.image.shape, include_local_bkg=True)
        sky = float(fitter.results["local_bkg"][0])
        r_eff = float(np.nan_to_num(fitter.results["r_eff_fit"][0]))
        reach = int(max(REACH, REACH_R_EFF * r_eff))
        y, x = int(galaxy.y), int(galaxy.x)
        part = np.s_[
            max(y - reach, 0) : y + reach + 1, max(x - reach, 0) : x + reach + 1
        ]
        images = [galaxy.image - sky, model - sky, galaxy.image - model]
        noise = np.median(galaxy.error)
        limit = np.arcsinh(max(np.nanpercentile(images[0][part], 99.8) / noise, 5) / 3)
        for axis, image, kind in zip(
            row, images, ("data", "model", "residual"), strict=True
        ):
            shown = np.where(galaxy.mask, np.nan, image)[part]
            if kind == "residual":
                shown = shown / galaxy.error[part]
                axis.imshow(shown, origin="lower", vmin=-6, vmax=6, cmap="RdBu_r")
            else:
                shown = np.arcsinh(shown / noise / 3)
                axis.imshow(
                    shown, origin="lower", vmin=-0.5, vmax=limit, cmap="viridis"
                )
            axis.set_xticks([])
            axis.set_yticks([])
        row[0].set_title(sentence.split(":")[0], loc="left", fontsize=9)
        row[2].set_title("residual / error, -6 to 6", fontsize=8)
    figure.tight_layout()
    figure.savefig(folder / "sersic_real_worst.png", dpi=100)
    plt.close(figure)
