"""What else is called in a step of training than the methods of its parts."""

from torch.nn.modules.module import _has_any_global_hook
from torch.optim import Optimizer

from al_bench.core.network import Network

OF_MODULES = ("_forward_pre_hooks", "_forward_hooks", "_backward_pre_hooks", "_backward_hooks")
OF_PARAMETERS = ("_backward_hooks", "_post_accumulate_grad_hooks")
OF_OPTIMIZERS = ("_optimizer_step_pre_hooks", "_optimizer_step_post_hooks")


def has_hooks(network: Network, optimizer: Optimizer) -> bool:
    """Whether anything is called in a step besides the methods of the network, its layers and the optimizer."""
    hooks = [getattr(module, name) for module in network.modules() for name in OF_MODULES]
    hooks += [getattr(parameter, name) for parameter in network.parameters() for name in OF_PARAMETERS]
    hooks += [getattr(optimizer, name) for name in OF_OPTIMIZERS]
    step = vars(optimizer).get("step")  # schedules put one in its place that calls it
    is_replaced = step is not None and not hasattr(step, "_wrapped_by_lr_sched")
    return bool(_has_any_global_hook()) or any(hooks) or is_replaced
