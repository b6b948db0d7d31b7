"""Train models of the ``implicit`` library on a log and leave their factors behind; run by ``benchmarks.rankings``.

``python implicit_factors.py LOG.npz OUT.npz``, in an environment of its own that holds ``implicit``. ``LOG.npz`` has
``ids`` (n, 2), rows and columns of a matrix of ``shape``, ``settings``, a JSON list of models and their arguments, and
for each of these the entries of the matrix, ``weights`` (n_settings, n).
"""

from __future__ import annotations

import json
import sys

import numpy as np
from implicit.als import AlternatingLeastSquares  # ty: ignore[import-not-found]
from implicit.bpr import BayesianPersonalizedRanking  # ty: ignore[import-not-found]
from scipy import sparse

KINDS = {"ALS": AlternatingLeastSquares, "BPR": BayesianPersonalizedRanking}


def main() -> None:
    """Train one model after the other."""
    log = np.load(sys.argv[1])
    ids = log["ids"]
    out = {}
    weights = log["weights"]
    for place, (kind, arguments) in enumerate(json.loads(str(log["settings"]))):
        seen = sparse.csr_matrix((weights[place], (ids[:, 0], ids[:, 1])), shape=tuple(log["shape"]))
        model = KINDS[kind](num_threads=1, **arguments)
        model.fit(seen, show_progress=False)
        out[f"users{place}"], out[f"items{place}"] = model.user_factors, model.item_factors
    np.savez(sys.argv[2], **out)


if __name__ == "__main__":
    main()
