"""All figures of a run, by the headings they are chosen by."""

import json
from pathlib import Path

import pytest

from dnis.figures.gallery import makers_of
from dnis.runs import load_run

RUN = Path(__file__).resolve().parents[1] / "sample_data" / "movielens-small-run"


@pytest.mark.parametrize(("metric", "word"), [("mse", "MSE"), ("ndcg@10", "NDCG@10"), ("<b>", "&lt;b&gt;")])
def test_the_picture_of_a_comparison_names_its_metric_as_the_pages_do(metric, word):
    run = load_run(RUN)
    makers = makers_of(run, None, {**json.loads((RUN / "comparison.json").read_text()), "metric": metric})
    assert makers["Methods against bytes"]().layout.yaxis.title.text == word
