"""A form from any options type: one widget per field, chosen by its annotation and bounds, kept in the address."""

from __future__ import annotations

import math
import types
import typing
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson
import streamlit as st
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from pages.shared.address import kept_in_address, link_asks
from pages.shared.wording import sentence
from tamis.registry import Options, Table, reach_of
from tamis.steps.spec import Choice, StepOptions, choice_prefix
from tamis.types import JSON

MAX_SEGMENTS = 4
MAX_SEGMENT_CHARS = (
    34  # of all labels together, each with the room around it: more does not fit beside a preview
)
SEGMENT_ROOM_CHARS = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class FormField:
    """One field to draw: where its value is kept, what it is called, what it starts with."""

    name: str
    key: str
    label: str
    help: str
    start: JSON
    info: FieldInfo
    say: Callable[[str], str] = sentence  # what a person reads of each value to choose from


Drawer = Callable[[FormField], JSON]


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """How to draw a type: the name that its widgets share, what it starts with, and which fields are drawn otherwise.

    ``suffix`` sets apart the widgets of forms that start with other values, because a widget keeps its value as long
    as its key. ``skip`` leaves fields to their default. In ``instead`` and ``skip`` a name like ``llm_options.model``
    means a field of the plug-in that is chosen.
    """

    name: str
    start: Mapping[str, JSON] = field(default_factory=dict)
    suffix: str = ""
    instead: Mapping[str, Drawer] = field(default_factory=dict)
    skip: Collection[str] = ()

    def key(self, name: str) -> str:
        """The key of a field's widget, which is also its parameter in the address."""
        return f"{self.name}_{name}" + (f"_{self.suffix}" if self.suffix else "")


def draw_options(options_type: type[Options], form: Form) -> dict[str, JSON]:
    """Draw the fields one below the other and return what they hold; nothing is validated yet.

    A field that names a plug-in is followed by an expander with that plug-in's own options.
    """
    choices = _choices(options_type)
    nested = {choice.options_field for choice in choices.values()}
    pointers = {*getattr(options_type, "POINTERS", ()), *getattr(options_type, "UNASKED", ())}
    values: dict[str, JSON] = {}
    for name, info in options_type.model_fields.items():
        if name in nested or name in form.skip or (name in pointers and name not in form.instead):
            continue
        drawn = _field(name, info, form)
        if name in form.instead:
            values[name] = form.instead[name](drawn)
        elif name in choices:
            values[name] = draw_choice(drawn, choices[name].table)
        else:
            values[name] = draw_field(drawn)
        if name in choices:
            prefix = choice_prefix(list(choices.values()), choices[name])
            values[choices[name].options_field] = draw_plugin(
                choices[name], values[name], form, prefix=prefix
            )
    return values


def draw_choice(drawn: FormField, table: Table[Any]) -> str:
    """A field that names a row of a table, with what the chosen row does."""
    chosen = str(_one_of(drawn, list(table), lambda name: table[name].title))
    st.caption(table[chosen].summary)
    return chosen


def draw_plugin(choice: Choice, chosen: str, form: Form, *, prefix: str = "") -> dict[str, JSON]:
    """The options of the chosen plug-in, folded away; nothing where it has none. ``prefix`` sets its widgets apart."""
    row = choice.table[chosen]
    if not row.options.model_fields:
        return {}
    # What the form starts with is about the plug-in it starts with.
    usual = chosen == form.start.get(choice.field, chosen)
    start = (form.start.get(choice.options_field) or {}) if usual else {}
    within = f"{choice.options_field}."
    inner = Form(
        name=f"{form.name}_{prefix}{chosen}",
        start=start,
        suffix=form.suffix,
        instead={n.removeprefix(within): draw for n, draw in form.instead.items() if n.startswith(within)},
        skip=[n.removeprefix(within) for n in form.skip if n.startswith(within)],
    )
    with st.expander(
        f"{row.title} options", icon=":material/tune:", key=form.key(f"{prefix}{chosen}_options")
    ):
        return draw_options(row.options, inner)


