# Licensed under a 3-clause BSD style license - see LICENSE
"""
How often each flag is set, what it says of the result, and what a cut keeps.

Galaxies of Table 1 of GaLNets I and of the wide prior lie among neighbours, half of
them on real sky, from seeds that training never uses. All flags of the fitter are
counted for good and for bad measurements. Then flags are provoked: cores are cut
off as in saturated images, and PSFs are given that are wrong by up to 10 %.

    python benchmarks/accuracy/sersic_flags.py

A measurement is good if magnitude, R_eff, n and ellipticity are off by less than
0.1 mag, 10 %, 15 % and 0.05, each plus three times its stated error.
"""

import argparse
import sys
import warnings
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from common import provenance, write_result

from astro_cnnfit import CNNSersicFitter, flags
from astro_cnnfit.parameters import LATENT_NAMES, NAMES, encode
from astro_cnnfit.psf import moffat
from astro_cnnfit.rendering import render_sersic_numpy
from astro_cnnfit.simulation import (
    PRIORS,
    draw_scenes,
    find_data,
    load_backgrounds,
    observe,
)

SEED = 20_220_511
SETS = ("table1", "wide")
CHUNK = 1000
CENTRE = 30
# What a good measurement is off by at most, beside three of its errors: magnitude,
# log R_eff, log n, ellipticity.
GOOD = {
    "log_flux": 0.1 / 2.5,
    "log_r_eff": np.log10(1.10),
    "log_n": np.log10(1.15),
    "ellip": 0.05,
}
PSF_ERRORS = (-0.10, -0.05, 0.0, 0.05, 0.10)
FLUXES = (1e3, 1e4, 1e5)
PSF_FWHM = 4.0


def main():
    """Run the benchmark."""
    arguments = parse_arguments()
    fitter = CNNSersicFitter(
        arguments.model, statistics=True, refine=parse_refine(arguments.refine)
    )
    folder = find_data()
    sky = None if folder is None else load_backgrounds(folder, "test")
    result = provenance(
        arguments.seed,
        n=arguments.n,
        n_provoked=arguments.n_provoked,
        model=fitter.model.sha256,
        refine=arguments.refine,
        real_sky=0.0 if sky is None else 0.5,
    )
    result["sets"] = {}
    for place, name in enumerate(arguments.sets):
        rng = np.random.default_rng(arguments.seed + place)
        result["sets"][name] = describe(*measure(fitter, name, arguments.n, rng, sky))
        report(name, result["sets"][name])
    rng = np.random.default_rng(arguments.seed + len(SETS))
    result["provoked"] = provoke(fitter, arguments.n_provoked, rng)
    print(result["provoked"])
    result["cut"] = flags.decode_flags(flags.RECOMMENDED_CUT)
    write_result("sersic_flags", result, arguments.output)


def parse_arguments():
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--n", type=int, default=5000, help="galaxies of each set")
    parser.add_argument(
        "--n-provoked", type=int, default=300, help="galaxies of each provoked set"
    )
    parser.add_argument("--sets", nargs="+", choices=SETS, default=SETS)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--model", default="sersic")
    parser.add_argument("--refine", choices=("no", "yes", "map"), default="no")
    parser.add_argument("--output", help="folder of the JSON file")
    return parser.parse_args()


def parse_refine(choice):
    """Turn a word of the command line into an argument of the fitter."""
    return {"no": False, "yes": True}.get(choice, choice)


def measure(fitter, name, n, rng, sky):
    """Measure scenes of a prior: flags, latent values and errors, truth."""
    parts = []
    for start in range(0, n, CHUNK):
        scenes = draw_scenes(PRIORS[name], rng, min(CHUNK, n - start))
        stamps, psfs, params = observe(scenes, rng, sky, real_sky=0.5)
        parts.append(fit(fitter, np.asarray(stamps), psfs, params))
        print(f"{name}: {start + len(scenes)} of {n}", flush=True)
    return [np.concatenate(part) for part in zip(*parts, strict=True)]


