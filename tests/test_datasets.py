"""Bundled samples, and planted data whose answer is known."""

from pathlib import Path

import numpy as np
import pytest

from dnis.datasets import PLANTED_DIMS, SAMPLE_FOLDER, SAMPLES, load, planted
from dnis.interactions import DataError
from dnis.schemes import make_blocks
from dnis.settings import DataSpec


@pytest.fixture(scope="module")
def easy():
    """Planted data without noise, small enough to look into."""
    return planted(seed=1, n_users=120, n_items=80, n_interactions=4000, dims=(4, 2, 1), noise=0.0)


def test_movielens_is_what_its_readme_says():
    data = load("sample:movielens-small")
    assert (len(data), data.n_users, data.n_items, data.task) == (100_004, 671, 9066, "rating")
    assert data.vocabulary.fields == ("user_id", "item_id")
    assert (data.target.min(), data.target.max()) == (0.5, 5.0)
    assert data.notes == ("Columns not used: 'year', 'genres'.",)


def test_movies_are_called_by_title_and_year():
    vocabulary = load("sample:movielens-small").vocabulary
    toy_story, untitled = vocabulary.encode("item_id", ["1", "108583"])
    assert vocabulary.label(toy_story) == "Toy Story (1995)"
    assert vocabulary.label(untitled) == "item_id 108583"


def test_genres_and_year_become_fields_when_asked_for():
    data = load("sample:movielens-small", (("feature", "genres"), ("numeric", "year")))
    assert data.vocabulary.fields == ("user_id", "item_id", "genres", "year")
    toy_story = data.ids[data.column("item_id") == data.vocabulary.encode("item_id", ["1"])[0]][0]
    assert data.vocabulary.decode(toy_story[2]) == ("genres", "Adventure|Animation|Children|Comedy|Fantasy")
    assert data.vocabulary.label(toy_story[3]) == "year 1995"


def test_adult_is_what_its_readme_says():
    data = load("sample:adult")
    assert (len(data), data.task, int(data.target.sum())) == (48_842, "ctr", 11_687)
    assert data.roles.numeric == ("age", "capital-gain", "capital-loss", "hours-per-week")
    assert len(data.vocabulary.fields) == 13
    assert "fnlwgt" not in data.vocabulary.fields
    assert "fnlwgt" in load("sample:adult", (("numeric", "fnlwgt"),)).vocabulary.fields


@pytest.mark.parametrize("name", SAMPLES)
def test_every_sample_loads_and_splits(name):
    split = load(f"sample:{name}").split()
    shares = [len(part) / len(load(f"sample:{name}")) for part in split.parts.values()]
    assert shares == pytest.approx([0.7, 0.1, 0.1, 0.1], abs=1e-3)
    assert SAMPLES[name].__doc__


def test_the_default_data_are_a_sample():
    assert DataSpec().source.removeprefix("sample:") in SAMPLES


def test_samples_bring_their_licence_and_stay_small():
    for name in ("movielens-small", "adult"):
        assert "**Licence.**" in (SAMPLE_FOLDER / name / "README.md").read_text()
    files = [p for name in SAMPLES for p in (SAMPLE_FOLDER / name).glob("*")]
    assert sum(p.stat().st_size for p in files) < 4_000_000


