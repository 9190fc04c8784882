# Licensed under a 3-clause BSD style license - see LICENSE
"""
Speed of the renderer: stamps of 61 x 61 pixels, each with its own PSF.

    python benchmarks/speed/rendering.py
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from common import provenance, write_result

from astro_cnnfit.rendering import render_sersic_numpy
from astro_cnnfit.simulation import TABLE1, draw_galaxies, draw_psfs

SEED = 12
BATCHES = (16, 64, 256)
GOAL = 1500


def main():
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--n", type=int, default=4096, help="stamps to draw")
    parser.add_argument("--output", help="folder of the JSON file")
    arguments = parser.parse_args()
    rng = np.random.default_rng(SEED)
    params = draw_galaxies(TABLE1, rng, arguments.n)
    psfs, _ = draw_psfs(TABLE1, rng, arguments.n)
    result = provenance(SEED, n=arguments.n)
    rates = {batch: rate(params, psfs, batch) for batch in BATCHES}
    result["stamps_per_second"] = rates
    result["claims"] = {f"{GOAL} stamps a second": max(rates.values()) >= GOAL}
    for batch, value in rates.items():
        print(f"batches of {batch:3d}: {value:6.0f} stamps a second")
    print(result["claims"])
    write_result("rendering_speed", result, arguments.output)


def rate(params, psfs, batch, repeats=3):
    """Stamps per second, the best of a few runs, once the renderer is traced."""
    render_sersic_numpy(params[:batch], psfs[:batch], batch_size=batch)
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        render_sersic_numpy(params, psfs, batch_size=batch)
        seconds.append(time.perf_counter() - start)
    return len(params) / min(seconds)


if __name__ == "__main__":
    main()
