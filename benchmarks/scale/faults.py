# Licensed under a 3-clause BSD style license - see LICENSE
"""
What a catalogue run survives, on a cluster of two workers.

    python benchmarks/scale/faults.py

Small tiles are simulated and measured without Dask, undisturbed. Then the same run
meets one fault after the other, each in an output of its own, and then all faults of
tiles and workers at once. Each must end with the rows of the undisturbed run, less
those that it records as failed: none twice, and no half file.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from astropy.table import Table

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))
from common import print_table, provenance, write_result
from disturbances import run, tile_path
from fault_cases import FAULTS
from simulated_tiles import simulate_tiles

SEED = 20_265


def main():
    """Meet all faults, and write down how each ended."""
    # As on the workers, so that numbers are the same.
    os.environ["TF_NUM_INTRAOP_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    given = parse_arguments()
    if given.drive:
        run(*given.drive, workers=2)
        return
    with tempfile.TemporaryDirectory() as folder:
        result = meet_faults(Path(folder), given)
    result = provenance(
        SEED, tiles=given.tiles, galaxies=given.galaxies, size=given.size, workers=2
    ) | {"faults": result}
    columns = (
        "rows",
        "failed_rows",
        "duplicates",
        "half_files",
        "as_expected",
        "seconds",
    )
    names = list(result["faults"])
    table = Table({"fault": names})
    for column in columns:
        table[column] = [result["faults"][name][column] for name in names]
    print_table(table, "Faults")
    write_result("catalog_faults", result, given.output)
    if not all(row["as_expected"] for row in result["faults"].values()):
        raise SystemExit(1)


def parse_arguments():
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--tiles", type=int, default=12)
    parser.add_argument("--galaxies", type=int, default=60, help="on each tile")
    parser.add_argument("--size", type=int, default=400, help="of a tile, in pixels")
    parser.add_argument("--output", help="folder of the JSON file")
    parser.add_argument("--only", nargs="+", choices=FAULTS, default=list(FAULTS))
    # How this script begins the drivers that it kills.
    parser.add_argument("--drive", nargs=2, help=argparse.SUPPRESS)
    return parser.parse_args()


def meet_faults(folder, given):
    """Run undisturbed, then with each fault; return how each ended."""
    from astro_cnnfit.catalog.cluster import connected

    survey = folder / "survey"
    simulate_tiles(survey, given.tiles, given.galaxies, given.size, SEED)
    whole = run(survey, folder / "serial", client="serial").table()
    result = {}
    with connected(workers=2) as client:
        for name in given.only:
            own, output = folder / "disturbed", folder / name.replace(" ", "_")
            # With their times of change.
            shutil.copytree(survey, own)
            start = time.perf_counter()
            told = FAULTS[name](own, output, client)
            result[name] = {
                **outcome(output, whole, told), "seconds": time.perf_counter() - start
            }  # fmt: skip
            shutil.rmtree(own)
            print(f"{name}: {result[name]}", flush=True)
    return result


def outcome(output, whole, told):
    """
    Compare what a run left with the undisturbed one.

    Parameters
    ----------
    output : path-like
        Folder of the catalogue.
    whole : `~astropy.table.QTable`
        The undisturbed catalogue.
    told : dict
        ``failures`` as the run recorded them, ``expected`` numbers of the tiles that
        must fail, ``fine`` if something else must be so, and anything to show.

    Returns
    -------
    dict
        ``as_expected`` is what counts.
    """
    from astro_cnnfit.catalog import read_catalog

    table, failures = read_catalog(output), told.pop("failures")
    lost = np.concatenate([np.empty(0, np.int64), *failures["ids"]])
    names = {
        tile_path("", number).name.split(".")[0] for number in told.pop("expected")
    }
    table.sort("id")
    kept = whole[~np.isin(whole["id"], lost)]
    kept.sort("id")
    same = np.array_equal(table["id"], kept["id"])
    half = [path for path in Path(output).rglob("*.partial")]
    as_expected = same and not half and set(failures["tile"]) == names
    return {
        "rows": len(table),
        "rows_undisturbed": len(whole),
        "failed_rows": len(lost),
        "duplicates": len(table) - len(np.unique(table["id"])),
        "half_files": len(half),
        "same_numbers": same and _same_numbers(table, kept),
        "reasons": {str(row["tile"]): _reason(row) for row in failures},
        "attempts": {str(row["tile"]): int(row["attempts"]) for row in failures},
        "as_expected": bool(as_expected and told.pop("fine", True)),
        **told,
    }


def _same_numbers(table, kept):
    """Whether all numbers are those of the undisturbed run, to the last bit."""
    return all(
        np.array_equal(
            np.asarray(table[name]), np.asarray(kept[name]),
            equal_nan=table[name].dtype.kind == "f",
        )
        for name in kept.colnames
    )  # fmt: skip


def _reason(row):
    """The reason without paths and addresses, which are of one machine."""
    words = row["reason"].split()
    return " ".join(Path(w).name if w.count("/") > 1 else w for w in words)[:120]


if __name__ == "__main__":
    main()
