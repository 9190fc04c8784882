# Licensed under a 3-clause BSD style license - see LICENSE
"""
A catalogue as a HATS catalogue, partitioned on the sky, which LSDB reads.

hats-import goes through the parts: memory does not grow with their number.
"""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import astro_cnnfit

from .dataset import some_parts
from .layout import find_layout
from .optional import import_pyarrow

__all__ = ["PartReader", "check_folder", "to_hats"]

_HATS = (
    "hats-import is needed to write HATS catalogues ({error}). Install it with: pip "
    "install 'astro_cnnfit[hats]'"
)
_PROPERTIES = "hats.properties"
# By which a catalogue is known again: only such a folder is ever removed.
_MARK = {"astro_cnnfit_version": astro_cnnfit.__version__}


def to_hats(
    output, folder, *, rows_per_pixel=1_000_000, client=None, workers=None,
    overwrite=False, **options,
):  # fmt: skip
    """
    Write a catalogue as a HATS catalogue, with hats-import.

    Parameters
    ----------
    output : path-like
        Folder of a run whose galaxies have ``ra`` and ``dec``.
    folder : path-like
        Folder of the HATS catalogue, new or empty; its last part is the name of the
        catalogue. It appears when it is whole.
    rows_per_pixel : int
        Most rows of a partition.
    client : optional
        A Dask client, a cluster, or the address of a scheduler, which has the extra
        ``hats`` as well; by default a cluster of this machine.
    workers : int, optional
        Workers of the cluster of this machine; one a core by default.
    overwrite : bool
        Whether to replace a catalogue that this function has written there. Any other
        folder with something in it is refused.
    **options
        Further arguments of ``hats_import.ImportArguments``.

    Returns
    -------
    `~pathlib.Path`
        Of the HATS catalogue, for ``lsdb.open_catalog``.

    Raises
    ------
    FileNotFoundError
        If there is no catalogue.
    ValueError
        If the catalogue has no part or no sky positions, or the folder is not empty
        and not to be replaced.
    ImportError
        If hats-import is not installed.
    """
    folder = Path(folder).resolve()
    check_folder(folder, overwrite=overwrite)
    if client == "serial":
        raise ValueError("client must be a cluster for HATS, got 'serial'")
    layout = find_layout(some_parts(output))
    for name in ("ra", "dec"):
        if name not in layout.schema.names:
            raise ValueError(f"output must have sky positions for HATS: no {name!r}")
    import_arguments, pipeline = _import_hats()
    from .cluster import connected

    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".hats-") as scratch:
        places = {name: Path(scratch) / name for name in ("new", "old", "work")}
        for place in places.values():
            place.mkdir()
        extra = {"hats_cols_survey_id": "id", **options.pop("addl_hats_properties", {})}
        schema = places["work"] / "schema.parquet"
        import_pyarrow().parquet.write_table(layout.schema.empty_table(), schema)
        arguments = import_arguments(
            **{
                "output_path": places["new"],
                "output_artifact_name": folder.name,
                "input_file_list": [str(path) for path in layout.parts.values()],
                "file_reader": PartReader(str(schema)),
                "use_schema_file": schema,
                "pixel_threshold": rows_per_pixel,
                "expected_total_rows": layout.n_rows,
                "addl_hats_properties": {**extra, **_MARK},
                "tmp_dir": places["work"],
                "progress_bar": False,
                **options,
            }
        )
        # Parts of hats-import ask for the current client.
        with connected(client, workers=workers) as dask, dask.as_current():
            pipeline(arguments, dask)
        # Meanwhile something may have come there.
        check_folder(folder, overwrite=overwrite)
        _put(places["new"] / folder.name, folder, places["old"])
    return folder


def check_folder(folder, *, overwrite=False, argument="folder"):
    """
    Check that a HATS catalogue may be written to a folder.

    Parameters
    ----------
    folder : path-like
        Where to.
    overwrite : bool
        Whether a catalogue that `to_hats` has written may be replaced.
    argument : str
        What it is called in messages.

    Raises
    ------
    ValueError
        If it may not.
    """
    folder = Path(folder)
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    if not overwrite:
        raise ValueError(f"{argument} must be new or empty, got {folder}")
    if not _is_ours(folder):
        raise ValueError(
            f"{argument} must be new, empty, or a HATS catalogue that astro_cnnfit has "
            f"written, which is replaced; got {folder}"
        )


def _is_ours(folder):
    """Whether its properties say that `to_hats` has written it."""
    try:
        text = (folder / _PROPERTIES).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False
    keys = {line.partition("=")[0].strip() for line in text.splitlines()}
    return keys.issuperset(_MARK)


def _put(new, folder, aside):
    """Move a folder to its place; what is there goes aside, and back if that fails."""
    old = aside / folder.name
    if folder.exists():
        os.replace(folder, old)
    try:
        os.replace(new, folder)
    except OSError:
        if old.exists():
            os.replace(old, folder)
        raise


def _import_hats():
    try:
        from hats_import.catalog.arguments import ImportArguments
        from hats_import.pipeline import pipeline_with_client
    except ImportError as error:
        raise ImportError(_HATS.format(error=error)) from None
    return ImportArguments, pipeline_with_client


@dataclass(frozen=True)
class PartReader:
    """
    Reads parts for hats-import, all with the same columns.

    Parameters
    ----------
    schema : str
        Path of a Parquet file with the columns.
    """

    schema: str

    def read(self, input_file, read_columns=None):
        """
        Read a part.

        Parameters
        ----------
        input_file : path-like
            One of `~astro_cnnfit.catalog.dataset.parts`.
        read_columns : list of str, optional
            Which columns.

        Yields
        ------
        `pyarrow.Table`
        """
        pa = import_pyarrow()
        schema = pa.parquet.read_schema(self.schema)
        path = Path(str(input_file))
        with pa.parquet.ParquetFile(path) as file:
            table = file.read()
        tile = path.parent.name.partition("=")[2]
        columns = []
        for field in schema:
            if field.name == "tile":
                column = pa.array([tile] * len(table), field.type)
            elif field.name in table.column_names:
                column = table.column(field.name).cast(field.type)
            else:
                column = pa.nulls(len(table), field.type)
            columns.append(column)
        result = pa.table(columns, names=schema.names)
        yield result.select(read_columns) if read_columns else result
