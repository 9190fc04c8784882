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
import sys
import time
import warnings
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from common import provenance, write_result
from crowded_joint import GOAL_DENSITY, joint
from crowded_scores import COLUMNS, RADIUS, completed, detected, params_of, scores

from astro_cnnfit import CNNSersicFitter
from astro_cnnfit.detection import GalaxyFinder
from astro_cnnfit.evaluation import match_catalogs
from astro_cnnfit.evaluation.cramer_rao import (
    joint_cramer_rao_covariance,
    prior_covariance_from_draws,
)
from astro_cnnfit.parameters import LATENT_NAMES
from astro_cnnfit.sersic.images import stack_of_galaxies
from astro_cnnfit.simulation import simulate_field

SEED = 70_207_202
DENSITIES = (1, 2, 4)
MIN_SNR = 20.0
# One pass, all others subtracted, refined after that.
METHODS = {
    "one pass": {},
    "neighbours subtracted": {"iterations": 6},
    "refined": {"iterations": 6, "refine": "map"},
}
GOAL = 1.3
# Of the faintest objects, none of which is found, and of the PSF in pixels.
LIMIT, FWHM = 26.0, 3.5
ALONE, CUT_OUT = 193, 91
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
