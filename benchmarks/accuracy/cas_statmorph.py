# Licensed under a 3-clause BSD style license - see LICENSE
"""
Agreement with the statmorph package, with ``definition='statmorph'``.

A hundred real galaxies as COSMOS saw them, with their noise and neighbours, and as
many procedural ones with white noise and a S/N per pixel of 3 to 50 are measured by
both, from one segmentation map. The C of both may differ by 1 %, A, S, Gini and
M20 by 0.005. Galaxies that either cannot measure are counted and left out; nothing
else is.

    python benchmarks/accuracy/cas_statmorph.py

Speed is that of C, A, S, Gini and M20 alone on 60 x 60 pixels, in processor time.
"""

import argparse
import sys
import time
import warnings
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.stats import mad_std
from scipy.ndimage import gaussian_filter, label

sys.path.insert(0, str(Path(__file__).parents[1]))
from cas_galaxies import draw_galaxies, expose
from common import provenance, write_result
from peers.statmorph_cas import Nonparametric

from astro_cnnfit.morphology.classical import measure_stamps
from astro_cnnfit.simulation.backgrounds import find_data

SEED = 424_243
TOLERANCES = {
    "concentration": 0.01, "asymmetry": 0.005, "smoothness": 0.005,
    "gini": 0.005, "m20": 0.005,
}  # fmt: skip
"""That of the concentration is relative."""
RADII = ("rpetro_circ", "rpetro_ellip")
COSMOS = "cosmos_f814w/real_galaxy_images_extension.fits"

# Width of the smoothing before detection in pixels, and what it leaves of white
# noise; pixels above so many of that are detected.
SMOOTHING, LEFT, THRESHOLD = 1.5, 0.19, 2.0
# Where both find the same Petrosian radii, to this part of them.
SAME_RADIUS = 0.005


def main():
    """Run the benchmark."""
    arguments = parse_arguments()
    sets = {"simulated": simulated_images(arguments.number, arguments.seed)}
    if find_data():
        sets["real"] = real_images(find_data())[: arguments.number]
    result = provenance(
        arguments.seed, number=arguments.number, tolerances=TOLERANCES
    ) | {"sets": {}}
    together = []
    for name, images in sets.items():
        rows = [row for row in map(measure_both, images) if row]
        together += rows
        result["sets"][name] = summarise(rows, len(images))
    result["sets"]["all"] = summarise(together, sum(map(len, sets.values())))
    result["speed"] = speed(sets["simulated"])
    report(result)
    write_result("cas_statmorph", result, arguments.output)


def parse_arguments():
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--number", type=int, default=100, help="galaxies of each kind")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--output", help="folder of the JSON file")
    return parser.parse_args()


def simulated_images(number, seed):
    """Procedural galaxies with white noise of 1."""
    galaxies, _ = draw_galaxies("procedural", number, seed)
    rng = np.random.default_rng(seed)
    return list(expose(galaxies, (3.0, 50.0), rng).stamps.astype(float))


def real_images(folder):
    """COSMOS galaxies in units of the noise at the edges of their stamps."""
    images = []
    with fits.open(folder / COSMOS) as hdus:
        for hdu in hdus:
            if hdu.data is None or hdu.data.ndim != 2:
                continue
            image = hdu.data.astype(float)
            inner = np.zeros(image.shape, bool)
            inner[3:-3, 3:-3] = True
            sky = image[~inner]
            images.append((image - np.median(sky)) / mad_std(sky))
    return images


