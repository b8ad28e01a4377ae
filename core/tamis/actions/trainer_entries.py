"""What LLaMA-Factory, Axolotl and TRL need to be told about an exported file, taken from what stands in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from tamis.errors import CurationError
from tamis.formats import FORMATS, axolotl, llama_factory, trl
from tamis.formats.writer import SOURCE_SHAPE
from tamis.formats.written import describe_written
from tamis.registry import Options, parse_options
from tamis.types import JSON

_HOLDS_LISTS = ("jsonl", "json", "parquet")
LLAMA_FACTORY, AXOLOTL, TRL = "llama_factory", "axolotl", "trl"


def describe_for_trainers(
    path: Path, name: str, format_name: str, container: str, files: Sequence[Mapping[str, JSON]]
) -> dict[str, Any]:
    """The entries of a written file as fields of its manifest; ``files`` are those that the dataset was imported from.

    ``dataset_info``, ``axolotl`` and ``trl`` are empty where the trainer cannot read it; ``trainer_remarks`` say why, or
    what it will not read of it.
    """
    entries: dict[str, Any] = {"dataset_info": {}, "axolotl": {}, "trl": {}}
    try:
        shape = describe_written(path, *_written_as(format_name, files), container)
    except CurationError as error:
        return entries | {"trainer_remarks": dict.fromkeys((LLAMA_FACTORY, AXOLOTL, TRL), [str(error)])}
    why = _why_not_loaded(shape.refused, format_name == SOURCE_SHAPE)
    if not why and (column := shape.text_of_turns()):
        why = _why_text(column, shape.format_name, format_name == SOURCE_SHAPE and container in _HOLDS_LISTS)
    if why:
        return entries | {"trainer_remarks": dict.fromkeys((LLAMA_FACTORY, AXOLOTL, TRL), [why])}
    made = {
        LLAMA_FACTORY: _entry(lambda: llama_factory.dataset_info_entry(name, shape)),
        AXOLOTL: _entry(lambda: axolotl.axolotl_config(shape)),
        TRL: _entry(lambda: trl.trl_entry(shape)),
    }
    remarks = {trainer: [why] for trainer, (_, why) in made.items() if why}
    about = {
        LLAMA_FACTORY: llama_factory.llama_factory_remarks,
        AXOLOTL: axolotl.axolotl_remarks,
        TRL: trl.trl_remarks,
    }
    for trainer, (entry, _) in made.items():
        if entry and (said := about[trainer](shape, entry)):
            remarks[trainer] = list(said)
    remarks = {trainer: [_not_again(why, format_name) for why in told] for trainer, told in remarks.items()}
    return {
        "dataset_info": made[LLAMA_FACTORY][0],
        "axolotl": made[AXOLOTL][0],
        "trl": made[TRL][0],
        "trainer_remarks": remarks,
    }


def _not_again(remark: str, format_name: str) -> str:
    """A remark without the advice to do what was just done."""
    others = [name for name in ("messages", "prompt_completion") if name != format_name]
    if f"'{format_name}'" not in remark:
        return remark
    both = "Export as 'messages' or 'prompt_completion'."
    remark = remark.replace(both, f"Export as {others[0]!r}." if len(others) == 1 else both)
    return remark.replace(f" Export as '{format_name}'.", "")


def _why_not_loaded(refused: Mapping[str, int], is_own_shape: bool) -> str:
    """Why ``datasets``, by which all three trainers load a file, refuses it; empty where it does not."""
    kinds = ", ".join(f"{n:,} rows {kind}" for kind, n in refused.items())
    instead = " Export as 'messages'." if is_own_shape else ""
    return f"{kinds}: datasets, by which trainers load a file, refuses that.{instead}" if kinds else ""


def _why_text(column: str, format_name: str, only_format: bool) -> str:
    """Why no trainer can read a column; ``only_format``: the kind of file could hold its lists, the format keeps text."""
    wanted = "preference" if format_name == "preference" else "messages"
    instead = f"export as {wanted!r}" if only_format else f"export as {wanted!r} to .jsonl, .json or .parquet"
    return f"The column {column!r} holds JSON text; {instead}."


def _entry(make: Callable[[], dict[str, JSON]]) -> tuple[dict[str, JSON], str]:
    try:
        return make(), ""
    except CurationError as error:
        return {}, str(error)


def _written_as(format_name: str, files: Sequence[Mapping[str, JSON]]) -> tuple[str, Options]:
    """The format and the mapping that the rows were written with; raises CurationError for more than one."""
    if format_name != SOURCE_SHAPE:
        return format_name, FORMATS[format_name].options()
    shapes = {orjson.dumps([file["format"], file["fields"]], option=orjson.OPT_SORT_KEYS) for file in files}
    if len(shapes) > 1:
        raise CurationError(
            "The rows stand in the shapes of several source files, and a trainer reads one. Export as 'messages'."
        )
    name, fields = str(files[0]["format"]), files[0]["fields"]
    return name, parse_options(FORMATS[name].options, fields)
