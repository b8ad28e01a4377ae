"""The words that every room shares: a message, an example, arrays."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

JSON: TypeAlias = Any  # what json.loads can return; pydantic and orjson check it where it enters
Message: TypeAlias = dict[str, JSON]  # {"role": ..., "content": ..., and whatever else the source said}

# As text, so that what only names arrays (every options type does, by its imports) starts without numpy.
Float32s: TypeAlias = "NDArray[np.float32]"
Float64s: TypeAlias = "NDArray[np.float64]"
Int64s: TypeAlias = "NDArray[np.int64]"
Int32s: TypeAlias = "NDArray[np.int32]"
Bools: TypeAlias = "NDArray[np.bool_]"

UpdateMode: TypeAlias = Literal[
    "tested", "pooled", "tamis", "paper", "released"
]  # how cluster weights move from round to round
ROLES = ("system", "user", "assistant", "tool")
NOISE = -1  # the cluster id of a row that HDBSCAN left outside every cluster


@dataclass(slots=True)
class Example:
    """One conversation, as every format reads and writes it.

    ``messages`` hold roles out of ROLES, at least one user turn and an assistant turn last. ``prompt`` is the text of
    everything before the last assistant turn: the bare user text when that is one user turn, otherwise every turn
    labelled by its role. ``response`` is the text of the last assistant turn. ``meta`` holds the fields of the
    source that are not part of the conversation.
    """

    messages: list[Message]
    prompt: str
    response: str
    source: str = ""
    meta: dict[str, JSON] = field(default_factory=dict)
