# Licensed under a 3-clause BSD style license - see LICENSE
"""Residuals of galaxies that are easy, crowded and failed."""

import numpy as np
from drawing import pyplot
from keras import ops

from astro_cnnfit import CNNSersicFitter
from astro_cnnfit.parameters import NAMES
from astro_cnnfit.simulation import TABLE1, draw_scenes, observe

__all__ = ["show_cases"]

R_EFF, N = NAMES.index("r_eff"), NAMES.index("n")
CASES = ("easy", "crowded", "failed")
N_EACH = 2


def show_cases(network, n, seed, folder):
    """Choose easy, crowded and failed galaxies; draw their residuals."""
    rng = np.random.default_rng(seed)
    scenes = draw_scenes(TABLE1, rng, n)
    stamps, psfs, params = observe(scenes, rng, real_sky=0.0)
    stamps = np.array(ops.convert_to_numpy(stamps))
    fitter = CNNSersicFitter(network, statistics=True)
    table = fitter(stamps, psfs)
    rows = choose(scenes, table, params)
    chosen = [
        {
            "case": case,
            "true": dict(zip(NAMES, params[row], strict=True)),
            "measured": {
                "flux": table["flux_fit"][row],
                "r_eff": table["r_eff_fit"][row],
                "n": table["n_fit"][row],
                "ellip": table["ellip_fit"][row],
                "n_err": table["n_err"][row],
                "reduced_chi2": table["reduced_chi2"][row],
                "flags": fitter.decode_flags()[row],
            },
        }
        for case, row in rows
    ]
    for own in chosen:
        print(
            f"{own['case']}: n {own['measured']['n']:.2f} +- "
            f"{own['measured']['n_err']:.2f}, true {own['true']['n']:.2f}"
        )
    if folder:
        models = fitter.make_model_image(stamps.shape, include_local_bkg=True)
        draw_cases(rows, stamps, models, chosen, folder)
    return chosen


def choose(scenes, table, params):
    """Rows of easy, crowded and failed galaxies."""
    true = params[:, N]
    off = np.abs(np.log(np.asarray(table["n_fit"]) / true))
    light = scenes.neighbours.sum(axis=(1, 2)) / scenes.galaxies.sum(axis=(1, 2))
    bright = scenes.params[:, 2] > np.quantile(scenes.params[:, 2], 0.7)
    order = {
        "easy": np.where((light < 0.01) & bright & (params[:, R_EFF] > 3), off, np.inf),
        "crowded": -light,
        "failed": np.where(np.isfinite(off), -off, -np.inf),
    }
    taken, rows = set(), []
    for case in CASES:
        own = [row for row in np.argsort(order[case]).tolist() if row not in taken]
        taken.update(own[:N_EACH])
        rows += [(case, row) for row in own[:N_EACH]]
    return rows


def draw_cases(rows, stamps, models, chosen, folder):
    """Draw data, model and residual."""
    plt = pyplot()
    figure, axes = plt.subplots(len(rows), 3, figsize=(7.5, 2.5 * len(rows)))
    for line, (case, row), facts in zip(axes, rows, chosen, strict=True):
        images = stamps[row], models[row], stamps[row] - models[row]
        top = np.arcsinh(max(np.quantile(stamps[row], 0.999), 5))
        for axis, image in zip(line[:2], images[:2], strict=True):
            axis.imshow(np.arcsinh(image), origin="lower", vmin=-1, vmax=top)
        line[2].imshow(images[2], origin="lower", vmin=-6, vmax=6, cmap="RdBu_r")
        true, found = facts["true"]["n"], facts["measured"]["n"]
        line[0].set_title(f"{case}: n {found:.2f}, true {true:.2f}", fontsize=8)
        line[1].set_title("model", fontsize=8)
        line[2].set_title("residual, -6 to 6 sky noises", fontsize=8)
        for axis in line:
            axis.set_xticks([])
            axis.set_yticks([])
    figure.tight_layout()
    figure.savefig(folder / "sersic_cases.png", dpi=90)
    plt.close(figure)
