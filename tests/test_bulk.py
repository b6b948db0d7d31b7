"""A log prepared through DuckDB against the same files read into memory; needs requirements-bulk.txt."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from dnis.__main__ import main
from dnis.interactions import DataError, Interactions
from dnis.preparation import split_of
from dnis.settings import DataSpec
from dnis.splits import PARTS

pytest.importorskip("duckdb", reason="python -m pip install -r requirements-bulk.txt")

from dnis.bulk import prepare


@pytest.fixture
def log(tmp_path):
    """900 rows of 40 users and 30 items with a city, an age, a title and gaps, in two files."""
    rng = np.random.default_rng(3)
    user, item = rng.integers(1, 41, 900), rng.integers(1, 31, 900)
    frame = pd.DataFrame(
        {
            "user_id": [f"u{u}" if u != 7 else "(unknown)" for u in user],
            "item_id": item,
            "rating": np.round(rng.uniform(1, 5, 900), 1),
            "timestamp": rng.permutation(900) * 1000 + 1_600_000_000_000,
            "title": [f"Film {i}, the 'first'" for i in item],
            "city": rng.choice(["Rome", "Paris", None], 900),
            "age": rng.choice([18.5, 20, 33, 47.25, None], 900),
            "nothing": "x",
        }
    )
    frame.loc[[10, 500], "user_id"] = None
    files = [tmp_path / "a.csv", tmp_path / "b.csv"]
    frame[:600].to_csv(files[0], index=False)
    frame[600:].to_csv(files[1], index=False)
    return files, frame


def both_ways(log, tmp_path, strategy="time", columns=()):
    files, frame = log
    out = tmp_path / "prepared"
    said = prepare(files, out, DataSpec("", columns, strategy))
    frame.to_csv(tmp_path / "whole.csv", index=False)
    whole = Interactions.from_csv(tmp_path / "whole.csv", columns=columns)
    return said, split_of(DataSpec(str(out))), whole.split(strategy)


def rows_of(part):
    return sorted(map(tuple, np.column_stack([part.ids, part.target.round(3)]).tolist()))


@pytest.mark.parametrize("strategy", ["time", "leave_last_out"])
def test_a_prepared_log_is_what_the_files_are_in_memory(log, tmp_path, strategy):
    said, stored, held = both_ways(log, tmp_path, strategy)
    assert stored.vocabulary.fields == held.vocabulary.fields
    assert [v.tolist() for v in stored.vocabulary.values] == [v.tolist() for v in held.vocabulary.values]
    assert stored.vocabulary.titles == held.vocabulary.titles
    assert stored.train.roles == held.train.roles
    assert stored.unknown == held.unknown
    for part in PARTS:
        assert rows_of(getattr(stored, part)) == rows_of(getattr(held, part))
    assert said["n_by_part"] == {name: len(part) for name, part in held.parts.items()}
    assert said["notes"][:2] == [
        "Dropped 2 rows without 'user_id', the first data row 11.",
        "Columns not used: 'nothing'.",
    ]


def test_the_training_rows_stand_in_a_drawn_order_and_the_others_as_they_came(log, tmp_path):
    _, stored, held = both_ways(log, tmp_path)
    assert (stored.train.ids != held.train.ids).any(axis=1).mean() > 0.9
    assert (stored.test.ids == held.test.ids).all()


def test_a_random_split_deals_about_the_shares_and_follows_the_seed(log, tmp_path):
    files, _ = log
    parts = {}
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        prepare(files, tmp_path / name, DataSpec("", (), "random", seed))
        parts[name] = split_of(DataSpec(str(tmp_path / name)))
    # 898 rows; three standard deviations of a share of 0.7 are 41 rows
    assert abs(len(parts["a"].train) - 0.7 * 898) < 41
    assert (parts["a"].train.ids == parts["b"].train.ids).all()
    assert rows_of(parts["a"].test) != rows_of(parts["c"].test)


def test_a_split_column_is_followed(log, tmp_path):
    files, frame = log
    for path, rows in zip(files, (frame[:600], frame[600:]), strict=True):
        rows.assign(split=["train", "train", "Valid", "test"] * (len(rows) // 4)).to_csv(path, index=False)
    said = prepare(files, tmp_path / "out", DataSpec())
    assert said["strategy"] == "column"
    sizes = said["n_by_part"]
    # data rows 11 and 501 have no user; one is a valid row, one a train row
    assert (sizes["train"], sizes["search_val"] + sizes["select_val"], sizes["test"]) == (449, 224, 225)
    assert sizes["search_val"] > 80


def test_labels_count_as_they_do_in_memory(log, tmp_path):
    files, frame = log
    frame["clicked"] = np.where(frame.pop("rating") > 3, "yes", "no")
    for path, rows in zip(files, (frame[:600], frame[600:]), strict=True):
        rows.to_csv(path, index=False)
    said, stored, held = both_ways((files, frame), tmp_path)
    assert rows_of(stored.test) == rows_of(held.test)
    assert said["notes"][-1] == "In column 'clicked', 'yes' counts as 1, 'no' as 0."


def test_parquet_files_are_prepared_alike(log, tmp_path):
    files, frame = log
    prepare(files, tmp_path / "text", DataSpec())
    frame.to_parquet(tmp_path / "log.parquet")
    prepare([tmp_path / "log.parquet"], tmp_path / "typed", DataSpec())
    one, other = (split_of(DataSpec(str(tmp_path / name))) for name in ("text", "typed"))
    assert rows_of(one.test) == rows_of(other.test)


def test_numbers_are_binned_by_the_edges_of_a_sample(log, tmp_path):
    _, stored, _ = both_ways(log, tmp_path, columns=(("numeric", "age"),))
    values = stored.vocabulary.values[stored.vocabulary.index("age")].tolist()
    assert values == ["(unknown)", "18.5", "20", "33", "47.25", "(missing)"]
    counts = stored.train.counts[stored.vocabulary.offsets[-2] :]
    assert (counts[1:] > 50).all()


def test_decimal_commas_are_read_in_every_column_of_numbers(log, tmp_path):
    files, frame = log
    said, stored, _ = both_ways(log, tmp_path)
    for file, rows in zip(files, (frame[:600], frame[600:]), strict=True):
        rows.to_csv(file, index=False, sep=";", decimal=",")
    again = prepare(files, tmp_path / "commas", DataSpec("", (), "time"))
    with_commas = split_of(DataSpec(str(tmp_path / "commas")))
    assert again["n_by_field"] == said["n_by_field"]
    assert [v.tolist() for v in with_commas.vocabulary.values] == [v.tolist() for v in stored.vocabulary.values]
    for part in PARTS:
        assert rows_of(getattr(with_commas, part)) == rows_of(getattr(stored, part))


def test_numbers_that_pile_up_on_zero_are_binned_as_they_are_in_memory(log, tmp_path):
    files, frame = log
    # doubling bins from 1 on hold nothing below 1000
    frame["views"] = np.where(np.arange(900) % 25 == 0, 1000 + np.arange(900) % 31, 0)
    for path, rows in zip(files, (frame[:600], frame[600:]), strict=True):
        rows.to_csv(path, index=False)
    _, stored, held = both_ways((files, frame), tmp_path, columns=(("numeric", "views"),))
    texts = stored.vocabulary.values[-1].tolist()
    assert texts == held.vocabulary.values[-1].tolist()
    assert texts[1] == "0"
    assert len(texts) == 4
    for part in PARTS:
        assert rows_of(getattr(stored, part)) == rows_of(getattr(held, part))


@pytest.mark.parametrize(
    "written", ["%d.%m.%Y %H:%M:%S", "%d/%m/%Y %H:%M:%S", "%m/%d/%Y %H:%M:%S", "%Y-%m-%d %H:%M:%S"]
)
def test_times_are_read_as_they_are_in_memory(log, tmp_path, written):
    files, frame = log
    since = pd.to_timedelta(frame["timestamp"] - frame["timestamp"].min(), unit="s") * 10  # 104 days
    frame["timestamp"] = (pd.Timestamp("2024-01-09") + since).dt.strftime(written)
    for path, rows in zip(files, (frame[:600], frame[600:]), strict=True):
        rows.to_csv(path, index=False)
    _, stored, held = both_ways((files, frame), tmp_path)
    assert rows_of(stored.test) == rows_of(held.test)


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("rating", "much", r"column 'rating', data row 41: 'much' is not a finite number"),
        ("rating", "", r"column 'rating', data row 41: an empty cell is not a finite number"),
        ("timestamp", "soon", r"column 'timestamp', data row 41: 'soon' is not a time"),
        ("timestamp", "31.12.99", r"column 'timestamp', data row 41: '31.12.99' is not a time"),
        ("timestamp", "1e308", r"column 'timestamp', data row 41: '1e308' is not a time"),
    ],
)
def test_a_wrong_cell_is_named(log, tmp_path, column, value, said):
    files, frame = log
    frame[column] = frame[column].astype(object)
    frame.loc[40, column] = value
    frame[:600].to_csv(files[0], index=False)
    files[1].unlink()
    many = pd.concat([frame[:5]] * 200)  # the first rows alone look well
    many.to_csv(tmp_path / "first.csv", index=False)
    with pytest.raises(DataError, match=said):
        prepare([files[0]], tmp_path / "out", DataSpec("", ((("rating"), "rating"), ("timestamp", "timestamp"))))
    assert not list((tmp_path / "out").iterdir())


def test_files_of_other_columns_are_refused(log, tmp_path):
    files, frame = log
    frame.rename(columns={"city": "town"}).to_csv(files[1], index=False)
    with pytest.raises(DataError, match=r"b\.csv has the columns .*town.*, a\.csv has .*city"):
        prepare(files, tmp_path / "out", DataSpec())


def test_a_strategy_that_needs_all_rows_at_once_is_refused(log, tmp_path):
    with pytest.raises(DataError, match="a log is dealt by time, random, leave_last_out, column; got 'time_global'"):
        prepare(log[0], tmp_path / "out", DataSpec("", (), "time_global"))


def test_a_prepared_log_is_searched_from_disk_on_the_command_line(log, tmp_path, capsys):
    files, _ = log
    out, run = tmp_path / "prepared", tmp_path / "run"
    assert main(["prepare", *map(str, files), "--out", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["n_interactions"] == 898
    words = ["--out", str(run), "--epochs", "3", "--embedding-dim", "4", "--batch-size", "64", "--json"]
    assert main(["search", str(out), *words]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["n_interactions"] == 898
    assert found["metrics"]["test"]["mse"] < 3
    assert main(["retrain", str(run), "--compression", "2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["n_values"] > 0
    assert main(["inspect", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["n_by_part"]["train"] > 600
    assert main(["prepare", str(files[0]), "--out", str(out)]) == 2
    assert "holds prepared data already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--core", "5"], "--core must be 0 for prepare, which keeps every user and item; got 5\n"),
        (
            ["--clean", "rating"],
            "--clean is not for prepare, which leaves out rows without user or item only; got 'rating'\n",
        ),
    ],
)
def test_rows_are_not_left_out_and_who_asks_for_it_is_told(log, tmp_path, capsys, words, said):
    assert main(["prepare", *map(str, log[0]), "--out", str(tmp_path / "out"), *words]) == 2
    assert capsys.readouterr().err == said
    assert not (tmp_path / "out").exists()


def test_a_folder_may_have_an_apostrophe_in_its_name(log, tmp_path):
    prepare(log[0], tmp_path / "o'brien", DataSpec())
    assert sum(map(len, split_of(DataSpec(str(tmp_path / "o'brien"))).parts.values())) == 898


def test_what_a_prepared_log_was_not_prepared_for_is_refused(log, tmp_path):
    prepare(log[0], tmp_path / "out", DataSpec())
    spec = DataSpec(str(tmp_path / "out"))
    with pytest.raises(DataError, match="was prepared with the split 'time'"):
        split_of(replace(spec, strategy="random"))
    with pytest.raises(ValueError, match="task 'ctr' needs a label column"):
        split_of(spec, "ctr")
    assert split_of(spec, None, "MF").train.vocabulary.fields == ("user_id", "item_id")
    (tmp_path / "out" / "test.parquet").unlink()
    with pytest.raises(DataError, match=r"test\.parquet is missing"):
        split_of(spec)


def test_a_file_packed_with_brotli_never_reaches_duckdb(log, tmp_path):
    _, frame = log
    frame.to_parquet(tmp_path / "log.parquet", compression="brotli")
    with pytest.raises(DataError, match=r"log\.parquet is packed with BROTLI, which is not read here"):
        prepare([tmp_path / "log.parquet"], tmp_path / "out", DataSpec(""))
    assert not (tmp_path / "out").exists()
