# Licensed under a 3-clause BSD style license - see LICENSE
"""
Stars and galaxies: does the probability of a point source hold, and what it is worth.

Scenes of the training, half of them of point sources, are drawn from a seed that the
fit never used, on real sky that it never saw, and measured. Beside the probability
stand two others: from a fit of the PSF alone, as survey pipelines do it (flux of the
PSF over that of the model, and the spread beyond the PSF, Desai et al. 2012), and from
both together; each is a small network that was fitted to other scenes.

    python benchmarks/accuracy/point_like.py --figures docs/_static
"""

import argparse
import sys
import time
import warnings
from itertools import pairwise
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from common import provenance, write_result
from drawing import pyplot

from astro_cnnfit import CNNSersicFitter
from astro_cnnfit.evaluation import (
    area_under_curve,
    calibration_error,
    completeness_at,
    reliability,
)
from astro_cnnfit.psf import fwhm
from astro_cnnfit.simulation import find_data, load_backgrounds
from astro_cnnfit.training.classifier import fit_layers
from astro_cnnfit.training.point_like import SEED as FIT_SEED
from astro_cnnfit.training.point_like import UNRESOLVED, draw_objects, measure_objects
from astro_cnnfit.weights import load_network, point_like_probability
from astro_cnnfit.weights.point_like import apply_layers, point_like_features

SEED = 40_031
SHARES = {"table1": 0.45, "wide": 0.45, "blocks": 0.1}
CONTAMINATION = 0.05
SNR = (5, 10, 20, 50, 200, 3000)
SIZE = (UNRESOLVED, 0.3, 0.6, 1.2, 20)
_FLUX = 2
_CENTRE, _HALF = 30, 12


