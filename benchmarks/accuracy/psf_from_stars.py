# Licensed under a 3-clause BSD style license - see LICENSE
"""
How well the PSF of an image is made of its own stars.

GalSim draws fields of stars among galaxies, with Moffat PSFs (beta = 3, slightly
elliptical) of 2 to 5 pixels, Poisson noise and a sky. What ``psf_from_stars`` makes of
each is compared with the PSF that GalSim draws by itself: error of the FWHM, sum of the
absolute differences (both have unit sum), and how many of the stars it used are none.
Beside it photutils' EPSFBuilder, given the stars that were chosen here.

    python benchmarks/accuracy/psf_from_stars.py
"""

import argparse
import sys
import warnings
from pathlib import Path

import galsim
import numpy as np
from astropy.nddata import NDData
from astropy.table import Table
from photutils.psf import EPSFBuilder, extract_stars

sys.path.insert(0, str(Path(__file__).parents[1]))
from common import provenance, write_result

from astro_cnnfit.psf import as_psf_stamps, fwhm, psf_from_stars

SHAPE = (700, 700)
SIZE = 25
BETA = 3.0
STAMP = 81
WIDTHS = (2.0, 2.5, 3.0, 4.0, 5.0)
# Stars, galaxies, and how much wider the PSF is on the right than on the left.
FIELDS = {
    "stars and galaxies": (60, 150, 0.0),
    "few stars, many galaxies": (20, 500, 0.0),
    "PSF wider by 20 % across the field": (100, 60, 0.2),
}
OVERSAMPLINGS = (1, 2)
PLACES = np.array([20.0, 350.0, 680.0])


def main():
    """Measure, print and write the JSON file."""
    options = _options()
    result = provenance(options.seed, fields=options.fields, shape=SHAPE, beta=BETA)
    result["kinds"] = {
        kind: {str(width): _of_width(kind, width, options) for width in options.widths}
        for kind in FIELDS
    }
    report(result["kinds"])
    write_result("psf_from_stars", result, options.output)


def _options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--fields", type=int, default=2, help="fields of each kind")
    parser.add_argument("--widths", type=float, nargs="+", default=WIDTHS)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--output", help="folder of the JSON file")
    return parser.parse_args()


def _of_width(kind, width, options):
    """Mean figures of a few fields."""
    found = {}
    for number in range(options.fields):
        own = _of_field(kind, width, np.random.default_rng([options.seed, number]))
        for method, figures in own.items():
            found.setdefault(method, []).append(figures)
    return {
        method: {name: np.mean([figures[name] for figures in rows]) for name in rows[0]}
        for method, rows in found.items()
    }


def _of_field(kind, width, rng):
    n_stars, n_galaxies, change = FIELDS[kind]
    image, stars = draw_field(width, n_stars, n_galaxies, change, rng)
    truth = np.array([true_psf(width, change, x) for x in PLACES])
    degrees = (0, 1) if change else (0,)
    figures = {}
    for degree in degrees:
        made = psf_from_stars(image, degree=degree)
        used = made.stars[made.stars["used"]]
        distance = np.hypot(
            used["x"][:, None] - stars[0], used["y"][:, None] - stars[1]
        ).min(axis=1)
        places = PLACES, np.full(3, SHAPE[0] / 2)
        stamps = as_psf_stamps(made, size=SIZE, positions=places)
        figures[f"degree {degree}"] = {
            **compare(stamps, truth),
            "stars": len(used),
            "not stars": sum(distance > 1),
        }
    if not change:
        for oversampling in OVERSAMPLINGS:
            stamps = by_epsf_builder(image, used, oversampling)
            figures[f"EPSFBuilder, oversampling {oversampling}"] = {
                **compare(stamps, truth),
                "stars": len(used),
                "not stars": figures["degree 0"]["not stars"],
            }
    return figures


def compare(stamps, truth):
    """Errors of the width and of all pixels, mean over places."""
    truth = truth / truth.sum(axis=(1, 2), keepdims=True)
    ratio = fwhm(stamps) / fwhm(truth)
    return {
        "fwhm": np.mean(np.abs(ratio - 1)),
        "difference": np.mean(np.abs(stamps - truth).sum(axis=(1, 2))),
    }


def profile(width, change, x):
    """PSF at a column of the image."""
    local = width * (1 + change * (x / SHAPE[1] - 0.5))
    return galsim.Moffat(beta=BETA, fwhm=local).shear(e1=0.05)


def true_psf(width, change, x):
    """Draw the effective PSF, centred."""
    drawn = profile(width, change, x).drawImage(nx=SIZE, ny=SIZE, scale=1.0)
    return drawn.array.astype(float)


def draw_field(width, n_stars, n_galaxies, change, rng):
    """Draw a field; return the image and the positions of its stars."""
    image = galsim.ImageD(SHAPE[1], SHAPE[0], scale=1.0, xmin=0, ymin=0)
    n = n_stars + n_galaxies
    x, y = rng.uniform(0, SHAPE[1] - 1, n), rng.uniform(0, SHAPE[0] - 1, n)
    flux = 10 ** rng.uniform(2.3, np.where(np.arange(n) < n_stars, 4.7, 4.2))
    for number in range(n):
        source = profile(width, change, x[number])
        if number >= n_stars:
            source = galsim.Convolve(draw_galaxy(width, rng), source)
        _add(image, source.withFlux(flux[number]), x[number], y[number])
    data = image.array
    noise = np.sqrt(1 + np.maximum(data, 0) / 10)
    return data + 20 + noise * rng.normal(size=SHAPE), (x[:n_stars], y[:n_stars])


def draw_galaxy(width, rng):
    """Draw the profile of a galaxy of a size near the PSF's or above."""
    radius = width / 3 * 10 ** rng.uniform(0.2, 0.8)
    galaxy = galsim.Sersic(n=rng.choice([1.0, 1.5, 2.5, 4.0]), half_light_radius=radius)
    return galaxy.shear(
        g=rng.uniform(0, 0.6), beta=rng.uniform(0, 3.14) * galsim.radians
    )


def _add(image, source, x, y):
    column, row = round(x), round(y)
    offset = (x - column, y - row)
    stamp = source.drawImage(nx=STAMP, ny=STAMP, scale=1.0, offset=offset)
    half = STAMP // 2
    stamp = galsim.ImageD(
        stamp.array.astype(float), xmin=column - half, ymin=row - half
    )
    bounds = stamp.bounds & image.bounds
    image[bounds] += stamp[bounds]


def by_epsf_builder(image, used, oversampling):
    """Make the PSF with photutils."""
    data = NDData(image - np.median(image))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        stars = extract_stars(data, Table({"x": used["x"], "y": used["y"]}), size=31)
        builder = EPSFBuilder(
            oversampling=oversampling, maxiters=10, progress_bar=False
        )
        return as_psf_stamps(builder(stars), size=SIZE)


def report(kinds):
    """Print all figures."""
    for kind, widths in kinds.items():
        print(f"\n{kind}")
        for width, methods in widths.items():
            for method, own in methods.items():
                print(
                    f"{width:5s}{method:28s}FWHM {own['fwhm']:.2%}  difference "
                    f"{own['difference']:.2%}  stars {own['stars']:.0f}, of which "
                    f"none {own['not stars']:.2f}"
                )


if __name__ == "__main__":
    main()
