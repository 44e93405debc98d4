"""Steps of training that are written out are those of autograd and the optimizer, to the bit, or are not taken."""

import re
from collections import Counter
from dataclasses import replace
from functools import partial

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.nn.modules import module as of_all_modules
from torch.nn.utils import parametrize

from al_bench.core.data import Examples, Normalisation
from al_bench.core.errors import TrainingError
from al_bench.core.network import cross_entropy
from al_bench.models.mlp import MLP
from al_bench.training import mlp_step
from al_bench.training.learner import Learner
from al_bench.training.mlp_step import MLPStep
from al_bench.training.options import TrainingOptions
from al_bench.training.steps import AutogradStep
from tests.conftest import blobs

ADAM = partial(torch.optim.Adam, lr=1e-2, fused=True)
ADAMW = partial(torch.optim.AdamW, lr=1e-2, weight_decay=0.3, fused=True)
COSINE = partial(torch.optim.lr_scheduler.CosineAnnealingLR, T_max=30)
DATASET = blobs()
IMAGES = Examples(
    torch.randint(256, (150, 3, 4, 5), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)),
    torch.randint(7, (150,), generator=torch.Generator().manual_seed(1)),
)
SHORT = TrainingOptions(ADAM, 32, max_epochs=3, stop_at_train_accuracy=None)
NORMALISATION = Normalisation((0.4, 0.5, 0.6), (0.2, 0.3, 0.1))


def name_of(options) -> str:
    """Without addresses: every worker has to give a test the same name."""
    return re.sub(r" at 0x\w+", "", str(options))


@pytest.fixture(autouse=True)
def _as_in_a_new_process(monkeypatch):
    monkeypatch.setattr(mlp_step, "_is_right", {})


@pytest.fixture
def taken(monkeypatch) -> Counter[str]:
    """How many steps of each kind the fits of a test take."""
    counts = Counter()
    for kind in (MLPStep, AutogradStep):

        def counted(self, *arguments, name=kind.__name__, step=kind.__call__):
            counts[name] += 1
            return step(self, *arguments)

        monkeypatch.setattr(kind, "__call__", counted)
    return counts


def fit(training: TrainingOptions, examples: Examples = DATASET.train, objective=cross_entropy, network=MLP, **learner):
    build = partial(network, tuple(examples.inputs.shape[1:]), int(examples.targets.max()) + 1, 50)
    return Learner(build, training, **learner).fit(examples, objective, seed=3, round=2)


