"""Files of labels as people have them: taken where they are clear, and else refused with what is wrong and where."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from earlier import to_first_version
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from label_files import Smkd, take

from smkd_cli.artifacts.manifest import read_manifest


@pytest.mark.parametrize(
    ("content", "labels"),
    [
        ("label\n0\n1\n\n\n", [0, 1]),
        ("\n\nlabel\n0\n1\n", [0, 1]),
        ("image,label\n\na,0\n   \n\nb,1\n", [0, 1]),
        ("image,label\r\n\r\na,0\r\nb,1\r\n", [0, 1]),
        ("label\n0.0\n3.\n1.000\n2\n", [0, 3, 1, 2]),
        ("image;label\na;0\nb;1\n", [0, 1]),
        ("image\tlabel\na\t0\nb\t1\n", [0, 1]),
        ("image|label\na|0\nb|1\n", [0, 1]),
        ('"image";"label"\r\n"a, x";"0"\r\n"b";"1"\r\n', [0, 1]),
        ("sep=,\r\nimage,label\r\na,0\r\nb,1\r\n", [0, 1]),
        ('"sep=;"\r\nimage;label\r\na;0\r\nb;1\r\n', [0, 1]),
        ("# exported 2024, by hand\nimage,label\na,0\nb,1\n", [0, 1]),
        ("#image,label\na,0\nb,1\n", [0, 1]),
        (" image , label \na, 0\nb,1 \n", [0, 1]),
        ("image,label,,\na,0,,\nb,1,,\n", [0, 1]),
        ("image,label\na,0,\nb,1,\n", [0, 1]),
        ("label,weight,weight\n0,1,1\n1\n", [0, 1]),
        ('image,label\n5" disk.png,0\n"a ""b""",1\n', [0, 1]),
        ("label\ncat\ndog\ncat\n", [0, 1, 0]),
        ("label\n n02 \nn01\nn02\n", [1, 0, 1]),
        ("label\nTrue\nFalse\n", [1, 0]),
        ("image,label\n气/é🐱.png,貓\nb,狗\n", [1, 0]),
        (b"\xef\xbb\xbflabel\n0\n1", [0, 1]),
        ("image,label,,,\na,0,,,\n,,,,\nb,1,,,\n,,,,\n,,,,\n", [0, 1]),
        ("image,label\r\n,\r\na,0\r\n,\r\nb,1\r\n,\r\n", [0, 1]),
        ("image;label;;\na;0;;\n;;;\nb;1;;\n;;\n", [0, 1]),
        ("image\tlabel\t\na\t0\t\n\t\t\nb\t1\t\n", [0, 1]),
        (",,,\n,,,\nimage,label,,\na,0,,\nb,1,,\n", [0, 1]),
        ("\n\nsep=;\nimage;label\na;0\nb;1\n", [0, 1]),
        (b"\xef\xbb\xbf\nsep=;\nimage;label\na;0\nb;1\n", [0, 1]),
        ("# exported,,,\n# by hand,,,\nimage,label,,\na,0,,\nb,1,,\n", [0, 1]),
        ('"# exported, by hand",,,\nimage,label,,\na,0,,\nb,1,,\n', [0, 1]),
        ('"image ","label  "\na,"0"\nb,"1"\n', [0, 1]),
    ],
)
def test_what_is_clear_is_taken(smkd: Smkd, content: str | bytes, labels: list[int]) -> None:
    result = take(smkd, content)
    assert result.code == 0, result.err
    assert read_manifest("m.csv").noisy_labels.tolist() == labels


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("label\n0\n\n1\n", "row 2 (line 3): label is empty: in a file of one column"),
        ("image,label\na,cat\nb,dog\nimage,label\nc,cat\n", "row 3 (line 4): is the header once more"),
        (" label \ncat\ndog\n\n label\ncat\n", "row 3 (line 5): is the header once more"),
        ("index,label\n0,0\n1,1\nindex,label\n0,1\n", "row 3 (line 4): is the header once more"),
        ("image,label\n\na,0\n\n\nb,1\nc,x\n", "row 3 (line 7): label 'x' is not an integer"),
        ("\n# of mine\n\nlabel\n0\n1\n1.5\n", "row 3 (line 7): label '1.5' is not an integer"),
        (
            "label\n0\ncat\n",
            "row 2 (line 3): label 'cat' is not an integer; classes must all be numbers or all be names",
        ),
        ("label\ncat\n1\n", "row 1 (line 2): label 'cat' is not an integer; classes must all"),
        ('label\n"1,234"\n"2,000"\n', "row 1 (line 2): label '1,234' is not an integer"),
        ("image;label\na;0,0\nb;1,0\n", "row 1 (line 2): label '0,0' is not an integer"),
        ("label\n10 %\n20 %\n", "label '10 %' is not an integer"),
        ("label\n" + "9" * 5000 + "\n", "is not an integer of at most 18 digits"),
        ("label\n０\n１\n", "label '０' is not an integer"),
        ("image,label\na,0\nb,NaN\nc,\nd,NA\n", "row 2 (line 3): label is missing ('NaN'), and so in 2 more rows"),
        ("image,label,clean_label\na,0,0\nb,1,\n", "row 2 (line 3): clean_label is empty"),
        ('image,label\n"a\nb.png",0\nc,1\n', "row 1 (line 2): a field in quotes holds a line break; write"),
        ('image,label\n"a,0\nb.png",0,1\n', 'holds a line break, or a quote (") is opened and not closed'),
        ('image,label\nb,1\n"a.png,0\nc,2\n', 'row 2 (line 3): a quote (") is opened and not closed'),
        ('image,label\n"a"b,0\n', "row 1 (line 2): is not CSV"),
        ('image,"label\n0,1\n', "has a wrong quote"),
        ("label\n0\xa0\n1\n", "row 1 (line 2): label '0\\xa0' (with a no-break space) is not an integer"),
        ("label\n\u200b0\n", "label '\\u200b0' (with a zero width space) is not an integer"),
        ("label\r0\r1\r", "line 1 holds a carriage return (CR) that is not followed by a line feed"),
        ("label\r\r\n0\r\r\n", "line 1 holds a carriage return"),
        ("label\n0\n\0001\n", "line 3 holds a null byte"),
        ("label\n0\n1\n".encode("utf-16"), "but UTF-16 text: save it as UTF-8"),
        ("label\n0\n1\n".encode("utf-16-le"), "line 1 holds a null byte; text in UTF-16 must be saved as UTF-8"),
        ("image,label\na,0\ncafé,1\n".encode("latin-1"), "line 3 is not UTF-8 text: byte 0xe9"),
        (gzip.compress(b"label\n0\n", mtime=0), "but compressed: unpack it first"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n", "but a Git LFS pointer"),
        (b"\x93NUMPY\x01\x00v\x00{'descr'", "but a NumPy array (.npy): save the labels in it as CSV"),
        (b"PK\x03\x04".ljust(40, b"\x14"), "a zip archive: unpack it first"),
        (b'[{"image": "a", "label": 0}]', "but JSON: save the labels in it as CSV"),
        (b"<!DOCTYPE html><html></html>", "but a web page"),
        (b"\n\n", "is empty"),
        (",".join(f"x{column}" for column in range(999)) + ",label\n", "has 1,000 columns, and at most 256"),
        ("image,label\na," + "x" * 200_000 + "\n", "line 2 is longer than 131,072 bytes"),
        ("label\n" + "\n".join(f"id{row}" for row in range(100_002)), "holds more than 100,000 different values"),
    ],
)
def test_what_is_not_is_refused_with_its_place(smkd: Smkd, content: str | bytes, message: str) -> None:
    result = take(smkd, content)
    assert (result.code, result.out) == (4, "")
    assert message in result.err
    assert len(result.err) < 1000
    assert [path.name for path in Path().iterdir()] == ["mine.csv"]


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        ("image,\u200blabel\na,0\n", (), "did you mean '\\u200blabel' (with a zero width space)?"),
        ("image,LABEL\na,0\n", (), "did you mean LABEL?"),
        ("e\u0301\n0\n", ("--column", "é"), "did you mean 'e\u0301' (with a combining acute accent)?"),
        ("a.png,0\nb.png,1\n", (), "Its first line names a.png, 0; that line must name the columns"),
        (",".join(f"x{column}" for column in range(9999)) + "\n0\n", (), "and 9,991 more; that line"),
        ("label\n0\n20240115\n", (), "row 2 (line 3): label 20240115 is no class: 20240116 classes are too many"),
        ("label\n0\n0\n", (), "at least 2 classes, not 1"),
        ("label\ncat\ndog\n", ("--classes", "3"), "names 2 classes and not the 3 of --classes"),
        ("label\n0\n1\n", ("--classes", "100001"), "at most 100000, not --classes 100001"),
        ("label\n0\n1\n", ("--separator", ";;"), "must be one character"),
        ("label\n0\n1\n", ("--separator", "1"), "must be one character"),
        ("label\n0\n1\n", ("--seed", "4294967296"), "seed 4294967296 is not in 0 … 4294967295"),
    ],
)
def test_wrong_usage(smkd: Smkd, content: str, options: tuple[str, ...], message: str) -> None:
    result = take(smkd, content, *options)
    assert (result.code, result.out) == (2, "")
    assert message in result.err
    assert len(result.err) < 1000


