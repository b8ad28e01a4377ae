"""Scores that Tamis did not compute: columns as quality, and files made elsewhere joined to the rows."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import tamis
from tamis.actions.given_scores import import_scores, numeric_quality, take_column
from tamis.api.dataset import Dataset
from tamis.errors import InvalidOptions, UnknownName
from tamis.steps.select.options import SelectOptions
from tamis.store.artifacts.readers import read_scores
from tamis.store.workspace import Workspace, open_workspace

N = 30


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a dataset of N rows that carry numbers, texts that are numbers, and gaps."""
    here = tmp_path_factory.mktemp("given scores")
    lines = [
        {
            "instruction": f"q {i}",
            "output": "a" * (i + 1),
            "id": f"r{i}",
            "topic": "ab"[i % 2],
            "price": f"{i / 2}",
        }
        | ({"reward": ((i * 7) % N) / 10 - 1} if i != 4 else {"reward": None})
        for i in range(N)
    ]
    (here / "rows.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    tamis.open(here / "w").import_file(here / "rows.jsonl", name="Rows", progress=False)
    return here


@pytest.fixture
def workspace(folder: Path) -> Workspace:
    return open_workspace(folder / "w")


@pytest.fixture
def data(folder: Path) -> Dataset:
    return tamis.open(folder / "w").dataset("Rows")


def test_a_column_is_a_quality_as_a_score_is(data: Dataset, folder: Path) -> None:
    picked = data.select("top_quality", budget=5, quality="column:reward", progress=False)
    rewards = [((i * 7) % N) / 10 - 1 if i != 4 else -np.inf for i in range(N)]
    assert sorted(picked.ids.tolist()) == sorted(np.argsort(rewards)[-5:].tolist())
    assert picked.summary["quality"] == "column:reward"
    # What is made from a column is in view like any score, and made again by a replay.
    assert "score:column:reward" in [one["key"] for one in data.columns.to_arrow().to_pylist()]
    out = picked.export(folder / "picked.jsonl")
    assert tamis.replay(out.manifest_path, progress=False).identical


@pytest.mark.parametrize(
    ("column", "best"), [("price", N - 1), ("response_chars", N - 1), ("n_turns", None), ("reward", None)]
)
def test_numbers_of_any_origin_can_be_one(data: Dataset, column: str, best: int | None) -> None:
    picked = data.select("top_quality", budget=1, quality=f"column:{column}", progress=False)
    assert len(picked.ids) == 1
    assert best is None or picked.ids.tolist() == [best]


def test_a_column_without_numbers_is_refused_before_anything_is_queued(data: Dataset) -> None:
    before = len(data.jobs())
    with pytest.raises(InvalidOptions, match="'topic' holds no numbers"):
        data.select("top_quality", budget=1, quality="column:topic")
    with pytest.raises(UnknownName, match="'nope'.*reward"):
        data.select("top_quality", budget=1, quality="column:nope")
    assert len(data.jobs()) == before


def test_the_same_column_is_the_same_scores(workspace: Workspace, data: Dataset) -> None:
    first, again = (take_column(workspace.artifacts, data.id, "reward") for _ in range(2))
    assert first.id == again.id
    values = read_scores(first)
    assert np.flatnonzero(np.isnan(values)).tolist() == [4]
    assert (first.summary["n_scored"], first.summary["n_not_scored"]) == (N - 1, 1)
    assert numeric_quality(workspace, data.id) == ("column:reward",)


def test_a_text_column_gives_strata(data: Dataset) -> None:
    picked = data.select("stratified", column="meta:topic", budget=6, progress=False)
    assert sorted(int(i) % 2 for i in picked.ids) == [0, 0, 0, 1, 1, 1]
    named = data.forecast("select", method="stratified", column="column:topic", budget=6)
    assert named.detail is not None
    assert named.detail.n_picked == 6


def write(path: Path, rows: list[dict[str, object]]) -> Path:
    """The rows in the container that the name says."""
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix == ".csv":
        head = list(rows[0])
        path.write_text(
            "\n".join(",".join(map(str, line)) for line in [head, *(row.values() for row in rows)]) + "\n"
        )
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize("name", ["scores.csv", "scores.jsonl", "scores.parquet"])
@pytest.mark.parametrize("key", ["id", "example_id", "content_hash"])
def test_a_file_is_joined_by_id_number_or_content(
    data: Dataset, workspace: Workspace, tmp_path: Path, name: str, key: str
) -> None:
    table = data.rows().to_arrow(["example_id", "content_hash"]).to_pylist()
    keys = {
        "id": [f"r{i}" for i in range(N)],
        **{one: [row[one] for row in table] for one in ("example_id", "content_hash")},
    }
    rows: list[dict[str, object]] = [{key: keys[key][i], "score": float(i)} for i in range(20)]
    file = write(tmp_path / name, [*rows, {key: "x" * 32 if key != "example_id" else 999, "score": 5.0}])
    done = import_scores(workspace, data.id, file, name="mine")
    assert (done.key, done.column, done.n_scored, done.n_unmatched) == (key, "score", 20, 1)
    values = read_scores(done.scores)
    assert values[:20].tolist() == list(range(20))
    assert np.isnan(values[20:]).all()


def test_what_was_joined_is_a_quality_by_its_name(data: Dataset, tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [{"uid": f"r{i}", "votes": i, "helpful": (i * 3) % 7} for i in range(N)]
    file = write(tmp_path / "votes.jsonl", rows)
    with pytest.raises(InvalidOptions, match="--key"):
        data.import_scores(file, name="votes")
    with pytest.raises(InvalidOptions, match=r"No line.*'uid'"):
        data.import_scores(file, name="votes", key="uid", column="votes")
    renamed = write(tmp_path / "renamed.jsonl", [{"id": row["uid"], **row} for row in rows])
    with pytest.raises(InvalidOptions, match="--column"):
        data.import_scores(renamed, name="votes", key="id")
    made = data.import_scores(renamed, name="votes", key="id", column="votes")
    assert made.to_numpy()[-1] == N - 1
    picked = data.select("top_quality", budget=2, quality="votes", progress=False)
    assert sorted(picked.ids.tolist()) == [N - 2, N - 1]
    out = picked.export(tmp_path / "picked.jsonl")
    assert tamis.replay(out.manifest_path, progress=False).identical
    moved = renamed.rename(tmp_path / "moved.jsonl")
    assert tamis.replay(out.manifest_path, sources=[moved], progress=False).identical


@pytest.mark.parametrize("name", ["alignment", "none", "", "a b", "column:x", "../x"])
def test_a_name_that_is_taken_or_none_is_refused(data: Dataset, tmp_path: Path, name: str) -> None:
    file = write(tmp_path / "scores.csv", [{"id": "r1", "score": 1}])
    with pytest.raises(InvalidOptions, match="name of a score"):
        data.import_scores(file, name=name)


def test_of_two_lines_about_a_row_the_last_counts_and_is_said(
    data: Dataset, workspace: Workspace, tmp_path: Path
) -> None:
    file = write(
        tmp_path / "scores.csv",
        [{"id": "r1", "score": 1}, {"id": "r1", "score": 2}, {"id": "r1", "score": 2}],
    )
    done = import_scores(workspace, data.id, file, name="twice")
    assert (done.n_repeated, read_scores(done.scores)[1]) == (1, 2.0)


def test_scores_are_exported_as_columns_and_replayed(data: Dataset, folder: Path, tmp_path: Path) -> None:
    data.score("length", progress=False)
    data.select("top_quality", budget=3, quality="column:reward", progress=False)
    out = data.export(
        tmp_path / "rows.jsonl", selection="all", format="messages", scores=("length", "column:reward")
    )
    rows = [json.loads(line) for line in out.path.read_text().splitlines()]
    assert len(rows) == N
    assert {"score_length", "score_column_reward", "messages"} <= set(rows[0])
    assert (rows[4]["score_column_reward"], rows[0]["score_column_reward"]) == (None, -1.0)
    assert [row["score_length"] for row in rows] == data.scores("length").to_numpy().tolist()
    assert tamis.replay(out.manifest_path, progress=False).identical
    listed = (
        data.rows()
        .where("sample", [5, 1])
        .export(tmp_path / "five.jsonl", format="messages", scores=("length",))
    )
    assert tamis.replay(listed.manifest_path, progress=False).identical


def test_scores_that_have_no_place_or_are_not_there_are_refused(data: Dataset, tmp_path: Path) -> None:
    with pytest.raises(InvalidOptions, match="own shape"):
        data.export(tmp_path / "rows.jsonl", scores=("length",))
    with pytest.raises(UnknownName, match="nope"):
        data.export(tmp_path / "rows.jsonl", format="messages", scores=("nope",))


def test_a_budget_is_spent_in_units_of_a_column_and_replayed(data: Dataset, folder: Path) -> None:
    picked = data.select(
        "random", budget=20.5, cost="column:price", excluded=data.rows().where("rows", [0]), progress=False
    )
    spent = sum(int(row) / 2 for row in picked.ids)
    assert 0 not in picked.ids
    assert (picked.summary["unit"], picked.summary["cost"]) == ("cost", "column:price")
    assert picked.summary["cost_spent"] == spent <= 20.5
    assert (
        picked.summary["cost_unused"] == 20.5 - spent < min(i / 2 for i in range(1, N) if i not in picked.ids)
    )
    out = picked.export(folder / "bought.jsonl")
    assert tamis.replay(out.manifest_path, progress=False).identical


def test_costs_that_are_none_say_how_many_there_are(data: Dataset) -> None:
    before = len(data.jobs())
    with pytest.raises(InvalidOptions, match="of 30 rows 1 have none, .* cost less than 0"):
        data.select("random", budget=3, cost="column:reward", progress=False)
    with pytest.raises(InvalidOptions, match="of 30 rows 1 cost 0"):
        data.select("random", budget=3, cost="column:price", progress=False)
    assert len(data.jobs()) == before


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"unit": "cost"}, "needs the cost of a row"),
        ({"unit": "rows", "cost": "column:price"}, "counts in units of its own"),
        ({"method": "kmq_released", "quality": "column:reward", "cost": "column:price"}, "use kmq for cost"),
    ],
)
def test_a_cost_that_cannot_be_counted_is_refused(data: Dataset, asked: dict[str, str], said: str) -> None:
    with pytest.raises(InvalidOptions, match=said):
        data.select(**({"method": "random", "budget": 5} | asked), progress=False)


