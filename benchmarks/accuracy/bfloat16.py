# Licensed under a 3-clause BSD style license - see LICENSE
"""
What bfloat16 costs each bundled network, and whether the measurers take it.

    python benchmarks/accuracy/bfloat16.py            # measures
    python benchmarks/accuracy/bfloat16.py --record   # and writes it into model.json

Networks of Sersic parameters see simulated stamps of the priors that they are trained
with, those of morphology procedural galaxies as a survey shows them, from seeds that
training never uses.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from common import provenance, write_result

from astro_cnnfit.evaluation.precision import precision_cost, record_precision
from astro_cnnfit.weights.precision import MAX_COST

SEED = 616_161
MODELS = (
    *("sersic", "sersic_wide", "galnet2", "galnet1"),
    *("cas", "casnet_a", "casnet_c", "casnet_a_tuned", "casnet_c_tuned"),
)
COMMAND = "python benchmarks/accuracy/bfloat16.py --record"


def main():
    """Compare both precisions of each network."""
    arguments = parse_arguments()
    result = provenance(
        arguments.seed, number=arguments.number, models=list(arguments.models)
    )
    result["limit"], result["models"] = MAX_COST, {}
    stamps = {}
    for model in arguments.models:
        inputs_of = INPUTS.get(Path(model).name, sersic_stamps)
        if inputs_of not in stamps:
            stamps[inputs_of] = inputs_of(arguments.number, arguments.seed)
        inputs = stamps[inputs_of][: 1 if Path(model).name == "galnet1" else 2]
        if arguments.record:
            cost = record_precision(model, *inputs, command=COMMAND)
        else:
            cost = precision_cost(model, *inputs)
        result["models"][Path(model).name] = cost
        report(model, cost)
    result["accepted"] = {
        name: max(cost["added_scatter"], cost["changed_errors"]) <= MAX_COST
        for name, cost in result["models"].items()
    }
    print(result["accepted"])
    write_result("bfloat16", result, arguments.output)


def parse_arguments():
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("models", nargs="*", default=MODELS, help="names or folders")
    parser.add_argument("--number", type=int, default=8192, help="stamps")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--record", action="store_true", help="write into model.json")
    parser.add_argument("--output", help="folder of the JSON file")
    return parser.parse_args()


def sersic_stamps(number, seed):
    """Scenes of the priors of the training, each its share."""
    from keras import ops

    from astro_cnnfit.simulation import PRIORS, draw_scenes, observe

    rng = np.random.default_rng(seed)
    parts = []
    for name, share in (("table1", 0.45), ("wide", 0.45), ("blocks", 0.1)):
        count = 4 * max(round(share * number / 4), 1)
        stamps, psfs, _ = observe(draw_scenes(PRIORS[name], rng, count), rng)
        parts.append((ops.convert_to_numpy(stamps), psfs))
    return [np.concatenate(part) for part in zip(*parts, strict=True)]


def cas_stamps(number, seed):
    """Procedural galaxies as a survey shows them, each on several skies."""
    from cas_galaxies import draw_galaxies

    from astro_cnnfit.simulation.observe_galaxies import SURVEY, observe

    galaxies, _ = draw_galaxies("procedural", max(number // 8, 1), seed)
    galaxies = galaxies.take(np.arange(number) % len(galaxies.stamps))
    rng = np.random.default_rng(seed)
    return [observe(galaxies.stamps, galaxies.labels, rng, conditions=SURVEY).stamps]


def casnet_stamps(number, seed):
    """The same as the networks of Tohill et al. see them."""
    from astro_cnnfit.morphology.preparation import unit_maximum_stamps

    return [np.nan_to_num(unit_maximum_stamps(*cas_stamps(number, seed)))]


CASNET = ("casnet_a", "casnet_c", "casnet_a_tuned", "casnet_c_tuned")
INPUTS = {"cas": cas_stamps, **dict.fromkeys(CASNET, casnet_stamps)}


def report(model, cost):
    """Print the worst, and the difference by group."""
    print(
        f"{model}: adds {cost['added_scatter']:.2%} to the scatter, changes errors by "
        f"{cost['changed_errors']:.2%}"
    )
    for group in cost["groups"]:
        values = " ".join(f"{value:6.3f}" for value in group["differences"].values())
        print(f"{group['galaxies']:6d}  {values}")


if __name__ == "__main__":
    main()
