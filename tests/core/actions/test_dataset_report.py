"""The report of an export: one page that stands alone, with pictures, people, papers, the way back, and its card."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import orjson
import pytest

import tamis
from tamis.actions.data_card import data_card
from tamis.actions.dataset_context import open_context
from tamis.actions.manifests import read_manifest
from tamis.actions.report.dataset_pictures import exported_rows
from tamis.actions.report.dataset_report import render_dataset_report
from tamis.api.dataset import Dataset
from tamis.errors import ArtifactMissing
from tests.pages.page_workspace import alpaca_file, import_file, run_pipeline


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("report")
    dataset_id = import_file(folder / "w", alpaca_file(folder))
    run_pipeline(folder / "w", dataset_id, budget=10)
    found = tamis.open(folder / "w").dataset(dataset_id)
    found.rename("Questions <b>and</b> answers")
    return found


@pytest.fixture(scope="module")
def exported(data: Dataset, tmp_path_factory: pytest.TempPathFactory) -> tamis.ExportedRows:
    picked = sorted(data.active_selection.ids.tolist())
    data.decisions.decide(picked[:2], "drop")
    data.decisions.decide(picked[2:3], "keep")
    folder = tmp_path_factory.mktemp("out")
    return data.export(folder / "subset.jsonl", selection="active", decisions="current")


class _Page(HTMLParser):
    """What a browser would fetch or run, and the text of each part with an id."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.tags: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.fetched += [
            str(value) for name, value in attrs if name in ("src", "href") and not str(value).startswith("#")
        ]


def test_one_page_says_the_whole_path_and_asks_for_nothing(
    data: Dataset, exported: tamis.ExportedRows
) -> None:
    path = data.report(exported=exported)
    assert path == exported.path.with_name("subset.jsonl.report.html")
    text = path.read_text()
    page = _Page(text)
    assert not page.fetched
    assert "script" not in page.tags
    for said in (
        "40 rows of questions.jsonl became 8, picked by kMQ", "From import to export", "Embed", "Cluster", "Select",
        exported.sha256, "tamis replay subset.jsonl.manifest.json", "eprint = {2409.11378}", "[<code>yu2024diversify</code>]",
        '<td>drop</td>', '<td>keep</td>', "Questions &lt;b&gt;and&lt;/b&gt; answers",
    ):  # fmt: skip
        assert said in text, said
    assert len(re.findall("<svg[^>]* role=", text)) >= 3  # the map twice, and the clusters
    assert str(exported.path.parent) not in text  # no path of this machine is sent


def test_the_card_lies_beside_it_and_a_completed_one_stays(
    data: Dataset, exported: tamis.ExportedRows
) -> None:
    data.report(exported=exported)
    card = exported.path.with_name("README.md")
    assert card.read_text() == data_card(exported.manifest_path)
    card.write_text("completed by hand")
    data.report(exported=exported)
    assert card.read_text() == "completed by hand"


def test_pictures_are_of_the_rows_in_the_file(data: Dataset, exported: tamis.ExportedRows) -> None:
    context = open_context(data._workspace, data.id)
    rows = exported_rows(context, read_manifest(exported.manifest_path))
    assert len(rows) == exported.n_rows
    written = [orjson.loads(line) for line in exported.path.read_bytes().splitlines()]
    assert len(written) == len(rows)


def test_no_row_is_quoted_and_nothing_said_is_markup(
    data: Dataset, exported: tamis.ExportedRows, tmp_path: Path
) -> None:
    evil = '</pre><script>alert(1)</script>"><img src=x>'
    manifest = orjson.loads(exported.manifest_path.read_bytes())
    manifest |= {"dataset_name": evil, "format_name": evil, "scope": evil, "packages": {evil: evil}}
    manifest["sources"][0] |= {"path": f"/tmp/{evil}", "format": evil}
    for rows in manifest["decided"].values():
        for row in rows:
            row |= {"reviewer": evil, "via": evil}
    for one in manifest["artifacts"]:
        one["step"], one["options"], one["summary"] = (
            evil,
            {"method": evil, "budget": evil},
            {"n_examples": evil},
        )
    path = tmp_path / "x.jsonl.manifest.json"
    path.write_bytes(orjson.dumps(manifest))
    page = _Page(render_dataset_report(data._workspace, path).decode())
    assert not page.fetched
    assert not {"script", "img"} & set(page.tags)


def test_where_nothing_was_exported_into_the_workspace_it_says_what_to_do(data: Dataset) -> None:
    with pytest.raises(ArtifactMissing, match="export its rows first"):
        data.report()
