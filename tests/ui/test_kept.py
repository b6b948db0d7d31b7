"""Uploads on disk: the same file is the same data, and nobody can name it who has not uploaded it."""

import hashlib
import re
import stat

from dnis.ui import kept


def test_the_same_content_is_the_same_file_and_other_content_another(tmp_path):
    first = kept.keep(tmp_path, "mine.csv", b"a,b\n1,2\n")
    assert kept.keep(tmp_path, "mine.csv", b"a,b\n1,2\n") == first
    other = kept.keep(tmp_path, "mine.csv", b"a,b\n1,3\n")
    assert other.name == first.name
    assert other != first
    assert (first.read_bytes(), other.read_bytes()) == (b"a,b\n1,2\n", b"a,b\n1,3\n")


def test_who_knows_the_content_cannot_name_the_folder(tmp_path):
    content = b"a,b\n1,2\n"
    here, there = (kept.keep(tmp_path / server, "mine.csv", content) for server in ("one", "two"))
    assert re.fullmatch("[0-9a-f]{32}", here.parent.name)
    assert here.parent.name != there.parent.name
    assert here.parent.name not in hashlib.sha256(content).hexdigest()


def test_the_key_is_for_the_server_alone_and_made_once(tmp_path):
    kept.keep(tmp_path, "a.csv", b"1")
    key = next(path for path in tmp_path.iterdir() if path.is_file())
    before = key.read_bytes()
    kept.keep(tmp_path, "b.csv", b"2")
    assert len(before) == 32
    assert key.read_bytes() == before
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "uploads").stat().st_mode) == 0o700
    assert sorted(path.name for path in tmp_path.iterdir()) == [key.name, "uploads"]


def test_a_name_is_kept_as_letters_and_digits_with_an_ending_that_is_known(tmp_path):
    names = {
        "../../etc/passwd": "etc-passwd.csv", "a b.PARQUET": "a-b.parquet", "x.csv.gz": "x.csv.gz",
        "evil.php": "evil-php.csv",
        "con\0.csv": "con.csv", "": "data.csv", "<script>.tsv": "script.tsv", "y" * 300 + ".csv": "y" * 40 + ".csv",
        "\u202egpj.exe": "gpj-exe.csv", "..": "data.csv", "a.csv;.exe": "a-csv-exe.csv",
    }  # fmt: skip
    for name, expected in names.items():
        path = kept.keep(tmp_path, name, name.encode())
        assert path.name == expected
        assert path.parent.parent == tmp_path / "uploads"