def test_a_selection_without_a_cost_is_called_what_it_was_before_there_were_any() -> None:
    assert "cost" not in SelectOptions(budget=5).identity()
    assert SelectOptions(budget=5.5, cost="column:price").unit == "cost"


def test_a_score_is_declared_never_to_be_negative_and_checked(data: Dataset, folder: Path) -> None:
    below = write(folder / "below.csv", [{"id": f"r{i}", "score": i - 2} for i in range(N)])
    above = write(folder / "above.csv", [{"id": f"r{i}", "score": i} for i in range(N)])
    with pytest.raises(InvalidOptions, match="2 of 30 rows are: the lowest is -2"):
        data.import_scores(below, name="declared", non_negative=True)
    data.import_scores(below, name="open")
    data.import_scores(above, name="declared", non_negative=True)
    data.embed("hashing", progress=False)
    data.cluster(n_clusters=2, progress=False)
    with pytest.raises(InvalidOptions, match="'open' can be negative.*non_negative"):
        data.select(budget=5, quality="open", weighting="linear", progress=False)
    linear, auto = (
        data.select(budget=5, quality="declared", weighting=one, progress=False) for one in ("linear", "auto")
    )
    # Declared so, odds are linear by themselves: the score 0 has no chance.
    assert linear.ids.tolist() == auto.ids.tolist()
    out = linear.export(folder / "linear.jsonl")
    assert tamis.replay(out.manifest_path, sources=[above], progress=False).identical


def test_a_column_of_the_file_keeps_its_name_beside_a_score(data: Dataset, folder: Path) -> None:
    taken = write(
        folder / "taken.jsonl", [{"instruction": "q", "output": "a", "score_x": "mine", "id": "r1"}]
    )
    named = tamis.open(folder / "w").import_file(taken, name="Taken", progress=False)
    named.import_scores(write(folder / "x.csv", [{"id": "r1", "score": 2}]), name="x")
    out = named.export(folder / "x.jsonl", format="messages", scores="x")
    assert out.score_columns == {"x": "tamis_score_x"}
    line = json.loads((folder / "x.jsonl").read_text())
    assert (line["score_x"], line["tamis_score_x"]) == ("mine", 2.0)
    assert tamis.replay(out.manifest_path, progress=False).identical
