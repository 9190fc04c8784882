# Licensed under a 3-clause BSD style license - see LICENSE
"""
Accuracy on images like those of the Euclid Morphology Challenge.

Single-Sersic galaxies of magnitude 14 to 25.3 among others, on pixels of 0.1 arcsec
with a PSF of 0.17 arcsec (see ``euclid_scenes.py`` for what is the challenge's and
what is assumed). They are measured as a user would: whole images, positions from a
catalogue, an error map, the PSF. Results are beside the published ones in the
challenge's bins and by its measures: with the deviation b of R_eff (relative), q
(absolute) or n (log10), D is the 68 % quantile of abs(b) - median(b), and O the
share of abs(b) > 0.5. B is the median of b, and S the 68 % quantile of
abs(b - median(b)): where b is positive on the whole, D is the smaller for it, so
that S says what the scatter is.

    python benchmarks/accuracy/sersic_euclid.py --figures DIR
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
from astropy.table import Table

sys.path.insert(0, str(Path(__file__).parents[1]))
from common import print_table, provenance, table_dict, write_result
from euclid_scenes import EDGES, GAIN, SIDES, draw_galaxies, scenes, vis_psfs

from astro_cnnfit import CNNSersicFitter
from astro_cnnfit.evaluation.cramer_rao import (
    cramer_rao_covariance,
    prior_covariance_from_draws,
)
from astro_cnnfit.flags import BLOCK_AVERAGED, OUTSIDE_TRAINING_RANGE
from astro_cnnfit.parameters import decode, encode

SEED = 20_230_314
METHODS = {"network": False, "refined": True, "map": "map"}
LARGEST_DEVIATION, BRIGHT_D = 0.5, 0.03
N_BRIGHT, N_FAINT = 3, 3
POSITION_ERROR = 0.3
N_LIMIT = 300
COLUMNS = ("r_eff", "q", "n")
SETTINGS = ("n", "n_bright", "n_faint", "methods", "model", "side")

# D in the three faint bins, O of R_eff in the last one (Bretonniere et al. 2023);
# of q and n there are the first and the last.
NAN = np.nan
PUBLISHED = {
    "SourceXtractor++": {
        "D_r_eff": (0.049, 0.100, 0.165), "D_q": (0.028, NAN, 0.096),
        "D_n": (0.051, NAN, 0.163), "O_r_eff": (NAN, NAN, 0.057),
    },
    "ProFit": {
        "D_r_eff": (0.052, 0.101, 0.181), "D_q": (0.040, NAN, 0.156),
        "D_n": (0.064, NAN, 0.206), "O_r_eff": (NAN, NAN, 0.159),
    },
    "DeepLeGATo": {
        "D_r_eff": (0.047, 0.081, 0.113), "D_q": (0.030, NAN, 0.101),
        "D_n": (0.087, NAN, 0.164), "O_r_eff": (NAN, NAN, 0.013),
    },
    "Galapagos-2": {
        "D_r_eff": (0.055, 0.097, 0.183), "D_q": (0.060, NAN, 0.201),
        "D_n": (0.047, NAN, 0.253), "O_r_eff": (NAN, NAN, 0.172),
    },
    "Morfometryka": {
        "D_r_eff": (0.065, 0.146, 0.461), "D_q": (0.036, NAN, 0.151),
        "D_n": (0.065, NAN, 0.655), "O_r_eff": (NAN, NAN, 0.307),
    },
}  # fmt: skip


def main():
    """Run the benchmark."""
    arguments = parse_arguments()
    rng = np.random.default_rng(arguments.seed)
    galaxies, bins = draw_bins(rng, arguments)
    fitters, missing = make_fitters(arguments)
    found = measure(fitters, rng, galaxies, arguments)
    tables = {
        name: summarise(values, galaxies, bins, flags)
        for name, (values, flags, _) in found.items()
    }
    limit = limit_of(rng, galaxies, bins)
    for name, table in tables.items():
        print_table(table, f"{name}, by bin of magnitude")
    print_table(compare(tables, limit), "Faint bins, beside the published figures")
    settings = {key: getattr(arguments, key) for key in SETTINGS}
    result = provenance(arguments.seed, **settings)
    result |= {
        "edges": EDGES,
        "bins": {name: table_dict(table, "bin") for name, table in tables.items()},
        "published": PUBLISHED,
        "limit_with_prior": limit,
        "seconds_per_galaxy": {k: v[2] / len(galaxies) for k, v in found.items()},
        "not_run": missing,
        "claims": {name: claims(table) for name, table in tables.items()},
    }
    print(f"\n{result['seconds_per_galaxy']}\n{result['claims']}")
    if arguments.figures:
        draw(tables, limit, Path(arguments.figures))
    write_result("sersic_euclid", result, arguments.output)


def parse_arguments():
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--n", type=int, default=150, help="galaxies of a bin")
    parser.add_argument("--n-bright", type=int, default=40, help="of the first three")
    parser.add_argument("--n-faint", type=int, default=400, help="of the last three")
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=METHODS)
    parser.add_argument("--model", default="sersic")
    parser.add_argument("--side", type=int, default=SIDES[-1], help="largest image")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--output", help="folder of the JSON file")
    parser.add_argument("--figures", help="folder to draw the comparison in")
    return parser.parse_args()


def draw_bins(rng, arguments):
    """Draw the galaxies of all bins, and say which bin each is in."""
    numbers = [arguments.n] * (len(EDGES) - 1)
    numbers[:N_BRIGHT] = [arguments.n_bright] * N_BRIGHT
    numbers[-N_FAINT:] = [arguments.n_faint] * N_FAINT
    parts = [
        draw_galaxies(rng, n, low, high)
        for n, low, high in zip(numbers, EDGES[:-1], EDGES[1:], strict=True)
    ]
    return np.concatenate(parts), np.repeat(np.arange(len(numbers)), numbers)


def make_fitters(arguments):
    """Make the fitters, and say which there are not."""
    fitters, missing = {}, {}
    for name in arguments.methods:
        try:
            fitters[name] = CNNSersicFitter(arguments.model, refine=METHODS[name])
        except ValueError as error:
            missing[name] = str(error)
            print(f"{name} is left out: {error}")
    return fitters, missing


def measure(fitters, rng, galaxies, arguments):
    """Measure all galaxies in their images; parameters, flags and seconds."""
    psf = vis_psfs()[0]
    found = {
        name: [np.full_like(galaxies, np.nan), np.zeros(len(galaxies), int), 0.0]
        for name in fitters
    }
    done = 0
    for scene in scenes(rng, galaxies, arguments.side):
        start = scene.params[:, :2] + rng.normal(
            0, POSITION_ERROR, (len(scene.rows), 2)
        )
        for name, fitter in fitters.items():
            began = time.perf_counter()
            table = fitter(scene.image, psf, error=scene.error, init_params=start)
            found[name][2] += time.perf_counter() - began
            found[name][0][scene.rows] = params_of(table)
            found[name][1][scene.rows] = table["flags"]
        if done // 200 != (done := done + len(scene.rows)) // 200:
            print(f"{done} of {len(galaxies)} galaxies", flush=True)
    return found


def params_of(table):
    """Turn the table's columns into parameters."""
    names = ("x", "y", "flux", "r_eff", "n", "ellip")
    columns = [np.asarray(table[f"{name}_fit"]) for name in names]
    return np.column_stack([*columns, table["theta_fit"].to_value("rad")])


