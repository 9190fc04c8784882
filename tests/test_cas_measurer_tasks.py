# Licensed under a 3-clause BSD style license - see LICENSE
"""Networks of one task are refused by the other task's classes."""

import pytest

from astro_cnnfit import CNNCASMeasurer, CNNSersicFitter
from astro_cnnfit.weights import available


def test_a_sersic_network_measures_no_asymmetry():
    with pytest.raises(ValueError, match=r"model must be a network for cas or casnet"):
        CNNCASMeasurer("sersic")


@pytest.mark.skipif("cas" not in available(), reason="'cas' is not in this build")
def test_a_network_of_morphology_fits_no_profiles():
    with pytest.raises(ValueError, match="which measures concentration, asymmetry"):
        CNNSersicFitter("cas")