def draw_field(drawn: FormField) -> JSON:
    """The widget that fits the annotation and the bounds of a field; a link that fills it in asks first, where it leads out."""
    if reach_of(drawn.info) and link_asks(drawn.key, drawn.label):
        return drawn.start
    annotation, optional = _without_none(drawn.info.annotation)
    if typing.get_origin(annotation) is Literal:
        return _one_of(drawn, list(typing.get_args(annotation)), drawn.say)
    if annotation is bool:
        return st.toggle(drawn.label, value=bool(drawn.start), **_kept(drawn))
    if annotation in (int, float):
        return _number(drawn, annotation, optional=optional)
    if annotation is str:
        text = st.text_input(drawn.label, value=drawn.start or "", **_kept(drawn))
        return text or (None if optional else "")
    return _as_json(drawn)


def _field(name: str, info: FieldInfo, form: Form) -> FormField:
    default = None if info.default is PydanticUndefined else info.default
    if info.default_factory is not None:
        default = info.get_default(call_default_factory=True, validated_data={})
    return FormField(
        name=name,
        key=form.key(name),
        label=sentence(name),
        help=info.description or "",
        start=form.start.get(name, default),
        info=info,
    )


def _choices(options_type: type[Options]) -> dict[str, Choice]:
    if not issubclass(options_type, StepOptions):
        return {}
    return {choice.field: choice for choice in options_type.CHOICES}


def _kept(drawn: FormField) -> dict[str, Any]:
    return {
        "key": drawn.key,
        "help": drawn.help or None,
        "persist_state": "session",
        **kept_in_address(drawn.key),
    }


def _one_of(drawn: FormField, values: list[Any], say: Callable[[Any], str]) -> Any:  # noqa: ANN401 - whatever is listed
    start = drawn.start if drawn.start in values else values[0]
    labels = [say(value) for value in values]
    if (
        len(values) <= MAX_SEGMENTS
        and sum(map(len, labels)) + SEGMENT_ROOM_CHARS * (len(labels) - 2) <= MAX_SEGMENT_CHARS
    ):
        return st.segmented_control(
            drawn.label, values, default=start, required=True, format_func=say, **_kept(drawn)
        )
    return st.selectbox(drawn.label, values, index=values.index(start), format_func=say, **_kept(drawn))


def _number(drawn: FormField, kind: type, *, optional: bool) -> float | int | None:
    low, high = _bounds(drawn.info, kind)
    value = None if drawn.start is None else kind(drawn.start)
    if kind is float and low is not None and high is not None and value is not None:
        return float(st.slider(drawn.label, low, high, value, step=_step(high - low), **_kept(drawn)))
    return st.number_input(
        drawn.label,
        min_value=low,
        max_value=high,
        value=value,
        step=1 if kind is int else _step(10 * (value or 1.0)),
        format="%d" if kind is int else "%g",
        placeholder="Automatic" if optional else None,
        **_kept(drawn),
    )


def _bounds(info: FieldInfo, kind: type) -> tuple[Any, Any]:
    """Inclusive bounds in the type of the field; an exclusive bound of a float is left to validation."""
    low = high = None
    for rule in info.metadata:
        if getattr(rule, "ge", None) is not None:
            low = kind(rule.ge)
        elif getattr(rule, "gt", None) is not None and kind is int:
            low = int(rule.gt) + 1
        if getattr(rule, "le", None) is not None:
            high = kind(rule.le)
        elif getattr(rule, "lt", None) is not None and kind is int:
            high = int(rule.lt) - 1
    return low, high


def _step(span: float) -> float:
    """About a hundredth of a span, as 1, 0.1, 0.01 …"""
    return float(10.0 ** math.floor(math.log10(span) - 1.5)) if span > 0 else 0.1


def _without_none(annotation: Any) -> tuple[Any, bool]:  # noqa: ANN401 - annotations have no common type
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        kinds = [kind for kind in typing.get_args(annotation) if kind is not type(None)]
        return kinds[0], len(kinds) < len(typing.get_args(annotation))
    return annotation, False


def _as_json(drawn: FormField) -> JSON:
    """Lists and mappings are typed as JSON; what cannot be read goes on as text, for validation to refuse by name."""
    text = st.text_area(
        drawn.label, value=orjson.dumps(drawn.start, option=orjson.OPT_INDENT_2).decode(), **_kept(drawn)
    )
    try:
        return orjson.loads(text or "null")
    except orjson.JSONDecodeError:
        return text