def detect(image):
    """Segmentation map and the label in its middle, 0 if there is none."""
    bright = gaussian_filter(image, SMOOTHING) > THRESHOLD * LEFT
    labels, _ = label(bright, np.ones((3, 3)))
    y, x = (length // 2 for length in image.shape)
    near = labels[y - 3 : y + 4, x - 3 : x + 4]
    near = near[near > 0]
    return labels, np.bincount(near).argmax() if near.size else 0


def measure_both(image):
    """What both give for one image, statmorph first; None if one gives nothing."""
    labels, own = detect(image)
    if own == 0:
        return None
    theirs = theirs_of(image, labels, own)
    ours = ours_of(image, labels, own)
    names = (*TOLERANCES, *RADII, "xc_asymmetry", "yc_asymmetry")
    if theirs is None or not all(np.isfinite(ours[name]) for name in TOLERANCES):
        return None
    row = {name: (getattr(theirs, name), ours[name]) for name in names}
    return row | {"flag": theirs.flag, "outside": ours["aperture_outside"]}


def theirs_of(image, labels, own):
    """Measure with statmorph; None if it gives up."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = Nonparametric(
                image, labels, int(own), weightmap=np.ones_like(image)
            )
        except (AttributeError, ValueError, AssertionError, IndexError, RuntimeError):
            return None
        values = [getattr(found, name) for name in (*TOLERANCES, *RADII)]
    return None if found.flag == 4 or -99.0 in values else found


def ours_of(image, labels, own):
    """Measure with this package."""
    segment = labels == own
    rows = measure_stamps(
        image[None],
        segments=segment[None],
        mask=((labels > 0) & ~segment)[None],
        sky_sigma=1.0,
        definition="statmorph",
    )
    return {name: values[0] for name, values in rows.items()}


def summarise(rows, number):
    """Share within the tolerance and percentiles of the differences."""
    found = {"images": number, "measured_by_both": len(rows), "quantities": {}}
    for name, tolerance in TOLERANCES.items():
        theirs, ours = np.array([row[name] for row in rows]).T
        difference = ours - theirs
        if name == "concentration":
            difference /= theirs
        found["quantities"][name] = {
            "tolerance": tolerance,
            "within": np.mean(np.abs(difference) <= tolerance),
            "median": np.median(difference),
            "percentiles_68_95_99": np.percentile(np.abs(difference), [68, 95, 99]),
            "largest": np.abs(difference).max(),
        }
    return found | {"reasons": reasons(rows)}


def reasons(rows):
    """Why galaxies are outside of a tolerance: the first thing that differs."""
    counts = dict.fromkeys(("centre", *RADII, "aperture_outside", "pixels"), 0)
    for row in rows:
        if all(_agrees(*row[name], name) for name in TOLERANCES):
            continue
        shift = np.hypot(*(np.diff(row[f"{axis}c_asymmetry"])[0] for axis in "xy"))
        if shift > 0.05:
            counts["centre"] += 1
            continue
        for name in RADII:
            theirs, ours = row[name]
            if abs(ours / theirs - 1.0) > SAME_RADIUS:
                counts[name] += 1
                break
        else:
            counts["aperture_outside" if row["outside"] else "pixels"] += 1
    return counts


def _agrees(theirs, ours, name):
    scale = theirs if name == "concentration" else 1.0
    return abs(ours - theirs) <= TOLERANCES[name] * scale


def speed(images):
    """Processor time per stamp of 60 x 60 pixels, in milliseconds."""
    stamps, maps = [], []
    for image in images:
        y, x = (length // 2 for length in image.shape)
        stamp = image[y - 30 : y + 30, x - 30 : x + 30]
        labels, own = detect(stamp)
        if own and np.sum(labels == own) < 900:
            stamps.append(stamp)
            maps.append((labels, own))
    found = {"stamps": len(stamps)}
    found["statmorph"] = _milliseconds(
        lambda: [theirs_of(one, *both) for one, both in zip(stamps, maps, strict=True)],
        len(stamps),
    )
    segments = np.array([labels == own for labels, own in maps])
    masks = np.array([(labels > 0) & (labels != own) for labels, own in maps])
    for definition in ("tohill2021", "statmorph", "conselice2003"):
        found[f"definition={definition}"] = _milliseconds(
            lambda name=definition: measure_stamps(
                np.array(stamps),
                segments=segments,
                mask=masks,
                sky_sigma=1.0,
                definition=name,
            ),
            len(stamps),
        )
    return found


def _milliseconds(function, number, repeats=3):
    """The quickest of some runs."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        function()
        times.append(time.process_time() - start)
    return 1e3 * min(times) / number


def report(result):
    """Print the results."""
    for name, found in result["sets"].items():
        print(f"\n{name}: {found['measured_by_both']} of {found['images']}")
        for quantity, row in found["quantities"].items():
            percentiles = "/".join(f"{p:.4f}" for p in row["percentiles_68_95_99"])
            print(
                f"  {quantity:14} within {row['tolerance']}: {row['within']:.1%},"
                f" 68/95/99 %: {percentiles}, largest {row['largest']:.4f}"
            )
        print("  outside because of:", found["reasons"])
    print("\nms a stamp of 60 x 60:", result["speed"])


if __name__ == "__main__":
    main()
