"""What each column of a table is for: guessed from its name and values, and overridable."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import pandas as pd

from dnis.reading import DataError
from dnis.times import dated_column

ROLE_NAMES = ("user", "item", "rating", "label", "timestamp", "split", "title", "feature", "numeric", "ignore")
"""Roles a column can be given by hand; ``feature`` and ``numeric`` may be given to many columns."""

SYNONYMS = {
    "user": "userid user uid customerid customer reviewerid visitorid memberid userkey "
    "member visitor client reader viewer listener player "
    "kunde kundenid kundennr kundennummer nutzer nutzerid benutzer utilisateur cliente usuario",
    "item": "itemid item iid movieid movie productid product asin parentasin isbn bookid songid trackid artistid "
    "articleid businessid gameid sku itemkey book film song track game article restaurant recipe "
    "artikel artikelid artikelnr artikelnummer produkt produktid produit producto",
    "rating": "rating ratings stars star score overall ratingvalue bookrating bewertung sterne puntuacion",
    "label": "label click clicked isclick clicks target y income purchased bought liked converted conversion",
    "timestamp": "timestamp time ts date datetime unixreviewtime unixtime ratingtimestamp createdat eventtime "
    "datum zeit zeitpunkt zeitstempel fecha",
    "split": "split part fold partition subset",
    "title": "title itemtitle movietitle producttitle name itemname productname moviename titel titre titulo",
}
"""Column names, in lower case without spaces and signs, that give a column its role; the first found wins.