@pytest.mark.parametrize("separator", [";", "tab", " ", "\\t", "|"])
def test_a_separator_that_is_given(smkd: Smkd, separator: str) -> None:
    between = {"tab": "\t", "\\t": "\t"}.get(separator, separator)
    result = take(smkd, f"image{between}label\na{between}0\nb{between}1\n", "--separator", separator)
    assert result.code == 0, result.err
    assert read_manifest("m.csv").noisy_labels.tolist() == [0, 1]
    assert smkd("corrupt", "--separator", ";").code == 2


def test_names_of_classes_are_numbered_in_their_order_and_kept_for_words(smkd: Smkd) -> None:
    result = take(smkd, "label\n[/x]\nCat\n\x1b[1m\ncat\n", "--kind", "symmetric")
    assert result.code == 0, result.err
    clean = read_manifest("m.csv").clean_labels
    assert clean is not None
    assert clean.tolist() == [2, 1, 0, 3]
    assert "classes are numbered by their names, sorted: 0 is \\x1b[1m, 1 is Cat, 2 is [/x], 3 is cat" in result.err
    assert "'Cat' and 'cat' are two classes; are they meant to be one?" in result.err
    rows = [line.split("│")[1].strip() for line in result.err.splitlines() if line.startswith("│")]
    assert rows == ["\\x1b[1m", "Cat", "[/x]", "cat"]


