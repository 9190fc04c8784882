# Licensed under a 3-clause BSD style license - see LICENSE
"""Configuration of the documentation; most of it is sphinx-astropy's."""

import os
import sys
from pathlib import Path

from sphinx_astropy.conf.v2 import *  # noqa: F403
from sphinx_astropy.conf.v2 import exclude_patterns, extensions
from sphinx_gallery.sorting import ExplicitOrder

import astro_cnnfit

sys.path.insert(0, str(Path(__file__).parent))
import benchmark_pages
import command_pages
import generated_pages
import network_pages

project = "astro_cnnfit"
author = "The astro_cnnfit developers"
copyright = f"2026, {author}"
version = release = astro_cnnfit.__version__

# Tables that the package itself holds: flags, columns, networks.
generated_pages.write_all(Path(__file__).parent / "generated")
benchmark_pages.write_all(Path(__file__).parent / "generated")
network_pages.write_all(Path(__file__).parent / "generated")
command_pages.write_all(Path(__file__).parent / "generated")
exclude_patterns += ["generated", "examples"]

extensions += ["sphinx_gallery.gen_gallery"]
sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "generated_examples",
    # From one galaxy to networks of one's own; within a section as they build up.
    "subsection_order": [
        f"examples/{part}"
        for part in ("galaxies", "morphology", "fields", "trust", "networks")
    ],
    "within_subsection_order": ExplicitOrder(
        [
            *("plot_one_galaxy.py", "plot_posterior.py", "plot_nine_bands.py"),
            *("plot_morphology.py", "plot_concentration_asymmetry.py"),
            *("plot_artificial_redshift.py", "plot_psf_from_stars.py"),
            *("plot_field.py", "plot_stars_and_galaxies.py", "plot_catalogue.py"),
            *("plot_truth.py", "plot_coverage.py", "plot_wrong_psf.py", "*"),
        ]
    ),
    "image_srcset": ["2x"],
    "show_signature": False,
    # Examples are run, and shown with their output, where their network is there.
    "plot_gallery": "True" if generated_pages.has_default_network() else "False",
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_memory": False,
}

html_title = f"{project} {release}"
html_theme_options = {
    "collapse_navigation": True,
    "icon_links": [],
    "navigation_depth": 2,
    "show_nav_level": 1,
    "use_edit_page_button": False,
}
html_show_sourcelink = False
html_static_path = ["_css"]
html_css_files = ["gallery.css"]
html_sidebars = {"**": []}  # each page has its sections on the right

# Figures without links to files of them.
plot_html_show_formats = False
plot_html_show_source_link = False

automodapi_inheritance_diagram = False
automodsumm_inherited_members = False
numpydoc_show_class_members = False

# References into other projects are links only where their inventories can be
# fetched; elsewhere the names of their objects stand as plain text.
disable_intersphinx = int(not os.environ.get("READTHEDOCS"))
nitpicky = True
# Only what a part of the package makes public has a page of its own.
nitpick_ignore = [("py:obj", name) for name in generated_pages.inner_names()]
_OTHERS = (
    "astropy|dask|distributed|h5py|keras|keras_tuner|matplotlib|numpy|pandas|pathlib"
    "|photutils|pyarrow|scipy|sklearn|tensorflow|tqdm"
)
nitpick_ignore_regex = [
    (r"py:.*", rf"({_OTHERS})(\..*)?"),
    (r"py:.*", r"(np|u|plt)\..*"),
    # Python's own names.
    (r"py:.*", r"[a-z]+|collections\..*|[A-Z][A-Za-z]*Error|NamedTuple|Path"),
    # Constants are named in docstrings and shown as tables, not as pages.
    (r"py:obj", r"(astro_cnnfit\..*\.)?[A-Z][A-Z0-9_]+"),
    # Classes that docstrings name as astropy and photutils users know them.
    (r"py:.*", r"(QTable|Table|Quantity|NDData|CCDData|ImagePSF|GriddedPSFModel)"),
    (r"py:.*", r"(array_like|array-like|optional|ndarray|callable)"),
]