def test_a_path_is_read_as_a_file(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("user,item,stars\n1,1,3\n2,2,4\n")
    assert load(str(path), (("ignore", "stars"),)).task == "topk"


def test_an_unknown_sample_and_a_missing_file_are_refused():
    with pytest.raises(DataError, match="no sample 'moon'; the samples are movielens-small, adult, planted"):
        load("sample:moon")
    with pytest.raises(DataError, match=r"no such file: nowhere\.csv"):
        load(str(Path("nowhere.csv")))
    with pytest.raises(DataError, match="the sample 'planted' has fixed roles"):
        load("sample:planted", (("feature", "user_id"),))


def test_planted_groups_are_the_blocks_of_equal_size_by_frequency():
    data = planted()
    assert len(data.interactions) == 80_000
    blocks = make_blocks(data.interactions.counts, len(PLANTED_DIMS))
    known = data.interactions.counts > 0
    for group, dim in enumerate(PLANTED_DIMS):
        assert set(data.true_dims[known & (blocks == group)].tolist()) == {dim}
    assert data.true_dims[~known].tolist() == [0, 0]


def test_planted_pairs_are_distinct_and_reach_everyone(easy):
    pairs = easy.interactions.ids
    assert len(np.unique(pairs, axis=0)) == len(pairs) == 4000
    assert (easy.interactions.n_users, easy.interactions.n_items) == (120, 80)
    assert (np.diff(easy.interactions.timestamp) >= 0).all()


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_planted_ratings_without_noise_have_the_rank_of_the_true_dimensions(dim):
    data = planted(seed=0, n_users=200, n_items=20, n_interactions=2000, dims=(dim,), noise=0.0).interactions
    table = np.full((200, 20), np.nan)
    table[data.ids[:, 0] - 1, data.ids[:, 1] - data.vocabulary.offsets[1] - 1] = data.target
    popular = np.argsort(np.isnan(table).sum(axis=0))[:6]
    full = table[:, popular][~np.isnan(table[:, popular]).any(axis=1)]
    # Differences of differences hold no mean and no biases, <e_u - e_v, e_i - e_j> is left.
    mixed = np.diff(np.diff(full, axis=0), axis=1)
    sizes = np.linalg.svd(mixed, compute_uv=False)
    assert len(full) > 10
    assert sizes[dim - 1] > 0.5
    assert sizes[dim] < 0.1  # ratings are rounded to 0.01


def test_planted_wide_features_spread_their_ratings_more(easy):
    data, dims = easy.interactions, easy.true_dims
    user, item = data.ids.T
    shared = np.minimum(dims[user], dims[item])
    spread = [data.target[shared == d].var() for d in (1, 2, 4)]
    # biases 2 * 0.3^2, and 0.6^4 for every shared dimension
    assert spread == pytest.approx([0.18 + d * 0.1296 for d in (1, 2, 4)], rel=0.25)


def test_planted_ratings_have_two_decimals_and_come_again_with_the_seed(easy):
    again = planted(seed=1, n_users=120, n_items=80, n_interactions=4000, dims=(4, 2, 1), noise=0.0)
    other = planted(seed=2, n_users=120, n_items=80, n_interactions=4000, dims=(4, 2, 1), noise=0.0)
    assert again.interactions.ids.tobytes() == easy.interactions.ids.tobytes()
    assert again.interactions.target.tobytes() == easy.interactions.target.tobytes()
    assert other.interactions.target.tobytes() != easy.interactions.target.tobytes()
    cents = easy.interactions.target * 100
    assert np.abs(cents - np.round(cents)).max() < 1e-3


def test_planted_noise_is_as_wide_as_asked_for():
    small = {"seed": 3, "n_users": 200, "n_items": 100, "n_interactions": 9000}
    calm, loud = planted(**small, noise=0.0).interactions, planted(**small, noise=0.7).interactions
    assert (loud.target - calm.target).std() == pytest.approx(0.7, rel=0.03)


def test_shuffled_groups_have_the_same_dimensions_in_another_order():
    falling, shuffled = planted(seed=0), planted(seed=0, order="shuffled")
    counts = falling.interactions.counts
    assert shuffled.interactions.counts.tolist() == counts.tolist()
    by_group = [set(shuffled.true_dims[make_blocks(counts, 10) == g].tolist()) - {0} for g in range(10)]
    found = [dims.pop() for dims in by_group]
    assert sorted(found, reverse=True) == list(PLANTED_DIMS) != found


def test_true_dimensions_follow_another_vocabulary(easy):
    split = easy.interactions.split("random", seed=0)
    dims = easy.dims_in(split.vocabulary)
    assert len(dims) == split.vocabulary.n_features
    for feature_id in range(0, len(dims), 17):
        field, raw = split.vocabulary.decode(feature_id)
        assert dims[feature_id] == easy.true_dims[easy.interactions.vocabulary.encode(field, [raw])[0]]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"order": "rising"}, "order must be one of falling, shuffled; got 'rising'"),
        ({"n_users": 1}, "n_users must be in"),
        ({"n_interactions": 10}, r"n_interactions must be in \[2300, 600000\], got 10"),
        ({"noise": -0.1}, "noise must be in"),
        ({"dims": ()}, "number of dims must be in"),
        ({"dims": (4, 0)}, r"dims must be in \[1, 512\], got 0"),
    ],
)
def test_planted_settings_outside_their_range_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        planted(**changes)
