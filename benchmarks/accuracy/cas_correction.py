# Licensed under a 3-clause BSD style license - see LICENSE
"""
Whether C and A can be corrected towards the galaxy without the PSF.

Measured values are those of the galaxy as the PSF shows it. Here procedural galaxies
with a narrow PSF (a FWHM below 2.2 pixels) are seen as they are and blurred
further; a cubic regression on C, A, the Petrosian radius and FWHM / R_p learns the
difference on one half of them and is tried on the other, with true values and with
those that a network measures at S/N per pixel of 5 to 20.

    python benchmarks/accuracy/cas_correction.py

The correction is worth offering if the corrected value is closer to that of the sharp
galaxy than the blurred one, and without bias in bins of the truth, for measured
values, not only for true ones.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter

sys.path.insert(0, str(Path(__file__).parents[1]))
from cas_galaxies import SEED, Galaxies, draw_galaxies, expose
from cas_methods import load_methods, measure_all
from cas_regression import fit_regression, predict_regression
from cas_statistics import quartile_bias, statistics
from common import provenance, write_result

from astro_cnnfit.measures import latent_index
from astro_cnnfit.morphology.classical import label_stamps

SHOWN = ("concentration", "asymmetry")
SHARPEST = 2.2
"""Galaxies with a PSF below this FWHM, in pixels, count as sharp."""
FWHM = (2.5, 6.0)
SNR = (5.0, 20.0)
_FWHM_OVER_SIGMA = 2.3548


def main():
    """Learn and try the correction."""
    arguments = parse_arguments()
    methods, not_run = load_methods(("network",), arguments.networks)
    rng = np.random.default_rng(arguments.seed)
    sharp = draw_sharp(arguments)
    blurred = blur(sharp, rng)
    good = np.isfinite(blurred.labels).all(axis=1)
    sharp, blurred = sharp.take(good), blurred.take(good)
    learn = np.arange(good.sum()) % 2 == 0
    result = provenance(arguments.seed, number=int(good.sum()), snr=SNR)
    result |= {"not_run": not_run, "values": {}}
    true = {name: blurred.true(name) for name in (*SHOWN, "log_rpetro")}
    result["values"]["true"] = attempt(true, sharp, blurred, learn)
    seen = expose(blurred, SNR, rng)
    for method, own in measure_all(methods, seen.stamps).items():
        values = {name: own.values[name] for name in SHOWN}
        values["log_rpetro"] = np.log10(own.values["rpetro_ellip"])
        result["values"][method] = attempt(values, sharp, blurred, learn)
    report(result)
    write_result("cas_correction", result, arguments.output)


def parse_arguments():
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--number", type=int, default=2500, help="galaxies")
    parser.add_argument("--seed", type=int, default=SEED + 4)
    parser.add_argument("--networks", help="folder of networks instead of the bundled")
    parser.add_argument("--output", help="folder of the JSON file")
    return parser.parse_args()


def draw_sharp(arguments):
    """Galaxies that were drawn with a narrow PSF."""
    galaxies, _ = draw_galaxies("procedural", arguments.number, arguments.seed)
    return galaxies.take(galaxies.psf_fwhm < SHARPEST)


def blur(galaxies, rng):
    """The same galaxies with a wider PSF; its core is what counts."""
    width = rng.uniform(*FWHM, len(galaxies.stamps))
    added = np.sqrt(width**2 - galaxies.psf_fwhm**2) / _FWHM_OVER_SIGMA
    stamps = np.stack(
        [gaussian_filter(s, a) for s, a in zip(galaxies.stamps, added, strict=True)]
    )
    return Galaxies(stamps, label_stamps(stamps), galaxies.sources, width)


def attempt(values, sharp, blurred, learn):
    """
    Learn the correction on some galaxies and try it on the others.

    Parameters
    ----------
    values : dict of `~numpy.ndarray`
        (N,) concentration, asymmetry and ``log_rpetro`` to correct.
    sharp, blurred : `Galaxies`
        The truth.
    learn : `~numpy.ndarray`
        (N,) bool

    Returns
    -------
    dict
        By quantity, the differences ``before`` and ``after`` from the sharp galaxy:
        `cas_statistics.statistics` and ``quartiles``.
    """
    ratio = blurred.psf_fwhm / 10 ** values["log_rpetro"]
    inputs = [values[name] for name in (*SHOWN, "log_rpetro")]
    inputs = np.stack([*inputs, ratio], axis=1)
    columns = [latent_index(name) for name in SHOWN]
    true = sharp.labels[:, columns]
    fit = fit_regression(inputs[learn], true[learn] - inputs[learn, :2])
    corrected = inputs[:, :2] + predict_regression(fit, inputs)
    found = {}
    for place, name in enumerate(SHOWN):
        own = true[:, place]
        test = ~learn & np.isfinite(corrected[:, place])
        found[name] = {
            key: _figures(column[test] - own[test], own[test])
            for key, column in (
                ("before", inputs[:, place]),
                ("after", corrected[:, place]),
            )
        }
    return found


def _figures(difference, true):
    return statistics(difference) | {"quartiles": quartile_bias(difference, true)}


def report(result):
    """Print what the correction does."""
    for values, quantities in result["values"].items():
        for name, own in quantities.items():
            for key, found in own.items():
                quartiles = " ".join(f"{value:+.3f}" for value in found["quartiles"])
                print(f"{values:8s}{name:14s}{key:8s}bias {found['bias']:+.4f}  rmse "
                      f"{found['rmse']:.4f}  quartiles {quartiles}")  # fmt: skip


if __name__ == "__main__":
    main()
