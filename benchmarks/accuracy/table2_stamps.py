# Licensed under a 3-clause BSD style license - see LICENSE
"""Galaxies of Table 1 of GaLNets I under several skies, as networks measure them."""

import numpy as np
from keras import ops

from astro_cnnfit import CNNSersicFitter
from astro_cnnfit.parameters import NAMES
from astro_cnnfit.rendering import render_sersic_numpy
from astro_cnnfit.simulation import TABLE1, draw_scenes, load_backgrounds, observe
from astro_cnnfit.simulation.backgrounds import SURVEYS

__all__ = ["DEFAULT", "REFINED", "load_skies", "measure", "true_params"]

DEFAULT = "sersic"
REFINED = f"{DEFAULT}, refined"
FLUX = NAMES.index("flux")
CHUNK = 2000


def load_skies(folder):
    """Load real sky that training never saw, by the names of the results."""
    if folder is None:
        return {}
    others = [survey for survey in SURVEYS if survey != "kids"]
    return {
        "kids_sky": load_backgrounds(folder, "test", surveys=["kids"]),
        "other_sky": load_backgrounds(folder, "test", surveys=others),
    }


def measure(networks, arguments, rng, skies, share):
    """Measure all networks in chunks of scenes that are not kept."""
    stores, limits = {}, []
    default = {k: v for k, v in networks.items() if k == DEFAULT}
    for start in range(0, arguments.n, CHUNK):
        scenes = draw_scenes(TABLE1, rng, min(CHUNK, arguments.n - start))
        observed = observe(scenes, rng, skies.get("kids_sky"), real_sky=share)
        collect(stores.setdefault("crowded", {}), networks, scenes, observed)
        if start < arguments.n_again:
            again = stores.setdefault("crowded again", {})
            collect(again, default, scenes, observed)
            refine(again, default, scenes, observed)
            observed = observe(scenes, rng, neighbours=False, real_sky=0.0)
            collect(stores.setdefault("isolated", {}), networks, scenes, observed)
            refine(stores["isolated"], default, scenes, observed)
            limits.append((observed, scenes.noise_error, scenes.poisson))
            for name, sky in skies.items():
                observed = observe(scenes, rng, sky, real_sky=1.0)
                collect(stores.setdefault(name, {}), default, scenes, observed)
        print(f"{start + len(scenes)} of {arguments.n} galaxies", flush=True)
    return {name: join(store) for name, store in stores.items()}, limits


def collect(store, networks, scenes, observed):
    """Add what each network makes of these stamps, flux in sky noises."""
    stamps, psfs, params = observed
    stamps = ops.convert_to_numpy(stamps)
    true = true_params(params, scenes.noise_error)
    for name, network in networks.items():
        latent, covariance = network.predict(
            stamps, psfs if network.needs_psf else None
        )
        latent[:, FLUX] += np.log10(scenes.noise_error)
        store.setdefault(name, []).append((latent, covariance, true))


def refine(store, networks, scenes, observed):
    """Add what the fitter makes of these stamps when it refines its answers."""
    stamps, psfs, params = observed
    stamps = ops.convert_to_numpy(stamps)
    # The noise of the sky and of the galaxy's own light, in the stamps' unit.
    scale = scenes.noise_error[:, None, None]
    light = render_sersic_numpy(true_params(params, scenes.noise_error), psfs)
    poisson = scenes.poisson[:, None, None] * np.maximum(light, 0)
    error = np.sqrt(1 + poisson) / scale
    for network in networks.values():
        fitter = CNNSersicFitter(network, refine="map")
        fitter(stamps, psfs, error=error)
        info = fitter.fit_info
        latent = np.array([row["latent_values"] for row in info])
        covariance = np.array([row["latent_cov"] for row in info])
        # From pixels of the stamp to those from its centre.
        latent[:, :2] -= (stamps.shape[1] - 1) / 2
        latent[:, FLUX] += np.log10(scenes.noise_error)
        true = true_params(params, scenes.noise_error)
        store.setdefault(REFINED, []).append((latent, covariance, true))


def true_params(params, noise_error):
    """Undo the misjudgement of the noise, the unit of the flux."""
    params = params.copy()
    params[:, FLUX] *= noise_error
    return params


def join(store):
    """Join the chunks of each network."""
    return {
        name: [np.concatenate(part) for part in zip(*parts, strict=True)]
        for name, parts in store.items()
    }
