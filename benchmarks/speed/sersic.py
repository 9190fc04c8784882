# Licensed under a 3-clause BSD style license - see LICENSE
"""
Galaxies per second: the whole call, the bare network, and a classical fit.

    python benchmarks/speed/sersic.py

Each measurement runs in its own process, held to one or two cores. The
classical fit is astropy's LMLSQFitter with Sersic2D, oversampled five times at
the centre and convolved with the true PSF, on the same stamps and one core; it
starts from the true parameters, each off by about 5 %.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from common import provenance, write_result
from held import best_time, run_held

SEED = 61
SMALLEST_FRACTION = 0.8
SMALLEST_GAIN = 50


def main():
    """Run each measurement in a process of its own."""
    arguments = parse_arguments()
    if arguments.child:
        print(json.dumps(CHILDREN[arguments.child](arguments)))
        return
    result = provenance(
        arguments.seed,
        n=arguments.n,
        n_astropy=arguments.n_astropy,
        model=arguments.model,
        batch_size=arguments.batch_size,
        repeats=arguments.repeats,
    )
    for cores in (1, 2):
        result[f"cores_{cores}"] = run("network", cores, arguments)
    result["astropy"] = run("astropy", 1, arguments)
    one = result["cores_1"]
    gain = one["call_per_second"] / result["astropy"]["per_second"]
    result["times_faster_than_astropy"] = gain
    fractions = [result[f"cores_{cores}"]["fraction"] for cores in (1, 2)]
    result["claims"] = {
        "fraction_of_forward_pass": min(fractions) >= SMALLEST_FRACTION,
        "times_faster": gain >= SMALLEST_GAIN,
    }
    report(result)
    write_result("sersic_speed", result, arguments.output)


def parse_arguments():
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--n", type=int, default=8192, help="stamps of the network")
    parser.add_argument("--n-astropy", type=int, default=30, help="stamps of astropy")
    parser.add_argument("--model", default="sersic")
    parser.add_argument("--batch-size", type=int, default=512)
    parser.add_argument("--repeats", type=int, default=5, help="the best counts")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--output", help="folder of the JSON file")
    parser.add_argument("--child", choices=("network", "astropy"), help="internal")
    return parser.parse_args()


def run(child, cores, arguments):
    """Run one measurement held to so many cores; return what it prints last."""
    names = ("n", "n_astropy", "model", "batch_size", "repeats", "seed")
    options = {name: getattr(arguments, name) for name in names}
    done = run_held(__file__, child, options, cores)
    if done.returncode:
        raise SystemExit(f"{child} on {cores} cores failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def stamps_of(arguments, n):
    """Draw isolated and crowded stamps of Table 1, as a user would have them."""
    from keras import ops

    from astro_cnnfit.simulation import TABLE1, draw_scenes, observe

    rng = np.random.default_rng(arguments.seed)
    scenes = draw_scenes(TABLE1, rng, n)
    stamps, psfs, params = observe(scenes, rng)
    return ops.convert_to_numpy(stamps), psfs, params


def measure_network(arguments):
    """Time the whole call and the bare forward pass on the same stamps."""
    from astro_cnnfit import CNNSersicFitter

    stamps, psfs, _ = stamps_of(arguments, arguments.n)
    fitter = CNNSersicFitter(arguments.model, batch_size=arguments.batch_size)
    network = fitter.model
    inputs = [stamps, psfs] if network.needs_psf else [stamps]
    size = arguments.batch_size
    batches = [
        [array[start : start + size] for array in inputs]
        for start in range(0, arguments.n - size + 1, size)
    ]

    def forward():
        for batch in batches:
            np.asarray(network.forward(*batch))

    call = best_time(lambda: fitter(stamps, psfs), arguments.repeats)
    bare = best_time(forward, arguments.repeats)
    call_rate, bare_rate = len(stamps) / call, len(batches) * size / bare
    return {
        "call_per_second": call_rate,
        "forward_per_second": bare_rate,
        "fraction": call_rate / bare_rate,
    }


def measure_astropy(arguments):
    """Time the classical fit, stamp by stamp."""
    import warnings

    from astropy.modeling.fitting import LMLSQFitter
    from peers.astropy_lm import convolved_sersic

    from astro_cnnfit.parameters import NAMES, amplitude_from_flux

    stamps, psfs, params = stamps_of(arguments, arguments.n_astropy)
    rng = np.random.default_rng(arguments.seed)
    names = ["amplitude" if name == "flux" else name for name in NAMES]
    y, x = np.mgrid[:61, :61] - 30.0
    fitted, seconds = [], 0.0
    for stamp, psf, true in zip(stamps, psfs, params, strict=True):
        guess = true * rng.normal(1, 0.05, 7)
        guess[5] = np.clip(guess[5], 0.05, 0.85)
        guess[2] = amplitude_from_flux(guess[2], *guess[3:6])
        model = convolved_sersic(psf)(
            **dict(zip(names, guess, strict=True)), pedestal=0.0
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            start = time.perf_counter()
            found = LMLSQFitter()(model, x, y, stamp)
            seconds += time.perf_counter() - start
        fitted.append([found.r_eff.value, found.n.value])
    error = np.abs(np.array(fitted) / params[:, 3:5] - 1)
    return {
        "per_second": len(stamps) / seconds,
        "median_error_r_eff": float(np.median(error[:, 0])),
        "median_error_n": float(np.median(error[:, 1])),
    }


def report(result):
    """Print the rates."""
    print(f"{'':22s}{'1 core':>12s}{'2 cores':>12s}")
    for key in ("call_per_second", "forward_per_second", "fraction"):
        values = [result[f"cores_{cores}"][key] for cores in (1, 2)]
        print(f"{key:22s}" + "".join(f"{value:12.2f}" for value in values))
    print(f"{'astropy per second':22s}{result['astropy']['per_second']:12.2f}")
    print(f"{'times faster':22s}{result['times_faster_than_astropy']:12.1f}")
    print(result["claims"])


CHILDREN = {"network": measure_network, "astropy": measure_astropy}


if __name__ == "__main__":
    main()
