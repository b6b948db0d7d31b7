"""A folder of prepared data: dealt, encoded and searchable from disk.

``prepared.json`` (what was made of the files; written last, so a folder that has it is whole), ``vocabulary.parquet``
(what each feature is), and a Parquet file per part: a column of feature ids per field and the target.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from dnis.files import read_json, read_table, write_json, write_table
from dnis.limits import DataError
from dnis.records import features_table, vocabulary_of
from dnis.roles import Roles
from dnis.settings import DataSpec
from dnis.splits import PARTS, Split
from dnis.stored import StoredInteractions
from dnis.vocabulary import Vocabulary

RECORD, VOCABULARY = "prepared.json", "vocabulary.parquet"
"""Names of files in the folder."""

FORMAT = 1
"""Version of the folder's layout."""


class StoredSplit(Split):
    """Four parts on disk."""

    @cached_property
    def digest(self) -> str:
        """A name for the rows and how they are dealt, which follows from the bytes of the parts' files."""
        digest = hashlib.sha256()
        # packed as they are, the files are hashed in a fraction of the time that reading their rows takes
        for path in (path for name in PARTS for path in getattr(self, name).files):
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        return digest.hexdigest()

    @cached_property
    def development(self) -> StoredInteractions:
        """Everything but test: what a final model is trained on."""
        train, *others = (StoredInteractions.joined(getattr(self, name), []) for name in PARTS[:3])
        return train.joined(others)

    def of_users_and_items(self) -> StoredSplit:
        """The same rows with user and item as their only fields."""
        return replace(self, **{name: part.of_users_and_items() for name, part in self.parts.items()})


def is_prepared(source: str | Path) -> bool:
    """Whether a path is a folder of prepared data.

    Args:
        source: A path.

    Returns:
        Whether its record is there.
    """
    return (Path(source) / RECORD).is_file()


def part_file(folder: Path, part: str) -> Path:
    """Where a part stands.

    Args:
        folder: The folder.
        part: One of ``PARTS``.

    Returns:
        A path.
    """
    return folder / f"{part}.parquet"


def save_record(folder: Path, vocabulary: Vocabulary, roles: Roles, record: dict[str, Any]) -> None:
    """Write what was made of the files, when the parts are there.

    Args:
        folder: The folder.
        vocabulary: What each feature is.
        roles: What the columns were.
        record: strategy, seed, unknown and notes.
    """
    write_table(folder / VOCABULARY, features_table(vocabulary))
    named = {"fields": vocabulary.fields, "item_field": vocabulary.item_field, "roles": asdict(roles)}
    write_json(folder / RECORD, {"format": FORMAT, **named, **record})


def load_prepared(data: DataSpec) -> StoredSplit:
    """The four parts of prepared data, which stay on disk.

    Args:
        data: The folder as ``source``; column roles and the split were fixed when it was prepared.

    Returns:
        The parts.

    Raises:
        DataError: If the folder is of another version or not whole, or something else is asked of it than it holds.
    """
    folder = Path(data.source)
    record = read_json(folder / RECORD)
    if record.get("format") != FORMAT:
        raise DataError(f"{folder / RECORD} has format {record.get('format')!r}; this version reads format {FORMAT}")
    if data.columns or data.strategy not in (None, record["strategy"]):
        raise DataError(
            f"{folder.name} was prepared with the split {record['strategy']!r} and its own columns; "
            "prepare the files again to change that"
        )
    for part in PARTS:
        if not part_file(folder, part).is_file():
            raise DataError(f"{part_file(folder, part)} is missing")
    features = read_table(folder / VOCABULARY).to_pandas()
    vocabulary = vocabulary_of(features, record["fields"], record["item_field"])
    listed: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in record["roles"].items()}
    roles = Roles(**listed)
    parts = [StoredInteractions((part_file(folder, p),), vocabulary, roles, tuple(record["notes"])) for p in PARTS]
    return StoredSplit(*parts, strategy=record["strategy"], seed=record["seed"], unknown=record["unknown"])
