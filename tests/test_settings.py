import json
from dataclasses import asdict, fields

import pytest

from dnis.models import MODELS
from dnis.settings import (
    DEFAULTS_BY_TASK,
    MODELS_BY_TASK,
    SPLIT_STRATEGIES,
    TASK_NAMES,
    CompareConfig,
    DataSpec,
    SearchConfig,
    TrainConfig,
    from_dict,
)
from dnis.tasks import TASKS

RANGES = {
    "embedding_dim": (1, 512),
    "lr": (1e-6, 1.0),
    "l2": (0.0, 100.0),
    "l2_nu": (-2.0, 2.0),
    "batch_size": (1, 1_000_000),
    "epochs": (1, 10_000),
    "patience": (1, 10_000),
    "n_negatives": (1, 100),
    "wide_epochs": (0, 10_000),
    "ema_decay": (0.0, 0.999),
    "recency_half_life": (0.0, 10_000.0),
    "seed": (0, 2**31 - 1),
    "n_blocks": (1, 1000),
    "lr_alpha": (0.0, 1.0),
    "alpha_start": (0.0, 1.0),
    "l1_alpha": (0.0, 10.0),
    "order": (1, 2),
    "warm_epochs": (0, 1000),
    "compression": (0.0, 1000.0),
}
"""What every number of a search may be."""

CHOICES = {
    "task": TASK_NAMES,
    "optimizer": ("adam", "adagrad"),
    "topk_loss": ("bce", "bpr", "softmax", "full_softmax"),
    "blocks": ("equal", "magnitude", "field"),
    "l1_scale": ("relative", "absolute"),
    "alpha_optimizer": ("sgd", "adam"),
    "recipe": ("paper", "budget"),
    "grain": ("either", "dimensions", "entries"),
}


@pytest.mark.parametrize("name", RANGES)
def test_a_number_is_accepted_at_its_bounds_and_refused_beyond(name):
    low, high = RANGES[name]
    step = 1 if isinstance(low, int) else 1e-7
    task = "topk" if name == "recency_half_life" else "rating"
    for value in (low, high):
        assert getattr(SearchConfig(**{name: value}, task=task), name) == value
    for value in (low - step, high + step, float("nan"), "1", None, True):
        with pytest.raises(ValueError, match=rf"{name} must be in \[.*\], got"):
            SearchConfig(**{name: value}, task=task)


def test_every_number_and_word_of_a_search_has_its_range():
    numbers = {f.name for f in fields(SearchConfig) if type(f.default) in (int, float)}
    words = {f.name for f in fields(SearchConfig) if type(f.default) is str}
    assert numbers == set(RANGES)
    assert words == {*CHOICES, "model"}


@pytest.mark.parametrize("name", [n for n, (low, _) in RANGES.items() if isinstance(low, int)])
def test_a_count_must_be_whole(name):
    with pytest.raises(ValueError, match=f"{name} must be a whole number, got 1.5"):
        SearchConfig(**{name: 1.5})


def test_a_measure_may_be_given_as_a_whole_number():
    assert SearchConfig(l2=1, compression=4).compression == 4


@pytest.mark.parametrize("compression", [0.0, 0.5, 17.0])
def test_the_budgeted_recipe_must_know_its_budget(compression):
    with pytest.raises(ValueError, match=rf"recipe 'budget' needs a compression in \[1, 16\], got {compression:g}"):
        SearchConfig(embedding_dim=16, recipe="budget", compression=compression)


@pytest.mark.parametrize("name", CHOICES)
def test_a_word_must_be_on_its_list(name):
    allowed = CHOICES[name]
    for word in allowed:
        task = {"task": "topk"} if name == "topk_loss" else {}
        model = {"model": MODELS_BY_TASK[word][0]} if name == "task" else {}
        budget = {"compression": 4.0} if name == "recipe" else {}
        assert getattr(SearchConfig(**{name: word, **task, **model, **budget}), name) == word
    with pytest.raises(ValueError, match=f"{name} must be one of {', '.join(allowed)}; got 'nonsense'"):
        SearchConfig(**{name: "nonsense"})


def test_a_model_must_suit_its_task():
    with pytest.raises(ValueError, match="model must be one of FM, WideDeep, DeepFM; got 'MF'"):
        TrainConfig(task="ctr", model="MF")


def test_tasks_and_models_are_those_of_the_registries():
    assert tuple(TASKS) == TASK_NAMES == tuple(MODELS_BY_TASK) == tuple(DEFAULTS_BY_TASK)
    assert {model for models in MODELS_BY_TASK.values() for model in models} == set(MODELS)


@pytest.mark.parametrize("hidden", [(), (0,), (8, 5000), (8, 2.5)])
def test_hidden_layers_must_be_some_and_have_a_width(hidden):
    with pytest.raises(ValueError, match="hidden"):
        TrainConfig(hidden=hidden)


