# Licensed under a 3-clause BSD style license - see LICENSE
"""
Whole real fields: all that is found is measured, and what the models leave is told.

Beside it one scene in HSC and in HST, object by object, and the CModel and Kron
magnitudes of HSC's pipeline.

    python benchmarks/accuracy/real_fields.py --figures docs/_static
"""

import argparse
import os
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from common import provenance, write_result
from real_fields_compared import (
    hsc_against_hst,
    pipeline_catalog,
    pipeline_rows,
    summary,
)
from real_fields_data import FIELDS
from real_fields_figures import draw_comparison, draw_fields, draw_pipeline
from real_fields_measure import ITERATIONS, measure, statistics


def main():
    """Run the benchmark; the file is written after each field."""
    arguments = parse_arguments()
    folder = Path(os.environ["ASTRO_CNNFIT_TEST_DATA"])
    result = provenance(0, iterations=ITERATIONS) | {"fields": {}}
    for name in arguments.fields:
        scenes = []
        for field in FIELDS[name](folder):
            scenes.append(measure(field))
            result["fields"][field.name] = found = statistics(scenes[-1])
            print(field.name, found["objects"], found["seconds"], flush=True)
        if arguments.figures:
            draw_fields(scenes, arguments.figures / f"fields_{name}.png")
        if name == "hsc_hst":
            result["hsc_hst"] = found = hsc_against_hst(*scenes)
            if arguments.figures:
                path = arguments.figures / "fields_hsc_against_hst.png"
                draw_comparison(found["rows"], path)
        if name == "hsc":
            result["pipeline"] = pipeline(folder, scenes, arguments.figures)
        write_result("real_fields", result, arguments.output)


def parse_arguments():
    """Arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--fields", nargs="+", default=list(FIELDS), choices=FIELDS)
    parser.add_argument("--figures", type=Path, help="folder of the figures")
    parser.add_argument("--output", help="folder of the JSON file")
    return parser.parse_args()


def pipeline(folder, scenes, figures):
    """HSC's magnitudes less ours: of what we find, and at the pipeline's positions."""
    rows = {"found": [], "at its positions": []}
    for band, scene in zip("gri", scenes, strict=True):
        path = folder / "hsc_field" / "fithsc_src.csv"
        catalog = pipeline_catalog(path, scene.wcs, scene.data.shape)
        rows["found"] += pipeline_rows(catalog, scene.table, band)
        has_model = np.isfinite(np.asarray(catalog[f"{band}_cmodel_mag"], float))
        again = measure(scene.field, catalog["x", "y"][has_model])
        rows["at its positions"] += pipeline_rows(catalog, again.table, band)
    if figures:
        draw_pipeline(rows["at its positions"], figures / "fields_pipeline.png")
    return {
        kind: {"rows": own, "less_ours": _by_band(own)} for kind, own in rows.items()
    }


def _by_band(rows):
    """Medians and scatters for all, for those of no flag, and those alone."""
    chosen = {"all": lambda row: True, "not flagged": lambda row: row["good"]}
    chosen["isolated"] = lambda row: row["isolated"]
    return {
        band: {
            name: {
                kind: summary(
                    [r[kind] - r["mag"] for r in rows if r["band"] == band and use(r)]
                )
                for kind in ("cmodel", "kron")
            }
            for name, use in chosen.items()
        }
        for band in "gri"
    }


if __name__ == "__main__":
    main()
