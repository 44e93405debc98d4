"""Networks that are pre-trained, and say when."""

from functools import partial

import torch
from torch import Tensor

from al_bench.models.dbn import DBN
from al_bench.models.rbm import Pretraining
from al_bench.training.learner import Learner
from al_bench.training.options import TrainingOptions

SHORT = Pretraining(num_epochs=3, minibatch_size=32)


def learner(seen: list[Tensor] | None = None, pretraining: Pretraining | None = SHORT) -> Learner:
    """Of small deep belief networks; `seen` gets the inputs that each is pre-trained on."""

    class Watched(DBN):
        def pretrain(self, inputs: Tensor) -> None:
            if seen is not None:
                seen.append(inputs)
            super().pretrain(inputs)

    build = partial(Watched, {"inputs": 5}, 4, [8, 8, 8], pretraining)
    return Learner(build, TrainingOptions(partial(torch.optim.Adam, lr=1e-2), minibatch_size=32, max_epochs=5))
