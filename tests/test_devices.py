"""Where a training computes: named, found or refused; on a CPU the numbers are those of a job that names nothing."""

import json

import numpy as np
import pytest
import torch

from dnis.__main__ import main
from dnis.bilevel import search
from dnis.processes import current, joined
from dnis.runs import load_run
from dnis.training import train
from tests.engine_data import small_config, small_split


def test_a_gpu_is_taken_where_there_is_one_and_left_alone_where_it_is_not_wanted(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setenv("LOCAL_RANK", "3")
    for asked, given in (("auto", "cuda:1"), ("cuda", "cuda:1"), ("cpu", "cpu")):
        with joined(device=asked):
            assert str(current().device) == given
    assert str(current().device) == "cpu"


def test_without_a_gpu_the_cpu_is_taken_unless_the_gpu_was_asked_for(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with joined(device="auto") as group:
        assert str(group.device) == "cpu"
    with pytest.raises(ValueError, match="no GPU"), joined(device="cuda"):
        pass
    with pytest.raises(ValueError, match="device"), joined(device="tpu"):
        pass


def test_a_gpu_is_refused_to_tables_that_live_on_the_cpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ValueError, match="'cuda' was asked for, but tables 'torchrec'"), joined("torchrec", "cuda"):
        pass


@pytest.mark.parametrize(("task", "n_fields", "model"), [("rating", 2, "MF"), ("ctr", 4, "DeepFM")])
def test_a_device_that_is_named_changes_no_bit_on_a_cpu(task, n_fields, model):
    split, config = small_split(task, n_fields), small_config(task, model=model, order=2)
    alone = search(split, config)
    with joined(device="cpu"):
        named = search(split, config)
    assert np.array_equal(alone.embeddings, named.embeddings)
    assert np.array_equal(alone.alpha, named.alpha)


def test_mixed_precision_is_off_unless_asked_for_and_keeps_tables_in_single_precision():
    split, config = small_split("ctr", 4), small_config("ctr", model="DeepFM", epochs=3).for_training()
    single = train(split, config)
    with joined(mixed=True):
        mixed = train(split, config)
    assert not current().mixed
    assert mixed.model.embeddings.dtype == np.float32
    assert not np.array_equal(single.model.embeddings, mixed.model.embeddings)
    assert abs(single.metrics["test"]["logloss"] - mixed.metrics["test"]["logloss"]) < 0.02


def test_a_run_says_that_its_precision_was_mixed(ratings_csv, tmp_path, capsys):
    words = ["search", str(ratings_csv), "--epochs", "2", "--warm-epochs", "1", "--embedding-dim", "4", "--no-controls"]
    assert main([*words, "--device", "cpu", "--mixed-precision", "--out", str(tmp_path / "mixed"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["epochs"] == 2
    assert load_run(tmp_path / "mixed").facts["mixed_precision"] is True
    assert main([*words, "--out", str(tmp_path / "single")]) == 0
    assert "mixed_precision" not in load_run(tmp_path / "single").facts