def test_a_column_of_clean_labels_is_taken_or_spoken_of(smkd: Smkd) -> None:
    content = "image,clean_label,label\na,cat,dog\nb,dog,dog\nc,cow,cow\nd,cat,cat\n"
    result = take(smkd, content)
    assert "4 labels as they are; 25.00 % of them are not those of the column clean_label" in result.err
    manifest = read_manifest("m.csv")
    assert manifest.clean_labels is not None
    assert (manifest.noisy_labels.tolist(), manifest.clean_labels.tolist()) == ([2, 2, 1, 0], [0, 2, 1, 0])
    assert manifest.realised_rate == 0.25
    drawn = take(smkd, content, "--kind", "clean", "--quiet")
    assert "its column clean_label is not used, noise is drawn from label" in drawn.err
    np.testing.assert_array_equal(read_manifest("m.csv").clean_labels, [2, 2, 1, 0])
    assert "clean_label" not in take(smkd, content, "--kind", "clean", "--column", "clean_label").err


@pytest.mark.parametrize(
    ("labels", "options", "message"),
    [
        ([0, 1, 1], (), "mine.csv: 3 labels of 2 classes"),
        ([1, 2, 3, 1], (), "labels begin at 1, but class numbers at 0: class 0 of 4 never occurs"),
        ([0, 2, 5, 2, 2, 2], (), "3 of 6 classes have no label: 1, 3, 4"),
        ([0, 3], (), "more classes (4) than labels (2)"),
        ([0, 1], ("--classes", "7"), "2 labels of 7 classes"),
    ],
)
def test_what_is_seldom_meant_is_warned_of(
    smkd: Smkd, labels: list[int], options: tuple[str, ...], message: str
) -> None:
    result = take(smkd, "label\n" + "".join(f"{label}\n" for label in labels), *options)
    assert result.code == 0
    assert message in result.err
    assert "no column image names the images" in result.err


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Cat", "cat"),
        ("ca\u0301t", "cát"),
        ("cat\u200b", "cat"),
        ("c\u00adat", "cat"),
        ("ｃａｔ", "cat"),
        ("a b", "ab"),
    ],
)
def test_classes_that_look_the_same_are_asked_about(smkd: Smkd, one: str, other: str) -> None:
    result = take(smkd, f"label\n{one}\n{other}\ndog\n")
    assert result.code == 0
    assert "are two classes; are they meant to be one?" in result.err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            b"\xef\xbb\xbf\xef\xbb\xbfimage,label\na,0\nb,1\n",
            "'\\ufeffimage' (with a zero width no-break space) is not used",
        ),
        (b"Image,label\na,0\nb,1\n", "its column 'Image' is not used; it would be if it were called image"),
        (b"image,label,clean_label\xe2\x80\x8b\na,0,0\nb,1,1\n", "it would be if it were called clean_label"),
        (b"index,label\n2,0\n0,1\n1,1\n", "the column index is not sorted"),
    ],
)
def test_a_column_is_not_passed_over_in_silence(smkd: Smkd, content: bytes, message: str) -> None:
    result = take(smkd, content, "--quiet")
    assert result.code == 0
    assert message in result.err


