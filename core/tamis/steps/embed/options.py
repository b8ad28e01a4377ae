"""Options of embed: which encoder, over which text."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from tamis.encoders import ENCODERS
from tamis.steps.spec import Choice, StepOptions
from tamis.types import JSON


class EmbedOptions(StepOptions):
    """Which encoder, over which text."""

    CHOICES: ClassVar[tuple[Choice, ...]] = (Choice("encoder", "encoder_options", ENCODERS),)

    encoder: str = Field("minilm", description="Model that turns text into vectors.")
    encoder_options: dict[str, JSON] = Field(default_factory=dict, description="Options of that encoder.")
    text: Literal["both", "prompt", "response"] = Field(
        "both", description="Text to embed; both embeds prompt and response apart and averages the two."
    )
