# Licensed under a 3-clause BSD style license - see LICENSE
"""
Damaged and hostile files are read or refused, and nothing else comes of them.

Good files are changed at random (bits flipped, parts cut, repeated, put elsewhere or
replaced by what is often dangerous) and given to what reads files: descriptions and
weights of models, FITS images, headers of tiles and catalogues, and configurations.
Each must be read or refused with an error that names what is wrong, within the time
and the memory that are allowed. Whatever else happens is kept in a folder and counted.

    python benchmarks/robustness/fuzz.py --inputs 200000
"""

import argparse
import gzip
import hashlib
import random
import resource
import signal
import sys
import tempfile
import traceback
import warnings
from pathlib import Path

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import Table
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).parents[1]))
from common import provenance, write_result

from astro_cnnfit.catalog.config import read_config as read_run
from astro_cnnfit.catalog.headers import image_hdus
from astro_cnnfit.catalog.sources import open_source
from astro_cnnfit.inputs import (
    find_zeropoint,
    parse_image,
    parse_positions,
    read_image,
)
from astro_cnnfit.inputs.files import read_parts
from astro_cnnfit.networks import build
from astro_cnnfit.training import read_config as read_training
from astro_cnnfit.weights import write_model
from astro_cnnfit.weights.files import read_arrays, read_description

SEED = 1
REFUSED = (ValueError, TypeError, OSError)
TOKENS = [
    *(b"\x00", b"\xff" * 8, b"NaN", b"-1", b"0", b"99999999999999999999", b"1e999"),
    *(b"[" * 50, b'{"', b"]", b"..", b"/etc/passwd", b"NAXIS1  =", b"BITPIX  ="),
    *(b"ZNAXIS1 =", b"XTENSION= 'BINTABLE'", b"TFORM1  = '1PE(9)'", b"END" + b" " * 77),
    *(b"sersic", b'"arguments": {"size": 100000}', b"'", b'"', b"\n", b"= "),
]


def main():
    """Change files and see what comes of them."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--inputs", type=int, default=200_000)
    parser.add_argument("--targets", nargs="+", default=list(TARGETS), choices=TARGETS)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--seconds", type=int, default=10, help="for one input")
    parser.add_argument("--gigabytes", type=float, default=2.0, help="more memory")
    parser.add_argument("--keep", type=Path, default=Path("crashes"))
    parser.add_argument("--output", help="folder of the JSON file")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGALRM, _too_long)
    result = provenance(arguments.seed, inputs=arguments.inputs)
    result["seconds_allowed"] = arguments.seconds
    result["gigabytes_allowed"] = arguments.gigabytes
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        seeds = {target: TARGETS[target][0](folder) for target in arguments.targets}
        for target in arguments.targets:
            # What reads them for the first time loads modules.
            TARGETS[target][1](folder)
        _limit_memory(arguments.gigabytes)
        result["targets"] = {
            target: fuzz(target, seeds[target], folder, arguments)
            for target in arguments.targets
        }
    failures = sum(found["failures"] for found in result["targets"].values())
    result["failures"] = failures
    write_result("fuzz", result, arguments.output)
    return int(failures > 0)


def fuzz(target, path, folder, arguments):
    """Counts of what was read, refused, and neither."""
    good, read = path.read_bytes(), TARGETS[target][1]
    rng = random.Random(f"{arguments.seed} {target}")
    counts = {"inputs": 0, "read": 0, "refused": 0, "failures": 0, "kinds": {}}
    number = arguments.inputs // len(arguments.targets)
    for _ in tqdm(range(number), desc=target, mininterval=2):
        content = changed(good, rng)
        path.write_bytes(content)
        signal.alarm(arguments.seconds)
        try:
            read(folder)
            counts["read"] += 1
        except REFUSED:
            counts["refused"] += 1
        except (Exception, Hang) as error:
            counts["failures"] += 1
            line = traceback.extract_tb(error.__traceback__)[-1]
            kind = f"{type(error).__name__} at {Path(line.filename).name}:{line.lineno}"
            if kind not in counts["kinds"]:
                arguments.keep.mkdir(exist_ok=True)
                place = arguments.keep / f"{target}-{len(counts['kinds'])}{path.suffix}"
                place.write_bytes(content)
            counts["kinds"][kind] = counts["kinds"].get(kind, 0) + 1
        finally:
            signal.alarm(0)
        counts["inputs"] += 1
    path.write_bytes(good)
    print(target, counts, flush=True)
    return counts


def changed(content, rng):
    """Return the content with a few changes."""
    content = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        size = len(content)
        start = rng.randrange(size + 1)
        length = min(rng.choice((1, 4, 80, 2880)), size - start)
        kind = rng.randrange(6)
        if kind == 0 and size:
            content[min(start, size - 1)] ^= 1 << rng.randrange(8)
        elif kind == 1:
            del content[start:]
        elif kind == 2:
            del content[start : start + length]
        elif kind == 3:
            content[start:start] = content[start : start + length]
        elif kind == 4:
            token = rng.choice(TOKENS)
            content[start : start + len(token)] = token
        else:
            other = rng.randrange(size + 1)
            content[start : start + length] = content[other : other + length]
    return bytes(content)


def _too_long(*_):
    raise Hang


class Hang(BaseException):
    """An input took longer than it may; nothing that reads catches it."""


def _limit_memory(gigabytes):
    """Refuse this process more memory than it has now and so much."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + int(gigabytes * 2**30)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _model(folder):
    description = {
        "architecture": "galnet1",
        "arguments": {"filters": [2, 2, 2, 2], "dense": [2, 2, 2]},
        "trained_ranges": {"n": [0.3, 8.0]},
        "calibration": {"scale": [1.0] * 7, "covariance": np.zeros((7, 7)).tolist()},
    }
    model = build("galnet1", **description["arguments"])
    return write_model(folder / "model", model, description)


