"""What LLaMA-Factory, Axolotl and TRL need to be told about an exported file, taken from what stands in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from tamis.errors import CurationError
from tamis.formats import FORMATS
from tamis.formats.axolotl import axolotl_config
from tamis.formats.llama_factory import dataset_info_entry, remarks_on_reading
from tamis.formats.trl import trl_entry
from tamis.formats.writer import SOURCE_SHAPE
from tamis.formats.written import describe_written
from tamis.registry import Options, parse_options
from tamis.types import JSON

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
    made = {
        LLAMA_FACTORY: _entry(lambda: dataset_info_entry(name, shape)),
        AXOLOTL: _entry(lambda: axolotl_config(shape)),
        TRL: _entry(lambda: trl_entry(shape)),
    }
    remarks = {trainer: [why] for trainer, (_, why) in made.items() if why}
    if made[LLAMA_FACTORY][0] and (read := remarks_on_reading(shape)):
        remarks[LLAMA_FACTORY] = list(read)
    return {
        "dataset_info": made[LLAMA_FACTORY][0],
        "axolotl": made[AXOLOTL][0],
        "trl": made[TRL][0],
        "trainer_remarks": remarks,
    }


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
