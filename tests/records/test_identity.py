"""What a run is called."""

import pytest

from al_bench.records.identity import Identity, canonical, differing_keys, identity_of

CHOICES = {"dataset": "digits", "model": "mlp", "strategy": "badge"}
DEFAULT = {
    "seed": 0,
    "num_initial": 100,
    "num_validation": 0,
    "num_threads": 1,
    "budget": None,
    "batch_size": {"size": 100},
    "dataset": {"_target_": "d", "hyperparameters": {"width": 256}},
    "model": {"_target_": "m", "width": 256, "optimizer": {"lr": 0.001, "betas": [0.9, 0.99]}},
    "strategy": {"_target_": "s", "first": "uniform"},
}


def identity(**changes: object) -> Identity:
    config = {key: dict(value) if isinstance(value, dict) else value for key, value in DEFAULT.items()}
    for key, value in changes.items():
        node, *rest = key.split("__")
        target = config
        for part in rest:
            target[node] = dict(target[node])
            target, node = target[node], part
        target[node] = value
    return identity_of(config, DEFAULT, CHOICES)


def test_a_choice_alone_is_its_own_name():
    assert identity() == Identity("digits", "mlp", "badge", 100, "", 0)
    assert identity().path.as_posix() == "digits/mlp/badge/b100/s0"


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"model__optimizer__lr": 0.01}, "mlp,optimizer.lr=0.01"),
        ({"model__width": 3, "model__optimizer__lr": 1.0}, "mlp,optimizer.lr=1,width=3"),
        ({"model__optimizer__lr": 1}, "mlp,optimizer.lr=1"),
        ({"model__width": 256.0}, "mlp"),
        ({"model__extra": "a/b"}, "mlp,extra=a%2Fb"),
        ({"model__optimizer__betas": [0.5, 1]}, "mlp,optimizer.betas=[0.5,1]"),
        ({"model__extra": True}, "mlp,extra=true"),
        ({"model__extra": "true"}, "mlp,extra=%22true%22"),
        ({"model__optimizer__betas": [0, 0.90]}, "mlp,optimizer.betas=[0,0.9]"),
        ({"model__optimizer__betas": [0.0, 0.9]}, "mlp,optimizer.betas=[0,0.9]"),
        ({"model__extra": ["fourier", "zernike"]}, "mlp,extra=[fourier,zernike]"),
        ({"model__extra": ["fourier,zernike"]}, "mlp,extra=[%22fourier,zernike%22]"),
        ({"model__extra": "[fourier,zernike]"}, "mlp,extra=%22[fourier,zernike]%22"),
        ({"model__extra": [["a", "1"], [True, None]]}, "mlp,extra=[[a,%221%22],[true,null]]"),
    ],
)
def test_a_name_tells_what_differs_from_the_choice_in_canonical_form(changes, name):
    assert identity(**changes).model == name


def test_a_value_that_becomes_a_mapping_is_not_said_to_be_gone():
    default = {**DEFAULT, "model": {**DEFAULT["model"], "schedule": None}}
    config = {**DEFAULT, "model": {**DEFAULT["model"], "schedule": {"step": 3}}}
    assert identity_of(config, default, CHOICES).model == "mlp,schedule.step=3"


def test_of_a_mapping_that_becomes_a_value_the_value_is_said():
    default = {**DEFAULT, "model": {**DEFAULT["model"], "schedule": {"step": 3, "rate": 2}}}
    config = {**DEFAULT, "model": {**DEFAULT["model"], "schedule": None}}
    assert identity_of(config, default, CHOICES).model == "mlp,schedule=null"


def test_what_a_choice_has_and_a_run_has_not_is_named_too():
    assert identity_of(DEFAULT | {"strategy": {"_target_": "s"}}, DEFAULT, CHOICES).strategy == "badge,~first"


def test_values_that_models_take_from_the_data_set_are_named_where_they_are_used():
    changed = identity(dataset__hyperparameters={"width": 7}, model__width=7)
    assert (changed.dataset, changed.model) == ("digits", "mlp,width=7")


def test_root_keys_that_change_results_are_the_variant():
    assert identity(num_validation=25).variant == "num_validation=25"
    changed = identity(num_initial=50, num_threads=2)
    assert changed.variant == "num_initial=50,num_threads=2"
    assert changed.path.as_posix() == "digits/mlp/badge/b100/num_initial=50,num_threads=2/s0"
    assert identity(budget=7) == identity()


