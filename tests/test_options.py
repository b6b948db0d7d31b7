"""Every setting can be said on the command line, and only what is said is set."""

import dataclasses

import pytest

from dnis.__main__ import make_parser
from dnis.options import data_of, settings_of
from dnis.settings import CompareConfig, DataSpec, SearchConfig


def test_every_setting_has_an_option_and_only_what_is_given_is_set():
    words = {
        f.name: ["--" + f.name.replace("_", "-"), *map(str, f.default if isinstance(f.default, tuple) else [f.default])]
        for f in dataclasses.fields(SearchConfig)
        if not isinstance(f.default, bool)
    }
    all_words = [word for option in words.values() for word in option]
    options = make_parser().parse_args(["search", "data.csv", *all_words, "--no-normalise", "--freeze-dense"])
    settings = settings_of(options, SearchConfig)
    assert SearchConfig.from_dict(settings) == SearchConfig(normalise=False, freeze_dense=True)
    assert settings_of(make_parser().parse_args(["search", "data.csv", "--lr", "0.1"]), SearchConfig) == {"lr": 0.1}


def test_a_comparison_has_the_same_options_and_its_own():
    words = "--lr 0.1 --seeds 3 4 --methods uniform pep"
    options = make_parser().parse_args(["compare", "d.csv", *words.split()])
    assert settings_of(options, SearchConfig) == {"lr": 0.1}
    assert settings_of(options, CompareConfig) == {"seeds": [3, 4], "methods": ["uniform", "pep"]}


def test_a_comparison_leaves_compression_and_recipe_to_its_methods(capsys):
    # the usual slip, understood as what it stands for
    options = make_parser().parse_args(["compare", "d.csv", "--compression", "4", "8"])
    assert settings_of(options, CompareConfig) == {"compressions": [4.0, 8.0]}
    assert settings_of(options, SearchConfig) == {}
    with pytest.raises(SystemExit):
        make_parser().parse_args(["compare", "d.csv", "--recipe", "budget"])


def help_of(command, capsys):
    with pytest.raises(SystemExit):
        make_parser().parse_args([command, "--help"])
    return " ".join(capsys.readouterr().out.split())


def test_the_help_tells_the_defaults_of_every_task(capsys):
    said = help_of("search", capsys)
    assert "penalty on the looked-up rows (default 0.1; ctr 0.0001; topk 0.01)" in said
    assert "dimensions before the search, K (default 64; ctr 16)" in said
    assert "learning rate of the weights (default 0.005; ctr 0.002; topk 0.005)" in said
    assert "(default 4; topk 8)" in said
    assert "longest search [epochs] (default 60; ctr 30)" in said
    assert "interactions per step (follows from the data)" in said


def test_the_help_of_the_seed_says_what_it_is_the_seed_of(capsys):
    assert "seed of the split and of the search (default 0)" in help_of("search", capsys)
    assert "seed of the split (default 0)" in help_of("compare", capsys)


def test_columns_are_named_in_the_order_in_which_they_are_given():
    words = "--user u --item i --label y --timestamp t --split-column part --features a,b --feature c,d --numeric n"
    options = make_parser().parse_args(f"search sample:x {words} --split column --seed 7".split())
    columns = (
        ("user", "u"), ("item", "i"), ("label", "y"), ("timestamp", "t"), ("split", "part"), ("feature", "a"),
        ("feature", "b"), ("feature", "c,d"), ("numeric", "n"),
    )  # fmt: skip
    assert data_of(options) == DataSpec("sample:x", columns, "column", 7)
