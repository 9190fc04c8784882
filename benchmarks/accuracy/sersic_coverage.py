# Licensed under a 3-clause BSD style license - see LICENSE
"""
Whether the errors of the default network are right.

Galaxies of Table 1 of GaLNets I (S/N > 50), from a seed that training never uses:
the benchmark set of ``sersic_table2.py`` (half among simulated neighbours, half on
real sky of KiDS, from rows of the images that training never sees), each half for
itself, real sky of other surveys, PSFs that are too broad by 3 %, and galaxies of
the wide prior (S/N from 7 to 3000, PSFs of 1.5 to 8 pixels,
masks). Coverage of 50, 68 and 95 % intervals, in all and in thirds of S/N, R_eff
over FWHM, index and neighbour flux; for the posterior as a whole the TARP test
and ranks.

    python benchmarks/accuracy/sersic_coverage.py
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from keras import ops

sys.path.insert(0, str(Path(__file__).parents[1]))
from common import print_table, provenance, table_dict, write_result

from astro_cnnfit.evaluation import binned_coverage, coverage
from astro_cnnfit.evaluation.posterior import (
    gaussian_samples,
    rank_uniformity,
    sbc_ranks,
    tarp,
)
from astro_cnnfit.parameters import (
    LATENT_NAMES,
    decode,
    decode_covariance,
    effective_snr,
    encode,
)
from astro_cnnfit.psf import fwhm
from astro_cnnfit.simulation import (
    TABLE1,
    WIDE,
    draw_scenes,
    find_data,
    load_backgrounds,
    observe,
)
from astro_cnnfit.simulation.backgrounds import SURVEYS
from astro_cnnfit.weights import load_network

SEED = 31_415_926
CHUNK = 2000
N_DRAWS = 200
LEVELS = {"50%": 0.50, "68%": 0.68, "95%": 0.95}
BENCHMARK = "benchmark set"
WITHIN, WITHIN_THIRDS = 0.02, 0.05


def main():
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--n", type=int, default=10_000, help="galaxies of each kind")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--model", default="sersic")
    parser.add_argument("--output", help="folder of the JSON file")
    arguments = parser.parse_args()
    network = load_network(arguments.model)
    result = provenance(
        arguments.seed, n=arguments.n, model=network.name, sha256=network.sha256
    )
    result["cases"] = {}
    for name, case in cases(find_data()).items():
        found = measure(network, arguments, **case)
        result["cases"][name] = report(name, *found)
    result["claims"] = claims(result["cases"])
    print(f"\n{result['claims']}")
    write_result("sersic_coverage", result, arguments.output)


def cases(folder):
    """What is drawn for each case."""
    wrong = replace(TABLE1, psf_error=lambda rng, n: np.full(n, 0.03))
    found = {
        BENCHMARK: {"prior": TABLE1},
        "simulated sky": {"prior": TABLE1},
        "PSF too broad by 3 %": {"prior": wrong},
        "wide prior": {"prior": WIDE},
    }
    if folder:
        others = [survey for survey in SURVEYS if survey != "kids"]
        for name, surveys in (("KiDS sky", ["kids"]), ("other sky", others)):
            sky = load_backgrounds(folder, "test", surveys=surveys)
            found[name] = {"prior": TABLE1, "sky": sky}
        found[BENCHMARK] |= {"sky": found["KiDS sky"]["sky"], "share": 0.5}
    return found


def measure(network, arguments, prior, sky=None, share=1.0):
    """Predicted and true latent parameters, and what to bin by."""
    rng = np.random.default_rng(arguments.seed)
    parts = []
    for start in range(0, arguments.n, CHUNK):
        scenes = draw_scenes(prior, rng, min(CHUNK, arguments.n - start))
        seed = int(rng.integers(2**31))
        share = 0.0 if sky is None else share
        stamps, psfs, params = observe(
            scenes, np.random.default_rng(seed), sky, real_sky=share
        )
        stamps = ops.convert_to_numpy(stamps)
        # The same noise without neighbours tells their light.
        alone, _, _ = observe(
            scenes, np.random.default_rng(seed), sky, neighbours=False, real_sky=share
        )
        light = (stamps - ops.convert_to_numpy(alone)).sum(axis=(1, 2))
        latent, covariance = network.predict(stamps, psfs)
        parts.append((latent, covariance, params, light, fwhm(psfs)))
    latent, covariance, params, light, width = (
        np.concatenate(part) for part in zip(*parts, strict=True)
    )
    by = {
        "S/N": effective_snr(params, width),
        "R_eff / FWHM": params[:, 3] / width,
        "n": params[:, 4],
    }
    # Neighbours on real sky are not known.
    if share < 1:
        by["neighbour flux"] = np.where(light > 0, light / params[:, 2], np.nan)
    return latent, covariance, encode(params), by


def report(name, latent, covariance, true, by):
    """Print and return all that is known of one case."""
    table = coverage(latent, covariance, true)
    print_table(table, f"Coverage: {name}")
    thirds = binned_coverage(latent, covariance, true, by)
    farthest = thirds[np.argmax(largest_offset(thirds))]
    print(
        "farthest off among the thirds:",
        dict(zip(thirds.colnames, farthest, strict=True)),
    )
    samples = gaussian_samples(latent, covariance, N_DRAWS, seed=1)
    whole = tarp(samples, true, seed=1)
    ranks = rank_uniformity(sbc_ranks(samples, true), N_DRAWS)
    print_table(ranks, f"Ranks: {name}")
    off = np.abs(np.asarray(whole.coverage) - np.asarray(whole.levels)).max()
    print(f"TARP: largest offset {off:.3f}, p = {whole.p_value:.3g}")
    return {
        "coverage": table_dict(table, "parameter"),
        "columns": column_coverage(latent, covariance, true),
        "thirds": [dict(zip(thirds.colnames, row, strict=True)) for row in thirds],
        "ranks": table_dict(ranks, "parameter"),
        "tarp": {
            "levels": whole.levels,
            "coverage": whole.coverage,
            "largest_offset": off,
            "p_value": whole.p_value,
        },
        "largest_offset": float(largest_offset(table).max()),
        "largest_offset_in_thirds": float(largest_offset(thirds).max()),
    }


def largest_offset(table):
    """Largest difference from the nominal coverage, for each row of a parameter."""
    single = np.isin(table["parameter"], LATENT_NAMES)
    offsets = [np.abs(table[name] - level) for name, level in LEVELS.items()]
    return np.where(single, np.max(offsets, axis=0), 0.0)


def column_coverage(latent, covariance, true):
    """Coverage of the errors of the table's own columns, theta on the circle."""
    params, truth = decode(latent), decode(true)
    error = np.sqrt(np.einsum("ijj->ij", decode_covariance(latent, covariance)))
    difference = params - truth
    difference[:, 6] = (difference[:, 6] + np.pi / 2) % np.pi - np.pi / 2
    names = ("x", "y", "flux", "r_eff", "n", "ellip", "theta")
    inside = np.mean(np.abs(difference) <= error, axis=0)
    return dict(zip(names, inside, strict=True))


def claims(found):
    """Whether the goals are met on the benchmark's own scenes."""
    main_case = found[BENCHMARK]
    return {
        "within 2 points": main_case["largest_offset"] <= WITHIN,
        "within 5 points in thirds": main_case["largest_offset_in_thirds"]
        <= WITHIN_THIRDS,
        **{
            f"largest offset, {name}": case["largest_offset"]
            for name, case in found.items()
        },
    }


if __name__ == "__main__":
    main()