def test_a_long_name_is_short_and_still_its_own():
    first, second = identity(model__extra="x" * 300), identity(model__extra="x" * 299 + "y")
    assert len(first.model) <= 120
    assert first.model != second.model
    assert first == identity(model__extra="x" * 300)


def test_differing_keys_ignores_what_changes_no_result():
    assert differing_keys(DEFAULT, DEFAULT | {"budget": 3, "device": "cuda", "data_dir": "x"}) == []
    assert differing_keys(DEFAULT, DEFAULT | {"seed": 1}) == ["seed: 1 there, 0 asked for"]


def without(config: dict[str, object], group: str, key: str) -> dict[str, object]:
    return config | {group: {name: value for name, value in config[group].items() if name != key}}


def test_a_key_that_a_stored_run_lacks_counts_as_its_default():
    older = without(without(DEFAULT, "model", "optimizer"), "strategy", "first")
    del older["num_threads"]
    assert differing_keys(DEFAULT, older, DEFAULT) == []
    ours = DEFAULT | {"strategy": {"_target_": "s", "first": "largest"}, "num_threads": 2}
    assert differing_keys(ours, older, DEFAULT) == [
        "num_threads: absent there, 2 asked for",
        "strategy.first: absent there, largest asked for",
    ]
    assert "strategy.first: absent there, uniform asked for" in differing_keys(DEFAULT, older)


def test_a_group_that_a_stored_run_lacks_counts_as_its_default():
    usual = DEFAULT | {"features": {"_target_": "f", "options": {"size": 3}}}
    assert differing_keys(usual, DEFAULT, usual) == []
    assert differing_keys(usual, DEFAULT | {"features": {}}, usual) == []
    ours = usual | {"features": {"_target_": "f", "options": {"size": 4}}}
    assert differing_keys(ours, DEFAULT, usual) == ["features.options.size: absent there, 4 asked for"]
    assert differing_keys(DEFAULT | {"features": None}, DEFAULT, DEFAULT | {"features": None}) == []


def test_a_key_that_only_the_stored_run_has_is_a_difference_whatever_its_value():
    lacking = without(DEFAULT, "strategy", "first")
    assert differing_keys(lacking, DEFAULT, lacking) == ["strategy.first: uniform there, absent asked for"]
    assert differing_keys(lacking, DEFAULT, DEFAULT) == ["strategy.first: uniform there, absent asked for"]


def test_a_part_in_place_of_what_was_nothing_is_a_difference():
    part = DEFAULT | {"strategy": {"_target_": "s", "first": {"_target_": "other"}}}
    assert differing_keys(part, DEFAULT, DEFAULT) == [
        "strategy.first: uniform there, absent asked for",
        "strategy.first._target_: absent there, other asked for",
    ]


@pytest.mark.parametrize(
    ("value", "text"), [(1.0, "1"), (1e-3, "0.001"), (None, "null"), ("a b", "a b"), (1e22, "10000000000000000000000")]
)
def test_a_value_has_one_spelling(value, text):
    assert canonical(value) == text


@pytest.mark.parametrize("function", ["al_bench.datasets.arrays.arrays", "al_bench.datasets.modalities.modalities"])
def test_the_name_of_a_users_own_file_stands_for_its_path(function):
    def of(**dataset: object) -> tuple[str, dict[str, object]]:
        config = {**DEFAULT, "dataset": {"_target_": function, "path": "???", "name": None} | dataset}
        default = {**DEFAULT, "dataset": {"_target_": function, "path": "???", "name": None}}
        return identity_of(config, default, CHOICES).dataset, config

    name, config = of(path="a.npz")
    own_name, named = of(path="a.npz", name="mine")
    moved_name, moved = of(path="b.npz", name="mine")
    assert (name, own_name, moved_name) == ("digits,path=a.npz", "digits,name=mine", "digits,name=mine")
    assert differing_keys(moved, named) == []
    assert differing_keys(of(path="b.npz")[1], config) == ["dataset.path: a.npz there, b.npz asked for"]
    assert differing_keys(of(path="a.npz", name="other")[1], named) == ["dataset.name: mine there, other asked for"]
    assert differing_keys(config, named)


def test_name_and_path_of_another_data_set_are_two_keys():
    changed = {**DEFAULT, "dataset": {"_target_": "d", "path": "a", "name": "b"}}
    assert identity_of(changed, {**DEFAULT, "dataset": {"_target_": "d"}}, CHOICES).dataset == "digits,name=b,path=a"
