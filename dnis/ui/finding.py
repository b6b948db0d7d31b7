"""Find features by title or raw id while somebody types; no Streamlit in here."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dnis.ui import escape

if TYPE_CHECKING:
    from dnis.vocabulary import Vocabulary

N_MATCHES = 30
"""Longer lists are not read but narrowed down."""


@dataclass(frozen=True, eq=False)
class Index:
    """All features of a run, most frequent first.

    ``features`` are their ids, ``names`` their labels, ``raws`` their raw ids and ``texts`` what is searched: label,
    field and raw id on one line each, folded.
    """

    features: np.ndarray
    names: list[str]
    raws: list[str]
    texts: list[str]

    def matches(self, text: str) -> list[int]:
        """Features that hold every word of a text, the best match first.

        A raw id that is the text comes first, then labels that begin with it, then labels with a word that does, then
        the others; equally good ones stand by frequency.

        Args:
            text: Parts of a title or of a raw id; upper and lower case and accents are the same.

        Returns:
            Places in this index.
        """
        wanted = fold(text).split()
        if not wanted:
            return list(range(len(self.texts)))
        found = [i for i, line in enumerate(self.texts) if wanted[0] in line]
        for word in wanted[1:]:
            found = [i for i in found if word in self.texts[i]]
        whole = " ".join(wanted)
        ranked: tuple[list[int], ...] = ([], [], [], [])
        for i in found:  # in order of frequency, and so is every rank
            line = self.texts[i]
            exact = self.raws[i] == whole
            ranked[0 if exact else 1 if line.startswith(whole) else 2 if f" {whole}" in line else 3].append(i)
        return [i for places in ranked for i in places]


def fold(text: str) -> str:
    """The text without case and accents.

    Args:
        text: Any text.

    Returns:
        The folded text.
    """
    if not text.isascii():
        text = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return text.casefold()


def index_of(vocabulary: Vocabulary, counts: np.ndarray) -> Index:
    """Make the index of all features.

    Args:
        vocabulary: What the features are called.
        counts: Training frequency, (n_features,).

    Returns:
        The index.
    """
    by_count = np.argsort(-counts, kind="stable")
    fields = [escape.plain(name, 30) for name in vocabulary.fields]
    names, raws, texts = [], [], []
    for feature in by_count.tolist():
        f = int(vocabulary.field_of[feature])
        raw = escape.plain(vocabulary.values[f][feature - int(vocabulary.offsets[f])], 30)
        names.append(escape.plain(vocabulary.label(feature)))
        raws.append(fold(raw))
        texts.append(fold(f"{names[-1]} {fields[f]} {raw}"))
    return Index(by_count, names, raws, texts)


def listed(index: Index, vocabulary: Vocabulary, counts: np.ndarray, text: str) -> dict[str, Any]:
    """What the list under the box shows for a text.

    Args:
        index: All features.
        vocabulary: What they are called.
        counts: Training frequency, (n_features,).
        text: What has been typed.

    Returns:
        ``query``, ``total`` and ``found``: id, name, what (field and raw id, where the name does not say it) and count
        of the first matches.
    """
    places = index.matches(text)
    found = []
    for place in places[:N_MATCHES]:
        feature = int(index.features[place])
        field, raw = vocabulary.decode(feature)
        name, what = index.names[place], f"{escape.plain(field, 30)} {escape.plain(raw, 30)}"
        # a feature without a title is called by field and raw id already
        found.append({"id": feature, "name": name, "what": what if what != name else "", "count": int(counts[feature])})
    return {"query": text, "total": len(places), "found": found}