def deviations(found, true):
    """Return the challenge's deviations b of R_eff, q and n, by name."""
    return {
        "r_eff": found[:, 3] / true[:, 3] - 1,
        "q": true[:, 5] - found[:, 5],
        "n": np.log10(found[:, 4] / true[:, 4]),
    }


def dispersion(values):
    """Return the challenge's D."""
    return np.nanquantile(np.abs(values) - np.nanmedian(values), 0.68)


def scatter(values):
    """Return the 68 % quantile of the deviations from their median."""
    return np.nanquantile(np.abs(values - np.nanmedian(values)), 0.68)


def summarise(found, true, bins, flags):
    """Compute the challenge's measures in every bin."""
    rows = []
    for number in range(len(EDGES) - 1):
        own = bins == number
        if not own.any():
            continue
        row = {"bin": f"{EDGES[number]:.2f}-{EDGES[number + 1]:.2f}"}
        row |= {"galaxies": int(own.sum())}
        for name, values in deviations(found[own], true[own]).items():
            row[f"B_{name}"] = np.nanmedian(values)
            row[f"D_{name}"] = dispersion(values)
            row[f"D_{name}_err"] = bootstrap(values)
            row[f"S_{name}"] = scatter(values)
            # What was not measured is an outlier here.
            row[f"O_{name}"] = np.mean(~(np.abs(values) <= LARGEST_DEVIATION))
        row["lost"] = np.mean(~np.isfinite(found[own, 3]))
        row["outside"] = np.mean(flags[own] & OUTSIDE_TRAINING_RANGE > 0)
        row["averaged"] = np.mean(flags[own] & BLOCK_AVERAGED > 0)
        rows.append(row)
    table = Table(rows=rows)
    for name in table.colnames[2:]:
        table[name].format = ".3f"
    return table


