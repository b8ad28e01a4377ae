"""Answers that people or models gave in Label Studio: text areas among the results of a task's annotations or predictions."""

from __future__ import annotations

from tamis.types import JSON

LABELLED = ("annotations", "predictions")


def are_annotations(value: JSON) -> bool:
    """Whether a value is a list of annotations of Label Studio that hold a result."""
    return isinstance(value, list) and any(
        isinstance(one, dict) and isinstance(one.get("result"), list) and one["result"] for one in value
    )


def written_answers(value: JSON) -> list[tuple[list[int], str]]:
    """Return the first text of every annotation that has one, with its place; one called ground truth comes first.

    A place is the number of the annotation, of its result and of the text in the list of that result, when it is one. An
    annotation that was cancelled counts for nothing.
    """
    if not isinstance(value, list):
        return []
    found: list[tuple[bool, list[int], str]] = []
    for at, one in enumerate(value):
        if (
            isinstance(one, dict)
            and not one.get("was_cancelled")
            and (first := _first_text(one.get("result")))
        ):
            place, text = first
            found.append((not one.get("ground_truth"), [at, *place], text))
    return [(place, text) for _, place, text in sorted(found, key=lambda item: item[0])]


def with_written(value: JSON, place: list[int], text: JSON) -> JSON:
    """Return annotations with another text at a place."""
    at, number, *inner = place
    results = list(value[at]["result"])
    area = results[number]["value"]
    said = [*area["text"][: inner[0]], text, *area["text"][inner[0] + 1 :]] if inner else text
    results[number] = {**results[number], "value": {**area, "text": said}}
    return [*value[:at], {**value[at], "result": results}, *value[at + 1 :]]


def _first_text(results: JSON) -> tuple[list[int], str] | None:
    for number, result in enumerate(results if isinstance(results, list) else ()):
        if not isinstance(result, dict) or result.get("type") != "textarea":
            continue
        area = result.get("value")
        said = area.get("text") if isinstance(area, dict) else None
        if isinstance(said, str) and said.strip():
            return [number], said
        for inner, text in enumerate(said if isinstance(said, list) else ()):
            if isinstance(text, str) and text.strip():
                return [number, inner], text
    return None
