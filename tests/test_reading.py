"""Files into typed tables, and every fault of a file in one sentence."""

import gzip
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dnis.reading import DataError, read_frame


@pytest.fixture
def saved(tmp_path):
    def save(content, name="log.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return save


def refusal(path):
    with pytest.raises(DataError) as caught:
        read_frame(path)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_csv_becomes_integers_floats_and_text(saved):
    frame = read_frame(saved("user,rating,tag\n3,4.5,a b\n1,5,\n"))
    assert frame["user"].tolist() == [3, 1]
    assert frame["rating"].tolist() == [4.5, 5.0]
    assert frame["tag"][0] == "a b"
    assert pd.isna(frame["tag"][1])


@pytest.mark.parametrize("value", ["007", "0x10", "99999999999999999999", "+5", "1_000"])
def test_text_that_a_number_could_not_give_back_stays_text(saved, value):
    assert read_frame(saved(f"id,x\n{value},1\n5,2\n"))["id"].tolist() == [value, "5"]


def test_integers_beside_empty_cells_stay_whole(saved):
    big = 2**60 + 1
    frame = read_frame(saved(f"id,x\n{big},1\n,2\n"))
    assert frame["id"][0] == big
    assert frame["id"].isna().tolist() == [False, True]


@pytest.mark.parametrize("null", ["", "NA", "NaN", "null", "None", "\\N", "N/A"])
def test_words_for_nothing_are_empty_cells(saved, null):
    assert read_frame(saved(f"x,y\n1,1\n{null},2\n"))["x"].isna().tolist() == [False, True]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_in_the_first_line(saved, delimiter):
    text = "user,item\n1,2\n".replace(",", delimiter)
    assert read_frame(saved(text)).to_dict("list") == {"user": [1], "item": [2]}


def test_quoted_cells_may_hold_delimiters_and_line_breaks(saved):
    frame = read_frame(saved('id,text\n1,"a, b\nc"\n2,d\n'))
    assert frame["text"].tolist() == ["a, b\nc", "d"]


def test_a_quoted_line_break_may_fall_between_two_blocks(saved, monkeypatch):
    monkeypatch.setattr("dnis.delimited._BLOCK_BYTES", 24)
    rows = "".join(f'{i},"a\n{i}"\n' for i in range(30))
    assert read_frame(saved("id,text\n" + rows))["text"].tolist() == [f"a\n{i}" for i in range(30)]


def test_spaces_around_names_and_values_do_not_count(saved):
    assert read_frame(saved(" user , item \n 1 , a \n")).to_dict("list") == {"user": [1], "item": ["a"]}


def test_a_byte_order_mark_and_windows_line_ends_do_not_count(saved):
    assert read_frame(saved(b"\xef\xbb\xbfuser,item\r\n1,2\r\n")).to_dict("list") == {"user": [1], "item": [2]}


def test_blank_lines_before_the_header_do_not_count(saved):
    assert read_frame(saved("\n\nuser,item\n1,2\n")).to_dict("list") == {"user": [1], "item": [2]}


def test_a_gzipped_csv_is_told_by_its_content(saved):
    path = saved(gzip.compress(b"user,item\n1,2\n"), "log.csv")
    assert read_frame(path).to_dict("list") == {"user": [1], "item": [2]}


def test_parquet_keeps_values_types_and_times(tmp_path):
    frame = pd.DataFrame(
        {
            "user": ["a", "b"],
            "rating": np.array([1, 2], dtype=np.int8),
            "when": pd.to_datetime(["2024-01-31", "2024-02-01"]),
            "kind": pd.Categorical(["x", "y"]),
            "padded": ["007", "8"],
        }
    )
    frame.to_parquet(tmp_path / "log.parquet")
    read = read_frame(tmp_path / "log.parquet")
    assert read["user"].tolist() == ["a", "b"]
    assert read["rating"].tolist() == [1, 2]
    assert read["when"].tolist() == frame["when"].tolist()
    assert read["kind"].tolist() == ["x", "y"]
    assert read["padded"].tolist() == ["007", "8"]


def test_a_missing_file_is_named(tmp_path):
    assert refusal(tmp_path / "nowhere.csv") == f"no such file: {tmp_path / 'nowhere.csv'}"


@pytest.mark.parametrize("content", ["", "\n\n"])
def test_an_empty_file_is_refused(saved, content):
    assert refusal(saved(content)) == "log.csv is empty"


def test_a_header_alone_is_refused(saved):
    assert refusal(saved("user,item\n")) == "log.csv has column names but no rows"


def test_two_columns_of_one_name_are_refused(saved):
    assert refusal(saved("user,item,user\n1,2,3\n")) == "two columns are named 'user': columns 1 and 3"


def test_a_file_without_column_names_is_read_from_its_first_row_on(saved):
    frame = read_frame(saved("196\t242\t3\n186\t302\t4\n"))
    assert frame.to_dict("list") == {"column_1": [196, 186], "column_2": [242, 302], "column_3": [3, 4]}
    assert ["196" in note and "column_1" in note for note in frame.attrs["notes"]] == [True]


def test_a_single_column_may_be_named_by_a_number(saved):
    assert list(read_frame(saved("user,2020\n1,2\n"))) == ["user", "2020"]


def test_a_row_of_another_length_is_named(saved):
    assert refusal(saved("user,item\n1,2\n3,4\n5\n")) == ("log.csv, data row 3: 1 values where the header has 2: '5'")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig", "latin-1", "cp1252"])
def test_text_in_another_encoding_is_read_and_the_encoding_noted(saved, encoding):
    frame = read_frame(saved("user,prénom\r\n1,André\r\n2,Zoë\r\n".encode(encoding)))
    assert frame.to_dict("list") == {"user": [1, 2], "prénom": ["André", "Zoë"]}
    noted = {"utf-8-sig": "", "latin-1": "Latin-1, where 'prénom'", "cp1252": "Latin-1"}.get(encoding, "UTF-16")
    assert noted in " ".join(frame.attrs["notes"])
    assert len(frame.attrs["notes"]) == (encoding != "utf-8-sig")


def test_a_byte_order_mark_of_big_endian_text_decides(saved):
    assert read_frame(saved(b"\xfe\xff" + "a,b\n1,é\n".encode("utf-16-be"))).to_dict("list") == {"a": [1], "b": ["é"]}


def test_plain_text_needs_no_note(saved):
    assert read_frame(saved("user,name\n1,André\n")).attrs["notes"] == ()


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("user,name\n1,Пушкин\n".encode("cp1251"), "cf f3 f8"),
        ("user,name\n1,山田太郎\n".encode("shift-jis"), "91 be"),
        (b"user,name\n1,Andr\xe9 \x01\n", "01"),
    ],
)
def test_text_of_which_nobody_can_tell_the_encoding_is_refused(saved, content, found):
    message = refusal(saved(content))
    assert "log.csv is not UTF-8 text, and its encoding cannot be told" in message
    assert found in message


