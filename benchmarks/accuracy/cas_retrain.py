# Licensed under a 3-clause BSD style license - see LICENSE
"""
A network for another survey: fine-tuned on a few hundred galaxies, or trained anew.

The other survey is one of drizzled images: real galaxies on noise with the
correlation function of ACS images, which reaches farther than any that the bundled
network was trained on. ``fine-tuned`` are the bundled network's dense layers, trained
on a few hundred of its galaxies; ``from the start`` is the same architecture with
random weights, trained on as many as ``--samples``. Sources to learn from and to
test on are apart.

    python benchmarks/accuracy/cas_retrain.py

How the bundled CASNET networks do, which were trained on tens of thousands of
galaxies as the paper trains them, is part of ``cas_accuracy.py``.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from cas_galaxies import SEED, draw_galaxies
from cas_statistics import QUANTITIES, summary
from common import provenance, write_result
from redshifting import correlated_noise

from astro_cnnfit.measures import from_latent, latent_index
from astro_cnnfit.simulation.backgrounds import find_data
from astro_cnnfit.training.retrain import retrain
from astro_cnnfit.weights import load_network

SNR = (2.0, 10.0)
CORRELATION = "hst_reference/acs_I_unrot_sci_cf.fits"
SHOWN = ("asymmetry", "concentration")


def main():
    """Measure before and after."""
    arguments = parse_arguments()
    folder = find_data()
    if folder is None:
        raise SystemExit("ASTRO_CNNFIT_TEST_DATA names no folder of real galaxies")
    test = survey("test", arguments.test, arguments.seed, folder)
    few = survey("train", arguments.few, arguments.seed + 1, folder)
    result = provenance(
        arguments.seed, few=arguments.few, samples=arguments.samples,
        test=arguments.test, epochs=arguments.epochs,
    )  # fmt: skip
    result |= {"seconds": {}, "networks": {}}
    bundled = str(Path(arguments.networks) / "cas") if arguments.networks else "cas"
    with tempfile.TemporaryDirectory() as scratch:
        runs = {"bundled": None, "fine-tuned": tune(few, bundled, arguments)}
        if arguments.samples:
            many = survey("train", arguments.samples, arguments.seed + 2, folder)
            runs["from the start"] = anew(many, arguments)
        for name, run in runs.items():
            start = time.perf_counter()
            path = run(Path(scratch) / name) if run else bundled
            result["seconds"][name] = time.perf_counter() - start if run else 0.0
            result["networks"][name] = figures(load_network(path), *test)
            print_line(name, result["networks"][name], result["seconds"][name])
    write_result("cas_retrain", result, arguments.output)


def parse_arguments():
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--few", type=int, default=400, help="to fine-tune with")
    parser.add_argument(
        "--samples", type=int, default=3000, help="to train anew with; 0 for not"
    )
    parser.add_argument("--test", type=int, default=800, help="to measure")
    parser.add_argument("--epochs", type=int, default=10, help="at most, of each")
    parser.add_argument("--seed", type=int, default=SEED + 3)
    parser.add_argument("--networks", help="folder of networks instead of the bundled")
    parser.add_argument("--output", help="folder of the JSON file")
    return parser.parse_args()


def survey(part, number, seed, folder):
    """
    Galaxies of the other survey.

    Returns
    -------
    stamps : `~numpy.ndarray`
        (N, 101, 101) in sky noises.
    labels : `~numpy.ndarray`
        (N, 12)
    sources : `~numpy.ndarray`
        (N,)
    """
    rng = np.random.default_rng(seed)
    galaxies, _ = draw_galaxies("real", number, seed, part=part)
    labels = galaxies.labels.copy()
    snr = 10 ** rng.uniform(*np.log10(SNR), len(labels))
    place = latent_index("log_snr")
    factor = snr / 10 ** labels[:, place]
    labels[:, place] = np.log10(snr)
    noise = correlated_noise(folder / CORRELATION, galaxies.stamps.shape, rng)
    stamps = galaxies.stamps * factor[:, None, None].astype(np.float32) + noise
    return stamps, labels, galaxies.sources


def tune(few, bundled, arguments):
    """How to fine-tune: the convolutions stay as they are."""

    def run(output):
        return retrain(
            "cas", few[0], few[1], output, start_from=bundled, freeze=True,
            validation=0.2, epochs=4 * arguments.epochs, batch_size=64,
            learning_rate=1e-4, patience=8,
        )  # fmt: skip

    return run


def anew(many, arguments):
    """How to train from random weights."""

    def run(output):
        return retrain(
            "cas", many[0], many[1], output, epochs=arguments.epochs, batch_size=128,
            learning_rate=2e-3, patience=4,
        )  # fmt: skip

    return run


def figures(network, stamps, labels, sources):
    """Figures of A and C of the other survey's galaxies."""
    values, errors = from_latent(*network.predict(stamps))
    rng = np.random.default_rng(SEED)
    return {
        name: summary(
            values[name], errors[name], labels[:, QUANTITIES.index(name)], sources, rng
        )
        for name in SHOWN
    }


def print_line(name, found, seconds):
    """Print the figures of one network."""
    a, c = (found[quantity] for quantity in SHOWN)
    print(f"{name:16s}A std {a['std']:.4f} bias {a['bias']:+.4f} 68% {a['68%']:.2f}   "
          f"C NMAD {c['nmad']:.4f} bias {c['bias']:+.4f} 68% {c['68%']:.2f}   "
          f"{seconds:.0f} s", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
