# Licensed under a 3-clause BSD style license - see LICENSE
"""
GaLNet-2s for stamps of several sizes, trained alike and compared.

The package's own training draws stamps of 61 pixels; here its stream of scenes is
asked for other sizes. The scenes are those of Table 1, without real sky.
"""

import time

import keras
import numpy as np
from astropy.table import Table
from common import print_table, table_dict
from keras import ops

from astro_cnnfit.evaluation import sersic_summary
from astro_cnnfit.networks import ARCHITECTURES, build
from astro_cnnfit.parameters import NAMES, decode
from astro_cnnfit.simulation import TABLE1, draw_scenes, observe
from astro_cnnfit.simulation.priors import SKY_SIGMA, ZEROPOINT
from astro_cnnfit.training import TrainingConfig
from astro_cnnfit.training.stream import SceneStream
from astro_cnnfit.weights import Network

__all__ = ["compare_sizes"]

ARCHITECTURE = "galnet2"
POOL, BATCH, RATE = 2048, 128, 1e-3
CHUNK = 500
# Beyond this the light reaches out of a stamp of 61 pixels.
LARGE = 8.0


class SizedStream(SceneStream):
    """Batches of stamps of one size."""

    def _draw_pool(self, number):
        rng = np.random.default_rng([self.config.seed, number])
        return draw_scenes(TABLE1, rng, self.config.pool, self.size)

    def __init__(self, config, size):
        super().__init__(config)
        self.size = size


def compare_sizes(sizes, samples, n, seed):
    """
    Train and compare.

    Parameters
    ----------
    sizes : sequence of int
        Pixels on a side.
    samples : int
        Stamps that each is trained on.
    n : int
        Galaxies on which they are compared.
    seed : int
        Of those.

    Returns
    -------
    dict
        By size: statistics of all galaxies and of large ones, and seconds.
    """
    result, rows = {}, []
    for size in sizes:
        start = time.perf_counter()
        network = _train(size, samples)
        seconds = time.perf_counter() - start
        pred, true = _measure(network, size, n, seed)
        large = true[:, NAMES.index("r_eff")] > LARGE
        zeropoint = ZEROPOINT - 2.5 * np.log10(SKY_SIGMA)
        tables = {"all": sersic_summary(pred, true, zeropoint=zeropoint)}
        if large.sum() > 50:
            tables["large"] = sersic_summary(
                pred[large], true[large], zeropoint=zeropoint
            )
        own = {name: table_dict(table, "metric") for name, table in tables.items()}
        result[str(size)] = {**own, "training_seconds": seconds}
        for name, table in own.items():
            values = [table["NMAD"][key] for key in ("mag", "r_eff", "q", "n")]
            rows.append([size, name, *values, table["R2"]["n"], round(seconds)])
    names = ["size", "galaxies", "mag", "r_eff", "q", "n", "R2(n)", "seconds"]
    table = Table(rows=rows, names=names)
    for name in names[2:7]:
        table[name].format = ".4f"
    print_table(table, f"NMAD by stamp size, after {samples} stamps each")
    return result


def _train(size, samples):
    keras.utils.set_random_seed(1)
    config = TrainingConfig(
        ARCHITECTURE, samples=samples, batch_size=BATCH, pool=POOL, real_sky=0.0
    )
    model = build(ARCHITECTURE, size=size, policy="mixed_bfloat16")
    rate = keras.optimizers.schedules.CosineDecay(RATE, max(config.steps, 1))
    model.compile(
        optimizer=keras.optimizers.Adam(rate), loss=ARCHITECTURES[ARCHITECTURE].loss
    )
    stream = SizedStream(config, size)
    for step, (inputs, targets) in enumerate(stream.batches(0, config.steps), 1):
        loss = float(model.train_on_batch(inputs, targets))
        if step % 100 == 0:
            print(f"{size} pixels: step {step} of {config.steps}, {loss:.2f}")
    description = {
        "architecture": ARCHITECTURE,
        "arguments": {"size": size},
        "trained_ranges": {},
        "calibration": {"scale": [1.0] * 7, "covariance": np.zeros((7, 7)).tolist()},
        "sha256": "",
    }
    return Network(model, description)


def _measure(network, size, n, seed):
    rng = np.random.default_rng(seed)
    parts = []
    for start in range(0, n, CHUNK):
        scenes = draw_scenes(TABLE1, rng, min(CHUNK, n - start), size)
        stamps, psfs, params = observe(scenes, rng, real_sky=0.0)
        latent, _ = network.predict(ops.convert_to_numpy(stamps), psfs, batch_size=128)
        parts.append((decode(latent), params))
    return (np.concatenate(part) for part in zip(*parts, strict=True))
