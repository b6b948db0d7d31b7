"""Files into typed tables, and every fault of a file in one sentence."""

import gzip

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
    monkeypatch.setattr("dnis.reading._BLOCK_BYTES", 24)
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


def test_a_file_without_column_names_is_refused(saved):
    assert refusal(saved("196,242,3\n186,302,3\n")) == (
        "the first row of log.csv must name the columns, but it holds numbers: 196, 242, 3"
    )


def test_a_single_column_may_be_named_by_a_number(saved):
    assert list(read_frame(saved("user,2020\n1,2\n"))) == ["user", "2020"]


def test_a_row_of_another_length_is_named(saved):
    assert refusal(saved("user,item\n1,2\n3,4\n5\n")) == ("log.csv, data row 3: 1 values where the header has 2: '5'")


def test_another_encoding_is_refused_in_the_header_and_below(saved):
    assert "not UTF-8" in refusal(saved("user,prénom\n1,2\n".encode("latin-1")))
    assert "not UTF-8" in refusal(saved("user,name\n1,André\n".encode("latin-1")))
    assert "not UTF-8" in refusal(saved("user,item\n1,2\n".encode("utf-16")))


def test_a_short_row_in_another_encoding_is_refused_as_short(saved):
    assert "data row 2: 1 values where the header has 2" in refusal(saved("user,name\n1,2\nAndré\n".encode("latin-1")))


def test_lines_may_end_with_a_carriage_return_alone(saved):
    assert read_frame(saved(b"user,item\r1,2\r3,4\r")).to_dict("list") == {"user": [1, 3], "item": [2, 4]}


def test_other_kinds_of_files_are_refused(saved):
    assert "Excel" in refusal(saved(b"PK\x03\x04rest", "log.csv"))
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


def test_lists_in_cells_are_refused(tmp_path):
    pd.DataFrame({"user": [1], "genres": [["a", "b"]]}).to_parquet(tmp_path / "log.parquet")
    assert refusal(tmp_path / "log.parquet") == "column 'genres' holds lists or records; keep one value per row"


def test_a_file_of_too_many_rows_is_refused_before_it_is_held(saved, monkeypatch):
    monkeypatch.setattr("dnis.reading.MAX_ROWS", 2)
    assert refusal(saved("user,item\n1,2\n3,4\n5,6\n")) == "log.csv has more than 2 rows"
    assert len(read_frame(saved("user,item\n1,2\n3,4\n"))) == 2
