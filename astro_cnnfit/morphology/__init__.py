# Licensed under a 3-clause BSD style license - see LICENSE
"""Non-parametric morphology: classical measures and those of networks."""