English first, then the most common ones of German, French and Spanish shops."""

SPLIT_WORDS = {
    "train": "train", "training": "train", "valid": "valid", "validation": "valid", "val": "valid", "dev": "valid",
    "test": "test", "testing": "test",
}  # fmt: skip
"""Words of a split column, and the part that each stands for."""

MANY_VALUES = 50
"""In a table without users and items, an integer column with more distinct values than this is a number, not a code."""


@dataclass(frozen=True)
class Roles:
    """Which column is what; ``features`` are categories, ``numeric`` columns are cut into bins, the rest is not used.

    ``target_kind`` is ``rating`` (a number), ``label`` (one of two values) or None where every row counts as positive.
    Rows whose cell in a column of ``clean`` cannot be used are dropped, where else the table would be refused.
    """

    user: str | None = None
    item: str | None = None
    target: str | None = None
    target_kind: str | None = None
    timestamp: str | None = None
    split: str | None = None
    title: str | None = None
    features: tuple[str, ...] = ()
    numeric: tuple[str, ...] = ()
    clean: tuple[str, ...] = ()

    @property
    def fields(self) -> tuple[str, ...]:
        """Columns that are embedded: user, item, then categories, then binned numbers."""
        return tuple(c for c in (self.user, self.item) if c is not None) + self.features + self.numeric

    def role_of(self, column: str) -> str:
        """The role of a column as a word of ``ROLE_NAMES``.

        Args:
            column: A column's name.

        Returns:
            Its role, ``ignore`` where it has none.
        """
        for role in ("user", "item", "timestamp", "split", "title"):
            if getattr(self, role) == column:
                return role
        if self.target == column:
            return self.target_kind or "ignore"
        if column in self.features:
            return "feature"
        return "numeric" if column in self.numeric else "ignore"

    @classmethod
    def guess(cls, frame: pd.DataFrame) -> Roles:
        """Guess every column's role.

        Names decide first (``SYNONYMS``); a lone column of days is the time. Of the other columns, text is a
        category and a number with a fraction is numeric. Whole numbers are codes, hence categories, beside a
        user or item column; without one they are numeric when they have more than 50 distinct values or are
        named I1, I2 ... as in Criteo's logs. Left out are columns with one value, and columns of text or whole
        numbers that never repeat (row numbers, free text).

        Args:
            frame: The table.

        Returns:
            The guess.
        """
        timestamp = _named(frame, "timestamp") or dated_column(frame)
        roles = cls(user=_named(frame, "user"), item=_named(frame, "item"), timestamp=timestamp)
        roles = replace(roles, title=_named(frame, "title") if roles.item else None, split=_split_column(frame))
        target, kind = _target_column(frame)
        roles = replace(roles, target=target, target_kind=kind)
        is_log = roles.user is not None or roles.item is not None
        kinds = {c: _feature_kind(frame[c], is_log) for c in frame.columns if _is_free(roles, c)}
        features, numeric = (tuple(c for c, k in kinds.items() if k == kind) for kind in ("feature", "numeric"))
        return replace(roles, features=features, numeric=numeric)

    def override(self, pairs: tuple[tuple[str, str], ...]) -> Roles:
        """Give columns other roles by hand; a later pair wins over an earlier one.

        Args:
            pairs: (role, column) pairs with roles from ``ROLE_NAMES``, or ``clean``, which is given beside a role.

        Returns:
            The changed roles.

        Raises:
            DataError: If a role is unknown.
        """
        roles = self
        for role, column in pairs:
            if role == "clean":
                roles = replace(roles, clean=(*roles.clean, column))
                continue
            if role not in ROLE_NAMES:
                raise DataError(f"column {column!r} cannot be {role!r}; roles are {', '.join(ROLE_NAMES)}")
            roles = roles._without(column)
            if role in {"rating", "label"}:
                roles = replace(roles, target=column, target_kind=role)
            elif role == "feature":
                roles = replace(roles, features=(*roles.features, column))
            elif role == "numeric":
                roles = replace(roles, numeric=(*roles.numeric, column))
            elif role != "ignore":
                roles = replace(roles, **{role: column})
        return roles

    def check(self, columns: list[str]) -> None:
        """Refuse roles that these columns cannot fill.

        Args:
            columns: The table's columns.

        Raises:
            DataError: If a column does not exist, or nothing is left to embed.
        """
        named = (*self.fields, self.target, self.timestamp, self.split, self.title, *self.clean)
        for column in named:
            if column is not None and column not in columns:
                raise DataError(f"no column {column[:60]!r}; the columns are {listed(columns)}")
        if not self.fields:
            raise DataError(f"no user, item or feature among the columns {listed(columns)}")
        if self.target is None and (self.user is None or self.item is None):
            raise DataError(
                "without a rating or label column both a user and an item column are needed; "
                f"the columns are {listed(columns)}"
            )

    def _without(self, column: str) -> Roles:
        gone = {r: None for r in ("user", "item", "timestamp", "split", "title") if getattr(self, r) == column}
        if self.target == column:
            gone |= {"target": None, "target_kind": None}
        return replace(
            self,
            **gone,
            features=tuple(c for c in self.features if c != column),
            numeric=tuple(c for c in self.numeric if c != column),
        )


def listed(columns: list[str]) -> str:
    """Some columns' names for a sentence, each cut to a length.

    Args:
        columns: All of them.

    Returns:
        The first ten.
    """
    return ", ".join(repr(name[:40]) for name in columns[:10]) + (", ..." if len(columns) > 10 else "")


def _normal(name: object) -> str:
    return re.sub(r"[\W_]+", "", str(name)).lower()


def _named(frame: pd.DataFrame, role: str) -> str | None:
    by_name = {_normal(c): c for c in reversed(frame.columns)}
    return next((by_name[word] for word in SYNONYMS[role].split() if word in by_name), None)


def _split_column(frame: pd.DataFrame) -> str | None:
    column = _named(frame, "split")
    if column is None:
        return None
    words = {str(v).lower() for v in frame[column].dropna().unique()[:20]}
    return column if words and words <= set(SPLIT_WORDS) else None


def _target_column(frame: pd.DataFrame) -> tuple[str | None, str | None]:
    rating = _named(frame, "rating")
    if rating is not None:
        values = set(frame[rating].dropna().unique()[:3].tolist())
        return rating, "label" if values and values <= {0, 1} else "rating"
    label = _named(frame, "label")
    if label is not None and frame[label].nunique() <= 2:
        return label, "label"
    return None, None


def _is_free(roles: Roles, column: str) -> bool:
    if roles.role_of(column) != "ignore":
        return False
    # Beside a target, another column named like one would give the answer away; beside an item, a title adds nothing.
    taken = ("title",) if roles.item else ()
    taken += ("rating", "label") if roles.target else ()
    return all(_normal(column) not in SYNONYMS[role].split() for role in taken)


def _feature_kind(values: pd.Series, is_log: bool) -> str:
    n_distinct = values.nunique()
    if n_distinct < 2:
        return "ignore"
    whole = is_whole(values)
    if pd.api.types.is_float_dtype(values.dtype) and not whole:
        return "numeric"
    if n_distinct == len(values) > MANY_VALUES:
        return "ignore"
    criteo_number = re.fullmatch(r"[Ii]\d{1,2}", str(values.name)) is not None
    return "numeric" if whole and not is_log and (criteo_number or n_distinct > MANY_VALUES) else "feature"


def is_whole(values: pd.Series) -> bool:
    """Whether a column holds whole numbers only, missing values aside.

    Args:
        values: A column.

    Returns:
        True for integers, and for floats without a fraction.
    """
    if pd.api.types.is_float_dtype(values.dtype):
        known = values.dropna()
        return bool((known % 1 == 0).all())
    return pd.api.types.is_integer_dtype(values.dtype)
