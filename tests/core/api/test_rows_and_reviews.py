"""Rows, tags, clusters and decisions from Python; text of datasets is never HTML, and moves no cursor."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import orjson
import pytest

import tamis
from tamis.errors import InvalidOptions, UnknownName
from tests.pages.page_workspace import import_file


def test_rows_are_narrowed_sorted_and_read(data: tamis.Dataset) -> None:
    assert len(data.rows()) == 40
    bread = data.rows().where("meta", ["bread"], on="topic")
    assert bread.ids.tolist() == list(range(0, 40, 4))
    assert len(bread.where("contains", "Answer 1", on="response")) == 2
    scored = bread.sorted_by("score:alignment", descending=True)
    values = scored.to_pandas(["score:alignment"])["score:alignment"].to_numpy()
    assert (np.diff(values) <= 0).all()
    assert (
        scored.where("range", [None, float(values[3])], on="score:alignment").ids.tolist()
        == scored.ids[3:].tolist()
    )
    assert bread.where("sample", [4, 1]).ids.tolist() == bread.where("sample", [4, 1]).ids.tolist()
    assert {"example_id", "prompt", "response", "cluster", "score:alignment"} <= set(
        bread.to_pandas().columns
    )
    assert bread.messages()[1][0]["content"] == "Question 4 about bread?"
    with pytest.raises(UnknownName, match="columm"):
        bread.to_pandas(["columm"])
    with pytest.raises(InvalidOptions, match="smells"):
        bread.where("smells", "good")


def test_search_by_words_pattern_meaning_and_row(data: tamis.Dataset) -> None:
    assert len(data.search("stars")) == 10
    assert len(data.search(r"Answer \d on taxes", by="pattern")) == 2
    near = data.search("a question about rivers", by="meaning", k=5)
    assert len(near) == 5
    assert (np.diff(near.similarity) <= 0).all()
    assert near.to_pandas()["similarity"].to_numpy() == pytest.approx(near.similarity)
    close = data.search("a question about rivers", by="meaning", k=5, at_least=float(near.similarity[2]))
    assert close.ids.tolist() == near.ids[near.similarity >= near.similarity[2]].tolist()
    like = data.search(8, by="row", k=3)
    assert like.ids[0] == 8
    kept = near.where("rows", near.ids[1:3].tolist())
    assert kept.similarity.tolist() == near.similarity[1:3].tolist()
    assert near.sorted_by("example_id").ids.tolist() == sorted(near.ids.tolist())
    assert len(data.search("no such words anywhere")) == 0


def test_rows_are_exported_with_a_manifest(data: tamis.Dataset, tmp_path: Path) -> None:
    found = data.search("taxes", by="meaning", k=6)
    written = found.export(tmp_path / "found.jsonl", format="messages")
    assert written.n_rows == 6
    assert tamis.replay(written.manifest_path, progress=False)
    assert data.rows().export(tmp_path / "all.parquet").n_rows == 40
    picked = data.select(budget=9)
    assert data.export(tmp_path / "picked.jsonl", selection=picked).n_rows == 9
    # Without a word on rows, what the page shows: the active selection.
    usual = data.export(tmp_path / "usual.jsonl")
    assert (usual.n_rows, usual.taken) == (9, f"selection {picked.id}")
    assert f"9 rows (selection {picked.id})" in repr(usual)
    assert f"active selection {picked.name}" in repr(data)
    assert data.export(tmp_path / "every.jsonl", selection="all").n_rows == 40
    data.tags.add("few", [1, 2])
    assert data.export(tmp_path / "tagged.jsonl", tag="few").taken == "tag few"
    with pytest.raises(InvalidOptions, match="No row is in this scope"):
        data.search("no such words anywhere").export(tmp_path / "none.jsonl")


def test_tags_are_put_on_taken_off_and_undone(data: tamis.Dataset) -> None:
    data.tags.add("check", [1, 2, 3])
    data.tags.add("check", data.search("stars"))
    data.tags.remove("check", 2)
    assert data.tags.rows("check").ids.tolist() == sorted({1, 3, *range(1, 40, 4)})
    data.tags.undo()
    assert 2 in data.tags.rows("check").ids
    data.tags.redo()
    data.tags.rename("check", "looked at")
    assert [(one.tag, one.n_rows) for one in data.tags.list()] == [("looked at", 11)]
    data.tags.delete("looked at")
    assert len(data.tags) == 0
    assert {event.reviewer for event in data.tags.log()} == {"ann"}
    assert data.tags.log().to_pandas()["action"].iloc[0] == "remove"
    with pytest.raises(InvalidOptions, match="on no row|has the tag"):
        data.tags.rows("check")


def test_clusters_are_named_and_named_back(data: tamis.Dataset) -> None:
    before = data.clusters.names[0]
    data.clusters.rename(0, "Kitchen")
    assert (data.clusters.names[0], data.clusters.to_pandas()["name"][0]) == ("Kitchen", "Kitchen")
    assert data.clusters.undo() == 0
    assert data.clusters.names[0] == before
    assert data.clusters.redo() == 0
    assert len(data.clusters.rows(0, 1)) == data.clusters.to_pandas()["size"][:2].sum()
    assert data.clusters.of(data.result("clustering").id).names[0] == "Kitchen"
    with pytest.raises(InvalidOptions, match="no cluster 99"):
        data.clusters.rename(99, "x")


def test_decisions_are_made_logged_exported_and_undone(data: tamis.Dataset, tmp_path: Path) -> None:
    event = data.decisions.decide(np.array([4, 9]), "drop", reason="dull")
    assert (event.n_rows, event.rule, event.reviewer) == (2, "dull", "ann")
    data.decisions.decide(3, "replace", response="New.")
    assert data.decisions.to_pandas()["verdict"].tolist() == ["replace", "drop", "drop"]
    assert data.decisions.export(tmp_path / "decided.jsonl") == 3
    assert data.decisions.history(3)[0].new_messages[-1]["content"] == "New."
    assert [change.example_id for change in data.decisions.rows_of(event.event_id)] == [4, 9]
    data.decisions.undo()
    assert len(data.decisions) == 2
    data.decisions.redo()
    data.decisions.undo(event.event_id)
    assert data.decisions.to_pandas()["example_id"].tolist() == [3]
    again = data.decisions.import_file(tmp_path / "decided.jsonl")
    assert again.n_rows == 3
    assert [one.action for one in data.decisions.log()][:2] == ["decide", "revert"]
    assert data.decisions.conflicts == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (([3], "burn"), "verdict is 'burn'"),
        (([3, 4], "replace"), "one row"),
        (([3], "replace"), "new response"),
        (([40], "drop"), "There is no row 40: rows go from 0 to 39"),
    ],
)
def test_a_decision_that_cannot_be_says_why(data: tamis.Dataset, arguments: tuple, said: str) -> None:
    with pytest.raises(InvalidOptions, match=said):
        data.decisions.decide(*arguments)
    assert len(data.decisions) == 0


def test_text_of_a_dataset_is_shown_as_text(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>\x1b[2J\u202e<img src=x>"
    path = tmp_path / "evil.jsonl"
    lines = [{"instruction": evil, "output": evil, "topic": evil} for _ in range(3)]
    path.write_bytes(b"\n".join(map(orjson.dumps, [*lines, "<b>no record</b>"])) + b"\n")
    import_file(tmp_path / "workspace", path, name="<i>Evil</i>")
    ws = tamis.open(tmp_path / "workspace")
    data = ws.dataset("<i>Evil</i>")
    tagged = data.tags.add("<u>tag</u>", [0])
    decided = data.decisions.decide([1], "drop", reason="<s>rule</s>")
    shown = [
        ws,
        ws.datasets(),
        data,
        data.rows(),
        data.rejects,
        data.tags,
        data.decisions.log(),
        data.search(evil[:8]),
        # what an action hands over as it is
        tagged,
        data.tags.list()[0],
        decided,
        data.decisions.edit(2, response=evil),
        data.decisions.summary(),
        data.decisions.history(1)[0],
        data.forecast("embed", encoder="hashing"),
    ]
    for one in shown:
        page, text = one._repr_html_(), repr(one)
        assert not any(mark in page for mark in ("<script", "<img", "<i>", "<u>", "<s>", "<b>no"))
        assert not any(mark in text + page for mark in ("\x1b", "\u202e"))
    assert "&lt;script&gt;" in data.rows()._repr_html_()
    assert all(
        text in tagged._repr_html_() for text in ("TagEvent", "n_rows", "&lt;u&gt;tag&lt;/u&gt;", "reviewer")
    )
    expected = data.forecast("embed", encoder="hashing")
    assert all(one.name in expected._repr_html_() for one in expected.checks)
    assert "\\x1b" in repr(data.rows())
