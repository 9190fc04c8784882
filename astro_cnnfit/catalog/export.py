# Licensed under a 3-clause BSD style license - see LICENSE
"""
A catalogue as one FITS table, or as a HATS catalogue that LSDB reads.

Both go through the parts one after the other: memory does not grow with their number.
"""

import json
import os
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from astropy.io import fits

from .dataset import parts, read_part
from .layout import find_layout
from .optional import import_pyarrow

__all__ = ["to_fits", "to_hats"]

_FITS_BLOCK = 2880
_HATS = (
    "hats-import is needed to write HATS catalogues ({error}). Install it with: pip "
    "install 'astro_cnnfit[hats]'"
)


def to_fits(output, path, *, overwrite=False):
    """
    Write a catalogue as one FITS binary table.

    Parameters
    ----------
    output : path-like
        Folder of a run.
    path : path-like
        The FITS file. It appears when it is whole.
    overwrite : bool
        Whether to replace a file that is there.

    Returns
    -------
    `~pathlib.Path`
        Of the file.

    Raises
    ------
    FileNotFoundError
        If there is no catalogue.
    ValueError
        If the catalogue has no part, columns of two parts do not go together, or the
        file exists.

    Notes
    -----
    Rows are in the order of the parts, with the column ``tile``. Units are
    ``TUNITn``; descriptions are ``TCOMMn``, and astropy reads them as well.
    Identifiers are exact. A column that a part lacks is NaN there (text is empty,
    whole numbers have the value ``TNULLn``).
    """
    path = Path(path)
    if path.exists() and not overwrite:
        raise ValueError(f"path must be new without overwrite=True, got {path}")
    layout = find_layout(_some_parts(output))
    header = _fits_header(layout)
    with _whole(path) as file:
        file.write(fits.PrimaryHDU().header.tostring().encode("ascii"))
        file.write(header.tostring().encode("ascii"))
        for name, part in layout.parts.items():
            file.write(_fits_bytes(layout.rows_of(read_part(part), name)))
        file.write(bytes(-file.tell() % _FITS_BLOCK))
    return path


def _some_parts(output):
    found = parts(output)
    if not found:
        raise ValueError(f"output must have measured galaxies, found none in {output}")
    return found


@contextmanager
def _whole(path):
    """A file that comes to its place when all of it is written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _fits_header(layout):
    """Header of the table with all rows."""
    template = layout.template()
    buffer = BytesIO()
    template.write(buffer, format="fits")
    buffer.seek(0)
    with fits.open(buffer) as hdus:
        header = hdus[1].header.copy()
    header["NAXIS2"] = layout.n_rows
    header["EXTNAME"] = "CATALOG"
    for number, name in enumerate(template.colnames, start=1):
        description = template[name].info.description
        if description:
            # Most readers show it; more than a card's length would only warn.
            header[f"TCOMM{number}"] = description[:68]
        if name in layout.nulls:
            header[f"TNULL{number}"] = layout.nulls[name]
    for key, value in layout.meta.items():
        header.add_history(f"{key}: {json.dumps(value, default=str)}")
    return header


def _fits_bytes(rows):
    """The rows as they stand in a FITS file."""
    buffer = BytesIO()
    fits.HDUList([fits.PrimaryHDU(), fits.table_to_hdu(rows)]).writeto(buffer)
    content = buffer.getbuffer()
    with fits.open(BytesIO(content)) as hdus:
        start = hdus.fileinfo(1)["datLoc"]
        size = hdus[1].header["NAXIS1"] * hdus[1].header["NAXIS2"]
    return content[start : start + size]


def to_hats(
    output, folder, *, rows_per_pixel=1_000_000, client=None, workers=None, **options
):
    """
    Write a catalogue as a HATS catalogue, with hats-import.

    Parameters
    ----------
    output : path-like
        Folder of a run whose galaxies have ``ra`` and ``dec``.
    folder : path-like
        Folder of the HATS catalogue, new or empty; its last part is the name of the
        catalogue.
    rows_per_pixel : int
        Most rows of a partition.
    client : optional
        A Dask client, a cluster, or the address of a scheduler, which has the extra
        ``hats`` as well; by default a cluster of this machine.
    workers : int, optional
        Workers of the cluster of this machine; one a core by default.
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
        If the catalogue has no part or no sky positions, or the folder is not empty.
    ImportError
        If hats-import is not installed.
    """
    folder = Path(folder).resolve()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"folder must be new or empty, got {folder}")
    if client == "serial":
        raise ValueError("client must be a cluster for HATS, got 'serial'")
    layout = find_layout(_some_parts(output))
    for name in ("ra", "dec"):
        if name not in layout.schema.names:
            raise ValueError(f"output must have sky positions for HATS: no {name!r}")
    import_arguments, pipeline = _import_hats()
    from .cluster import connected

    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".hats-") as scratch:
        schema = Path(scratch) / "schema.parquet"
        import_pyarrow().parquet.write_table(layout.schema.empty_table(), schema)
        arguments = import_arguments(
            **{
                "output_path": folder.parent,
                "output_artifact_name": folder.name,
                "input_file_list": [str(path) for path in layout.parts.values()],
                "file_reader": PartReader(str(schema)),
                "use_schema_file": schema,
                "pixel_threshold": rows_per_pixel,
                "expected_total_rows": layout.n_rows,
                "addl_hats_properties": {"hats_cols_survey_id": "id"},
                "tmp_dir": scratch,
                "progress_bar": False,
                **options,
            }
        )
        # Parts of hats-import ask for the current client.
        with connected(client, workers=workers) as dask, dask.as_current():
            pipeline(arguments, dask)
    return folder


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