def main():
    """Run the benchmark."""
    arguments = parse_arguments()
    folder = find_data()
    networks = {name: load_network(name) for name in arguments.models}
    held_out = objects(arguments.n, arguments.seed, folder, "test")
    result = provenance(
        arguments.seed,
        n=arguments.n,
        n_reference=arguments.n_reference,
        n_fitter=arguments.n_fitter,
        shares=SHARES,
        models={name: network.sha256 for name, network in networks.items()},
        unresolved=UNRESOLVED,
        real_sky=0.0 if folder is None else 0.35,
    )
    result["models"] = {}
    for name, network in networks.items():
        measured = measure_objects(network, held_out)
        start = time.perf_counter()
        probability = point_like_probability(
            measured["latent"],
            measured["covariance"],
            measured["psf_fwhm"],
            network.description.get("point_like"),
        )
        seconds = time.perf_counter() - start
        result["models"][name] = describe(probability, measured)
        result["models"][name]["seconds_per_object"] = seconds / len(probability)
        report(name, result["models"][name])
    result["reference"] = references(arguments, networks, held_out, folder)
    name = arguments.models[0]
    result["fitter"] = through_the_fitter(
        networks[name], held_out[: -(-arguments.n_fitter // 660)]
    )
    print("fitter", result["fitter"])
    write_result("point_like", result, arguments.output)
    if arguments.figures:
        draw(result, Path(arguments.figures) / "point_like.png")


def parse_arguments():
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--n", type=int, default=12_000, help="held-out objects")
    parser.add_argument(
        "--n-reference", type=int, default=12_000, help="objects to fit the others to"
    )
    parser.add_argument(
        "--n-fitter", type=int, default=2600, help="objects for the whole fitter"
    )
    parser.add_argument("--models", nargs="+", default=["sersic", "sersic_wide"])
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--output", help="folder of the JSON file")
    parser.add_argument("--figures", help="folder of the figure")
    return parser.parse_args()


def objects(n, seed, folder, sky):
    """Draw stamps of points and galaxies, as a list of chunks."""
    sky = None if folder is None else load_backgrounds(folder, sky)
    rng = np.random.default_rng(seed)
    return list(draw_objects(n, rng, shares=SHARES, backgrounds=sky))


def describe(probability, measured):
    """How well a probability separates, and whether it holds."""
    is_point = measured["is_point"]
    known = np.isfinite(probability)
    size = measured["params"][:, 3] / measured["psf_fwhm"]
    found = {
        "known": known.mean(),
        "auc": area_under_curve(probability, is_point),
        "calibration_error": calibration_error(probability, is_point),
        "negative_log_likelihood": log_loss(probability[known], is_point[known]),
    }
    table = reliability(probability, is_point)
    found["reliability"] = {name: list(table[name]) for name in table.colnames}
    kept, cut = completeness_at(CONTAMINATION, probability, is_point)
    found["completeness"], found["cut"] = kept, cut
    found["by_snr"] = [
        bin_of(probability, is_point, (measured["snr"] >= low), measured["snr"] < high)
        | {"low": low, "high": high}
        for low, high in pairwise(SNR)
    ]
    found["by_size"] = [
        bin_of(
            probability, is_point, is_point | (size >= low), is_point | (size < high)
        )
        | {"low": low, "high": high}
        for low, high in pairwise(SIZE)
    ]
    return found


def bin_of(probability, is_point, *conditions):
    """Separation within a bin, of as many stars as galaxies."""
    rows = np.flatnonzero(np.all(conditions, axis=0) & np.isfinite(probability))
    stars, galaxies = rows[is_point[rows]], rows[~is_point[rows]]
    n = min(len(stars), len(galaxies))
    rows = np.concatenate([stars[:n], galaxies[:n]])
    values, truth = probability[rows], is_point[rows]
    return {
        "n": 2 * n,
        "auc": area_under_curve(values, truth),
        "completeness": completeness_at(CONTAMINATION, values, truth)[0],
        "calibration_error": calibration_error(values, truth),
        "right_at_half": np.mean((values > 0.5) == truth),
    }


def log_loss(probability, truth):
    """Mean of minus the logarithm of the probability of what is true."""
    said = np.where(truth, probability, 1 - probability)
    return -np.mean(np.log(np.maximum(said, 1e-12)))


def references(arguments, networks, held_out, folder):
    """Classify with a fit of the PSF alone, and with it and the posterior."""
    network = networks[arguments.models[0]]
    other = objects(arguments.n_reference, arguments.seed + 1, folder, "train")
    seen, measured = zip(
        *(with_psf_fit(network, part) for part in (other, held_out)), strict=True
    )
    found = {}
    for name, columns in (
        ("PSF fit", slice(0, 5)),
        ("PSF fit and posterior", slice(None)),
    ):
        fit = fit_layers(seen[0][:, columns], measured[0]["is_point"], FIT_SEED)
        values = seen[1][:, columns]
        good = np.isfinite(values).all(axis=1)
        probability = np.full(len(values), np.nan)
        probability[good] = apply_layers(values[good], fit)
        found[name] = describe(probability, measured[1])
        report(name, found[name])
    return found


def with_psf_fit(network, parts):
    """Features of a PSF fit at the network's position, and of the posterior."""
    measured = measure_objects(network, parts)
    stamps, psfs = (np.concatenate([part[i] for part in parts]) for i in (0, 1))
    latent, widths = measured["latent"], measured["psf_fwhm"]
    fitted = np.concatenate(
        [
            psf_fit(stamps[rows], psfs[rows], latent[rows], widths[rows])
            for rows in np.array_split(np.arange(len(stamps)), len(stamps) // 1000 + 1)
        ]
    )
    own = point_like_features(latent, measured["covariance"], widths)
    return np.column_stack([fitted, own]), measured


def psf_fit(stamps, psfs, latent, widths):
    """Flux of the PSF over that of the model, and the spread beyond the PSF."""
    size = psfs.shape[1]
    k = np.fft.fftfreq(size)
    centred = np.fft.fft2(np.fft.ifftshift(psfs, axes=(1, 2)))
    phase = k[:, None] * latent[:, 1, None, None] + k * latent[:, 0, None, None]
    moved = centred * np.exp(-2j * np.pi * phase)
    sigma = (widths / 2.355 / 2)[:, None, None]
    blur = np.exp(-2 * np.pi**2 * (k[:, None] ** 2 + k**2) * sigma**2)
    star, wide = (
        np.fft.fftshift(np.fft.ifft2(image).real, axes=(1, 2))
        for image in (moved, moved * blur)
    )
    inner = slice(_CENTRE - _HALF, _CENTRE + _HALF + 1)
    data = stamps[:, inner, inner]

    def dot(a, b):
        return (a * b).sum(axis=(1, 2))

    flux = 10 ** latent[:, _FLUX]
    with np.errstate(all="ignore"):
        ss, ws, ww = dot(star, star), dot(wide, star), dot(wide, wide)
        ds, dw = dot(data, star), dot(data, wide)
        spread = dw / ds - ws / ss
        error = np.sqrt(ww * ds**2 + ss * dw**2 - 2 * dw * ds * ws) / ds**2
        columns = [
            np.clip(ds / ss / flux, -1, 3),
            np.log10(np.clip(1 / np.sqrt(ss) / flux, 1e-4, 10)),
            np.arcsinh(np.clip(spread / error, -1e4, 1e4)),
            np.clip(spread, -1, 1),
            np.log10(widths),
        ]
    return np.column_stack(columns)


def through_the_fitter(network, parts):
    """Separate what the whole fitter measured, sky and masks of its own included."""
    fitter = CNNSersicFitter(network)
    latents, covariances, widths, sizes = [], [], [], []
    for stamps, psfs, params, _ in parts:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fitter(stamps, psfs)
        for row, psf, truth in zip(fitter.fit_info, psfs, params, strict=True):
            if row["block_factor"] != 1:
                continue
            latent = np.array(row["latent_values"])
            latent[_FLUX] -= np.log10(row["sky_sigma"])
            latents.append(latent)
            covariances.append(row["latent_cov"])
            widths.append(psf)
            sizes.append(truth[3])
    widths = fwhm(np.array(widths))
    is_point = np.array(sizes) < UNRESOLVED * widths
    probability = point_like_probability(
        np.array(latents),
        np.array(covariances),
        widths,
        network.description.get("point_like"),
    )
    return {
        "n": len(is_point),
        "known": np.isfinite(probability).mean(),
        "auc": area_under_curve(probability, is_point),
        "calibration_error": calibration_error(probability, is_point),
    }


def report(name, found):
    """Print the main numbers."""
    print(
        f"{name}: AUC {found['auc']:.4f}, "
        f"calibration {found['calibration_error']:.4f}, "
        f"-log L {found['negative_log_likelihood']:.4f}, complete "
        f"{found['completeness']:.3f} at p > {found['cut']:.3f}",
        flush=True,
    )


def draw(result, path):
    """Draw reliability, and completeness against S/N and size."""
    plt = pyplot()

    figure, axes = plt.subplots(1, 3, figsize=(12, 4), layout="constrained")
    axes[0].plot([0, 1], [0, 1], color="0.7")
    for name, found in {**result["models"], **result["reference"]}.items():
        style = "o-" if name in result["models"] else ".:"
        table = found["reliability"]
        axes[0].plot(table["probability"], table["fraction"], style, label=name)
        for axis, key in zip(axes[1:], ("by_snr", "by_size"), strict=True):
            place = np.arange(len(found[key]))
            values = [row["completeness"] for row in found[key]]
            axis.plot(place, values, style, label=name)
            names = [f"{row['low']:g}-{row['high']:g}" for row in found[key]]
            axis.set_xticks(place, names)
            axis.set_ylim(0, 1.02)
            axis.set_ylabel("stars kept, 5 % contamination")
    axes[0].set(xlabel="probability said", ylabel="share that are point sources")
    axes[1].set_xlabel("S/N within the effective radius")
    axes[2].set_xlabel(r"$R_{\mathrm{eff}}$ / FWHM of the galaxies")
    axes[0].legend(fontsize="small")
    figure.savefig(path, dpi=110)
    plt.close(figure)
    print(f"drew {path.name}")


if __name__ == "__main__":
    main()
