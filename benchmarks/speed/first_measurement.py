# Licensed under a 3-clause BSD style license - see LICENSE
"""
What the first measurement of a session takes: seconds and peak memory.

    python benchmarks/speed/first_measurement.py

Each step runs after those before it in one new process: importing the package, making
the fitter (which loads TensorFlow and the network), the first call with one galaxy, and
a second call. The same for the morphology of one galaxy. Peak memory is that of the
process after each step.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from common import provenance, write_result

SEED = 7
MIB_PER_UNIT = 1 / 1024 if sys.platform != "darwin" else 1 / 1024**2


def main():
    """Run each kind in processes of its own and write the JSON file."""
    arguments = parse_arguments()
    if arguments.child:
        print(json.dumps(CHILDREN[arguments.child]()))
        return
    result = provenance(SEED, repeats=arguments.repeats)
    for kind in CHILDREN:
        runs = [run(kind) for _ in range(arguments.repeats)]
        result[kind] = {
            step: {
                "seconds": min(each[step]["seconds"] for each in runs),
                "peak_mib": max(each[step]["peak_mib"] for each in runs),
            }
            for step in runs[0]
        }
        for step, values in result[kind].items():
            print(f"{kind:10s} {step:14s} {values['seconds']:7.3f} s "
                  f"{values['peak_mib']:7.0f} MiB")  # fmt: skip
    write_result("first_measurement", result, arguments.output)


def parse_arguments():
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--repeats", type=int, default=3, help="the best time counts")
    parser.add_argument("--output", help="folder of the JSON file")
    parser.add_argument("--child", choices=tuple(CHILDREN), help="internal")
    return parser.parse_args()


def run(kind):
    """Run one kind in a new process; return its steps."""
    command = [sys.executable, __file__, "--child", kind]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


class Steps(dict):
    """Seconds and memory of one step after the other."""

    def take(self, name, call):
        """Time a call and keep what it took."""
        start = time.perf_counter()
        value = call()
        seconds = time.perf_counter() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * MIB_PER_UNIT
        self[name] = {"seconds": seconds, "peak_mib": peak}
        return value


def sersic():
    """Measure a profile."""
    image, psf, _ = galaxy()
    return measure("CNNSersicFitter", image, psf)


def morphology():
    """Measure morphology."""
    image, _, segmap = galaxy()
    return measure("CNNCASMeasurer", image, segmap)


CHILDREN = {"sersic": sersic, "morphology": morphology}


def measure(name, *arrays):
    """Take the steps of one class, from its import to the second call."""
    steps = Steps()
    measurer = steps.take("constructor", steps.take("import", _import(name)))
    steps.take("first call", lambda: measurer(*arrays))
    steps.take("second call", lambda: measurer(*arrays))
    return steps


def _import(name):
    def load():
        import astro_cnnfit

        return getattr(astro_cnnfit, name)

    return load


def galaxy():
    """Draw an exponential disc of S/N of some hundred, its PSF and segment."""
    y, x = np.mgrid[:121, :121] - 60.0
    radius = np.hypot(x, y)
    image = 50 * np.exp(-radius / 5) + np.random.default_rng(SEED).normal(0, 1, x.shape)
    psf = np.exp(-(x**2 + y**2) / 4.5)[48:73, 48:73]
    return image, psf / psf.sum(), (radius < 20).astype(int)


if __name__ == "__main__":
    main()
