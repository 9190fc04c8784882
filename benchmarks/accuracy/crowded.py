# Licensed under a 3-clause BSD style license - see LICENSE
"""
Crowded fields: from an image to parameters, at one, two and four times KiDS's density.

Simulated fields with stars and with galaxies far below the limit of detection, from
seeds that nothing was chosen on. What `GalaxyFinder` finds is measured in one pass,
then with all other models subtracted, then with refinement on top. Of galaxies with
S/N > 20 within R_eff: completeness and purity, R2, NMAD, outliers and coverage of the
seven parameters. The yardstick is the same galaxies drawn alone, with the noise and at
the offset from the stamp's centre that they have in the field; the limit is how much
larger the Cramer-Rao errors become when the neighbours are unknown, too. Some of the
galaxies are measured by AstroPhot as well, with all objects of a cut-out fitted jointly
from what the finder says of them.

    python benchmarks/accuracy/crowded.py
"""

import argparse
import json
import sys
import time
import warnings
from pathlib import Path

import numpy as np
from astropy.table import QTable

sys.path.insert(0, str(Path(__file__).parents[1]))
from common import provenance, write_result

from astro_cnnfit import CNNSersicFitter
from astro_cnnfit.detection import GalaxyFinder
from astro_cnnfit.evaluation import (
    completeness_and_purity,
    coverage,
    match_catalogs,
    sersic_summary,
)
from astro_cnnfit.evaluation.cramer_rao import (
    joint_cramer_rao_covariance,
    prior_covariance_from_draws,
)
from astro_cnnfit.parameters import LATENT_NAMES, NAMES, encode
from astro_cnnfit.sersic.images import stack_of_galaxies
from astro_cnnfit.simulation import simulate_field

SEED = 70_207_202
DENSITIES = (1, 2, 4)
MIN_SNR, RADIUS = 20.0, 4.0
SNR_BINS = (5, 10), (10, 20), (20, 1e6)
MAGNITUDES = np.arange(18.0, 25.6, 0.5)
# One pass, all others subtracted, refined after that.
METHODS = {
    "one pass": {},
    "neighbours subtracted": {"iterations": 6},
    "refined": {"iterations": 6, "refine": "map"},
}
COLUMNS = ("x", "y", "mag", "r_eff", "pa_circular", "q", "n")
GOAL, GOAL_DENSITY = 1.3, 2
# Of the faintest objects, none of which is found, and of the PSF in pixels.
LIMIT, FWHM = 26.0, 3.5
ALONE, CUT_OUT, JOINT = 193, 91, 71
# For the limit: neighbours within so many pixels, at most so many with the galaxy, of
# so many galaxies.
MIN_NEIGHBOUR, NEAR, MOST, N_LIMIT = 5.0, 30, 12, 200


def main():
    """Run the benchmark."""
    arguments = parse_arguments()
    result = provenance(
        arguments.seed, side=arguments.side, densities=arguments.densities,
        min_snr=MIN_SNR, n_joint=arguments.n_joint, methods=METHODS,
    )  # fmt: skip
    result["densities"] = {}
    for density in arguments.densities:
        field = simulate_field(
            (arguments.side, arguments.side), density=density, limit=LIMIT,
            seed=np.random.default_rng([arguments.seed, round(10 * density)]),
        )  # fmt: skip
        found = measure_density(field, arguments, density == GOAL_DENSITY)
        result["densities"][f"{density:g}"] = found
        report(density, found)
    reached = result["densities"].get(f"{GOAL_DENSITY}")
    if reached:
        result["goal"] = {
            method: max(reached["nmad_ratio"][method].values()) <= GOAL
            for method in reached["nmad_ratio"]
        }
    write_result("crowded", result, arguments.output)


