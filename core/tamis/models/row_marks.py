"""Marks that say how much of a row or of a turn is learned, in the spellings of the trainers that have them.

Of a turn: ``weight`` (OpenAI, Mistral, Axolotl), ``loss_weight`` (LLaMA-Factory), ``loss_scale`` and ``loss`` (ms-swift;
``loss`` XTuner too), ``train`` and ``training`` (Axolotl), ``train_on_turn`` (home-llm, by Axolotl's
``message_field_training``), ``trainable`` (Tinker), ``masked`` (torchtune). Of a row: ``weight`` (Fireworks), ``label``
(KTO of TRL and ms-swift), ``kto_tag`` (LLaMA-Factory), whose ``mask_history`` leaves only the last answer. Each is read in
either place. A number under ``label`` is a class, and one under ``train``, ``training``, ``loss`` or ``mask`` of a row says
which split, how large or how many: these are marks only where they are true or false.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence

from tamis.errors import CurationError
from tamis.types import JSON, Message

FACTORS = ("weight", "loss_weight", "loss_scale", "sample_weight")  # numbers from 0 on
SWITCHES = ("train", "training", "trainable", "train_on_turn", "label")  # true: it is learned
# The same where they are true or false; anything else under these names is about something else.
LOOSE_SWITCHES = ("loss", "loss_mask", "kto_tag", "kto_label", "desirable", "is_desirable")
COVERS = ("mask", "masked")  # true: it is not learned
LAST_ONLY = "mask_history"
OF_PARTS = ("train_detail", "training_detail")  # marks of parts of a turn, by place
OF_TEMPLATES = ("chat_template_kwargs",)  # what TRL hands to the template of a row
WHOLE = (*FACTORS, *SWITCHES, *LOOSE_SWITCHES, *COVERS)
MARKS = (*WHOLE, *OF_PARTS)
CLASSES = ("label",)  # whose numbers are classes, of a turn and of a row
COUNTED = (*CLASSES, "train", "training", "loss", "mask")  # of a row: numbers are about something else
_ALL = frozenset(MARKS)
_SAID = {"true": True, "false": False, "1": True, "0": False, "desirable": True, "undesirable": False}
# Words of names that are about learning.
_ABOUT = frozenset((
    "train", "trained", "training", "trainable", "untrainable", "loss", "mask", "masked", "masking", "weight", "weights",
    "learn", "learned", "learnable", "label", "labels", "kto", "desirable",
))  # fmt: skip
_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")


class UnfitRow(CurationError):
    """A conversation that cannot be given to a model; its words complete "12 rows …"."""


def factor_of(name: str, value: JSON) -> float | None:
    """What a mark multiplies the weight by: a number from 0 on, 0 or 1 for a switch; None for a value that is none of it."""
    if name in FACTORS:
        return _number(value)
    if name in CLASSES and is_counted(value):
        return None
    # A measured loss is often written as a number with a fraction.
    switch = None if name == "loss" and isinstance(value, float) else _switch(value)
    return None if switch is None else float(switch != (name in COVERS))


def turn_weight(message: Message) -> float:
    """How much of the loss a turn's tokens have by its own marks: the product of all, 1 without any.

    Raises UnfitRow for a weight that is no number from 0 on, a switch that is neither true nor false, and marks of parts
    of a turn, which are not heeded here.
    """
    if _ALL.isdisjoint(message):
        return 1.0
    if part := next((name for name in OF_PARTS if message.get(name)), ""):
        raise UnfitRow(f"have a turn with {part}, whose parts cannot be told apart here")
    weight = 1.0
    for name in WHOLE:
        value = message.get(name)
        factor = None if value is None else factor_of(name, value)
        if factor is not None:
            weight *= factor
        elif value is not None and name in FACTORS:
            raise UnfitRow(f"have a turn whose {name} is no number from 0 on")
        elif value is not None and name in SWITCHES and not _is_category(name, value):
            raise UnfitRow(f"have a turn whose {name} is neither true nor false")
    return weight


def row_marks(fields: Mapping[str, JSON]) -> dict[str, JSON]:
    """Those of a row's fields that say how much of it is learned, where that is not all.

    A row with a rejected answer has its ``label`` for the choice between the two.
    """
    names = [name for name in WHOLE if name in fields and not (name == "label" and "rejected" in fields)]
    marks = {name: fields[name] for name in names if row_factor(name, fields[name]) not in (None, 1.0)}
    return marks | ({LAST_ONLY: True} if _switch(fields.get(LAST_ONLY)) else {})


def row_weight(record: Mapping[str, JSON]) -> float:
    """How much of the loss a row has by marks of its own; what is below 0 is not learned."""
    factors = (row_factor(name, record[name]) for name in WHOLE if name in record)
    return math.prod(factor for factor in factors if factor is not None)


def learns_last_only(record: Mapping[str, JSON]) -> bool:
    """Whether only a row's last answer is learned by its own mark."""
    return bool(_switch(record.get(LAST_ONLY)))


def heeded_marks(messages: Sequence[Message], fields: Mapping[str, JSON]) -> Iterator[str]:
    """Names of the marks that change how much of a row is learned."""
    yield from row_marks(fields)
    for name in WHOLE:
        if any(factor_of(name, turn.get(name)) not in (None, 1.0) for turn in messages):
            yield f"{name} of turns"


def unheeded_marks(messages: Sequence[Message], fields: Mapping[str, JSON]) -> Iterator[str]:
    """Names of fields and of keys of turns that sound like marks and are none that is known."""
    yield from (name for name in OF_TEMPLATES if fields.get(name))
    yield from (name for name, value in fields.items() if _sounds(name, value, row_factor(name, value)))
    for name in dict.fromkeys(key for turn in messages for key in turn):
        if any(_sounds(name, turn.get(name), factor_of(name, turn.get(name))) for turn in messages):
            yield f"{name} of turns"


def is_about_learning(name: str, value: JSON) -> bool:
    """Whether a key of a turn is a mark of how much of it is learned, or sounds like one."""
    return name in _ALL or _sounds(name, value, factor_of(name, value))


def _sounds(name: str, value: JSON, factor: float | None) -> bool:
    known = name in WHOLE and factor is not None
    if known or value is None or name in (LAST_ONLY, *OF_PARTS) or isinstance(value, dict):
        return False
    if isinstance(value, str) and _switch(value) is None and name not in FACTORS:
        return False  # a category
    return not _ABOUT.isdisjoint(word.lower() for word in _WORDS.findall(name))


def _is_category(name: str, value: JSON) -> bool:
    """Whether a ``label`` is the name of something, as NVIDIA's turns have it, and no mark."""
    return name in CLASSES and (is_counted(value) or (isinstance(value, str) and _switch(value) is None))


def row_factor(name: str, value: JSON) -> float | None:
    """What a field of a row multiplies its weight by; None for one that is no mark."""
    if name in FACTORS and isinstance(value, int | float) and value < 0:
        return 0.0
    if name in COUNTED and is_counted(value):
        return None
    return factor_of(name, value) if name in WHOLE else None


def is_counted(value: JSON) -> bool:
    """Whether a value is a number, or its text, and neither true nor false."""
    if isinstance(value, str):
        return value.strip().isdigit()
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(value: JSON) -> float | None:
    try:
        number = float(value) if isinstance(value, int | float | str) else math.nan
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def _switch(value: JSON) -> bool | None:
    if isinstance(value, str):
        return _SAID.get(value.strip().lower())
    return bool(value) if isinstance(value, int | float) and value in (0, 1) else None
