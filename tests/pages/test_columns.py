"""What rows bring besides their text: lists of tags on the map, images wherever a row is read."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from PIL import Image

from pages.shared.dataset_context import open_context
from tamis.actions.export_files import list_exports
from tamis.actions.map_colours import colour_choices, condition_of, is_about
from tamis.actions.map_tiles import map_column, open_map
from tamis.store.rows.scope import where
from tamis.store.workspace import open_workspace
from tests.pages.page_workspace import button, checked, import_file, open_page, run_step, said

TOPICS = [["math", "code"], ["code"], [], ["math"], ["law", "math"], ["code"]]


@pytest.fixture
def tagged(workspace: Path, tmp_path: Path) -> str:
    path = tmp_path / "tagged.jsonl"
    rows = [{"instruction": f"q {i}", "output": f"a {i}", "topics": one} for i, one in enumerate(TOPICS)]
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    dataset = import_file(workspace, path, name="Tagged")
    run_step(workspace, dataset, "embed", {"encoder": "hashing"})
    return dataset


def test_the_map_is_filtered_by_entries_with_their_counts(tagged: str) -> None:
    app = open_page("data_map", dataset=tagged)
    checked(app.selectbox(key="filter_by").set_value("meta:topics").run())
    entries = app.multiselect(key="filter_entries_meta:topics")
    assert set(entries.options) == {"code · 3", "math · 3", "law · 1"}
    checked(entries.set_value(["math", "code"]).run())
    checked(app.button_group(key="filter_having_meta:topics").set_value("all_of").run())
    checked(app.button(key="filter_add").click().run())
    assert "**1** of 6 rows match" in said(app)
    assert button(app, 'Topics has all of "code", "math"')


def test_the_map_is_coloured_by_the_first_entry(workspace: Path, tagged: str) -> None:
    context = open_context(open_workspace(workspace), tagged)
    assert colour_choices(context)["meta:topics"] == "metadata: topics (first entry)"
    column = map_column(context, open_map(context), "meta:topics")
    assert dict(zip(column.values, column.counts, strict=True)) == {"math": 2, "code": 2, "law": 1}
    assert column.n_missing == 1
    assert condition_of(context, "meta:topics", ["law", None]) == ("any_of", ["law"], "topics")
    assert is_about(where("any_of", ["law"], "topics"), context, "meta:topics")
    assert condition_of(context, "meta:topics", [None]) is None


def test_a_row_with_an_image_shows_it_before_and_after_the_import(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAMIS_IMPORT_FOLDERS", f'["{tmp_path}"]')
    Image.new("RGB", (60, 40), "teal").save(tmp_path / "a.png")
    asked = [{"type": "image", "image": "a.png"}, {"type": "text", "text": "What is it?"}]
    row = {"messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": "A field."}]}
    away = {"messages": [*row["messages"]], "images": ["../b.png"]}
    path = tmp_path / "seen.jsonl"
    path.write_bytes(b"".join(orjson.dumps(one) + b"\n" for one in (row, away)))
    app = open_page("import_data", **{"from": "This server"})
    checked(app.multiselect[0].set_value([str(path)]).run())
    assert len(app.get("image")) == 2
    assert "../b.png" in said(app)
    imported = import_file(workspace, path, name="Seen")
    run_step(workspace, imported, "embed", {"encoder": "hashing"})
    app = open_page("data_map", dataset=imported, row="0")
    assert len(app.get("image")) == 1
    assert "What is it?" in said(app)
    checked(button(open_page("export_data", dataset=imported), "Write ").click().run())
    (file,) = list_exports(open_workspace(workspace), imported)
    assert file.path.read_bytes() == path.read_bytes()
