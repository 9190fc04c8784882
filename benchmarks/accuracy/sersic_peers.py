# Licensed under a 3-clause BSD style license - see LICENSE
"""
Beside other Sersic fitters, on the same stamps and one core each.

Galaxies of GaLNets' Table 1 with S/N > 50, isolated (or ``--crowded``), 61 x 61
pixels, with the true PSF, the true error of each pixel (of the noise-free scene)
and an unknown pedestal. All fitters start from one guess, moments of the stamp and
n = 2.5, and have the same bounds as far as they take any; what each of them is
told is in ``peers/``. Each runs in a process of its own that is held to one core;
its first fit, with which just-in-time compilers do their work, is not timed.

    python benchmarks/accuracy/sersic_peers.py

With ``--update`` those that are not among ``--methods`` keep the figures that they
have for these stamps: a new network need not wait for half an hour of fits. The
fastest of the fitters must run again, for ratios of times are of one run.

The fitters are the extra ``peers``. One that cannot be imported is reported with
the reason. Before it measures, each must find the parameters of three bright
galaxies without noise; by how much it misses them is part of the result.
"""

import argparse
import importlib
import json
import os
import queue
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from common import RESULTS, print_table, provenance, table_dict, write_result

SEED = 20_261_121
OWN = {"network": False, "refined": True, "map": "map"}
# Module in ``peers``, function, package, and which PSF suits its model: "bare" where
# the model is integrated over the pixels, "psfs", the effective PSF, where it is not.
PEERS = {
    "astropy": ("astropy_lm", "fit", "astropy", "bare"),
    "imfit": ("imfit", "fit", "pyimfit", "bare"),
    "statmorph": ("statmorph_sersic", "fit", "statmorph", "psfs"),
    "AstroPhot": ("astrophot_lm", "fit", "astrophot", "bare"),
    "pysersic": ("pysersic_map", "fit", "pysersic", "bare"),
}
# Told more than any fitter can know, to see what the start costs.
TOLD = {"from_truth": ("own", "fit_from_guess", "astro_cnnfit", "psfs")}
# From the fast to the slow.
METHODS = (*OWN, *PEERS, *TOLD)
THREADS = (
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"),
    *("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"),
)
FACTOR_NETWORK, FACTOR_REFINED = 50, 5
# What the bright galaxies may be missed by: x and y in pixels, flux, R_eff and n
# relative, ellipticity, angle.
TOLERANCE = np.array([0.02, 0.02, 0.03, 0.03, 0.03, 0.01, 0.01])


def main():
    """Run each fitter in a process of its own."""
    arguments = parse_arguments()
    if arguments.child:
        measure(arguments)
        return
    # Keras starts here, in the parent, and not in every fitter's process.
    from peers.stamps import bright_stamps, draw_stamps

    found, missing = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        stamps = draw_stamps(arguments.n, arguments.seed, arguments.crowded)
        np.savez(folder / "stamps.npz", **stamps)
        np.savez(folder / "bright.npz", **bright_stamps())
        for name, answer in run_all(folder, arguments).items():
            (missing if "reason" in answer else found)[name] = answer
    report(found, missing, stamps["true"], arguments)


def parse_arguments():
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--n", type=int, default=300, help="number of galaxies")
    parser.add_argument("--methods", nargs="+", default=METHODS, choices=METHODS)
    parser.add_argument("--crowded", action="store_true", help="with neighbours")
    parser.add_argument("--jobs", type=int, default=1, help="fitters at a time")
    parser.add_argument("--model", default="sersic")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--output", help="folder of the JSON file")
    parser.add_argument("--update", action="store_true", help="keep the other methods")
    parser.add_argument("--child", choices=METHODS, help="internal")
    parser.add_argument("--folder", type=Path, help="internal")
    return parser.parse_args()


def run_all(folder, arguments):
    """Run the fitters, as many at a time as there are cores for."""
    free = queue.SimpleQueue()
    for core in usable_cores()[: arguments.jobs]:
        free.put(core)

    def run_on_free_core(name):
        core = free.get()
        try:
            return run(name, folder, arguments, core)
        finally:
            free.put(core)

    # The slow ones first: they must not be waited for in the end.
    order = sorted(arguments.methods, key=METHODS.index, reverse=True)
    with ThreadPoolExecutor(free.qsize()) as pool:
        answers = dict(zip(order, pool.map(run_on_free_core, order), strict=True))
    return {name: answers[name] for name in METHODS if name in answers}


