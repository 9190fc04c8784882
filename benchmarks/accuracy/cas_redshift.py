# Licensed under a 3-clause BSD style license - see LICENSE
"""
Galaxies at artificial redshift: Figures 11 to 13 of Tohill et al. (2021).

Nearby and other large galaxies are seen at z = 0.2 to 7 (``redshifting.py`` says how)
and measured by all methods; what is followed is the deviation from what the same
method measured at z = 0.2, and beside it that of the truth on noise-free stamps,
which is what resolution alone does. Nearer than that galaxies do not fit into a stamp
(the paper, too, uses what it finds from z = 0.2 on). The noise is such that a galaxy
would have a S/N per pixel of 300 at z = 0.2, which leaves about 2 at z = 7, but noisier
where it would be above 100, the highest that networks are trained on.

    python benchmarks/accuracy/cas_redshift.py --figures docs/_static

Galaxies are few: each is seen several times, in another place on the pixels and on
other noise. Some of them were among the sources that the network learned from,
warped and at other sizes; figures of the others are given as well.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from cas_galaxies import SEED
from cas_methods import load_methods, measure_all
from cas_statistics import QUANTITIES
from common import provenance, write_result
from drawing import pyplot
from redshifting import PIXEL_SCALE, PSF_FWHM, correlated_noise, redshifted

from astro_cnnfit.measures import latent_index
from astro_cnnfit.morphology.classical import label_stamps
from astro_cnnfit.simulation.backgrounds import find_data
from astro_cnnfit.simulation.real_galaxies import load_sources

REDSHIFTS = (0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0)
REFERENCE = REDSHIFTS.index(0.2)
SNR_AT_REFERENCE, HIGHEST_SNR = 300.0, 100.0
SHOWN = ("asymmetry", "concentration")
CORRELATION = "hst_reference/acs_I_unrot_sci_cf.fits"
# One band of a galaxy that has several, and galaxies that are large enough.
MIN_RPETRO = 25.0
LIMIT = 40


def main():
    """Run the experiment."""
    arguments = parse_arguments()
    folder = find_data()
    if folder is None:
        raise SystemExit("ASTRO_CNNFIT_TEST_DATA names no folder of real galaxies")
    methods, not_run = load_methods(arguments.methods, arguments.networks)
    sources, seen_in_training = large_galaxies(folder)
    rng = np.random.default_rng(arguments.seed)
    stamps, labels, galaxy = draw_all(sources, arguments.versions, rng, folder)
    values = measure_redshifts(stamps, labels, methods)
    new = ~np.isin(galaxy, np.flatnonzero(seen_in_training))
    result = provenance(
        arguments.seed, versions=arguments.versions, pixel_scale=PIXEL_SCALE,
        psf_fwhm=PSF_FWHM,
    )  # fmt: skip
    result |= {
        "not_run": not_run,
        "galaxies": {source.name: source.survey for source in sources},
        "redshifts": REDSHIFTS,
        "snr": np.nanmedian(10 ** labels[:, :, latent_index("log_snr")], axis=1),
        "rpetro": np.nanmedian(10 ** labels[:, :, latent_index("log_rpetro")], axis=1),
        "all": figures(values),
        "not in training": figures(values, new) if new.any() else {},
        "count": {"all": len(galaxy), "not in training": int(new.sum())},
    }
    report(result)
    if arguments.figures:
        draw(stamps, galaxy, values, arguments.figures)
    write_result("cas_redshift", result, arguments.output)


def parse_arguments():
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--versions", type=int, default=4, help="of each galaxy")
    parser.add_argument(
        "--methods", nargs="+", default=("network", "combined", "tohill2021", "casnet")
    )
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--networks", help="folder of networks instead of the bundled")
    parser.add_argument("--output", help="folder of the JSON file")
    parser.add_argument("--figures", help="folder to draw in")
    return parser.parse_args()


def large_galaxies(folder):
    """Largest galaxies, the band of highest S/N each, and which were trained on."""
    found = {}
    for part in ("test", "train"):
        for source in load_sources(folder, part):
            best = found.get(source.galaxy)
            if source.r_petro < MIN_RPETRO or (best and best[0].snr > source.snr):
                continue
            found[source.galaxy] = source, part == "train"
    ranked = sorted(found.values(), key=lambda pair: -pair[0].r_petro)[:LIMIT]
    return [pair[0] for pair in ranked], np.array([pair[1] for pair in ranked])


def draw_all(sources, versions, rng, folder):
    """
    Noisy stamps of all galaxies at all redshifts.

    Returns
    -------
    stamps : `~numpy.ndarray`
        (redshifts, N, 101, 101) in sky noises; NaN where a galaxy would have to be
        enlarged or does not fit.
    labels : `~numpy.ndarray`
        (redshifts, N, 12)
    galaxy : `~numpy.ndarray`
        (N,)
    """
    galaxy = np.repeat(np.arange(len(sources)), versions)
    stamps = np.full((len(REDSHIFTS), len(galaxy), 101, 101), np.nan, np.float32)
    for row, number in enumerate(galaxy):
        for place, redshift in enumerate(REDSHIFTS):
            seen = redshifted(sources[number], redshift, rng)
            if seen is not None:
                stamps[place, row] = seen
    labels = np.full((*stamps.shape[:2], 12), np.nan)
    there = np.isfinite(stamps[:, :, 0, 0])
    labels[there] = label_stamps(stamps[there])
    snr = latent_index("log_snr")
    depth = SNR_AT_REFERENCE / 10 ** labels[REFERENCE, :, snr]
    depth = np.minimum(depth, HIGHEST_SNR / 10 ** labels[:, :, snr])
    stamps *= depth[:, :, None, None].astype(np.float32)
    labels[:, :, snr] += np.log10(depth)
    noise = correlated_noise(folder / CORRELATION, (there.sum(), 101, 101), rng)
    stamps[there] += noise
    usable = np.isfinite(labels[REFERENCE]).all(axis=1)
    return stamps[:, usable], labels[:, usable], galaxy[usable]


def measure_redshifts(stamps, labels, methods):
    """By quantity and method, (redshifts, N) values; ``noise-free`` is the truth."""
    truth = {name: labels[:, :, QUANTITIES.index(name)] for name in SHOWN}
    values = {name: {"noise-free": truth[name]} for name in SHOWN}
    there = np.isfinite(labels).all(axis=2) & np.isfinite(stamps[:, :, 0, 0])
    for method, own in measure_all(methods, stamps[there]).items():
        for name in SHOWN:
            column = np.full(there.shape, np.nan)
            column[there] = own.values[name]
            values[name][method] = column
    return values


def figures(values, rows=slice(None)):
    """Mean, scatter and median of the deviation from z = 0.2, and from the truth."""
    found = {}
    for name, methods in values.items():
        truth = methods["noise-free"][:, rows]
        for method, own in methods.items():
            own = own[:, rows]
            deviation = own - own[REFERENCE]
            relative = np.abs(deviation / own[REFERENCE])
            found.setdefault(name, {})[method] = {
                "count": np.isfinite(deviation).sum(axis=1),
                "mean": _finite(np.nanmean, deviation),
                "std": _finite(np.nanstd, deviation),
                "median": _finite(np.nanmedian, deviation),
                "mean_relative": _finite(np.nanmean, relative),
                "bias": _finite(np.nanmean, own - truth),
                "error_std": _finite(np.nanstd, own - truth),
            }
    return found


def _finite(function, values):
    """A statistic of each row; NaN for a row without values."""
    return np.array(
        [function(row) if np.isfinite(row).any() else np.nan for row in values]
    )


def report(result):
    """Print mean deviations."""
    print(f"{result['count']} stamps of {len(result['galaxies'])} galaxies a redshift")
    for name in SHOWN:
        print(f"\n{name}: mean deviation from z = 0.2, and scatter")
        print("z".rjust(12), *(f"{z:>12g}" for z in REDSHIFTS))
        print("S/N".rjust(12), *(f"{snr:12.1f}" for snr in result["snr"]))
        print("R_p".rjust(12), *(f"{radius:12.1f}" for radius in result["rpetro"]))
        for method, own in result["all"][name].items():
            pairs = zip(own["mean"], own["std"], strict=True)
            print(method.rjust(12), *(f"{mean:+6.3f}/{std:.3f}" for mean, std in pairs))


def draw(stamps, galaxy, values, folder):
    """Draw one galaxy at all redshifts, deviations and their distributions."""
    from cas_figures import draw_against

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    draw_one(stamps[:, example(stamps, values)], folder / "cas_redshift_one.png")
    deviations = {
        f"deviation of {name[0].upper()}": {
            method: own - own[REFERENCE] for method, own in values[name].items()
        }
        for name in SHOWN
    }
    draw_against(REDSHIFTS, deviations, folder / "cas_redshift.png", "redshift")
    draw_distributions(values, folder / "cas_redshift_distributions.png")


def example(stamps, values):
    """The asymmetric galaxy to show."""
    whole = np.isfinite(stamps[REFERENCE:, :, 0, 0]).all(axis=0)
    asymmetry = np.where(whole, values["asymmetry"]["noise-free"][REFERENCE], -1)
    order = np.argsort(asymmetry)
    return order[int(0.85 * len(order))]


def draw_one(stamps, path):
    """Draw one galaxy, like Figure 11."""
    plt = pyplot()
    shown = [i for i, stamp in enumerate(stamps) if np.isfinite(stamp[0, 0])]
    columns = (len(shown) + 1) // 2
    figure, axes = plt.subplots(2, columns, figsize=(1.8 * columns, 4))
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, place in zip(axes.flat, shown, strict=False):
        stamp = np.arcsinh(stamps[place][20:81, 20:81] / 3)
        top = np.quantile(stamp, 0.998)
        axis.imshow(stamp, origin="lower", vmin=-0.5, vmax=top, cmap="Greys")
        axis.set_title(f"z = {REDSHIFTS[place]:g}", fontsize=9)
    figure.tight_layout()
    figure.savefig(path, dpi=90)
    plt.close(figure)


def draw_distributions(values, path):
    """Draw distributions of deviations, like Figure 13."""
    from cas_figures import COLOURS

    plt = pyplot()
    shown = [REDSHIFTS.index(z) for z in (0.5, 1.0, 2.0, 3.0, 5.0, 7.0)]
    figure, axes = plt.subplots(2, len(shown), figsize=(2.4 * len(shown), 5))
    for line, (name, reach) in zip(axes, zip(SHOWN, (0.4, 1.5), strict=True),
                                   strict=True):  # fmt: skip
        for axis, place in zip(line, shown, strict=True):
            for method, own in values[name].items():
                deviation = (own - own[REFERENCE])[place]
                axis.hist(
                    deviation[np.isfinite(deviation)], np.linspace(-reach, reach, 31),
                    histtype="step", color=COLOURS.get(method, "0.6"), label=method,
                )  # fmt: skip
            axis.set_title(f"{name[0].upper()}, z = {REDSHIFTS[place]:g}", fontsize=9)
            axis.set_yticks([])
    axes[0, 0].legend(fontsize=6)
    figure.tight_layout()
    figure.savefig(path, dpi=90)
    plt.close(figure)


if __name__ == "__main__":
    main()