def make_description(folder):
    """``model.json`` of a small model."""
    return _model(folder) / "model.json"


def make_weights(folder):
    """Weights of a small model."""
    return _model(folder) / "weights.safetensors"


def read_weights(folder):
    """Read weights, whatever their checksum."""
    content = (folder / "model" / "weights.safetensors").read_bytes()
    read_arrays(folder / "model", hashlib.sha256(content).hexdigest())


def make_image(folder):
    """A FITS image with a second one that is compressed."""
    data = np.random.default_rng(1).normal(size=(20, 24)).astype("float32")
    first = fits.PrimaryHDU(data)
    first.header["CTYPE1"], first.header["CTYPE2"] = "RA---TAN", "DEC--TAN"
    first.header["CD1_1"], first.header["CD2_2"] = -1e-4, 1e-4
    path = folder / "image.fits"
    path.unlink(missing_ok=True)
    fits.HDUList([first, fits.CompImageHDU(data, name="TWO")]).writeto(path)
    return path


def make_compressed(folder):
    """A compressed image alone."""
    data = np.random.default_rng(2).normal(size=(30, 40)).astype("float32")
    path = folder / "image.fits.fz"
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(data)]).writeto(path)
    return path


def make_zipped(folder):
    """An image in gzip."""
    data = np.zeros((30, 40), "int16")
    path = folder / "image.fits.gz"
    with gzip.open(path, "wb") as file:
        fits.PrimaryHDU(data).writeto(file)
    return path


def make_extensions(folder):
    """An image with errors and a mask of named bits, and its zero-point."""
    data = np.random.default_rng(3).normal(size=(12, 14)).astype("float32")
    header = fits.Header({"CTYPE1": "RA---TAN-SIP", "CTYPE2": "DEC--TAN-SIP"})
    header.update({"CD1_1": -1e-4, "CD2_2": 1e-4, "CRVAL1": 9.0, "CRVAL2": 5.0})
    header.update({"A_ORDER": 2, "B_ORDER": 2, "A_2_0": 1e-4, "B_1_1": 1e-4})
    header.update({"BUNIT": "MJy/sr", "PIXAR_SR": 1e-14, "MAGZERO": 28.9})
    names = fits.Header({"MP_SAT": 1, "MP_CR": 3})
    path = folder / "image.fits"
    path.unlink(missing_ok=True)
    hdus = [
        fits.PrimaryHDU(),
        fits.ImageHDU(data, header, name="SCI"),
        fits.ImageHDU(np.abs(data), name="ERR"),
        fits.ImageHDU((data > 1).astype("int32"), names, name="DQ"),
    ]
    fits.HDUList(hdus).writeto(path)
    return path


def read_extensions(folder):
    """Read an image with all that stands beside it."""
    image = parse_image(read_parts(folder / "image.fits"), bad_bits=[2, "SAT"])
    find_zeropoint(image)
    if image.wcs is not None:
        parse_positions(SkyCoord([9.0], [5.0], unit="deg"), image.wcs)


def make_table(folder):
    """A catalogue in FITS."""
    path = folder / "table.fits"
    columns = {"id": np.arange(9), "ra": np.ones(9), "name": ["abc"] * 9}
    Table(columns).write(path)
    return path


def read_source(folder):
    """Read all columns of a catalogue."""
    source = open_source(folder / "table.fits")
    source.read(source.colnames)


def make_run(folder):
    """Configuration of a catalogue run."""
    path = folder / "run.toml"
    path.write_text(
        'output = "out"\n[tiles]\npath = "tiles/*.fits.fz"\nhdu = 1\n'
        'mask = "{folder}/{stem}_mask.fits"\n[catalog]\npath = "table.fits"\n'
        'columns = {id = "ID"}\n[sersic]\nmodel = "sersic"\n[cas]\n[run]\nworkers = 2\n'
    )
    return path


def make_training(folder):
    """Configuration of a training."""
    path = folder / "training.toml"
    path.write_text(
        'architecture = "sersic"\nsamples = 1000\nlearning_rate = 1e-3\n'
        "[arguments]\nfilters = [2, 2, 2]\n[priors]\ntable1 = 1.0\n"
    )
    return path


TARGETS = {
    "description": (make_description, lambda f: read_description(str(f / "model"))),
    "weights": (make_weights, read_weights),
    "image": (make_image, lambda f: read_image(f / "image.fits", "TWO")),
    "compressed image": (make_compressed, lambda f: read_image(f / "image.fits.fz")),
    "zipped image": (make_zipped, lambda f: read_image(f / "image.fits.gz")),
    "extensions": (make_extensions, read_extensions),
    "tile": (make_image, lambda f: image_hdus(f / "image.fits")),
    "catalogue": (make_table, read_source),
    "run": (make_run, lambda f: read_run(f / "run.toml")),
    "training": (make_training, lambda f: read_training(f / "training.toml")),
}


if __name__ == "__main__":
    sys.exit(main())