def by_autograd(*arguments, **keywords):
    """The same fit without the steps that are written out."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(MLPStep, "is_for", lambda *_: False)
        return fit(*arguments, **keywords)


def assert_same(found, expected) -> None:
    assert all(map(torch.equal, found.network.parameters(), expected.network.parameters()))
    assert found.course.train_accuracy == expected.course.train_accuracy
    assert found.course.num_epochs == expected.course.num_epochs


@pytest.mark.moderate
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"minibatch_size": 1, "max_epochs": 4},
        {"minibatch_size": 10_000},
        {"gradient_clamp": 1e-3},
        {"optimizer": partial(ADAM, lr=0.3)},
        {"optimizer": partial(ADAM, weight_decay=0.1, betas=(0.7, 0.8), eps=1e-3)},
        {"stop_at_train_accuracy": 0.8},
        {"channels_last": True},
        {"optimizer": partial(ADAM, weight_decay=0.1, decoupled_weight_decay=True)},
        {"optimizer": ADAMW, "lr_schedule": COSINE},
        {"optimizer": ADAM, "lr_schedule": COSINE},
        {"optimizer": ADAMW, "lr_schedule": partial(torch.optim.lr_scheduler.OneCycleLR, max_lr=0.1, total_steps=30)},
        {"optimizer": ADAMW, "patience": 3, "patience_on": "training", "min_delta": 0.01},
    ],
    ids=name_of,
)
@pytest.mark.parametrize("examples", [DATASET.train, IMAGES], ids=["vectors", "images"])
def test_steps_written_out_are_autograds_to_the_bit(options, examples, taken):
    training = TrainingOptions(**{"optimizer": ADAM, "minibatch_size": 32, "max_epochs": 30} | options)
    written_out = fit(training, examples, normalisation=NORMALISATION)
    assert taken == {"MLPStep": written_out.course.num_steps, "AutogradStep": 1}
    taken.clear()
    autograds = by_autograd(training, examples, normalisation=NORMALISATION)
    assert taken == {"AutogradStep": autograds.course.num_steps}
    assert_same(written_out, autograds)
    assert written_out.course.num_epochs > 1


def adam_of_several_groups(parameters):
    return ADAM([{"params": [each]} for each in parameters])


def other_objective(logits_NC, targets):
    return functional.cross_entropy(logits_NC, targets)


def adam_of_the_head(parameters):
    return ADAM([*parameters][-1:])


def adam_with_a_hook(parameters):
    optimizer = ADAM(parameters)
    optimizer.register_step_post_hook(lambda *_: None)
    return optimizer


def with_a_hook(optimizer):
    optimizer.register_step_pre_hook(lambda *_: None)
    return COSINE(optimizer)


def with_a_step_of_its_own(optimizer):
    schedule, step = COSINE(optimizer), optimizer.step
    optimizer.step = lambda: step()
    return schedule


def dropping(self, inputs):
    return functional.dropout(functional.relu(self.hidden(inputs)), training=self.training)


class Wider(MLP):
    """Another network, whose steps nobody knows."""

    def embed(self, inputs):
        return 2 * super().embed(inputs)


class Scaled(MLP):
    def forward(self, inputs):
        return 2 * super().forward(inputs)


class Called(MLP):
    def __call__(self, inputs):
        return 2 * super().__call__(inputs)


@pytest.mark.parametrize(
    "options",
    [
        {"optimizer": partial(torch.optim.Adam, lr=1e-2)},
        {"optimizer": partial(ADAM, amsgrad=True)},
        {"optimizer": partial(ADAM, maximize=True)},
        {"optimizer": partial(ADAM, capturable=True)},
        {"optimizer": partial(torch.optim.AdamW, lr=1e-2)},
        {"optimizer": partial(ADAMW, amsgrad=True)},
        {"precision": "bfloat16"},
        {"lr_schedule": with_a_hook},
        {"lr_schedule": with_a_step_of_its_own},
        {"optimizer": adam_of_several_groups},
        {"objective": other_objective},
        {"optimizer": adam_of_the_head},
        {"optimizer": adam_with_a_hook},
        {"network": Wider},
        {"network": Scaled},
        {"network": Called},
    ],
    ids=name_of,
)
def test_what_is_not_written_out_is_left_to_autograd(options, taken):
    given = {name: options[name] for name in options if name in ("objective", "network")}
    options = {name: options[name] for name in options.keys() - given.keys()}
    fit(TrainingOptions(**{"optimizer": ADAM, "max_epochs": 1} | options), **given)
    assert taken.keys() == {"AutogradStep"}


def test_a_loss_that_is_not_finite_ends_training():
    with pytest.raises(TrainingError, match="the training loss is (nan|inf)"):
        fit(TrainingOptions(partial(ADAM, lr=1e30), max_epochs=5))


class Halved(nn.Linear):
    def forward(self, inputs):
        return super().forward(inputs) / 2


def parametrised(network):
    parametrize.register_parametrization(network.head, "weight", nn.Tanh())


CHANGES = {  # what hooks return does not matter: that they are called does
    "another forward": lambda network: setattr(network, "forward", lambda inputs: network.head(network.embed(inputs))),
    "another embed": lambda network: setattr(network, "embed", lambda inputs: network.hidden(inputs)),
    "another forward of a layer": lambda network: setattr(network.head, "forward", torch.tanh),
    "frozen": lambda network: network.hidden.bias.requires_grad_(False),
    "with a bias": lambda network: network.head.register_parameter("bias", nn.Parameter(torch.zeros(4))),
    "without a bias": lambda network: network.hidden.register_parameter("bias", None),
    "more parameters": lambda network: network.register_parameter("scale", nn.Parameter(torch.ones(()))),
    "a head of another type": lambda network: setattr(network, "head", Halved(50, 4, bias=False)),
    "a hidden layer of another type": lambda network: setattr(network, "hidden", nn.Sequential(network.hidden)),
    "parametrised": parametrised,
    "normalised weights": lambda network: nn.utils.spectral_norm(network.head),
    "hook of a weight": lambda network: network.head.weight.register_hook(lambda _: None),
    "late hook of a weight": lambda network: network.head.weight.register_post_accumulate_grad_hook(lambda _: None),
}
HOOKS = {
    "forward": nn.Module.register_forward_hook,
    "forward-pre": nn.Module.register_forward_pre_hook,
    "backward": nn.Module.register_full_backward_hook,
    "backward-pre": nn.Module.register_full_backward_pre_hook,
}


BACKWARD = pytest.mark.filterwarnings("ignore:Full backward hook is firing when gradients are computed")


def assert_left_to_autograd(change, taken) -> None:
    def build(*shape):
        network = MLP(*shape)
        change(network)
        return network

    fit(SHORT, network=build)
    assert taken.keys() == {"AutogradStep"}


@pytest.mark.parametrize("change", CHANGES)
def test_a_network_that_was_changed_is_left_to_autograd(change, taken):
    assert_left_to_autograd(CHANGES[change], taken)


def test_a_hidden_layer_of_one_unit_is_left_to_autograd(taken):
    """Of 26 classes its gradient has other last bits, often not yet in the first step."""
    fit(SHORT, network=lambda shape, num_classes, _: MLP(shape, 26, 1))
    assert taken.keys() == {"AutogradStep"}


def test_several_hidden_layers_are_left_to_autograd(taken):
    fit(SHORT, network=lambda shape, num_classes, width: MLP(shape, num_classes, width, widths=[8, 4]))
    assert taken.keys() == {"AutogradStep"}


@BACKWARD
@pytest.mark.parametrize("where", ["", "hidden", "head"])
@pytest.mark.parametrize("kind", HOOKS)
def test_a_network_with_hooks_is_left_to_autograd(kind, where, taken):
    assert_left_to_autograd(lambda network: HOOKS[kind](network.get_submodule(where), lambda *_: None), taken)


@BACKWARD
@pytest.mark.parametrize(
    "register",
    [
        of_all_modules.register_module_forward_hook,
        of_all_modules.register_module_forward_pre_hook,
        of_all_modules.register_module_full_backward_hook,
        of_all_modules.register_module_full_backward_pre_hook,
    ],
)
def test_a_hook_of_all_modules_is_called_in_every_step(register, taken):
    handle = register(lambda *_: None)
    try:
        fit(SHORT)
    finally:
        handle.remove()
    assert taken.keys() == {"AutogradStep"}
    fit(SHORT)
    assert taken["MLPStep"]


def test_an_embedding_that_was_exchanged_in_this_process_is_left_to_autograd(taken, monkeypatch):
    monkeypatch.setattr(MLP, "embed", dropping)
    fit(SHORT)
    assert taken.keys() == {"AutogradStep"}


def test_subclasses_that_override_nothing_of_it_take_the_steps_that_are_written_out(taken):
    class Renamed(MLP):
        is_pretrained = False

    assert_same(fit(SHORT, network=Renamed), by_autograd(SHORT))
    assert taken["MLPStep"] > 1


@pytest.fixture
def as_if_written_in_models_mlp(monkeypatch):
    """Called with another embedding, which is from then on the one that the file says."""

    def written(embed):
        monkeypatch.setattr(MLP, "embed", embed)
        monkeypatch.setitem(mlp_step.METHODS, "embed", embed)

    return written


def assert_found_wrong(what, taken, caplog) -> None:
    """Two fits are autograd's to the bit; the first says what was wrong."""
    expected = by_autograd(SHORT)
    caplog.clear()
    for tried in (1, 0):
        taken.clear()
        assert_same(fit(SHORT), expected)
        assert taken == Counter({"AutogradStep": expected.course.num_steps, "MLPStep": tried})
    (line,) = caplog.messages
    assert line.startswith(
        "MLP: training goes on by autograd, which is slower: the steps that are written out for this "
    )
    assert line.endswith(f"would give other {what}")


