# Licensed under a 3-clause BSD style license - see LICENSE
"""
Damaged and hostile files are read or refused, and nothing else comes of them.

Good files are changed at random (bits flipped, parts cut, repeated, put elsewhere or
replaced by what is often dangerous) and given to what reads files: descriptions and
weights of models, FITS images, headers of tiles, PSFs, catalogues and configurations.
Each must be read or refused with an error that names what is wrong, within the time
and the memory that are allowed. Whatever else happens is kept in a folder and counted.
A run that was stopped goes on where it was.

    python benchmarks/robustness/fuzz.py --inputs 200000
"""

import argparse
import json
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path

from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).parents[1]))
from common import provenance, write_result
from fuzz_targets import TARGETS

SEED = 1
BATCH = 500
REFUSED = (ValueError, TypeError, OSError)
TOKENS = [
    *(b"\x00", b"\xff" * 8, b"NaN", b"-1", b"0", b"99999999999999999999", b"1e999"),
    *(b"[" * 50, b'{"', b"]", b"..", b"/etc/passwd", b"NAXIS1  =", b"BITPIX  ="),
    *(b"ZNAXIS1 =", b"XTENSION= 'BINTABLE'", b"TFORM1  = '1PE(9)'", b"END" + b" " * 77),
    *(b"sersic", b'"arguments": {"size": 100000}', b"'", b'"', b"\n", b"= "),
]


def main():
    """Change files and see what comes of them."""
    arguments = parse()
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGALRM, _too_long)
    settings = {
        "inputs": arguments.inputs // len(arguments.targets) * len(arguments.targets),
        "seconds_allowed": arguments.seconds,
        "gigabytes_allowed": arguments.gigabytes,
    }
    result = provenance(arguments.seed, **settings)
    arguments.keep.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folders = {target: Path(name) / target for target in arguments.targets}
        seeds = {}
        for target, folder in folders.items():
            folder.mkdir()
            make, read = TARGETS[target]
            seeds[target] = make(folder)
            # What reads them for the first time loads modules.
            read(folder)
        start = _memory()
        _limit_memory(arguments.gigabytes)
        result["targets"] = {
            target: fuzz(target, seeds[target], folders[target], arguments)
            for target in arguments.targets
        }
    found = result["targets"].values()
    for name in ("inputs", "accepted", "refused", "failures", "cpu_seconds"):
        result[name] = sum(one[name] for one in found)
    result["slowest_seconds"] = max(one["slowest_seconds"] for one in found)
    result["gigabytes_at_the_start"] = start
    result["gigabytes_at_most"] = max(one["gigabytes_at_most"] for one in found)
    write_result("fuzz", result, arguments.output)
    return int(result["failures"] > 0)


def parse():
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--inputs", type=int, default=200_000)
    parser.add_argument("--targets", nargs="+", default=list(TARGETS), choices=TARGETS)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--seconds", type=int, default=10, help="for one input")
    parser.add_argument("--gigabytes", type=float, default=2.0, help="more memory")
    parser.add_argument(
        "--keep",
        type=Path,
        default=Path("crashes"),
        help="folder of what is done and of inputs that failed",
    )
    parser.add_argument("--output", help="folder of the JSON file")
    return parser.parse_args()


def fuzz(target, path, folder, arguments):
    """Counts of what was read, refused, and neither."""
    good = path.read_bytes()
    number = arguments.inputs // len(arguments.targets)
    done = arguments.keep / f"done-{arguments.seed}-{target.replace(' ', '-')}.json"
    counts = {"inputs": 0, "accepted": 0, "refused": 0, "failures": 0, "kinds": {}}
    counts |= {"cpu_seconds": 0.0, "slowest_seconds": 0.0, "gigabytes_at_most": 0.0}
    if done.is_file():
        counts = json.loads(done.read_text())
    bar = tqdm(total=number, initial=counts["inputs"], desc=target, mininterval=10)
    while counts["inputs"] < number:
        # A generator for each batch, so that a run goes on as it would have.
        rng = random.Random(f"{arguments.seed} {target} {counts['inputs']}")
        count = min(BATCH, number - counts["inputs"])
        start = time.process_time()
        for _ in range(count):
            path.write_bytes(content := changed(good, rng))
            _read(target, content, path, folder, counts, arguments)
        counts["inputs"] += count
        counts["cpu_seconds"] += time.process_time() - start
        counts["gigabytes_at_most"] = _memory()
        done.write_text(json.dumps(counts))
        bar.update(count)
    bar.close()
    path.write_bytes(good)
    print(target, counts, flush=True)
    return counts


def _read(target, content, path, folder, counts, arguments):
    """Read one input and count what comes of it."""
    start = time.perf_counter()
    signal.alarm(arguments.seconds)
    try:
        TARGETS[target][1](folder)
        counts["accepted"] += 1
    except REFUSED:
        counts["refused"] += 1
    except (Exception, Hang) as error:
        counts["failures"] += 1
        line = traceback.extract_tb(error.__traceback__)[-1]
        kind = f"{type(error).__name__} at {Path(line.filename).name}:{line.lineno}"
        if kind not in counts["kinds"]:
            name = f"{target.replace(' ', '-')}-{len(counts['kinds'])}{path.suffix}"
            (arguments.keep / name).write_bytes(content)
        counts["kinds"][kind] = counts["kinds"].get(kind, 0) + 1
    finally:
        signal.alarm(0)
    seconds = time.perf_counter() - start
    counts["slowest_seconds"] = max(counts["slowest_seconds"], seconds)


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


def _memory():
    """Most memory that this process ever held, in GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def _limit_memory(gigabytes):
    """Refuse this process more memory than it has now and so much."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + int(gigabytes * 2**30)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


if __name__ == "__main__":
    sys.exit(main())