def test_utf_32_and_half_a_utf_16_letter_are_refused(saved):
    assert (
        refusal(saved("user,item\n1,2\n".encode("utf-32"))) == "log.csv is UTF-32 text; save it with the encoding UTF-8"
    )
    assert "not UTF-16 text" in refusal(saved("user,item\n1,2\n".encode("utf-16")[:-1]))


def test_a_letter_that_two_blocks_share_is_still_utf_8(saved, monkeypatch):
    monkeypatch.setattr("dnis.encodings._BLOCK_BYTES", 5)
    assert read_frame(saved("a,b\nü,2\n3,ü\n")).attrs["notes"] == ()


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_decimal_commas_become_points_and_are_noted(saved, delimiter):
    frame = read_frame(saved("user;rating\n1;3,5\n2; 4\n3;\n".replace(";", delimiter)))
    assert frame["rating"].tolist()[:2] == [3.5, 4.0]
    assert frame.attrs["notes"] == ("Column 'rating' was read with decimal commas.",)


@pytest.mark.parametrize("values", ["1,234;5,678", "3,5;4.5", "3,5;007", "1,2,3;4,5"])
def test_commas_that_may_mean_something_else_stay_text(saved, values):
    frame = read_frame(saved("user;rating\n" + "".join(f"1;{value}\n" for value in values.split(";"))))
    assert frame["rating"].tolist() == values.split(";")
    assert frame.attrs["notes"] == ()


def test_numbers_with_decimal_commas_do_not_hide_the_delimiter(saved):
    assert read_frame(saved("1,5;2,5\n3,5;4\n")).to_dict("list") == {"column_1": [1.5, 3.5], "column_2": [2.5, 4.0]}


def test_a_short_row_in_another_encoding_is_refused_as_short(saved):
    assert "data row 2: 1 values where the header has 2" in refusal(saved("user,name\n1,2\nAndré\n".encode("latin-1")))


def test_lines_may_end_with_a_carriage_return_alone(saved):
    assert read_frame(saved(b"user,item\r1,2\r3,4\r")).to_dict("list") == {"user": [1, 3], "item": [2, 4]}


def test_other_kinds_of_files_are_refused(saved):
    assert "Excel" in refusal(saved(b"PK\x03\x04rest", "log.csv"))
    assert "Excel" in refusal(saved(b"PK\x05\x06" + bytes(18), "log.csv"))
    assert "Excel" in refusal(saved("user,item\n1,2\n", "log.xlsx"))
    assert "zero byte" in refusal(saved(b"a\x00b\n1\n"))


def test_a_damaged_gzip_file_is_refused(saved):
    packed = gzip.compress(("user,item\n" + "".join(f"{i},{i * i}\n" for i in range(5000))).encode())
    assert "damaged gzip" in refusal(saved(packed[:-200], "log.csv.gz"))
    assert "damaged gzip" in refusal(saved(packed[:3] + b"\xff" * 40, "log.csv.gz"))


def test_a_damaged_parquet_file_is_refused(saved):
    assert "damaged Parquet" in refusal(saved(b"PAR1 and nothing that follows", "log.parquet"))


