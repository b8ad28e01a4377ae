"""What a replay would run, and what of it may run: a manifest can come from a stranger, and says what to compute."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tamis.errors import CurationError
from tamis.formats.layout import HUB_PREFIX
from tamis.llms import LLMS
from tamis.reprs import shortened
from tamis.scorers import SCORERS
from tamis.steps.import_file.options import SourceFile
from tamis.steps.reach import reaching_names
from tamis.store.artifacts.frozen_rows import KIND as ROWS
from tamis.store.artifacts.store import Manifest, is_folder_name
from tamis.store.artifacts.targets import KIND as TARGET
from tamis.store.review.frozen_decisions import KIND as DECISIONS
from tamis.types import JSON

# Steps that compute the same anywhere from what they are given; the others train, or ask models at length.
OFFLINE_STEPS = frozenset(
    {
        "import",
        "embed",
        "cluster",
        "regroup",
        "project",
        "score",
        "select",
        "curate",
        "take_column",
        "count_tokens",
        "import_scores",
        "replace_rows",
    }
)
# Kinds that no step makes: they stand in the manifest whole.
WRITTEN_OUT = frozenset({ROWS, DECISIONS, TARGET})
# By the name of an option: the values that stay on this machine and read nothing of it.
HARMLESS: Mapping[str, frozenset[str]] = {
    "encoder": frozenset({"minilm", "hashing"}),
    "llm": frozenset({"smollm2", ""}),
    "judge": frozenset({"smollm2", ""}),
}
# Beside those that are marked now: what options of former editions were called.
FORMER_REACHING = frozenset({"checker", "file", "folder"})


@dataclass(frozen=True, slots=True)
class ReplayStep:
    """One step of a replay; ``objection`` says why a stranger's manifest may not have it run, "" where it may."""

    step: str
    kind: str
    artifact_id: str
    objection: str = ""


def plan_replay(recorded: Sequence[Manifest]) -> list[ReplayStep]:
    """The steps in their order, each with what stands against it."""
    return [ReplayStep(one.step, one.kind, one.artifact_id, _objection(one)) for one in recorded]


def refuse_unknown(steps: Sequence[ReplayStep], sources: Sequence[SourceFile] = ()) -> None:
    """Raise CurationError naming the first step, or a source, that only a trusted manifest may have run or read."""
    asked = [(one.step, one.objection) for one in steps]
    # The files that are read are those of the manifest itself, whatever the import in it says.
    asked += [
        ("import", f"{one.path} is fetched from a hub") for one in sources if one.path.startswith(HUB_PREFIX)
    ]
    for step, objection in asked:
        if objection:
            raise CurationError(
                f"The manifest asks for {step}: {objection}. A replay runs only what computes the same anywhere, from "
                "its source alone. If you know who made this manifest and what it names, trust it: tamis replay --trust."
            )


def _objection(recorded: Manifest) -> str:
    names = (recorded.dataset_id, recorded.kind, recorded.artifact_id)
    if not all(is_folder_name(name) for name in names):
        return f"{shortened('/'.join(names), 80)} is no name of a result"
    if recorded.kind in WRITTEN_OUT:
        return ""
    if recorded.step not in OFFLINE_STEPS:
        return "it is no step that computes the same anywhere"
    if recorded.step == "import":
        return _objection_to_files(recorded.options.get("files") or ())
    asks = recorded.step == "score" and _needs_llm(recorded.options)
    for name, value in _named(recorded.options):
        if name in HARMLESS and str(value) not in HARMLESS[name] and (name != "llm" or asks):
            return f"{name} {value!r} may send rows elsewhere or load any model"
        # Of what names a file, a folder, a model or an address, only empty is harmless.
        if (
            (name in reaching_names() or name in FORMER_REACHING)
            and value
            and not (name == "model" and value == "smollm2")
        ):
            return f"{name} {value!r} names a model, a file or an address"
    return ""


def _objection_to_files(files: JSON) -> str:
    if not isinstance(files, list | tuple) or not all(isinstance(one, dict) for one in files):
        return "its files are no list of files"
    is_hub = any(str(one.get("path", "")).startswith(HUB_PREFIX) for one in files)
    return "it fetches from a hub" if is_hub else ""


def _needs_llm(options: Mapping[str, JSON]) -> bool:
    name = str(options.get("scorer", ""))
    return name in SCORERS and bool(SCORERS[name].needs_llm) and str(options.get("llm", "")) in LLMS


def _named(value: JSON, name: str = "") -> Iterator[tuple[str, JSON]]:
    """Every option with its name, those inside others too."""
    if isinstance(value, dict):
        for key, inside in value.items():
            yield from _named(inside, str(key))
    else:
        yield name, value
