# Licensed under a 3-clause BSD style license - see LICENSE
"""
What a smaller Sersic network costs: networks side by side on the same stamps.

Galaxies of Table 1 of GaLNets I (S/N > 50), isolated and among neighbours, of the
wide prior and of the one of block averages, half of them on real sky, all from a
seed that training never uses. Of each network: NMAD of the seven parameters, as a
ratio to the first network's with its error from paired bootstrap samples, outliers,
coverage of 68 % intervals, and operations per galaxy.

    python benchmarks/accuracy/sersic_networks.py sersic_wide sersic
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from keras import ops

sys.path.insert(0, str(Path(__file__).parents[1]))
from common import provenance, write_result
from operations import mega_operations

from astro_cnnfit.evaluation import coverage, sersic_summary
from astro_cnnfit.parameters import decode, encode
from astro_cnnfit.simulation import (
    PRIORS,
    draw_scenes,
    find_data,
    load_backgrounds,
    observe,
)
from astro_cnnfit.simulation.priors import SKY_SIGMA, ZEROPOINT
from astro_cnnfit.weights import load_network

SEED = 27_182_818
CHUNK, SAMPLES = 2000, 200
NOISE_ZEROPOINT = ZEROPOINT - 2.5 * np.log10(SKY_SIGMA)
# Prior, and whether there are neighbours.
CASES = {
    "Table 1, isolated": ("table1", False),
    "Table 1, neighbours": ("table1", True),
    "wide prior": ("wide", True),
    "block averages": ("blocks", True),
}
COLUMNS = ("x", "y", "mag", "r_eff", "pa_circular", "q", "n")


def main():
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("models", nargs="*", default=["sersic_wide", "sersic"])
    parser.add_argument("--n", type=int, default=10_000, help="galaxies of each kind")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--output", help="folder of the JSON file")
    arguments = parser.parse_args()
    networks = {Path(model).name: load_network(model) for model in arguments.models}
    result = provenance(arguments.seed, n=arguments.n, models=list(networks))
    result["networks"] = {
        name: {"sha256": network.sha256, "mega_operations": mega_operations(network)}
        for name, network in networks.items()
    }
    folder = find_data()
    sky = load_backgrounds(folder, "test") if folder else None
    result["real_sky"] = 0.5 if folder else 0.0
    result["cases"] = {}
    for case, (prior, neighbours) in CASES.items():
        drawn = draw(PRIORS[prior], neighbours, sky, arguments)
        result["cases"][case] = compare(networks, *drawn)
        report(case, result["cases"][case])
    write_result("sersic_networks", result, arguments.output)


def draw(prior, neighbours, sky, arguments):
    """Stamps, PSFs and parameters of one case."""
    rng, parts = np.random.default_rng(arguments.seed), []
    for start in range(0, arguments.n, CHUNK):
        scenes = draw_scenes(prior, rng, min(CHUNK, arguments.n - start))
        stamps, psfs, params = observe(
            scenes,
            rng,
            sky,
            neighbours=neighbours,
            real_sky=0.0 if sky is None else 0.5,
        )
        parts.append((ops.convert_to_numpy(stamps), psfs, params))
    return [np.concatenate(part) for part in zip(*parts, strict=True)]


def compare(networks, stamps, psfs, params):
    """Measures of merit of each network."""
    found, summaries = {}, {}
    rng = np.random.default_rng(1)
    samples = rng.integers(len(params), size=(SAMPLES, len(params)))
    for name, network in networks.items():
        latent, covariance = network.predict(stamps, psfs)
        measured = decode(latent)
        whole = summary(measured, params)
        within = coverage(latent, covariance, encode(params))
        column = next(key for key in within.colnames if key.startswith("68"))
        found[name] = {
            **{key: whole[key] for key in ("NMAD", "outliers", "R2")},
            "coverage": dict(zip(within["parameter"], within[column], strict=True)),
        }
        nmad = [summary(measured[r], params[r])["NMAD"] for r in samples]
        summaries[name] = np.array([[row[c] for c in COLUMNS] for row in nmad])
    first = next(iter(networks))
    for name in networks:
        ratios = summaries[name] / summaries[first]
        ratio = {c: found[name]["NMAD"][c] / found[first]["NMAD"][c] for c in COLUMNS}
        found[name]["ratio"] = ratio
        found[name]["ratio_error"] = dict(zip(COLUMNS, ratios.std(axis=0), strict=True))
    return found


def summary(measured, params):
    """Statistics of the seven columns, by name."""
    table = sersic_summary(measured, params, zeropoint=NOISE_ZEROPOINT)
    return {
        str(row["metric"]): {column: float(row[column]) for column in COLUMNS}
        for row in table
    }


def report(case, found):
    """Print ratios of NMAD."""
    print(case)
    for name, row in found.items():
        ratios = " ".join(
            f"{column} {row['ratio'][column]:.3f}±{row['ratio_error'][column]:.3f}"
            for column in COLUMNS
        )
        covered = " ".join(f"{value:.3f}" for value in row["coverage"].values())
        print(f"  {name}: {ratios}; coverage {covered}", flush=True)


if __name__ == "__main__":
    main()