ALL = "logits, loss, gradients, Adam's state, weights"


def test_dropout_written_into_the_network_is_trained_with(as_if_written_in_models_mlp, taken, caplog):
    without = fit(SHORT)
    mlp_step._is_right.clear()
    as_if_written_in_models_mlp(dropping)
    assert_found_wrong(f"{ALL}, random numbers", taken, caplog)
    assert not torch.equal(fit(SHORT).network.head.weight, without.network.head.weight)


def test_an_embedding_that_draws_and_changes_nothing_yet_is_found(as_if_written_in_models_mlp, taken, caplog):
    def embed(self, inputs):
        return functional.relu(self.hidden(inputs)) * (torch.rand(()) > 1e-3)

    as_if_written_in_models_mlp(embed)
    assert_found_wrong("random numbers", taken, caplog)


def test_an_embedding_that_leaves_out_a_parameter_is_found(as_if_written_in_models_mlp, taken, caplog):
    as_if_written_in_models_mlp(lambda self, inputs: functional.relu(inputs @ self.hidden.weight.t()))
    assert_found_wrong(ALL, taken, caplog)


def with_logits_off_by_one_bit(step, self, inputs, targets, term):
    logits_NC, loss = step(self, inputs, targets, term)
    logits_NC[-1, -1] = logits_NC[-1, -1].nextafter(torch.tensor(9.0))
    return logits_NC, loss


