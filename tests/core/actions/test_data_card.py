"""The data card of an export: the head that a hub reads, every step, decisions by whom, the way back, the papers."""

from __future__ import annotations

import shlex
from pathlib import Path

import orjson
import pytest
import yaml

import tamis
from tamis.actions.citations import PAPERS
from tamis.actions.data_card import data_card, write_card
from tamis.encoders import ENCODERS
from tamis.errors import CurationError, InvalidOptions
from tamis.generators import GENERATORS
from tamis.projectors import PROJECTORS
from tamis.scorers import SCORERS
from tamis.selectors import SELECTORS
from tests.pages.page_workspace import alpaca_file, import_file, run_pipeline


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tamis.ExportedRows:
    folder = tmp_path_factory.mktemp("card")
    dataset_id = import_file(folder / "w", alpaca_file(folder))
    run_pipeline(folder / "w", dataset_id, budget=10)
    data = tamis.open(folder / "w").dataset(dataset_id)
    data.rename("Questions *and* <b>answers</b>")
    data.decisions.decide([0, 1], "drop")
    return data.export(folder / "subset.jsonl", selection="active", decisions="current")


def test_the_head_is_what_a_hub_reads(exported: tamis.ExportedRows) -> None:
    head = data_card(exported.manifest_path).split("---\n")[1]
    said = yaml.safe_load(head)
    assert said["pretty_name"] == "Questions *and* <b>answers</b>"
    assert said["size_categories"] == ["n<1K"]
    assert said["configs"] == [{"config_name": "default", "data_files": "subset.jsonl"}]


def test_the_text_says_sources_steps_people_the_way_back_and_papers(exported: tamis.ExportedRows) -> None:
    card = data_card(exported.manifest_path)
    for said in (
        "# Questions \\*and\\* \\<b\\>answers\\</b\\>",
        f"{exported.n_rows:,} rows", exported.sha256, "**Select** by `kmq`", "budget 10", "**Embed** by `hashing`",
        "tamis replay subset.jsonl.manifest.json", "eprint = {2409.11378}", "| drop | 2 |",
    ):  # fmt: skip
        assert said in card, said
    assert card.count("2409.11378") == 1
    assert str(exported.path.parent) not in card  # no path of this machine goes to a hub


def test_a_card_is_written_once_and_never_over_what_a_person_completed(exported: tamis.ExportedRows) -> None:
    written = exported.card()
    assert written == exported.path.with_name("README.md")
    assert written.read_text() == data_card(exported.manifest_path)
    with pytest.raises(InvalidOptions, match="completed by hand"):
        exported.card()
    with pytest.raises(CurationError, match="not a manifest"):
        write_card(exported.path, exported.path.with_name("other.md"))


def test_nothing_that_a_manifest_says_is_markup_or_a_command(
    exported: tamis.ExportedRows, tmp_path: Path
) -> None:
    evil = "x\n---\nlicense: evil\n```\n# Evil\n<script>`rm -rf ~`"
    manifest = orjson.loads(exported.manifest_path.read_bytes())
    manifest |= {"dataset_name": evil, "format_name": evil, "packages": {evil: evil}}
    manifest["sources"][0] |= {"path": f"/tmp/{evil}", "format": evil}
    for one in manifest["artifacts"]:
        one["step"], one["options"], one["summary"] = (
            evil,
            {"method": evil, "budget": evil},
            {"n_examples": evil},
        )
    path = tmp_path / "a; rm -rf ~ #`\n.jsonl.manifest.json"
    path.write_bytes(orjson.dumps(manifest))
    card = data_card(path)
    head, body = card.split("---\n")[1:]
    assert set(yaml.safe_load(head)) == {
        "pretty_name",
        "task_categories",
        "size_categories",
        "tags",
        "configs",
    }
    assert yaml.safe_load(head)["pretty_name"] == evil
    lines = body.splitlines()
    assert not [line for line in lines if line.startswith(("# Evil", "license", "<script"))]
    assert sum(line.startswith("```") for line in lines) == 2
    command = next(line for line in lines if line.startswith("tamis replay"))
    assert shlex.split(command)[2:] == [
        "a; rm -rf ~ #` .jsonl.manifest.json",
        "--source",
        "WHERE_THE_SOURCE_IS",
    ]


def test_papers_are_of_plugins_that_there_are() -> None:
    tables = {
        "select": SELECTORS, "score": SCORERS, "project": PROJECTORS, "embed": ENCODERS, "augment": GENERATORS,
    }  # fmt: skip
    assert all(name in tables[step] for step, name in PAPERS if step in tables)
    assert len({one.key for one in PAPERS.values()}) == len({one.arxiv for one in PAPERS.values()})
