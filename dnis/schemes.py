"""Feature blocks by frequency, and which dimensions every feature keeps, with its size in values and in bytes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

VALUE_BYTES = 4
"""A kept value is stored as float32."""

LAYOUTS = ("dense", "block", "bitmask", "csr")
"""Ways to store a masked table: ``dense`` the dimensions that any row keeps, for all rows; ``block`` per block the
dimensions that any of its features keeps; ``bitmask`` one bit per entry and the kept values; ``csr`` kept values, their
columns, row starts."""


def make_blocks(
    counts: np.ndarray, n_blocks: int, kind: str = "equal", field_of: np.ndarray | None = None
) -> np.ndarray:
    """Put every feature into a block of similar training frequency; block 0 holds the most frequent.

    Args:
        counts: Training frequency per feature, (n_features,).
        n_blocks: Number of blocks wanted; fewer come out when there are fewer features.
        kind: ``equal`` number of features per block (DNIS default), ``magnitude`` one block per power of ten of the
            count (released choice for Criteo), ``field`` equal blocks inside every field.
        field_of: Field index per feature, (n_features,); needed by ``field``.

    Returns:
        Block index per feature, (n_features,) int32, numbered 0 ... without gaps.

    Raises:
        ValueError: If ``kind`` is unknown, or ``field`` is asked for without ``field_of``.
    """
    if kind == "equal":
        return _equal_blocks(counts, n_blocks)
    if kind == "magnitude":
        power = np.floor(np.log10(np.maximum(counts, 1))).astype(int)
        return _dense_ranks(np.minimum(power.max() - power, n_blocks - 1))
    if kind == "field":
        if field_of is None:
            raise ValueError("blocks='field' needs field_of, got None")
        return _field_blocks(counts, n_blocks, field_of)
    raise ValueError(f"blocks must be one of equal, magnitude, field; got {kind!r}")


def _equal_blocks(counts: np.ndarray, n_blocks: int) -> np.ndarray:
    order = np.argsort(-counts, kind="stable")
    n_blocks = min(n_blocks, len(counts))
    block_of = np.empty(len(counts), dtype=np.int32)
    block_of[order] = (np.arange(len(counts)) * n_blocks) // max(len(counts), 1)
    return block_of


def _field_blocks(counts: np.ndarray, n_blocks: int, field_of: np.ndarray) -> np.ndarray:
    block_of = np.empty(len(counts), dtype=np.int32)
    first = 0
    for field in np.unique(field_of):
        inside = np.flatnonzero(field_of == field)
        block_of[inside] = first + _equal_blocks(counts[inside], n_blocks)
        first = int(block_of[inside].max()) + 1
    return block_of


def _dense_ranks(values: np.ndarray) -> np.ndarray:
    return np.unique(values, return_inverse=True)[1].astype(np.int32)


def layout_bytes(n_kept: int, union: np.ndarray, block_sizes: np.ndarray) -> dict[str, int]:
    """Size [bytes] of a masked table in every layout, index included; see ``LAYOUTS``.

    Args:
        n_kept: Kept entries.
        union: Which dimensions any feature of a block keeps, (n_blocks, K) bool.
        block_sizes: Features per block, (n_blocks,).

    Returns:
        Size by layout.
    """
    n, k = int(block_sizes.sum()), union.shape[1]
    bits = -(-k // 8)
    column = 1 if k <= 256 else 2
    return {
        "block": int((block_sizes * union.sum(axis=1)).sum()) * VALUE_BYTES + len(union) * bits,
        "dense": n * int(union.any(axis=0).sum()) * VALUE_BYTES,
        "bitmask": n_kept * VALUE_BYTES + n * bits,
        "csr": n_kept * (VALUE_BYTES + column) + 4 * (n + 1),
    }


def entries_within(n_bytes: int, n_features: int, embedding_dim: int) -> int:
    """Most single entries, wherever they stand, that a number of bytes holds with their index; see ``LAYOUTS``.

    Args:
        n_bytes: Largest size as stored.
        n_features: Rows of the table.
        embedding_dim: K.

    Returns:
        At least 0; all entries where the full table fits.
    """
    if n_bytes >= VALUE_BYTES * n_features * embedding_dim:
        return n_features * embedding_dim
    empty = layout_bytes(0, np.zeros((1, embedding_dim), dtype=bool), np.array([n_features]))
    one = layout_bytes(1, np.zeros((1, embedding_dim), dtype=bool), np.array([n_features]))
    return max(0, *((n_bytes - empty[name]) // (one[name] - empty[name]) for name in ("bitmask", "csr")))


@dataclass(frozen=True, eq=False)
class DimensionScheme:
    """Which entries of the embedding table stay.

    ``mask`` (n_features, K) bool; ``block_of`` (n_features,); ``alpha`` (n_blocks, K) or None: the weights that a
    retraining keeps fixed (AutoSrh); ``projected``: stored rows have fewer dimensions and a (d_l, K) projection per
    block lifts them (MDE); ``by_entries``: entries were chosen one by one, of a table that was not turned.
    """

    mask: np.ndarray
    block_of: np.ndarray
    alpha: np.ndarray | None = None
    threshold: float | None = None
    projected: bool = False
    by_entries: bool = False

    @classmethod
    def from_block_dims(
        cls, dims: np.ndarray, block_of: np.ndarray, embedding_dim: int, projected: bool = False
    ) -> DimensionScheme:
        """The scheme in which every feature of block l keeps its first ``dims[l]`` dimensions.

        Args:
            dims: Dimensions per block, (n_blocks,).
            block_of: Block per feature, (n_features,).
            embedding_dim: K.
            projected: Whether a projection per block lifts the rows to K (MDE).

        Returns:
            A nested scheme.
        """
        mask = np.arange(embedding_dim)[None, :] < np.asarray(dims)[block_of][:, None]
        return cls(mask=mask, block_of=block_of, projected=projected)

    @property
    def structured(self) -> bool:
        """Whether all features of a block keep the same dimensions, and are meant to."""
        return not self.by_entries and bool((self.mask == self._block_union[self.block_of]).all())

    def regrouped(self, counts: np.ndarray, field_of: np.ndarray) -> DimensionScheme:
        """The same answer for features whose frequencies have changed: block sizes stay, members are ranked anew.

        A structured scheme says what a frequency deserves, not what a feature does. A model that learns from more data
        than the search must ask again how frequent each feature is; else what was rare then is starved now.

        Args:
            counts: New frequency per feature, (n_features,).
            field_of: Field per feature, (n_features,); blocks that lie within one field stay there.

        Returns:
            A scheme of the very same size; this one itself where it is not structured.
        """
        if not self.structured:
            return self
        n_blocks = int(self.block_of.max()) + 1
        fields = [set(field_of[self.block_of == block]) for block in range(n_blocks)]
        within = field_of if all(len(f) <= 1 for f in fields) else np.zeros_like(field_of)
        block_of = np.empty_like(self.block_of)
        for field in np.unique(within):
            inside = np.flatnonzero(within == field)
            order = inside[np.argsort(-counts[inside], kind="stable")]
            block_of[order] = np.sort(self.block_of[inside])
        return replace(self, mask=self._block_union[block_of], block_of=block_of)

    @property
    def dims(self) -> np.ndarray:
        """Kept dimensions per feature, (n_features,)."""
        return self.mask.sum(axis=1)

    @property
    def n_values(self) -> int:
        """Stored numbers, projections included."""
        return int(self.mask.sum()) + self._projection_values

    @property
    def sparsity(self) -> float:
        """Share of the full table that is gone, in [0, 1]."""
        return 1.0 - float(self.mask.mean()) if self.mask.size else 0.0

    @property
    def block_dims(self) -> np.ndarray:
        """Dimensions that any feature of the block keeps, (n_blocks,)."""
        return self._block_union.sum(axis=1)

    @property
    def mean_dims_by_block(self) -> np.ndarray:
        """Mean kept dimensions per feature of each block, (n_blocks,)."""
        n_blocks = int(self.block_of.max()) + 1
        total = np.bincount(self.block_of, weights=self.dims, minlength=n_blocks)
        return total / np.maximum(np.bincount(self.block_of, minlength=n_blocks), 1)

    @property
    def bytes_by_layout(self) -> dict[str, int]:
        """Size [bytes] of the table in every layout that can hold it exactly, index included."""
        union = self._block_union
        out = layout_bytes(int(self.mask.sum()), union, np.bincount(self.block_of, minlength=len(union)))
        if self.projected:
            return {"block": out["block"] + self._projection_values * VALUE_BYTES}
        return out

    @property
    def layout(self) -> str:
        """The smallest exact layout."""
        sizes = self.bytes_by_layout
        return min(sizes, key=lambda name: (sizes[name], LAYOUTS.index(name)))

    @property
    def n_bytes(self) -> int:
        """Bytes as stored in the smallest exact layout, index included."""
        return min(self.bytes_by_layout.values())

    @property
    def _block_union(self) -> np.ndarray:
        order = np.argsort(self.block_of, kind="stable")
        present, starts = np.unique(self.block_of[order], return_index=True)
        union = np.zeros((int(self.block_of.max()) + 1, self.mask.shape[1]), dtype=bool)
        union[present] = np.logical_or.reduceat(self.mask[order], starts, axis=0)
        return union

    @property
    def _projection_values(self) -> int:
        k = self.mask.shape[1]
        return int(sum(d * k for d in self.block_dims if 0 < d < k)) if self.projected else 0