def parse_arguments():
    """Arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--side", type=int, default=2000, help="pixels of a field")
    parser.add_argument("--densities", type=float, nargs="+", default=DENSITIES)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--model", default="sersic")
    parser.add_argument(
        "--n-joint",
        type=int,
        default=0,
        help="galaxies that AstroPhot measures at the goal's density",
    )
    parser.add_argument(
        "--joint-from",
        type=Path,
        help="earlier JSON file whose fits of AstroPhot are kept; ours are new",
    )
    parser.add_argument("--output", help="folder of the JSON file")
    return parser.parse_args()


def measure_density(field, arguments, is_goal):
    """All that is asked of one field."""
    start = time.perf_counter()
    detections = GalaxyFinder(fwhm=FWHM)(field.image, error=field.error)
    seconds = {"detection": time.perf_counter() - start}
    truth = field.truth
    match = match_catalogs(truth, detections, RADIUS)
    result = {
        "objects": len(truth),
        "detections": len(detections),
        "found": detected(truth, detections, match),
    }
    is_wanted = ~truth["is_star"] & (truth["snr"] > MIN_SNR)
    chosen = np.flatnonzero(is_wanted[match.truth])
    result["galaxies"] = {
        "S/N above": MIN_SNR, "number": int(is_wanted.sum()), "found": len(chosen),
    }  # fmt: skip
    true = params_of(truth)[match.truth[chosen]]
    rows = match.found[chosen]
    tables, rates = {}, {}
    for method, settings in METHODS.items():
        # Rows are those of the detections; what is found later comes after them.
        fitter = CNNSersicFitter(
            arguments.model, finder=GalaxyFinder(fwhm=FWHM), **settings
        )
        start = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fitter(field.image, field.psf, error=field.error)
        seconds[method] = time.perf_counter() - start
        tables[method] = picked(fitter, rows)
        rates[method] = completed(truth, fitter.results, len(detections))
    tables["isolated"] = isolated(field, true, detections[rows], arguments.model)
    result["seconds"], result["rates"] = seconds, rates
    result["methods"] = {name: scores(*t, true) for name, t in tables.items()}
    alone = result["methods"]["isolated"]["NMAD"]
    result["nmad_ratio"] = {
        name: {c: found["NMAD"][c] / alone[c] for c in COLUMNS}
        for name, found in result["methods"].items()
        if name != "isolated"
    }
    result["limit_ratio"] = limit(field, true, arguments.side)
    if arguments.n_joint and is_goal:
        result["joint"] = joint(field, detections, rows, true, tables, arguments)
    return result


def completed(truth, table, n_first):
    """Completeness by S/N and purity, of the first detections and what is added."""
    place = {name: np.nan_to_num(np.asarray(table[f"{name}_fit"]), nan=-99.0)
             for name in "xy"}  # fmt: skip
    match = match_catalogs(truth, QTable(place), RADIUS)
    paired, real = match.has_partner(len(truth), len(table))
    snr = np.nan_to_num(np.asarray(truth["snr"]))
    galaxy = ~truth["is_star"]
    rates = {"rows": len(table), "added": len(table) - n_first}
    for low, high in SNR_BINS:
        some = galaxy & (snr > low) & (snr <= high)
        rates[f"S/N {low:g} to {high:g}"] = float(paired[some].mean())
    rates["purity"] = float(real.mean())
    rates["purity of the added"] = (
        float(real[n_first:].mean()) if n_first < len(real) else None
    )
    return rates


def params_of(table):
    """Parameters in the order of `NAMES`, angle in radians."""
    columns = [table[name] for name in NAMES]
    return np.column_stack([getattr(c, "value", c) for c in columns[:6]]
                           + [columns[6].to_value("rad")])  # fmt: skip


def picked(fitter, rows):
    """Parameters, latent parameters and their covariance of some rows."""
    info = [fitter.fit_info[row] for row in rows.tolist()]
    return tuple(
        np.array([each[key] for each in info])
        for key in ("param_values", "latent_values", "latent_cov")
    )


def isolated(field, true, detections, model):
    """The same galaxies alone on their stamps, as far off the centre as detected."""
    offset = np.column_stack([detections["x_centroid"], detections["y_centroid"]])
    offset = np.rint(offset)
    moved = true.copy()
    moved[:, :2] += (ALONE - 1) / 2 - offset
    stack = stack_of_galaxies(moved, field.psf[np.newaxis], (ALONE, ALONE))
    faint = np.quantile(field.error, 0.01)
    # The noise of the sky, and the photon noise of the galaxy's own light.
    gain = photon_gain(field, faint)
    error = np.sqrt(faint**2 + np.maximum(stack, 0) / gain)
    stack += error * np.random.default_rng(SEED).standard_normal(stack.shape)
    fitter = CNNSersicFitter(model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitter(stack, field.psf, error=error)
    params, latent, covariance = picked(fitter, np.arange(len(true)))
    shift = offset - (ALONE - 1) / 2
    params[:, :2] += shift
    latent[:, :2] += shift
    return params, latent, covariance


def photon_gain(field, faint):
    """Light of a pixel over the variance that it adds."""
    bright = field.error > 1.2 * faint
    added = np.square(field.error[bright]) - faint**2
    return np.median(field.image[bright] / added)


def detected(truth, found, match):
    """Completeness and purity by magnitude, of galaxies, stars and all."""
    values = truth["mag"], 30.0 - 2.5 * np.log10(np.maximum(found["flux"], 1e-9))
    table = completeness_and_purity(match, *values, MAGNITUDES)
    paired = match.has_partner(len(truth), len(found))[0]
    result = {name: np.asarray(table[name]).tolist() for name in table.colnames}
    for name, is_kind in (("galaxies", ~truth["is_star"]), ("stars", truth["is_star"])):
        number, both = (
            np.histogram(truth["mag"][some], MAGNITUDES)[0]
            for some in (is_kind, is_kind & paired)
        )
        result[f"completeness of {name}"] = [
            float(b / n) if n else None for b, n in zip(both, number, strict=True)
        ]
    return result


def scores(params, latent, covariance, true):
    """Measures of merit of what was measured; what was lost is counted."""
    good = np.isfinite(params).all(axis=1)
    table = summary(params[good], true[good])
    rows = {row["metric"]: {c: float(row[c]) for c in COLUMNS} for row in table}
    within = coverage(latent[good], covariance[good], encode(true[good]))
    column = next(key for key in within.colnames if key.startswith("68"))
    covered = zip(within["parameter"], np.asarray(within[column]), strict=True)
    return {
        **rows,
        "coverage": {str(name): float(value) for name, value in covered},
        "lost": int(np.sum(~good)),
    }


def limit(field, true, side):
    """How much neighbours of S/N > 5 raise the Cramer-Rao errors of some galaxies."""
    truth = params_of(field.truth)
    known = ~field.truth["is_star"] & (field.truth["snr"] > MIN_NEIGHBOUR)
    truth, half = truth[known], CUT_OUT // 2
    inside = np.all((true[:, :2] > half) & (true[:, :2] < side - 1 - half), axis=1)
    prior = prior_covariance_from_draws(truth)
    ratios = []
    for galaxy in true[inside][:N_LIMIT]:
        corner = np.rint(galaxy[:2]).astype(int) - half
        rows, columns = (slice(c, c + CUT_OUT) for c in corner[::-1])
        near = truth[np.all(np.abs(truth[:, :2] - galaxy[:2]) < NEAR, axis=1)]
        order = np.argsort(np.hypot(*(near[:, :2] - galaxy[:2]).T))[:MOST]
        near = near[order]
        near[:, :2] -= corner + half
        joint, alone = (
            joint_cramer_rao_covariance(
                some, field.psf[np.newaxis], error=field.error[rows, columns],
                prior_covariance=prior,
            )
            for some in (near, near[:1])
        )  # fmt: skip
        ratios.append(np.sqrt(np.diagonal(joint) / np.diagonal(alone)))
    return {
        name: {
            "median": float(np.median(r)),
            "upper quartile": float(np.quantile(r, 0.75)),
        }
        for name, r in zip(LATENT_NAMES, np.transpose(ratios), strict=True)
    }


def summary(params, true):
    """Statistics with positions from the nearest pixel, as on stamps."""
    params, true = params.copy(), true.copy()
    pixel = np.rint(true[:, :2])
    params[:, :2] -= pixel
    true[:, :2] -= pixel
    return sersic_summary(params, true)


def joint(field, detections, rows, true, tables, arguments):
    """AstroPhot's joint fits of some galaxies, beside ours of the same ones."""
    place = np.column_stack([detections["x_centroid"], detections["y_centroid"]])
    margin = JOINT // 2
    inside = np.all((place[rows] > margin) & (place[rows] < arguments.side - margin), 1)
    rng = np.random.default_rng(arguments.seed)
    some = rng.permutation(np.flatnonzero(inside))[: arguments.n_joint]
    if arguments.joint_from:
        earlier = json.loads(arguments.joint_from.read_text())["densities"]
        found = earlier[f"{GOAL_DENSITY}"]["joint"]
        if found["number"] != len(some) or found["failed"]:
            raise SystemExit("--joint-from: other galaxies, or fits that failed")
        return found | joint_scores(tables, some, true)
    try:
        from peers.astrophot_joint import fit_scene
    except ImportError as error:
        return {"not_run": str(error)}
    seconds = []
    params, errors = np.full((2, len(some), 7), np.nan)
    for number, index in enumerate(some):
        corner = np.rint(place[rows[index]]).astype(int) - margin
        part = tuple(slice(first, first + JOINT) for first in corner[::-1])
        near = np.all(np.abs(place - place[rows[index]]) < margin + 5, axis=1)
        near[rows[index]] = False
        objects = np.r_[rows[index], np.flatnonzero(near)]
        guesses = guess(detections[objects])
        guesses[:, :2] -= corner
        start = time.perf_counter()
        try:
            params[number], errors[number] = fit_scene(
                field.image[part], field.psf, field.error[part], guesses
            )
            params[number, :2] += corner
        except Exception as error:  # a fit that fails is a result, too
            print(f"AstroPhot: {type(error).__name__}: {error}"[:100])
        seconds.append(time.perf_counter() - start)
    good = np.isfinite(params).all(axis=1)
    found = {"number": len(some), "failed": int(np.sum(~good))}
    found["seconds"] = float(np.median(seconds))
    found |= joint_scores(tables, some[good], true)
    table = summary(params[good], true[some[good]])
    found["AstroPhot"] = {r["metric"]: {c: float(r[c]) for c in COLUMNS} for r in table}
    return found


