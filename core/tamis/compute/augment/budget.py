"""What a run may still spend: every question reserves what it can cost at most before it is sent (METHODS.md 3.8)."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tamis.compute.augment.types import Budget

BYTES_PER_TOKEN = 3  # cautious: English has about 4
TURN_TOKENS = 8  # of a model's template around each turn


@dataclass(frozen=True, slots=True)
class Price:
    """What a million tokens cost; None where nobody said."""

    prompt: float | None = None
    completion: float | None = None

    @property
    def is_known(self) -> bool:
        """Whether a cost can be counted."""
        return self.prompt is not None or self.completion is not None

    def of(self, prompt_tokens: float, completion_tokens: float) -> float:
        """The cost of so many tokens."""
        return (prompt_tokens * (self.prompt or 0.0) + completion_tokens * (self.completion or 0.0)) / 1e6


@dataclass(slots=True)
class Ledger:
    """What was spent, and the reservations of questions under way, each at its largest possible bill."""

    budget: Budget
    price: Price
    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0
    reserved_calls: int = 0
    reserved_prompt: float = 0.0
    reserved_completion: int = 0
    surprise: float = 1.0  # the most that a prompt was ever longer than estimated, 1 at least

    @property
    def tokens(self) -> int:
        """Tokens read and written so far."""
        return self.prompt_tokens + self.completion_tokens

    def reserve(self, prompt_tokens: int, completion_tokens: int, calls: int) -> str:
        """Set the largest bill of a question aside; the name of the cap that forbids it, "" when it was reserved."""
        prompt = math.ceil(prompt_tokens * self.surprise)
        read, written = self.reserved_prompt + prompt, self.reserved_completion + completion_tokens
        limit = self.budget
        if limit.calls is not None and self.calls + self.reserved_calls + calls > limit.calls:
            return "calls"
        if limit.tokens is not None and self.tokens + read + written > limit.tokens:
            return "tokens"
        if limit.cost is not None and self.cost + self.price.of(read, written) > limit.cost + 1e-12:
            return "cost"
        self.reserved_calls += calls
        self.reserved_prompt, self.reserved_completion = read, written
        return ""

    def settle(self, *, calls: int, prompt_tokens: int, completion_tokens: int, estimated: int) -> None:
        """Put what all questions under way really took in place of what was reserved for them."""
        self.calls += calls
        self.prompt_tokens += prompt_tokens
        self.completion_tokens += completion_tokens
        self.cost += self.price.of(prompt_tokens, completion_tokens)
        self.reserved_calls, self.reserved_prompt, self.reserved_completion = 0, 0.0, 0
        if estimated:
            self.surprise = max(self.surprise, prompt_tokens / estimated)


def estimated_tokens(text: str) -> int:
    """Tokens of a text where no tokenizer is at hand: a third of its bytes, rounded up."""
    return math.ceil(len(text.encode("utf-8", "surrogatepass")) / BYTES_PER_TOKEN)


def tokens_at_most(text: str) -> int:
    """Tokens that a turn can have at most where no tokenizer is at hand: each byte one, as in tables of numbers, and the template's."""
    return len(text.encode("utf-8", "surrogatepass")) + TURN_TOKENS


def shared_out(total: int, weights: list[int]) -> list[int]:
    """A whole number divided by weight into whole numbers that add up to it exactly."""
    whole = sum(weights) or len(weights)
    parts, before, sum_of = [], 0, 0
    for weight in weights:
        sum_of += weight if sum(weights) else 1
        here = total * sum_of // whole
        parts.append(here - before)
        before = here
    return parts
