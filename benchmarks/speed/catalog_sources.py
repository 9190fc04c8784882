# Licensed under a 3-clause BSD style license - see LICENSE
"""
Galaxies per second of catalogues, by where the pixels come from.

`end_to_end.py` asks for them. Called as a script, this is one of the processes that
run bare forward passes, or measurers on stamps in memory, side by side.
"""

import argparse
import json
import shutil
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from processes import peak_memory, run_child, run_together
from scale.simulated_tiles import PIXEL_SCALE, ZEROPOINT

__all__ = ["NETWORKS", "forward_rates", "from_memory", "from_stack", "from_tiles"]

NETWORKS = {"sersic": ["sersic"], "cas": ["cas"], "both": ["sersic", "cas"]}
# Tiles for each worker before the clock starts, so that all of them get one.
WARM = 2


def arguments_of(target, model):
    """Arguments of the measurers of a target, by their names; None for the other."""
    own = {
        "sersic": {"model": model, "pixel_scale": PIXEL_SCALE, "zeropoint": ZEROPOINT},
        "cas": {"method": "network", "pixel_scale": PIXEL_SCALE},
    }
    return {name: own[name] if name in NETWORKS[target] else None for name in own}


def forward_rates(target, settings, workers, seconds):
    """
    Bare forward passes of the networks of a target, one after the other.

    Parameters
    ----------
    target : str
        Of `NETWORKS`.
    settings : dict
        ``precision``, ``batch_size`` and the ``model`` of Sersic parameters.
    workers : int
        Processes, of one thread each.
    seconds : float
        How long for each network.

    Returns
    -------
    dict
        ``per_second`` of all processes together and ``mflop`` of a stamp, by network.
    """
    own = {**settings, "networks": NETWORKS[target], "seconds": seconds}
    found = run_together(__file__, "forward", own, workers)
    return {
        network: {
            "per_second": sum(one[network]["per_second"] for one in found),
            "mflop": found[0][network]["mflop"],
        }
        for network in NETWORKS[target]
    }


def forward(settings):
    """Child: bare forward passes of each network for some seconds."""
    from astro_cnnfit.weights import load_network

    rng = np.random.default_rng(settings["part"])
    size, ready = settings["batch_size"], {}
    for name in settings["networks"]:
        model = settings["model"] if name == "sersic" else name
        network = load_network(model, precision=settings["precision"])
        sides = [network.stamp_size] + [network.psf_size] * network.needs_psf
        batch = [rng.normal(0, 1, (size, s, s)).astype(np.float32) for s in sides]
        np.asarray(network.forward(*batch))
        ready[name] = network, sides, batch
    yield
    found = {}
    for name, (network, sides, batch) in ready.items():
        start, passes = time.perf_counter(), 0
        while time.perf_counter() - start < settings["seconds"]:
            np.asarray(network.forward(*batch))
            passes += 1
        rate = passes * size / (time.perf_counter() - start)
        found[name] = {"per_second": rate, "mflop": operations(network, sides) / 1e6}
    yield found


def operations(network, sides):
    """Floating-point operations of a galaxy, as TensorFlow counts them."""
    import tensorflow as tf

    specs = [tf.TensorSpec((1, side, side), tf.float32) for side in sides]
    graph = tf.function(network._forward).get_concrete_function(*specs).graph
    profiler = tf.compat.v1.profiler
    options = profiler.ProfileOptionBuilder.float_operation()
    options = profiler.ProfileOptionBuilder(options).with_empty_output().build()
    return profiler.profile(graph, options=options).total_float_ops


def from_memory(stack, target, settings, workers, stamps):
    """Whole calls of a measurer on stamps in memory, a share in each process."""
    own = {**settings, **stack, "target": target, "stamps": stamps}
    found = run_together(__file__, "memory", own, workers)
    number = sum(one["stamps"] for one in found)
    return {
        "galaxies": number,
        "per_second": sum(one["per_second"] for one in found),
        "looks_a_galaxy": {target: sum(one["looks"] for one in found) / number},
        "cpu_milliseconds_a_galaxy": {
            "all": 1e3 * sum(one["cpu_seconds"] for one in found) / number
        },
    }


def memory(settings):
    """Child: a measurer on its share of the stamps."""
    import h5py
    from astropy.io import fits

    from astro_cnnfit import CNNCASMeasurer, CNNSersicFitter

    part, share = settings["part"], settings["stamps"] // settings["parts"]
    with h5py.File(settings["path"]) as file:
        stamps = file["stamps"][part * share : (part + 1) * share]
    given = {name: settings[name] for name in ("batch_size", "precision")}
    given |= arguments_of(settings["target"], settings["model"])[settings["target"]]
    if settings["target"] == "sersic":
        measurer, others = CNNSersicFitter(**given), [fits.getdata(settings["psf"])]
    else:
        measurer, others = CNNCASMeasurer(**given), []
    looks, predict = [], measurer.model.predict

    def counting(stamps, *args, **kwargs):
        looks.append(len(stamps))
        return predict(stamps, *args, **kwargs)

    # As workers have been before their clock starts: each size of batch that will
    # come, that of the last chunk among them, has been traced.
    batch = settings["batch_size"]
    measurer(stamps[: batch + len(stamps) % batch], *others)
    measurer.model.predict = counting
    yield
    start, cpu = time.perf_counter(), time.process_time()
    measurer(stamps, *others)
    seconds = time.perf_counter() - start
    yield {
        "per_second": len(stamps) / seconds,
        "cpu_seconds": time.process_time() - cpu,
        "stamps": len(stamps),
        "looks": sum(looks),
    }


