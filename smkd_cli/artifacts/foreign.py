"""What a file is that is no table of text, by its first bytes, and what to do with it."""

from __future__ import annotations

import re

from smkd_cli.errors import DataError

SNIFFED = 512
"""So many first bytes are enough."""

_AS_CSV = "save the labels in it as CSV, with a header line that names the column"
_MAGIC = (
    (rb"\x93NUMPY", f"a NumPy array (.npy): {_AS_CSV} (numpy.savetxt with fmt='%d', header='label', comments='')"),
    (rb"PK\x03\x04", f"a zip archive, as Excel workbooks (.xlsx), .npz and PyTorch files (.pt) are: {_AS_CSV}"),
    (rb"\x80[\x02-\x05]", f"a pickle, as .pkl and old PyTorch files (.pt) are: {_AS_CSV}"),
    (rb"\xd0\xcf\x11\xe0", f"an Excel workbook (.xls): {_AS_CSV}"),
    (rb"\x89HDF|SQLite format 3|ARROW1|MATLAB 5", f"a binary table or database: {_AS_CSV}"),
    (rb"PAR1", "a Parquet file: a manifest in this format must have a name that ends in .parquet"),
    (rb"\x1f\x8b|BZh[1-9]|\xfd7zXZ|\x28\xb5\x2f\xfd", "compressed: unpack it first (gunzip, bunzip2, unxz, unzstd)"),
    (rb"\xff\xfe|\xfe\xff", "UTF-16 text: save it as UTF-8"),
    (rb"version https://git-lfs", "a Git LFS pointer and not the file itself: fetch that with `git lfs pull`"),
    (rb"(\xef\xbb\xbf)?\s*(\{|\[[\s\[{\"0-9-])", f"JSON: {_AS_CSV}"),
    (rb"(\xef\xbb\xbf)?\s*(?i:<!doctype|<html|<\?xml)", "a web page or XML; was it downloaded from the right address?"),
)
_KNOWN = tuple((re.compile(pattern), what) for pattern, what in _MAGIC)


def refuse_foreign(start: bytes, name: str, wanted: str = "a CSV file") -> None:
    """Raise a DataError that names the kind of a file, if its first bytes are not those of a table."""
    for pattern, what in _KNOWN:
        if pattern.match(start):
            raise DataError(f"{name}: is not {wanted} but {what}")
