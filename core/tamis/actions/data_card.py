"""The data card of an export: what the rows are, how they came about, by whom, and what makes them again.

The form is Hugging Face's: Markdown with a YAML head, as README.md beside the file.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import orjson

from tamis.actions.citations import papers_of
from tamis.actions.manifests import ExportManifest, read_manifest
from tamis.errors import InvalidOptions
from tamis.steps import STEPS
from tamis.store.artifacts.store import Manifest
from tamis.store.durable import write_atomically
from tamis.types import JSON

MANIFEST_ENDING = ".manifest.json"
_CHOSEN = (
    "method",
    "scorer",
    "encoder",
    "recipe",
    "generator",
)  # the option by which a step names its plug-in
_SIZES = (
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
    (10_000_000, "1M<n<10M"),
)
_LARGE = "n>10M"


def data_card(manifest_path: Path) -> str:
    """The card of the export whose manifest this is; raises UnreadableFile."""
    manifest = read_manifest(manifest_path)
    file = manifest_path.name.removesuffix(MANIFEST_ENDING)
    return "\n".join([*_head(manifest, file), "", *_rows(manifest), "", *_steps(manifest), *_people(manifest), *_again(manifest, file),
                      *_papers(manifest)]).rstrip() + "\n"  # fmt: skip


def write_card(manifest_path: Path, out: Path) -> Path:
    """Write the card of an export; raises InvalidOptions where a file is there already, which a person may have edited."""
    card = data_card(manifest_path)
    if out.exists():
        raise InvalidOptions(
            f"{out} exists, and a card is completed by hand: take another name, or move it away."
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(out, card.encode())
    return out


def _head(manifest: ExportManifest, file: str) -> Iterator[str]:
    size = next((name for limit, name in _SIZES if manifest.n_rows < limit), _LARGE)
    yield "---"
    yield f"pretty_name: {orjson.dumps(manifest.dataset_name).decode()}"
    yield "task_categories:\n- text-generation"
    yield f"size_categories:\n- {size}"
    yield "tags:\n- instruction-tuning\n- tamis"
    yield f"configs:\n- config_name: default\n  data_files: {orjson.dumps(file).decode()}"
    yield "---"
    yield ""
    yield "<!-- To be completed by hand: license, language, what the sources allow. -->"


def _rows(manifest: ExportManifest) -> Iterator[str]:
    yield f"# {_plain(manifest.dataset_name)}"
    yield ""
    yield f"{manifest.n_rows:,} rows in the format {_code(manifest.format_name)}, SHA-256 {_code(manifest.sha256)}."
    if manifest.n_skipped:
        yield f"{manifest.n_skipped:,} rows that the format cannot hold were left out."
    if manifest.scores:
        columns = ", ".join(_code(f"score_{name}") for name in manifest.scores)
        yield f"Beside each row: {columns}."
    yield ""
    yield "## Sources"
    yield ""
    for source in manifest.sources:
        name, form, digest = map(_code, (Path(source.path).name, source.format, source.content_hash))
        yield f"- {name} (format {form}, hash {digest})"


def _steps(manifest: ExportManifest) -> Iterator[str]:
    yield "## How it was made"
    yield ""
    for number, one in enumerate(manifest.artifacts, 1):
        title = STEPS[one.step].title if one.step in STEPS else one.step
        chosen = f" by {_code(chosen_plugin(one))}" if chosen_plugin(one) else ""
        facts = ", ".join(f"{name} {_plain(str(value))}" for name, value in facts_of_step(one).items())
        yield f"{number}. **{_plain(title)}**{chosen}{f': {facts}' if facts else ''}"
    yield ""


def _people(manifest: ExportManifest) -> Iterator[str]:
    decided = Counter((row.reviewer, row.verdict) for rows in manifest.decided.values() for row in rows)
    if not decided:
        return
    yield "## Decisions by people"
    yield ""
    yield "| who | decision | rows |"
    yield "|---|---|---|"
    for (who, verdict), n_rows in sorted(decided.items()):
        yield f"| {_plain(who)} | {_plain(verdict)} | {n_rows:,} |"
    yield ""


def _again(manifest: ExportManifest, file: str) -> Iterator[str]:
    packages = _plain(", ".join(f"{name} {version}" for name, version in sorted(manifest.packages.items())))
    # Without --trust: whoever reads the card has the manifest from somebody else.
    named = shlex.quote(" ".join(f"{file}{MANIFEST_ENDING}".splitlines()))
    command = f"tamis replay {named} --source WHERE_THE_SOURCE_IS"
    yield "## To make it again"
    yield ""
    yield f"```sh\n{command}\n```"
    yield ""
    yield f"Made with {packages}."
    yield ""


def _papers(manifest: ExportManifest) -> Iterator[str]:
    papers = papers_of((one.step, chosen_plugin(one)) for one in manifest.artifacts)
    if papers:
        yield "## Citations"
        yield ""
        yield "```bibtex\n" + "\n\n".join(one.bibtex() for one in papers) + "\n```"


def chosen_plugin(made: Manifest) -> str:
    """The name of the plug-in by which a step was done; empty where it has none."""
    return next((str(made.options[name]) for name in _CHOSEN if made.options.get(name)), "")


def facts_of_step(made: Manifest) -> dict[str, JSON]:
    """What of the options and the summary a reader wants: budget, quality, seed, numbers of rows and clusters."""
    options = {
        name: made.options[name] for name in ("budget", "unit", "quality", "seed") if name in made.options
    }
    counts = {
        name: value
        for name, value in made.summary.items()
        if name in ("n_examples", "n_clusters", "n_selected")
    }
    return options | {name.replace("_", " "): value for name, value in counts.items()}


def _code(text: str) -> str:
    """A stranger's text in one line as code: nothing in it ends that."""
    inside = " ".join(text.split()).replace("`", "'")
    return f"`{inside}`"


def _plain(text: str) -> str:
    """A stranger's text in one line, with what Markdown would read of it taken as letters."""
    return "".join(f"\\{sign}" if sign in "\\`*_[]<>#|" else sign for sign in " ".join(text.split()))