def joint_scores(tables, some, true):
    """What our methods make of the same galaxies."""
    found = {}
    for name, (values, _, _) in tables.items():
        table = summary(values[some], true[some])
        found[name] = {r["metric"]: {c: float(r[c]) for c in COLUMNS} for r in table}
    return found


def guess(detections):
    """What the finder says, as parameters."""
    axes = np.asarray(detections["b"]) / np.asarray(detections["a"])
    theta = detections["theta"]
    theta = theta.to_value("rad") if hasattr(theta, "to_value") else np.radians(theta)
    return np.column_stack(
        [
            *(detections["x_centroid"], detections["y_centroid"]),
            np.maximum(detections["flux"], 1e-3),
            np.clip(np.nan_to_num(detections["r_eff_init"], nan=2.0), 1.0, 30.0),
            np.full(len(detections), 1.5),
            np.clip(1 - axes, 0.05, 0.8),
            theta,
        ]
    )


def report(density, found):
    """Print what was found."""
    print(
        f"\n{density:g} x KiDS: {found['objects']} objects, {found['detections']} "
        f"detections, {found['galaxies']}, seconds "
        f"{ ({k: round(v, 1) for k, v in found['seconds'].items()}) }"
    )
    print(f"{'':24s}" + "".join(f"{c:>12s}" for c in COLUMNS))
    for name, score in found["methods"].items():
        for key in ("NMAD", "outliers", "R2"):
            values = "".join(f"{score[key][c]:12.4f}" for c in COLUMNS)
            print(f"{name:>15s} {key:8s}{values}")
        print(f"{'':15s} {'covered':8s}", score["coverage"], "lost", score["lost"])
    for name, ratio in found["nmad_ratio"].items():
        print(f"{name:>24s}" + "".join(f"{ratio[c]:12.2f}" for c in COLUMNS))
    print("limit", {k: round(v["median"], 3) for k, v in found["limit_ratio"].items()})
    print(found.get("joint", ""))


if __name__ == "__main__":
    main()
