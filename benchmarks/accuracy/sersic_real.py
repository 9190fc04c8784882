# Licensed under a 3-clause BSD style license - see LICENSE
"""
Real galaxies: the default network beside published and least-squares fits.

    ASTRO_CNNFIT_TEST_DATA=FOLDER python benchmarks/accuracy/sersic_real.py

Five galaxies are compared one by one, with the fit of a catalogue, where there is
one, and else with a least-squares fit of the stamp that the network saw (61 x 61
pixels, block averaged for a large galaxy, the same noise, mask and PSF). The
network agrees when R_eff is within 10 %, q within 0.05, n within 15 % and the
magnitude within 0.1.

Then every galaxy that has a PSF is measured by the network, by the network with
refinement and by least squares: median and scatter of the differences for each set
of images, the five that differ most, and, for the galaxy that is seen in nine
bands, how far R_eff, q and the angle are from straight lines in the logarithm of
the wavelength.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from astropy.table import Table

sys.path.insert(0, str(Path(__file__).parents[1]))
from common import print_table, provenance, table_dict, write_result
from drawing import pyplot
from real_galaxies import DATA_SETS, load_galaxies
from real_images import centred
from real_survey import METHODS, draw_worst, survey

from astro_cnnfit import CNNSersicFitter
from astro_cnnfit.psf import as_psf_stamps, block_average
from astro_cnnfit.sersic.least_squares import least_squares_fit
from astro_cnnfit.simulation import find_data
from astro_cnnfit.weights import load_network

TOLERANCE = {"mag": 0.1, "r_eff": 0.10, "n": 0.15, "q": 0.05}
RELATIVE = ("r_eff", "n")


def main():
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--model", default="sersic")
    parser.add_argument("--output", help="folder of the JSON file")
    parser.add_argument("--figures", help="folder to draw residuals in")
    parser.add_argument(
        "--sets", nargs="*", default=list(DATA_SETS), help="sets of the survey"
    )
    parser.add_argument("--methods", nargs="+", default=list(METHODS))
    arguments = parser.parse_args()
    folder = find_data()
    if folder is None:
        raise SystemExit("ASTRO_CNNFIT_TEST_DATA must name the folder of real images")
    network = load_network(arguments.model)
    result = provenance(
        None, model=network.name, sha256=network.sha256, tolerance=TOLERANCE
    )
    result["galaxies"] = {}
    for galaxy in load_galaxies(folder):
        fitter, found = measure(network, galaxy)
        result["galaxies"][galaxy.name] = compare(galaxy, found)
        if arguments.figures:
            draw(fitter, galaxy, Path(arguments.figures))
    agreed = {name: found["agrees"] for name, found in result["galaxies"].items()}
    result["claims"] = {"all_agree": all(agreed.values()), **agreed}
    print(f"\n{result['claims']}")
    if arguments.sets:
        found = survey(
            network, folder, arguments.sets, arguments.methods, measure, fit_stamp
        )
        worst = found.pop("to_draw")
        result["survey"] = found
        if arguments.figures:
            draw_worst(worst, Path(arguments.figures))
    write_result("sersic_real", result, arguments.output)


def measure(network, galaxy, refine=False):
    """Measure a galaxy as a user does."""
    fitter = CNNSersicFitter(
        network,
        pixel_scale=galaxy.pixel_scale,
        zeropoint=galaxy.zeropoint,
        **({"refine": refine} if refine else {}),
    )
    row = fitter(
        galaxy.image,
        galaxy.psf,
        error=galaxy.error,
        mask=galaxy.mask,
        init_params=[[galaxy.x, galaxy.y]],
    )[0]
    values = {
        "mag": float(row["mag_fit"].value),
        "r_eff": float(row["r_eff_fit"]),
        "n": float(row["n_fit"]),
        "q": 1 - float(row["ellip_fit"]),
        "theta": float(row["theta_fit"].value),
        "mag_err": float(row["mag_err"].value),
        "r_eff_err": float(row["r_eff_err"]),
        "n_err": float(row["n_err"]),
        "q_err": float(row["ellip_err"]),
        "theta_err": float(row["theta_err"].value),
        "flags": fitter.decode_flags()[0],
        "block_factor": fitter.fit_info[0]["block_factor"],
    }
    return fitter, values


def compare(galaxy, measured):
    """Print and return the network's result beside the others."""
    factor = measured["block_factor"]
    sources = {"network": measured}
    sources["least squares, same stamp"] = fit_stamp(galaxy, factor)
    sources["least squares, whole image"] = fit_whole(galaxy)
    if galaxy.published:
        sources["published"] = galaxy.published
    against = "published" if galaxy.is_catalogue else "least squares, same stamp"
    difference = differences(measured, sources[against])
    within = {
        key: bool(abs(value) <= TOLERANCE[key]) for key, value in difference.items()
    }
    keys = ("mag", "r_eff", "n", "q", "theta")
    table = Table(
        rows=[
            [name, *(found.get(key, np.nan) for key in keys)]
            for name, found in sources.items()
        ],
        names=["source", *keys],
    )
    for key in keys:
        table[key].format = ".3f"
    print_table(table, f"{galaxy.name} (blocks of {factor}) {measured['flags']}")
    print({key: f"{value:+.3f}" for key, value in difference.items()}, within)
    others = {
        name: differences(measured, found)
        for name, found in sources.items()
        if name not in ("network", against)
    }
    return {
        "network": measured,
        "compared": table_dict(table, "source"),
        "published": galaxy.published.get("source"),
        "reference": against,
        "difference": difference,
        "difference_from_others": others,
        "within": within,
        "agrees": all(within.values()),
        "note": galaxy.note,
    }