@pytest.mark.parametrize("task", TASK_NAMES)
def test_a_task_brings_its_own_defaults_which_can_be_changed(task):
    config = SearchConfig.for_task(task)
    assert config.task == task
    assert {name: getattr(config, name) for name in DEFAULTS_BY_TASK[task]} == DEFAULTS_BY_TASK[task]
    assert SearchConfig.for_task(task, lr=0.5).lr == 0.5


def test_an_unknown_task_has_no_defaults():
    with pytest.raises(ValueError, match="task must be one of rating, ctr, topk; got 'regression'"):
        SearchConfig.for_task("regression")


def test_the_training_inside_a_search_keeps_its_settings_but_for_changes():
    config = SearchConfig(lr=0.5, l2=0.25, seed=7, n_blocks=3).for_training(epochs=9)
    assert config == TrainConfig(lr=0.5, l2=0.25, seed=7, epochs=9)
    assert type(config) is TrainConfig


@pytest.mark.parametrize(
    "config",
    [
        TrainConfig(hidden=(8,), lr=0.1),
        SearchConfig(hidden=(8, 4), order=2, compression=4.0),
        DataSpec("sample:adult", columns=(("label", "income"),), strategy="random", seed=3),
        CompareConfig(search=SearchConfig(embedding_dim=8), methods=("uniform", "dnis"), seeds=(1, 2)),
    ],
)
def test_settings_come_back_from_json(config):
    again = from_dict(type(config), json.loads(json.dumps(asdict(config))))
    assert again == config
    assert hash(again) == hash(config)  # a frozen record is its own cache key


def test_a_search_reads_its_own_settings_back():
    assert SearchConfig.from_dict({"hidden": [16], "lr": 0.5}) == SearchConfig(hidden=(16,), lr=0.5)


@pytest.mark.parametrize(
    ("kind", "values", "said"),
    [
        (DataSpec, {"source": None}, "source must be text, got None"),
        (DataSpec, {"columns": [["user", 1]]}, r"columns must be a list of pairs of texts, got \(\('user', 1\),\)"),
        (SearchConfig, {"hidden": "64"}, "hidden must be a list of whole numbers, got '64'"),
        (SearchConfig, {"normalise": 0}, "normalise must be true or false, got 0"),
        (SearchConfig, {"lr": "fast"}, r"lr must be in \[1e-06, 1\], got 'fast'"),
        (SearchConfig, {"hidden": [True]}, r"hidden must be in \[1, 4096\], got True"),
        (CompareConfig, {"search": [1]}, r"search must be an object of settings, got \(1,\)"),
        (CompareConfig, {"seeds": {"0": 1}}, "seeds must be a list of whole numbers, got {'0': 1}"),
    ],
)
def test_a_value_of_another_kind_is_refused_by_its_name(kind, values, said):
    with pytest.raises(ValueError, match=said):
        from_dict(kind, values)


def test_an_unknown_setting_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="unknown setting 'learning_rate'; known are .*lr, lr_alpha"):
        SearchConfig.from_dict({"learning_rate": 0.1})


def test_settings_cannot_be_changed():
    with pytest.raises(AttributeError):
        SearchConfig().lr = 0.5


@pytest.mark.parametrize("strategy", [None, *SPLIT_STRATEGIES])
def test_data_may_be_dealt_in_every_known_way(strategy):
    assert DataSpec(strategy=strategy).strategy == strategy


def test_an_unknown_way_to_deal_data_is_refused():
    with pytest.raises(ValueError, match="strategy must be one of time, .*column; got 'kfold'"):
        DataSpec(strategy="kfold")


@pytest.mark.parametrize("seed", [-1, 2**31, 0.5])
def test_data_are_dealt_with_a_whole_seed(seed):
    with pytest.raises(ValueError, match="seed must be"):
        DataSpec(seed=seed)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"methods": ("dnis",)}, "methods must include uniform: .*got dnis"),
        (
            {"methods": ("uniform", "dnis", "uniform")},
            "methods must differ from each other, got uniform, dnis, uniform",
        ),
        ({"seeds": (0, 1, 0)}, "seeds must differ from each other, got 0, 1, 0"),
        ({"compressions": (2, 2.0)}, "compressions must differ from each other, got 2, 2.0"),
        ({"methods": ("uniform", "magic")}, "methods must be one of .*got 'magic'"),
        ({"compressions": ()}, "at least one compression and one seed"),
        ({"seeds": ()}, "at least one compression and one seed"),
        ({"compressions": (0.5,)}, r"compressions must be in \[1, 1000\], got 0.5"),
        ({"seeds": (-1,)}, "seeds must be in"),
        ({"n_trials": 0}, "n_trials must be in"),
        ({"n_bootstrap": 9}, "n_bootstrap must be in"),
    ],
)
def test_a_comparison_refuses_what_cannot_be_compared(changes, reason):
    with pytest.raises(ValueError, match=reason):
        CompareConfig(**changes)
