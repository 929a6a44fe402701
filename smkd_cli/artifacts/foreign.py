"""What a file is that is not what was wanted, by its first bytes, and what to do with it."""

from __future__ import annotations

import re
from pathlib import Path

from smkd_cli.errors import DataError

SNIFFED = 512
"""So many first bytes are enough."""

_AS_CSV = "save the labels in it as CSV, with a header line that names the column"
_BY_NUMPY = f"{_AS_CSV} (numpy.savetxt with fmt='%d', header='label', comments='')"
_BY_PROGRAM = f"{_AS_CSV}, in the program that made it"
_ZIP = rb"PK\x03\x04.{26}"  # followed by the name of the first file in it
_PICKLE = rb"\x80[\x02-\x05]|\([ldt]p?\d+\n|[\]}]q\x00|c(numpy|pandas|torch|copy_reg|collections|__builtin__)[\w.]*\n"
_POINTER = rb"version https://git-lfs"
_LFS = "a Git LFS pointer and not the file itself: fetch that with `git lfs pull`"

# Each kind with what it is; what to do with a table of labels in it, or for all files, follows the name.
_KINDS = (
    (_POINTER, _LFS, ""),
    (rb"\x93NUMPY", "a NumPy array (.npy)", _BY_NUMPY),
    (_ZIP + rb"[^/\0]{1,200}\.npy", "NumPy arrays (.npz)", _BY_NUMPY),
    (_ZIP + rb"[^/\0]{1,200}/(data\.pkl|\.format_version|byteorder)", "a PyTorch file (.pt)", _BY_NUMPY),
    (_ZIP + rb"(\[Content_Types\]|_rels/|docProps/|xl/|word/)", "an Office file (.xlsx, .docx)", _BY_PROGRAM),
    (_ZIP + rb"mimetypeapplication/vnd\.oasis", "an OpenDocument file (.ods, .odt)", _BY_PROGRAM),
    (rb"PK\x03\x04", "a zip archive: unpack it first", ""),
    (rb"\xd0\xcf\x11\xe0", "an old Office file (.xls, .doc)", _BY_PROGRAM),
    (rb"\{\\rtf", "a document (.rtf)", _BY_PROGRAM),
    (rb"%PDF-", "a document (.pdf)", _BY_PROGRAM),
    (_PICKLE, "a pickle, as .pkl and old PyTorch files (.pt) are", f"{_AS_CSV}, in Python"),
    (rb"\0\0[\x08-\x0e][\x01-\x04]", "an IDX file, as those of MNIST are", f"{_AS_CSV}, in Python"),
    (rb".{4}\0{4}\{[\" ]", "a safetensors file", f"{_AS_CSV}, in Python"),
    (rb"\x89HDF|SQLite format 3|ARROW1|MATLAB 5|Obj\x01|RD[AX]\d\n|\$FL[23]@", "a binary table or database", _AS_CSV),
    (
        rb"PAR1",
        "a Parquet file: a manifest in this format must have a name that ends in .parquet",
        f"of other labels, {_AS_CSV} (pandas.read_parquet, then to_csv)",
    ),
    (
        rb"\x1f\x8b|BZh[1-9]|\xfd7zXZ|\x28\xb5\x2f\xfd",
        "compressed: unpack it first (gunzip, bunzip2, unxz, unzstd)",
        "",
    ),
    (rb"7z\xbc\xaf|Rar!|.{257}ustar", "an archive: unpack it first", ""),
    (rb"\x89PNG|\xff\xd8\xff|GIF8[79]a", "an image", ""),
    (rb"\xff\xfe|\xfe\xff", "UTF-16 text: save it as UTF-8", ""),
    (
        rb"(\xef\xbb\xbf)?\s*\{[^\n]*\}\s*\n\s*\{",
        "JSON Lines",
        f"{_AS_CSV} (pandas.read_json with lines=True, then to_csv)",
    ),
    (
        rb'(\xef\xbb\xbf)?\s*(\{|\[\s*([\[\]{"0-9-]|true|false|null|NaN))',
        "JSON",
        f"{_AS_CSV} (pandas.read_json, then to_csv)",
    ),
    (
        rb"(\xef\xbb\xbf)?\s*(?i:<!doctype|<html|<\?xml)",
        "a web page or XML; was it downloaded from the right address?",
        "",
    ),
)
_KNOWN = tuple((re.compile(pattern, re.DOTALL), what, to_do) for pattern, what, to_do in _KINDS)


def refuse_foreign(start: bytes, name: str, wanted: str = "a CSV file") -> None:
    """Raise a DataError that names the kind of a file, if its first bytes are not those of a table."""
    for pattern, what, to_do in _KNOWN:
        if pattern.match(start):
            advice = f"{'; ' if ':' in what else ': '}{to_do}" if to_do else ""
            raise DataError(f"{name}: is not {wanted} but {what}{advice}")


def pointer_in(start: bytes) -> str | None:
    """What to say of a file that begins so, if it is a Git LFS pointer; for readers of what is no table."""
    return f"is {_LFS}" if start.startswith(_POINTER) else None


def pointer_at(path: Path) -> str | None:
    """As :func:`pointer_in`, of a regular file that can be opened.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as stream:
        return pointer_in(stream.read(SNIFFED))