def differences(found, reference):
    """Differences in the terms of the tolerances."""
    values = {key: found[key] - reference[key] for key in TOLERANCE}
    return {
        key: value / reference[key] if key in RELATIVE else value
        for key, value in values.items()
    }


def fit_stamp(galaxy, factor, size=61):
    """Fit the stamp that the network saw, by least squares."""
    stamp, error = cut(galaxy, factor, size)
    psf = as_psf_stamps(galaxy.psf)
    psf = psf if factor == 1 else block_average(psf, factor)
    fit = least_squares_fit(stamp, psf[0], error=error)
    # An average over a block holds 1 / factor^2 of the block's flux.
    return described(fit, galaxy, scale=factor, flux_scale=factor**2)


def cut(galaxy, factor, size):
    """Cut a stamp about the galaxy; masked and missing pixels are NaN."""
    reach = size * factor // 2
    rows = int(galaxy.y) + np.arange(-reach, size * factor - reach)
    columns = int(galaxy.x) + np.arange(-reach, size * factor - reach)
    image = np.where(galaxy.mask, np.nan, galaxy.image)
    variance = np.where(galaxy.mask, np.nan, galaxy.error**2)
    pad = [(size * factor, size * factor)] * 2
    offset = size * factor
    parts = []
    for values in (image, variance):
        padded = np.pad(values, pad, constant_values=np.nan)
        whole = padded[np.ix_(rows + offset, columns + offset)]
        blocks = whole.reshape(size, factor, size, factor)
        parts.append(blocks.mean(axis=(1, 3)))
    return parts[0], np.sqrt(parts[1]) / factor


def fit_whole(galaxy):
    """Fit the whole image with the whole PSF, by least squares."""
    fit = least_squares_fit(
        galaxy.image, centred(galaxy.psf), error=galaxy.error, mask=galaxy.mask
    )
    return described(fit, galaxy)


def described(fit, galaxy, scale=1, flux_scale=1):
    """Describe a least-squares fit in pixels of the image."""
    _, _, flux, r_eff, n, ellip, theta = fit.params
    error = np.sqrt(np.diagonal(fit.covariance))
    return {
        "mag": galaxy.zeropoint - 2.5 * np.log10(flux * flux_scale),
        "r_eff": r_eff * scale,
        "n": n,
        "q": 1 - ellip,
        "theta": np.degrees(theta),
        "mag_err": 2.5 / np.log(10) * error[2] / flux,
        "r_eff_err": error[3] * scale,
        "n_err": error[4],
        "q_err": error[5],
        "theta_err": np.degrees(error[6]),
        "reduced_chi2": fit.reduced_chi2,
    }


def draw(fitter, galaxy, folder):
    """Draw data, model and residual."""
    from astro_cnnfit.plotting import plot_fit

    plt = pyplot()

    folder.mkdir(parents=True, exist_ok=True)
    axes = plot_fit(galaxy.image, fitter, mask=galaxy.mask)
    figure = axes[0].figure
    figure.suptitle(galaxy.name)
    figure.savefig(folder / f"{galaxy.name.lower().replace(' ', '_')}.png", dpi=100)
    plt.close(figure)


if __name__ == "__main__":
    main()
