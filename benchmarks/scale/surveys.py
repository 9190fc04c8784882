# Licensed under a 3-clause BSD style license - see LICENSE
"""Simulated tiles and stacks that benchmarks share, each made once."""

import json
import shutil
from pathlib import Path

from .simulated_tiles import Simulated, simulate_tiles
from .stacks import STAMP_SIZE, simulate_stack

__all__ = ["make_stacks", "make_tiles"]


def make_tiles(folder, galaxies, on_a_tile, size, seed):
    """Tiles; those of an earlier run with the same settings are kept."""
    number = -(-galaxies // on_a_tile)
    folder = Path(folder) / f"tiles_{number}_{on_a_tile}_{size}_{seed}"

    def make():
        made = simulate_tiles(folder, number, on_a_tile, size, seed)
        paths = [str(path) for path in made.tiles]
        return {"tiles": paths, "psf": made.psf, "catalog": str(made.catalog)}

    return _made_once(folder, make)


def make_stacks(folder, stamps, on_a_tile, size, seed):
    """Stacks of stamps, by target, cut from two tiles."""
    tiles = make_tiles(folder, 2 * on_a_tile, on_a_tile, size, seed)
    folder = Path(folder) / f"stacks_{stamps}_{on_a_tile}_{size}_{seed}"

    def make():
        paths = tuple(map(Path, tiles["tiles"]))
        simulated = Simulated(paths, tiles["psf"], Path(tiles["catalog"]), 0)
        return {
            name: simulate_stack(folder / f"{name}.h5", simulated, stamps, side)
            for name, side in STAMP_SIZE.items()
        }

    return _made_once(folder, make)


def _made_once(folder, make):
    done = folder / "made.json"
    if not done.is_file():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        done.write_text(json.dumps(make()), encoding="utf-8")
    return json.loads(done.read_text(encoding="utf-8"))
