# Licensed under a 3-clause BSD style license - see LICENSE
"""What the benchmark of all fitters says of each."""

import numpy as np
from astropy.table import Table

from astro_cnnfit.evaluation import sersic_summary
from astro_cnnfit.evaluation.published import COLUMNS
from astro_cnnfit.parameters import NAMES
from astro_cnnfit.simulation.priors import SKY_SIGMA, ZEROPOINT

from . import BOUNDS

__all__ = ["check", "claims", "coverage_table", "summary_table", "with_kept"]

# Magnitude of a flux of one sky noise.
NOISE_ZEROPOINT = ZEROPOINT - 2.5 * np.log10(SKY_SIGMA)
LEVELS = {"50%": 0.6745, "68%": 0.9945, "95%": 1.9600}
FACTOR_N = 3
STATISTICS = [
    f"{metric}_{column}"
    for metric in ("R2", "NMAD")
    for column in (*COLUMNS, "pa_circular")
]
# A parameter this near to a bound, relative to the bound, is at it.
NEAR = 2e-3


def summary_table(found, true):
    """Seconds, failures, R2 and NMAD of each method."""
    rows = []
    for name, answer in found.items():
        params = answer["params"]
        good = np.isfinite(params).all(axis=1)
        factor = np.abs(np.log(params[:, 4] / true[:, 4]))
        row = {
            "method": name,
            "seconds": float(np.mean(answer["seconds"])),
            "failures": int(failures(params).sum()),
            "n_off": int(np.sum(~(factor <= np.log(FACTOR_N)) | ~good)),
        }
        row |= dict.fromkeys(STATISTICS, np.nan)
        if good.any():
            row |= statistics(params[good], true[good])
        rows.append(row)
    table = Table(rows=rows)
    for column in table.colnames[1:]:
        if table[column].dtype.kind == "f":
            table[column].format = ".4f"
    return table


def statistics(params, true):
    """R2 and NMAD of all parameters, by the names of `STATISTICS`."""
    summary = sersic_summary(params, true, zeropoint=NOISE_ZEROPOINT)
    summary.add_index("metric")
    return {
        name: float(summary.loc[name.split("_")[0]][name.split("_", 1)[1]])
        for name in STATISTICS
    }


def failures(params):
    """Which galaxies have no result, or one at a bound."""
    failed = ~np.isfinite(params).all(axis=1)
    for name, (low, high) in BOUNDS.items():
        values = params[:, NAMES.index(name)]
        failed |= values >= high - NEAR * abs(high)
        # A round galaxy has an ellipticity at its bound and is none the worse.
        if name != "ellip":
            failed |= values <= low + NEAR * abs(low)
    return failed


def coverage_table(found, true):
    """Share of the truths within the quoted errors, where there are any."""
    rows = []
    for name, answer in found.items():
        pull = deviations(answer["params"], true) / answer["errors"]
        for parameter, values in zip(NAMES, pull.T, strict=True):
            quoted = np.isfinite(values)
            row = {"method": f"{name} {parameter}", "quoted": float(quoted.mean())}
            for level, width in LEVELS.items():
                inside = np.abs(values[quoted]) <= width
                row[level] = float(inside.mean()) if quoted.any() else np.nan
            rows.append(row)
    table = Table(rows=rows)
    for column in table.colnames[1:]:
        table[column].format = ".3f"
    return table


def deviations(params, true):
    """Measured minus true parameters, angles the short way round."""
    difference = params - true
    angle = difference[..., 6]
    difference[..., 6] = (angle + np.pi / 2) % np.pi - np.pi / 2
    return difference


def miscoverage(coverage, name):
    """Mean distance of a method's coverage from the nominal one, NaN for none."""
    nominal = np.array([float(level.strip("%")) / 100 for level in LEVELS])
    rows = [row for key, row in coverage.items() if key.split()[0] == name]
    values = np.array([[row[level] for level in LEVELS] for row in rows], float)
    known = values[np.isfinite(values).all(axis=1)]
    return float(np.mean(np.abs(known - nominal))) if len(known) else np.nan


def with_kept(result, former, order, peers):
    """Add what a former result of the same stamps says of other methods."""
    for key in ("n", "crowded"):
        if former["settings"][key] != result["settings"][key]:
            raise ValueError(f"the former result is of other stamps: {key} differs")
    if former["seed"] != result["seed"]:
        raise ValueError("the former result is of other stamps: seed differs")
    ran = {*result["methods"], *result["not_run"]}
    merged = dict(result)
    for part in ("methods", "coverage", "bright", "first_fit", "exceptions", "not_run"):
        # A key is a method, or a method and one of its parameters.
        kept = {k: v for k, v in former[part].items() if k.split()[0] not in ran}
        both = {**kept, **result[part]}
        merged[part] = dict(
            sorted(both.items(), key=lambda item: order.index(item[0].split()[0]))
        )
    kept = [name for name in merged["methods"] if name not in ran]
    # How fast that machine was: what the others took there.
    again = [name for name in peers if name in former["methods"] and name not in kept]
    seconds = {name: former["methods"][name]["seconds"] for name in again}
    kept = {"date": former["date"], "methods": kept, "seconds_of_peers": seconds}
    return merged | {"kept": kept}


def check(params, tolerance):
    """Compare measured with true parameters of the bright galaxies."""
    from .stamps import BRIGHT

    miss = np.abs(deviations(params, BRIGHT))
    miss[:, 2:5] /= BRIGHT[:, 2:5]
    largest = miss.max(axis=0)
    result = {"passed": bool((largest <= tolerance).all())}
    return result | {
        name: float(f"{value:.2g}") for name, value in zip(NAMES, largest, strict=True)
    }


def claims(result, peers, factor_network, factor_refined):
    """Say which goals are met, for the methods that ran."""
    rows = result["methods"]
    ran = [rows[name] for name in peers if name in rows]
    met = {}
    if not ran:
        return met
    fastest = min(row["seconds"] for row in ran)
    fewest = min(row["failures"] for row in ran)
    wrong = {name: miscoverage(result["coverage"], name) for name in rows}
    met["mean_miscoverage"] = wrong
    best = np.nanmin([*(wrong[name] for name in peers if name in rows), np.inf])
    factors = dict.fromkeys(("refined", "map"), factor_refined)
    for name, factor in {"network": factor_network, **factors}.items():
        if name not in rows:
            continue
        own = rows[name]
        met[name] = {
            "times_faster": float(f"{fastest / own['seconds']:.3g}"),
            "fast_enough": bool(own["seconds"] * factor <= fastest),
            # Fewer than any, or, refined, as few as the best.
            "fewer_failures": bool(own["failures"] < fewest + (name != "network")),
            "best_r2_n": bool(own["R2_n"] > max(row["R2_n"] for row in ran)),
            "best_coverage": bool(wrong[name] < best),
        }
    return met