def with_another_loss(step, self, inputs, targets, term):
    logits_NC, loss = step(self, inputs, targets, term)
    return logits_NC, 2 * loss


def with_another_weight(step, self, inputs, targets, term):
    done = step(self, inputs, targets, term)
    self._parameters[0][3, 2] += 1
    return done


def with_random_numbers(step, self, inputs, targets, term):
    torch.rand(3)
    return step(self, inputs, targets, term)


def with_inputs_of_its_own(step, self, inputs, targets, term):
    return step(self, inputs.mul_(2), targets.fill_(1), term)


def with_gradients_twice_as_large(update, self):
    torch._foreach_mul_(self._gradients, 2)
    update(self)


def with_a_bias_that_is_not_trained(update, self):
    self._gradients[1].zero_()
    update(self)


def with_betas_that_the_first_step_hides(update, self):
    self._options = {**self._options, "betas": (0.5, 0.75)}
    update(self)


@pytest.mark.parametrize(
    ("name", "wrong", "what"),
    [
        ("__call__", with_logits_off_by_one_bit, "logits"),
        ("__call__", with_another_loss, "loss"),
        ("__call__", with_another_weight, "weights"),
        ("__call__", with_random_numbers, "random numbers"),
        ("__call__", with_inputs_of_its_own, ALL),
        ("_update", with_gradients_twice_as_large, "gradients, Adam's state, weights"),
        ("_update", with_a_bias_that_is_not_trained, "gradients, Adam's state, weights"),
        ("_update", with_betas_that_the_first_step_hides, "Adam's state, weights"),
    ],
)
def test_steps_that_are_wrong_are_found_and_autograd_goes_on(name, wrong, what, monkeypatch, taken, caplog):
    right = getattr(MLPStep, name)
    monkeypatch.setattr(MLPStep, name, lambda *arguments: wrong(right, *arguments))
    assert_found_wrong(what, taken, caplog)


def test_what_was_found_holds_for_the_same_class_shapes_options_and_size_alone(taken):
    class Renamed(MLP):
        pass

    def num_proofs(training=SHORT, *given, **keywords):
        taken.clear()
        fit(training, *given, **keywords)
        return taken["AutogradStep"]

    assert [num_proofs(), num_proofs()] == [1, 0]
    assert [num_proofs(network=Renamed), num_proofs(network=Renamed)] == [1, 0]
    for options in ({"minibatch_size": 33}, {"gradient_clamp": 0.1}, {"optimizer": partial(ADAM, lr=1e-3)}):
        assert [num_proofs(replace(SHORT, **options)), num_proofs(replace(SHORT, **options))] == [1, 0], options
    assert [num_proofs(SHORT, IMAGES), num_proofs(SHORT, IMAGES)] == [1, 0]
    flat = replace(IMAGES, inputs=IMAGES.inputs.flatten(1).float())
    assert [num_proofs(SHORT, flat), num_proofs(SHORT, flat)] == [1, 0]
    assert num_proofs() == 0


@pytest.mark.parametrize("kind", [float, nn.Dropout])
def test_it_holds_for_networks_with_the_same_settings_alone(kind, as_if_written_in_models_mlp, taken, caplog):
    """As is to be feared of an `MLP` that takes a rate of dropout, of which the default is none."""

    def embed(self, inputs):
        hidden = functional.relu(self.hidden(inputs))
        return functional.dropout(hidden, self.rate, self.training) if kind is float else self.rate(hidden)

    def trained(rate):
        def build(*shape):
            network = MLP(*shape)
            network.rate = kind(rate)
            return network

        taken.clear()
        return fit(SHORT, network=build)

    as_if_written_in_models_mlp(embed)
    for rate, num_steps in ((0, 21), (0.5, 1), (0, 21), (0.5, 0)):
        trained(rate)
        assert taken["MLPStep"] == num_steps, rate
    assert len(caplog.messages) == 1


def test_the_proof_leaves_no_gradient_behind(taken):
    network = fit(SHORT).network
    assert taken["AutogradStep"] == 1
    assert [parameter.grad for parameter in network.parameters()] == [None] * 3