def from_stack(stack, target, settings, workers, stamps, output):
    """``measure_catalog`` on a stack in HDF5."""
    from astropy.table import Table

    rows = Table.read(stack["catalog"])[:stamps]
    options = _options(settings, target, stack["psf"])
    parts = WARM * workers
    tiles = [{"path": stack["path"], "name": f"first_{i}"} for i in range(parts)]
    first = rows[: min(parts * settings["batch_size"], len(rows))]
    first["tile"] = [f"first_{i % parts}" for i in range(len(first))]
    timed = [stack["path"]], rows
    return timed_run((tiles, first), timed, options, workers, output)


def from_tiles(survey, target, settings, workers, galaxies, on_a_tile, output):
    """``measure_catalog`` on the first tiles."""
    from astropy.table import Table

    number = -(-galaxies // on_a_tile)
    # The catalogue is in the order of the tiles.
    rows = Table.read(survey["catalog"])["id", "ra", "dec"][: number * on_a_tile]
    few = min(WARM * workers, number)
    first = survey["tiles"][:few], rows[: few * on_a_tile]
    timed = survey["tiles"][:number], rows
    options = _options(settings, target, survey["psf"])
    return timed_run(first, timed, options, workers, output)


def _options(settings, target, psf):
    options = {name: value for name, value in settings.items() if name != "model"}
    options |= arguments_of(target, settings["model"])
    return {**options, "psf": None if target == "cas" else psf}


def timed_run(first, timed, options, workers, output):
    """
    Time a run whose workers have measured a little before.

    Parameters
    ----------
    first, timed : tuple
        Tiles and catalogue: what workers measure before, and what is timed.
    options : dict
        Further arguments of ``measure_catalog``.
    workers : int
        Processes.
    output : `~pathlib.Path`
        Folder of catalogues; it is emptied.

    Returns
    -------
    dict
        Rate, times, memory of the largest worker, bytes read and written.
    """
    from astro_cnnfit.catalog import measure_catalog
    from astro_cnnfit.catalog.cluster import connected

    start = time.perf_counter()
    # As measure_catalog begins its own: one tile is read while another is measured.
    with connected(None, workers=workers, threads_per_worker=2) as client:
        options = {**options, "client": client}
        measure_catalog(*first, output=fresh(output), **options)
        ready, spent = time.perf_counter(), client.run(time.process_time)
        run = measure_catalog(*timed, output=fresh(output), **options)
        seconds = time.perf_counter() - ready
        spent = sum(client.run(time.process_time).values()) - sum(spent.values())
        peaks = client.run(peak_memory)
    if len(run.failures):
        raise RuntimeError(f"{len(run.failures)} failures: {run.failures[:3]}")
    tiles, rows = timed
    return {
        "galaxies": len(rows),
        "tasks": run.summary["tiles"],
        "seconds": seconds,
        "per_second": len(rows) / seconds,
        "start_seconds": ready - start,
        **a_galaxy(run.summary, spent, len(rows)),
        "worker_memory": max(peaks.values()),
        "bytes_read": sum(Path(tile).stat().st_size for tile in tiles),
        "bytes_written": folder_size(output / "catalog"),
        "summary": json.loads(json.dumps(run.summary, default=str)),
    }


def a_galaxy(summary, spent, number):
    """
    What a galaxy takes.

    Parameters
    ----------
    summary : dict
        Of a run.
    spent : float
        Processor time of all workers in seconds, with all their threads.
    number : int
        Galaxies.

    Returns
    -------
    dict
        ``cpu_milliseconds_a_galaxy``: ``all``, what the workers' threads say of
        reading, cutting and writing, and ``inference``, which is the rest (that of
        Dask among it); and ``looks_a_galaxy`` of each network.
    """
    stages = {name: 1e3 * s / number for name, s in summary["cpu_seconds"].items()}
    all_of_it = 1e3 * spent / number
    stages["inference"] = all_of_it - sum(stages.values())
    looks = {name: count / number for name, count in summary["looks"].items()}
    return {
        "cpu_milliseconds_a_galaxy": {"all": all_of_it, **stages},
        "looks_a_galaxy": looks,
    }


def fresh(folder):
    """An empty folder's path."""
    shutil.rmtree(folder, ignore_errors=True)
    return folder


def folder_size(folder):
    """Bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


CHILDREN = {"forward": forward, "memory": memory}


def main():
    """Be one of the processes."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--child", choices=tuple(CHILDREN), required=True)
    parser.add_argument("--settings", required=True)
    given = parser.parse_args()
    run_child(CHILDREN[given.child], given.settings)


if __name__ == "__main__":
    main()