def test_parquet_of_raw_bytes_and_of_large_integers_beside_empty_cells_is_read(tmp_path):
    big = 2**63 + 1
    table = pa.table({"user": pa.array([b"a", b"\xc3\xa9"]), "item": pa.array([big, None], pa.uint64())})
    pq.write_table(table, tmp_path / "log.parquet")
    frame = read_frame(tmp_path / "log.parquet")
    assert (frame["user"].tolist(), frame["item"][0]) == (["a", "é"], big)
    pq.write_table(pa.table({"user": pa.array([b"\xe9"])}), tmp_path / "log.parquet")
    assert refusal(tmp_path / "log.parquet") == "column 'user' holds bytes that are not UTF-8 text"


@pytest.mark.parametrize(
    ("kind", "values", "read"),
    [
        (
            pa.decimal128(38, 0),
            ["1234567890123456789", "1234567890123456790"],
            [1234567890123456789, 1234567890123456790],
        ),
        (
            pa.decimal128(38, 0),
            ["99999999999999999999", "99999999999999999998", None],
            ["99999999999999999999", "99999999999999999998"],
        ),
        (pa.decimal128(38, 0), ["5", None, "7"], [5, 7]),
        (pa.decimal128(10, 2), ["1.10", None, "2.50"], [1.1, 2.5]),
    ],
)
def test_decimals_are_numbers_where_these_hold_them_and_else_text(tmp_path, kind, values, read):
    cells = [None if v is None else Decimal(v) for v in values]
    pq.write_table(pa.table({"user": pa.array(cells, kind)}), tmp_path / "log.parquet")
    assert read_frame(tmp_path / "log.parquet")["user"].dropna().tolist() == read


def test_columns_asked_for_as_text_keep_their_zeros(saved):
    frame = read_frame(saved("item,price\n 1.10,2.50\n1.1,2.5\n,3\n"), as_text=["item"])
    assert frame["item"].dropna().tolist() == ["1.10", "1.1"]
    assert frame["price"].tolist() == [2.5, 2.5, 3.0]


def test_lists_in_cells_are_refused(tmp_path):
    pd.DataFrame({"user": [1], "genres": [["a", "b"]]}).to_parquet(tmp_path / "log.parquet")
    assert refusal(tmp_path / "log.parquet") == "column 'genres' holds lists or records; keep one value per row"


@pytest.fixture(params=["csv", "parquet"])
def saved_table(request, tmp_path):
    def save(table):
        path = tmp_path / f"log.{request.param}"
        if request.param == "csv":
            pd.DataFrame(table).to_csv(path, index=False)
        else:
            pd.DataFrame(table).to_parquet(path)
        return path

    return save


def test_too_many_rows_are_refused_with_the_limit(saved_table, monkeypatch):
    path = saved_table({"user": [1, 3, 5], "item": [2, 4, 6]})
    monkeypatch.setenv("DNIS_MAX_ROWS", "2")
    assert refusal(path) == f"{path.name} has 3 rows or more, over the limit of 2 (DNIS_MAX_ROWS)"
    monkeypatch.setenv("DNIS_MAX_ROWS", "3")
    assert len(read_frame(path)) == 3


def test_too_many_columns_are_refused_with_the_limit(saved_table):
    path = saved_table({f"c{i}": [1] for i in range(501)})
    assert refusal(path) == f"{path.name} has 501 columns, more than the limit of 500"


def test_too_many_cells_are_refused_with_the_limit(saved_table, monkeypatch):
    monkeypatch.setattr("dnis.limits.MAX_CELLS", 5)
    path = saved_table({"user": [1, 3, 5], "item": [2, 4, 6]})
    assert refusal(path) == f"{path.name} has 6 cells or more, over the limit of 5"


def test_a_gzip_bomb_is_refused_before_it_is_held(saved, monkeypatch):
    monkeypatch.setattr("dnis.limits.MAX_UNPACKED_BYTES", 3_000_000)
    bomb = saved(gzip.compress(b"user,item\n" + b"1,2\n" * 5_000_000), "log.csv.gz")
    assert refusal(bomb) == "log.csv.gz unpacks to 3 MB or more, over the limit of 3 MB"


def test_a_parquet_bomb_is_refused_while_it_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr("dnis.limits.MAX_UNPACKED_BYTES", 3_000_000)
    pq.write_table(pa.table({"user": ["x" * 1000] * 10_000}), tmp_path / "log.parquet")
    assert refusal(tmp_path / "log.parquet") == "log.parquet unpacks to 8 MB or more, over the limit of 3 MB"


def test_a_few_words_among_decimal_commas_stay_words_and_the_numbers_are_read(saved):
    rows = [f"{i};{i % 4},5;a" for i in range(12)] + ["12;n. b., really;a,b"]
    frame = read_frame(saved(("id;rating;word\n" + "\n".join(rows)).encode()))
    assert frame["rating"].tolist() == [*[f"{i % 4}.5" for i in range(12)], "n. b., really"]
    assert frame["word"].tolist() == ["a"] * 12 + ["a,b"]
    assert frame.attrs["notes"] == ("Column 'rating' was read with decimal commas.",)