@pytest.mark.parametrize("name", ["clean label", "Clean Label", "clean-label", "CLEAN_LABEL", " Clean  label "])
def test_columns_of_two_words_may_be_written_as_people_do(smkd: Smkd, name: str) -> None:
    result = take(smkd, f"image,label,{name}\na,1,0\nb,1,1\n", "--quiet")
    assert (result.code, result.err) == (0, "")
    clean = read_manifest("m.csv").clean_labels
    assert clean is not None
    assert clean.tolist() == [0, 1]
    take(smkd, f"image,{name.lower().replace('clean', 'noisy')},{name}\na,1,0\nb,1,1\n")
    assert read_manifest("m.csv").noisy_labels.tolist() == [1, 1]
    drawn = take(smkd, f"image,label,{name}\na,1,0\nb,1,1\n", "--kind", "clean")
    assert "its column clean_label is not used" in drawn.err
    assert take(smkd, f"{name}\n0\n1\n", "--kind", "clean", "--column", name.strip()).code == 0


def test_a_row_of_separators_may_be_a_lost_label_where_one_column_has_a_name(smkd: Smkd) -> None:
    assert "row 2 (line 3): label is empty" in take(smkd, "label,\n0,\n,\n1,\n").err


def test_the_line_of_a_row_counts_blank_rows_comments_and_rows_of_separators(smkd: Smkd) -> None:
    content = "sep=,\n\n# a comment,,\nimage,label,\na,0,\n,,\n\nb,1,\n,,\nc,,\n"
    assert "row 3 (line 10): label is empty" in take(smkd, content).err


def test_a_column_of_two_words_is_not_guessed(smkd: Smkd) -> None:
    both = take(smkd, "label,clean label,clean_label\n0,1,0\n1,1,1\n")
    assert (both.code, "twice" in both.err) == (0, False)
    clean = read_manifest("m.csv").clean_labels
    assert clean is not None
    assert clean.tolist() == [0, 1]
    twice = take(smkd, "label,clean label,Clean-Label\n0,1,0\n1,1,1\n")
    assert "names a column twice in its first line: 'clean_label'" in twice.err


def test_a_class_may_be_called_as_its_column_is(smkd: Smkd) -> None:
    assert take(smkd, "spam\nspam\nham\n", "--column", "spam").code == 0
    assert take(smkd, "image,label\na,label\nb,ham\n").code == 0


def test_nothing_is_warned_of_that_is_as_it_should_be(smkd: Smkd) -> None:
    assert take(smkd, "image,label\na,0\nb,1\nc,1\n", "--quiet").err == ""
    assert take(smkd, "image,label,clean_label\na,1,0\nb,1,1\n", "--quiet").err == ""
    assert take(smkd, "index,label\n1,0\n2,1\nx,1\n", "--quiet").err == ""
    assert take(smkd, "index,Image,image,label\n2,x,a,0\n1,y,b,1\n", "--quiet").err == ""