def usable_cores():
    """Cores that processes can be held to; one that stands for any elsewhere."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return [0]


def run(name, folder, arguments, core):
    """Run one fitter on one core; return what it found, or why it did not."""
    own = [sys.executable, __file__, "--child", name, "--folder", str(folder)]
    own += ["--model", arguments.model]
    environment = {**os.environ, **dict.fromkeys(THREADS, "1")}
    environment |= {"TF_CPP_MIN_LOG_LEVEL": "3", "JAX_PLATFORMS": "cpu"}

    def hold():
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, [core])

    start = time.perf_counter()
    done = subprocess.run(
        own, env=environment, preexec_fn=hold, capture_output=True, text=True
    )
    path = folder / f"{name}.json"
    if done.returncode or not path.is_file():
        answer = {"reason": done.stderr.strip().splitlines()[-1][:300]}
    else:
        answer = json.loads(path.read_text())
    took = time.perf_counter() - start
    print(f"{name}: {answer.get('reason', 'done')} ({took:.0f} s in all)", flush=True)
    return answer


def measure(arguments):
    """Measure all stamps with one fitter, and write what it found."""
    warnings.simplefilter("ignore")
    name, folder = arguments.child, arguments.folder
    stamps, bright = (
        dict(np.load(folder / f"{part}.npz")) for part in ("stamps", "bright")
    )
    try:
        fit_all = fitter_of(name, arguments.model)
        answer = {"check": fit_all(bright)["params"]} | fit_all(stamps)
    except (ImportError, ValueError) as error:
        answer = {"reason": f"{type(error).__name__}: {error}"}
    answer = {
        key: value.tolist() if isinstance(value, np.ndarray) else value
        for key, value in answer.items()
    }
    (folder / f"{name}.json").write_text(json.dumps(answer))


def fitter_of(name, model):
    """Return a function of stamps, of one of our methods or of a peer."""
    if name in OWN:
        from peers.own import fit_all

        return lambda stamps: in_one_call(fit_all, stamps, OWN[name], model)
    module, function, _, psf = (PEERS | TOLD)[name]
    fit = getattr(importlib.import_module(f"peers.{module}"), function)
    start = "true" if name in TOLD else "guess"
    return lambda stamps: one_by_one(fit, stamps, (psf, start))


def in_one_call(fit_all, stamps, refine, model):
    """Measure all stamps at once."""
    images = (stamps["stamps"], stamps["psfs"], stamps["errors"])
    params, errors, seconds = fit_all(*images, refine, model)
    return {
        "params": params,
        "errors": errors,
        "seconds": [seconds / len(params)] * len(params),
        "exceptions": {},
    }


def one_by_one(fit, stamps, keys):
    """Measure stamp after stamp; an exception leaves NaN."""
    n = len(stamps["stamps"])
    params, errors = np.full((2, n, 7), np.nan)
    seconds, exceptions = [], {}
    psf, start = keys
    columns = [stamps[key] for key in ("stamps", psf, "errors", start)]
    columns = [column.astype(float) for column in columns]
    # The first fit is not timed.
    for row in (0, *range(n)):
        began = time.perf_counter()
        try:
            params[row], errors[row] = fit(*(column[row] for column in columns))
        except Exception as error:
            if not exceptions:
                traceback.print_exc()
            exceptions[row] = f"{type(error).__name__}: {error}"[:200]
        seconds.append(time.perf_counter() - began)
    return {
        "params": params,
        "errors": errors,
        "seconds": seconds[1:],
        "first_fit": seconds[0],
        "exceptions": exceptions,
    }


def report(found, missing, true, arguments):
    """Print and write the comparison."""
    from peers.report import check, claims, coverage_table, summary_table, with_kept

    found = {
        name: {
            key: np.array(value, dtype=float) if isinstance(value, list) else value
            for key, value in answer.items()
        }
        for name, answer in found.items()
    }
    table, covered = summary_table(found, true), coverage_table(found, true)
    print_table(table, f"{len(true)} stamps, one core")
    print_table(covered, "Coverage of the quoted errors")
    checked = {
        name: check(answer["check"], TOLERANCE) for name, answer in found.items()
    }
    parts = {
        "bright": checked,
        "first_fit": {k: v["first_fit"] for k, v in found.items() if "first_fit" in v},
        "exceptions": {k: v["exceptions"] for k, v in found.items()},
        "not_run": {name: answer["reason"] for name, answer in missing.items()},
    }
    print("\nBright galaxies without noise, largest miss:")
    for name, result in checked.items():
        print(
            f"{name:12s} {'as it should' if result['passed'] else 'NOT FOUND'}", result
        )
    result = provenance(
        arguments.seed,
        n=len(true),
        crowded=arguments.crowded,
        model=arguments.model,
        jobs=arguments.jobs,
    )
    result["versions"] |= peer_versions()
    result |= {
        "methods": table_dict(table, "method"),
        "coverage": table_dict(covered, "method"),
        **parts,
    }
    if arguments.update:
        former = former_result(name_of(arguments))
        result = with_kept(result, former, METHODS, list(PEERS))
    met = claims(result, list(PEERS), FACTOR_NETWORK, FACTOR_REFINED)
    print(f"\n{met}")
    write_result(name_of(arguments), result | {"claims": met}, arguments.output)


def name_of(arguments):
    """Name of the result."""
    return "sersic_peers_crowded" if arguments.crowded else "sersic_peers"


def former_result(name):
    """The result as it stands."""
    return json.loads((RESULTS / f"{name}.json").read_text())


def peer_versions():
    """Versions of the fitters and what they stand on."""
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    names = [package for _, _, package, _ in PEERS.values()]
    for name in (*names, "jax", "torch", "photutils"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found


if __name__ == "__main__":
    main()
