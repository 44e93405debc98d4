"""torchvision, also beside a CPU-only PyTorch.

torchvision's wheels are built for CUDA. Without CUDA their compiled operators do not load, and the import stops
at the first of them that is looked up; with that one and its twin declared, all but those operators works.
"""

import importlib
from types import ModuleType

import torch

SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_declared: list[torch.library.Library] = []  # the declarations live as long as the object does


def torchvision_module(name: str) -> ModuleType:
    """`torchvision.<name>`; on an installation that imports by itself this is an import and nothing more."""
    try:
        return importlib.import_module(f"torchvision.{name}")
    except RuntimeError as error:
        if "operator torchvision::nms does not exist" not in str(error):
            raise
    library = torch.library.Library("torchvision", "DEF")
    for schema in SCHEMAS:
        library.define(schema)
    _declared.append(library)
    return importlib.import_module(f"torchvision.{name}")
