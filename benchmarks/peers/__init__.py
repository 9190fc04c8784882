# Licensed under a 3-clause BSD style license - see LICENSE
"""
Fitters of others, each behind one function, for the benchmark of all of them.

``fit(stamp, psf, error, guess)`` takes one stamp, its PSF (effective for a model that
is sampled at the centres of the pixels, without the pixel's response for one that is
integrated over them), the error of each pixel and a guess of the seven parameters in
the order of `astro_cnnfit.parameters.NAMES`, the centre relative to that of the stamp.
It returns seven parameters of that kind and their errors, NaN where the peer gives
none. A module fails to import where its peer is not installed.
"""

BOUNDS = {
    "x_0": (-10.0, 10.0),
    "y_0": (-10.0, 10.0),
    "r_eff": (0.1, 60.0),
    "n": (0.3, 8.0),
    "ellip": (0.0, 0.95),
}
"""What all fitters are told, as far as they let themselves be told."""
