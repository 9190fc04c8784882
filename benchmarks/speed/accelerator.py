# Licensed under a 3-clause BSD style license - see LICENSE
"""
Galaxies per second on an accelerator, and what share of its arithmetic that is.

    KERAS_BACKEND=jax python benchmarks/speed/accelerator.py

``device`` is the network on stamps that were simulated on the device and never left
it, ``predict`` `Network.predict` on the same, with what it makes of the output,
``host`` that on stamps in the host's memory, ``call`` the whole call from those to the
table. The arithmetic limit is the rate of large products of matrices on the device, in
the same precision. On a machine without an accelerator the result says so.
"""

import argparse
import sys
from functools import partial
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from common import provenance, write_result
from held import best_time, rate_of_products

SEED = 818
PRECISIONS = ("float32", "bfloat16")
SMALLEST_SHARE = 0.2


def main():
    """Measure both networks in both precisions."""
    arguments = parse_arguments()
    result = provenance(arguments.seed, n=arguments.n, batch_size=arguments.batch_size)
    device = accelerator()
    if device is None and not arguments.anyway:
        result["not_run"] = "no accelerator that the backend of Keras knows"
        print(result["not_run"])
    else:
        result |= measure_all(arguments) | {"device": device}
        report(result)
    write_result("accelerator", result, arguments.output)


def parse_arguments(given=None):
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--n", type=int, default=65_536, help="stamps")
    parser.add_argument("--batch-size", type=int, default=4096)
    parser.add_argument("--products", type=int, default=8192, help="side of matrices")
    parser.add_argument("--repeats", type=int, default=5, help="the best counts")
    parser.add_argument("--networks", nargs="*", default=["sersic", "cas"])
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--anyway", action="store_true", help="on a processor, too")
    parser.add_argument("--output", help="folder of the JSON file")
    return parser.parse_args(given)


def accelerator():
    """Name of the device, None if there is but the processor."""
    import keras

    if keras.backend.backend() == "jax":
        import jax

        device = jax.devices()[0]
        return None if device.platform == "cpu" else device.device_kind
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        found = tf.config.list_physical_devices("GPU")
        details = found and tf.config.experimental.get_device_details(found[0])
        return details.get("device_name", "GPU") if found else None
    return None


def measure_all(arguments):
    """Rates and limits, and the goal."""
    import keras

    found = {"backend": keras.backend.backend(), "networks": {}, "limit": {}}
    for precision in PRECISIONS:
        rate = rate_of_products(precision, arguments.products, arguments.repeats)
        found["limit"][precision] = rate
        for name in arguments.networks:
            own = measure(name, precision, arguments)
            work = 1e6 * own["mega_operations"]
            own["share"] = own["per_second"]["device"] * work / rate
            found["networks"].setdefault(name, {})[precision] = own
    found["claims"] = {
        f"{name}_{precision}_share": own["share"] >= SMALLEST_SHARE
        for name, both in found["networks"].items()
        for precision, own in both.items()
    }
    return found


def measure(name, precision, arguments):
    """Rates of one network."""
    from keras import ops
    from operations import mega_operations

    from astro_cnnfit.weights import load_network

    network = load_network(name, precision=precision)
    arrays, call = INPUTS[name](network, arguments)
    on_device = [ops.convert_to_tensor(array) for array in arrays]
    on_host = [ops.convert_to_numpy(array) for array in on_device]
    size = arguments.batch_size
    batches = [
        [ops.convert_to_tensor(array[start : start + size]) for array in on_device]
        for start in range(0, len(on_host[0]) - size + 1, size)
    ]

    def device():
        # One after the other without waiting: the last is asked for.
        found = [network.forward(*batch) for batch in batches]
        return ops.convert_to_numpy(ops.stack([ops.sum(part) for part in found]))

    predict = partial(network.predict, batch_size=size)
    runs = {
        "device": (device, len(batches) * size),
        "predict": (lambda: predict(*on_device), len(on_host[0])),
        "host": (lambda: predict(*on_host), len(on_host[0])),
        "call": (lambda: call(*on_host), len(on_host[0])),
    }
    rates = {
        run: count / best_time(function, arguments.repeats)
        for run, (function, count) in runs.items()
    }
    return {
        "per_second": rates,
        "mega_operations": mega_operations(network),
        "sha256": network.sha256,
    }


def sersic_inputs(network, arguments):
    """Stamps simulated on the device, their PSFs, and the whole call."""
    from astro_cnnfit import CNNSersicFitter
    from astro_cnnfit.simulation import TABLE1, draw_scenes, observe

    # Some scenes, shown again and again: what they show does not matter here.
    some = min(arguments.n, 4096)
    rng = np.random.default_rng(arguments.seed)
    stamps, psfs, _ = observe(draw_scenes(TABLE1, rng, some), rng)
    fitter = CNNSersicFitter(network, batch_size=arguments.batch_size)
    return _repeated([stamps, psfs], arguments.n), fitter


def cas_inputs(network, arguments):
    """Stamps of procedural galaxies, and the whole call."""
    from speed.cas import stamps_of

    from astro_cnnfit import CNNCASMeasurer

    stamps = stamps_of(arguments, min(arguments.n, 4096))
    measurer = CNNCASMeasurer(
        network, method="network", batch_size=arguments.batch_size
    )
    return _repeated([stamps], arguments.n), measurer


def _repeated(arrays, number):
    from keras import ops

    copies = -(-number // len(arrays[0]))
    return [ops.tile(array, (copies, 1, 1))[:number] for array in arrays]


INPUTS = {"sersic": sersic_inputs, "cas": cas_inputs}


def report(result):
    """Print rates and shares."""
    for name, both in result["networks"].items():
        for precision, own in both.items():
            rates = "".join(
                f"  {run} {rate:10.0f}/s" for run, rate in own["per_second"].items()
            )
            print(f"{name} {precision}:{rates}  {own['share']:.1%} of the limit")
    print(result["claims"])


if __name__ == "__main__":
    main()
