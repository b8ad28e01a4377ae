"""How values look in a notebook: names and values as text on one line, or as an HTML table in which every text is escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import FrozenInstanceError, fields
from datetime import datetime

Head = Mapping[str, Sequence[object]]  # column name → the first values, columns alike in length

MOST_FACTS = 30
SHOWN_CHARS_HTML = 160


class Frozen:
    """Says in a sentence that an object cannot be changed, for its own fields and for any other name alike."""

    __slots__ = ()

    def __init_subclass__(cls) -> None:
        """A frozen dataclass brings a refusal of its own, which fails at names that are no field of it (with slots)."""
        super().__init_subclass__()
        for method, refuse in (("__setattr__", _refuse_setting), ("__delattr__", _refuse_deleting)):
            if method in vars(cls):
                setattr(cls, method, refuse)


def _refuse_setting(self: object, name: str, value: object) -> None:
    raise FrozenInstanceError(
        f"{type(self).__name__} cannot be changed, so {name!r} cannot be set: keep what you add in a variable of your own."
    )


def _refuse_deleting(self: object, name: str) -> None:
    raise FrozenInstanceError(f"{type(self).__name__} cannot be changed, so {name!r} cannot be deleted.")


class HtmlFacts(Frozen):
    """A dataclass that a notebook shows as a table of its fields; what begins with an underscore is its own."""

    __slots__ = ()

    def shown_facts(self) -> dict[str, object]:
        """What is shown, by name."""
        names = (one.name for one in fields(self) if not one.name.startswith("_"))  # type: ignore[arg-type]
        return {name: getattr(self, name) for name in names}

    def _repr_html_(self) -> str:
        return f"<div><b>{_escaped(type(self).__name__)}</b>{html_table(facts(self.shown_facts()))}</div>"


def facts(values: Mapping[str, object]) -> Head:
    """Names beside values, without a line of names above them."""
    return {"": list(values)[:MOST_FACTS], " ": list(values.values())[:MOST_FACTS]}


def html_table(head: Head) -> str:
    """The same as an HTML table; names and values come from datasets and models, so each is escaped."""
    if not any(head.values()):
        return ""
    names = "".join(f"<th>{_escaped(name)}</th>" for name in head)
    lines = "".join(
        f"<tr>{''.join(f'<td>{_escaped(cell_text(value, SHOWN_CHARS_HTML))}</td>' for value in line)}</tr>"
        for line in zip(*head.values(), strict=True)
    )
    return f'<table class="dataframe"><thead><tr>{names}</tr></thead><tbody>{lines}</tbody></table>'


def printable(text: str) -> str:
    """The text with every character that moves a cursor or turns the direction of writing as its code."""
    return "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text)


def shortened(text: str, length: int) -> str:
    """The text in one line of at most ``length`` characters."""
    line = " ".join(text.split())
    return line if len(line) <= length else f"{line[: length - 1]}…"


def cell_text(value: object, length: int) -> str:
    """A value in one line of at most ``length`` characters; nothing for None."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4g}"
    return printable(shortened(str(value), length))


def percent(fraction: float) -> str:
    """A fraction in [0, 1] as a percentage that never rounds something to 0 % or nearly all to 100 %."""
    if 0 < fraction < 0.01:
        return "< 1 %"
    if 0.99 < fraction < 1:
        return "> 99 %"
    return as_percent(fraction)


def as_percent(fraction: float, decimals: int = 0) -> str:
    """A fraction as a percentage of so many decimals, as it is: ``12 %``, ``−3.5 %``."""
    return with_minus(f"{100 * fraction:.{decimals}f} %")


def signed(value: float, decimals: int) -> str:
    """A difference with its sign, the minus as wide as the plus."""
    return with_minus(f"{value:+,.{decimals}f}")


def with_minus(number: str) -> str:
    """A number in digits with the sign that is a minus, not a hyphen."""
    return number.replace("-", "−")


def moment(stored: str) -> str:
    """When something was of which there are several a day, from a stored time: ``28 Nov 14:12``."""
    return f"{datetime.fromisoformat(stored):%d %b %H:%M}"


def duration(seconds: float) -> str:
    """A length of time: ``8 s``, ``3 min``, ``2 h 5 min``."""
    whole = max(0, round(seconds))
    if whole < 90:
        return f"{whole} s"
    minutes = round(whole / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def _escaped(text: str) -> str:
    from html import escape  # not before: it holds a table of two thousand names, and no command writes HTML

    return escape(text)