def bootstrap(values, n=100):
    """Return the standard error of D."""
    rng = np.random.default_rng(0)
    drawn = [dispersion(rng.choice(values, len(values))) for _ in range(n)]
    return np.std(drawn)


def limit_of(rng, galaxies, bins):
    """Compute D of an ideal measurement of isolated galaxies in the faint bins."""
    psf = vis_psfs()[0][np.newaxis]
    limit = {f"D_{name}": [] for name in COLUMNS}
    for number in range(len(EDGES) - 1 - N_FAINT, len(EDGES) - 1):
        low, high = EDGES[number : number + 2]
        prior = prior_covariance_from_draws(draw_galaxies(rng, 5000, low, high))
        # The centre is not known from the population.
        prior[:2, :2] = np.eye(2)
        true = galaxies[bins == number][:N_LIMIT]
        covariance = cramer_rao_covariance(
            true, psf, sky_sigma=1.0, gain=GAIN, prior_covariance=prior
        )
        normal = rng.standard_normal((*true.shape, 1))
        drawn = decode(encode(true) + (np.linalg.cholesky(covariance) @ normal)[..., 0])
        for name, values in deviations(drawn, true).items():
            # Unbiased, so that S is the limit of D as well.
            limit[f"D_{name}"].append(scatter(values))
    return limit


def compare(tables, limit):
    """Put the faint bins of all beside each other."""
    rows = []
    for key in PUBLISHED["ProFit"]:
        for name, figures in PUBLISHED.items():
            rows.append([key, name, *figures[key]])
        for name, table in tables.items():
            rows.append([key, name, *table[key][-N_FAINT:]])
        if key in limit:
            rows.append([key, "limit with prior", *limit[key]])
    names = ["measure", "by", *tables[next(iter(tables))]["bin"][-N_FAINT:]]
    table = Table(rows=rows, names=names)
    for name in names[2:]:
        table[name].format = ".3f"
    return table


def claims(table):
    """Say which goals are met: each faint bin at or below the best published."""
    met = {}
    for key in PUBLISHED["ProFit"]:
        best = np.min([figures[key] for figures in PUBLISHED.values()], axis=0)
        for place in np.flatnonzero(np.isfinite(best)):
            value = table[key][len(table) - N_FAINT + place]
            met[f"{key} faint {place + 1}"] = bool(np.round(value, 3) <= best[place])
    bright = np.asarray(table["D_r_eff"][:N_BRIGHT])
    met["D_r_eff bright"] = bool((bright < BRIGHT_D).all())
    return met


def draw(tables, limit, folder):
    """Draw D against magnitude, beside the published figures."""
    import matplotlib.pyplot as plt

    folder.mkdir(parents=True, exist_ok=True)
    middle = (EDGES[1:] + EDGES[:-1]) / 2
    figure, axes = plt.subplots(1, 3, figsize=(12, 4.8), layout="constrained")
    colours = ["#0072B2", "#D55E00", "#009E73"]
    for axis, name, label in zip(
        axes, COLUMNS, ("R$_{eff}$ (relative)", "q", "log$_{10}$ n"), strict=True
    ):
        key = f"D_{name}"
        for marker, (code, figures) in zip("sDv^x", PUBLISHED.items(), strict=False):
            axis.plot(
                middle[-N_FAINT:], figures[key], marker, color="0.45", ms=6, label=code
            )
        for colour, (method, table) in zip(colours, tables.items(), strict=False):
            axis.errorbar(
                middle[-len(table) :], table[key], table[f"{key}_err"], marker="o",
                ms=4, color=colour, capsize=2, label=f"astro_cnnfit, {method}",
            )  # fmt: skip
        axis.plot(
            middle[-N_FAINT:], limit[key], "k--", label="limit with prior, isolated"
        )
        axis.set(yscale="log", xlabel="I$_E$", ylabel=f"D of {label}")
    axes[0].axhline(BRIGHT_D, xmax=0.27, color="k", lw=0.8, ls=":")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=5, fontsize=8)
    figure.savefig(folder / "sersic_euclid.png", dpi=120)


if __name__ == "__main__":
    main()