def fit(fitter, stamps, psfs, params):
    """Measure stamps; what is lost has NaN."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table = fitter(stamps, psfs)
    info = fitter.fit_info
    latent = np.array([row["latent_values"] for row in info])
    covariance = np.array([row["latent_cov"] for row in info])
    errors = np.sqrt(np.diagonal(covariance, axis1=1, axis2=2))
    latent[:, :2] -= CENTRE
    return np.asarray(table["flags"]), latent, errors, encode(params), params


def judge(latent, errors, true):
    """Which measurements are good, and which are bad in some way."""
    off = dict(zip(LATENT_NAMES, np.abs(latent - true).T, strict=True))
    error = dict(zip(LATENT_NAMES, errors.T, strict=True))
    # In ellipticity 1 - q = 2 e / (1 + e), of which the slope is at most 2.
    off["ellip"] = np.hypot(*(latent - true)[:, 5:].T)
    error["ellip"] = np.sqrt(np.mean(errors[:, 5:] ** 2, axis=1))
    good = np.all([off[k] < GOOD[k] + 3 * error[k] for k in GOOD], axis=0)
    pulls = [off[k] / error[k] for k in ("log_flux", "log_r_eff", "log_n")]
    return {
        "good": good,
        "bad": ~good,
        "n_off_by_2": ~(off["log_n"] < np.log10(2)),
        "n_off_by_3": ~(off["log_n"] < np.log10(3)),
        "beyond_3_sigma": ~np.all(np.array(pulls) < 3, axis=0),
    }


def describe(bits, latent, errors, true, params):
    """Rates of flags, and what the recommended cut does."""
    groups = judge(latent, errors, true)
    groups = {"all": np.ones(len(bits), dtype=bool), **groups}
    rates = {
        flag.name: {
            group: np.mean((bits[rows] & flag.bit) > 0) if rows.any() else None
            for group, rows in groups.items()
        }
        for flag in flags.FLAGS
    }
    good = groups["good"]
    cut = effect(bits, groups, flags.RECOMMENDED_CUT)
    return {
        "n": len(bits),
        "share": {group: rows.mean() for group, rows in groups.items()},
        "rates": rates,
        "cut": {"purity_without_cut": good.mean(), **cut},
        "cut_without": {
            flag.name: effect(bits, groups, flags.RECOMMENDED_CUT & ~flag.bit)
            for flag in flags.FLAGS
            if flag.bit & flags.RECOMMENDED_CUT and np.any(bits & flag.bit)
        },
        "good_by_flag": {
            flag.name: np.mean(good[(bits & flag.bit) > 0])
            for flag in flags.FLAGS
            if np.any(bits & flag.bit)
        },
        "ranges": {
            name: [np.min(column), np.max(column)]
            for name, column in zip(NAMES, params.T, strict=True)
        },
    }


def effect(bits, groups, cut):
    """What leaving out all rows with some of the bits of a cut does."""
    kept, good = (bits & cut) == 0, groups["good"]
    bad = ("n_off_by_2", "n_off_by_3", "beyond_3_sigma")
    return {
        "kept": kept.mean(),
        "completeness": np.mean(kept[good]),
        "purity": np.mean(good[kept]),
        **{f"{name}_among_kept": np.mean(groups[name][kept]) for name in bad},
    }


def provoke(fitter, n, rng):
    """Rates of `saturated` and `psf_mismatch` where there is reason, and not."""
    result = {"saturated": {}, "psf_mismatch": {}}
    params = isolated(n, rng)
    for flux in FLUXES:
        params[:, NAMES.index("flux")] = flux
        light = render_sersic_numpy(params, moffat([PSF_FWHM], 3.0))
        stamps = light + rng.normal(0, 1, light.shape).astype(np.float32)
        result["psf_mismatch"][f"{flux:g}"] = {
            f"{error:+.2f}": rate(fitter, stamps, error, flags.PSF_MISMATCH)
            for error in PSF_ERRORS
        }
        height = stamps.max(axis=(1, 2), keepdims=True)
        result["saturated"][f"{flux:g}"] = {
            f"{level:g}": rate(
                fitter, np.minimum(stamps, level * height), 0.0, flags.SATURATED
            )
            for level in (1.0, 0.7, 0.5)
        }
    return result


def isolated(n, rng):
    """Draw galaxies of R_eff from 1 to 8 pixels, n from 0.5 to 6."""
    params = np.zeros((n, len(NAMES)))
    params[:, :2] = rng.normal(0, 0.4, (n, 2))
    params[:, 3] = 10 ** rng.uniform(0, np.log10(8), n)
    params[:, 4] = 10 ** rng.uniform(np.log10(0.5), np.log10(6), n)
    params[:, 5], params[:, 6] = rng.uniform(0, 0.8, n), rng.uniform(0, np.pi, n)
    return params


def rate(fitter, stamps, psf_error, bit):
    """Share of the stamps that get a bit if the PSF is wrong by so much."""
    psf = moffat([PSF_FWHM * (1 + psf_error)], 3.0)
    return np.mean((fitter(stamps, psf)["flags"] & bit) > 0)


def report(name, result):
    """Print the rates."""
    print(f"\n{name}: shares", *(f"{k} {v:.4f}" for k, v in result["share"].items()))
    for flag, rates in result["rates"].items():
        if rates["all"]:
            values = (f"{k} {v:.3f}" for k, v in rates.items() if v is not None)
            print(f"{flag:24s}", *values)
    for title, cut in (("cut", result["cut"]), *result["cut_without"].items()):
        print(f"{title:24s}", *(f"{k} {v:.4f}" for k, v in cut.items()))


if __name__ == "__main__":
    main()