@given(content=st.lists(st.sampled_from(list(b'0123,;\t\n\n\r" .|#ab\x00\xff\xef\xbb\xbf-')), max_size=60).map(bytes))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_labels_or_a_message(smkd: Smkd, content: bytes) -> None:
    result = take(smkd, b"image,label\na,0\nb,1\n" + content)
    assert result.code in {0, 2, 4}, result.err
    assert "Traceback" not in result.err
    assert ("error: " in result.err) == (result.code != 0)
    if result.code == 0:
        assert read_manifest("m.csv").noisy_labels.tolist()[:2] == [0, 1]


@given(rows=st.lists(st.tuples(st.booleans(), st.integers(0, 3)), min_size=1, max_size=50), wrong=st.integers(0, 49))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_blank_lines_never_move_a_row(smkd: Smkd, rows: list[tuple[bool, int]], wrong: int) -> None:
    lines = ["image,label"]
    lines_of_rows = []
    for number, (quoted, blank) in enumerate(rows):
        lines += [" " * (blank - 1)] * blank
        lines_of_rows.append(len(lines) + 1)
        lines.append(f'"{number}",0' if quoted else f"{number},1")
    wrong %= len(rows)
    lines[lines_of_rows[wrong] - 1] = f"{wrong},x"
    result = take(smkd, "\n".join(lines) + "\n")
    if len(rows) > 1:
        assert f"row {wrong + 1} (line {lines_of_rows[wrong]}): label 'x' is not an integer" in result.err


def test_given_labels_may_be_called_noisy(smkd: Smkd) -> None:
    assert take(smkd, "image,noisy_label\na,1\nb,0\nc,1\n", "--quiet").err == ""
    assert read_manifest("m.csv").noisy_labels.tolist() == [1, 0, 1]
    assert take(smkd, "noisy_label;clean_label\ncat;dog\ndog;dog\n", "--quiet").err == ""
    manifest = read_manifest("m.csv")
    assert manifest.clean_labels is not None
    assert (manifest.noisy_labels.tolist(), manifest.clean_labels.tolist()) == ([0, 1], [1, 1])
    again = take(smkd, "noisy_label\n0\nnoisy_label\n1\n")
    assert "row 2 (line 3): is the header once more" in again.err


def test_of_two_columns_of_labels_one_is_spoken_of(smkd: Smkd) -> None:
    content = "noisy_label,label\n1,0\n0,1\n"
    result = take(smkd, content, "--quiet")
    assert "its column noisy_label is not used, label is; --column noisy_label takes it" in result.err
    assert read_manifest("m.csv").noisy_labels.tolist() == [0, 1]
    for column, labels in (("label", [0, 1]), ("noisy_label", [1, 0])):
        assert take(smkd, content, "--quiet", "--column", column).err == ""
        assert read_manifest("m.csv").noisy_labels.tolist() == labels


def test_noise_is_not_drawn_from_noisy_labels_unasked(smkd: Smkd) -> None:
    content = "image,noisy_label\na,1\nb,0\n"
    result = take(smkd, content, "--kind", "clean")
    assert (result.code, result.out) == (2, "")
    assert "has no column 'label': --kind given without --column takes those of noisy_label as they are." in result.err
    assert take(smkd, content, "--kind", "clean", "--column", "noisy_label").code == 0
    assert "has no column 'label' or 'noisy_label': did you mean Label?" in take(smkd, "Label\n0\n1\n").err
    explicit = take(smkd, "noisy_label\n0\n1\n", "--column", "label")
    assert "has no column 'label': --kind given without --column" in explicit.err


@pytest.mark.parametrize("version", [1, 2])
def test_a_table_cut_from_a_manifest_is_given_labels(smkd: Smkd, version: int) -> None:
    smkd("corrupt", "--quiet", "-o", "whole.csv")
    if version == 1:
        to_first_version(Path("whole.csv"))
    rows = [line.split(",") for line in Path("whole.csv").read_text().splitlines() if not line.startswith("#")]
    table = "".join(f"{row[1]},{row[3]}\n" for row in rows)
    assert take(smkd, table, "--quiet").err == ""
    np.testing.assert_array_equal(read_manifest("m.csv").noisy_labels, read_manifest("whole.csv").noisy_labels)
