"""Rows, tags, cluster names and rejected lines from the command line: the twins of what pages do with them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tamis.cli.main import run
from tests.pages.page_workspace import alpaca_file, import_file, run_pipeline

Tamis = Callable[..., tuple[int, dict]]


@pytest.fixture(scope="module")
def clustered(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A workspace whose dataset has clusters, a selection of ten rows and two rejected lines."""
    folder = tmp_path_factory.mktemp("clustered")
    dataset_id = import_file(folder / "w", alpaca_file(folder, bad_lines=2))
    run_pipeline(folder / "w", dataset_id, budget=10)
    return folder / "w", dataset_id


@pytest.fixture
def tamis(
    tmp_path: Path,
    clustered: tuple[Path, str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Tamis:
    monkeypatch.setenv("TAMIS_REVIEWER", "ann")
    shutil.copytree(clustered[0], tmp_path / "w")

    def call(*arguments: str) -> tuple[int, dict]:
        capsys.readouterr()
        code = run([*arguments, "--dataset", clustered[1], "--workspace", str(tmp_path / "w"), "--json"])
        return code, json.loads(capsys.readouterr().out.strip().splitlines()[-1])

    return call


@pytest.fixture
def printed(tamis: Tamis, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """What a person reads."""

    def call(*arguments: str) -> str:
        capsys.readouterr()
        assert run([*arguments, "--workspace", str(tmp_path / "w")]) == 0
        return capsys.readouterr().out

    return call


def test_what_is_printed_says_each_thing_once_and_in_words(
    tamis: Tamis, printed: Callable[..., str], clustered: tuple[Path, str], tmp_path: Path
) -> None:
    here = ("--dataset", clustered[1])
    assert [line.split(":")[0].strip() for line in printed("rejects", "list", *here).splitlines()[-2:]] == [
        "line 41",
        "line 42",
    ]
    tamis("tags", "add", "hard", "--rows", "3,4")
    assert "'hard' is called 'difficult' now, on 2 rows" in printed(
        "tags", "rename", "hard", "difficult", *here
    )
    shown = printed("rows", "show", "3", *here).splitlines()
    assert [line.split() for line in shown if line.split()[:1] == ["tags"]] == [["tags", "difficult"]]
    (tmp_path / "a.jsonl").write_text('{"instruction": "a", "output": "b"}\nno json\n')
    (tmp_path / "b.jsonl").write_text('{"instruction": "c", "output": "d"}\n\nno json\n')
    files = (str(tmp_path / "a.jsonl"), str(tmp_path / "b.jsonl"))
    printed("import", *files, "--name", "Two files")
    assert not any("[]" in line for line in printed("datasets").splitlines())
    lines = printed("rejects", "list", "--dataset", "Two files")
    assert "a.jsonl (--file 0) line 2: " in lines and "b.jsonl (--file 1) line 3: " in lines
    call = '{"role": "assistant", "content": null, "tool_calls": [{"function": {"name": "tide", "arguments": "{}"}}]}'
    (tmp_path / "c.jsonl").write_text(f'{{"messages": [{{"role": "user", "content": "a"}}, {call}]}}\n')
    printed("import", str(tmp_path / "c.jsonl"), "--name", "Calls")
    assert "assistant: tide({})" in printed("rows", "show", "0", "--dataset", "Calls").splitlines()


def test_a_tag_is_put_on_rows_renamed_taken_off_and_all_of_it_undone(tamis: Tamis) -> None:
    assert tamis("tags", "list") == (0, {"tags": []})
    code, made = tamis("tags", "add", "hard", "--rows", "0,5,10-12")
    assert (code, made["event"]["n_rows"], made["event"]["reviewer"]) == (0, 5, "ann")
    assert tamis("tags", "add", "picked", "--selection", "newest")[1]["event"]["n_rows"] == 10
    assert tamis("tags", "remove", "hard", "--rows", "12")[0] == 0
    assert tamis("tags", "rename", "hard", "difficult")[0] == 0
    assert tamis("tags", "list")[1]["tags"] == [
        {"tag": "difficult", "n_rows": 4},
        {"tag": "picked", "n_rows": 10},
    ]
    assert tamis("tags", "delete", "picked")[0] == 0
    assert [one["tag"] for one in tamis("tags", "list")[1]["tags"]] == ["difficult"]
    assert tamis("tags", "undo")[1]["event"]["tag"] == "picked"
    assert tamis("tags", "undo")[0] == 0  # the rename
    assert [one["tag"] for one in tamis("tags", "list")[1]["tags"]] == ["hard", "picked"]
    assert tamis("tags", "redo")[0] == 0
    assert [one["tag"] for one in tamis("tags", "list")[1]["tags"]] == ["difficult", "picked"]
    assert tamis("tags", "log", "--limit", "2")[1]["events"][0]["action"] == "redo"
    assert tamis("tags", "undo", "--reviewer", "ben") == (0, {"event": None})


def test_rows_are_narrowed_by_everything_that_is_named(tamis: Tamis) -> None:
    tamis("tags", "add", "a", "--rows", "0-9")
    assert tamis("tags", "add", "b", "--with-tag", "a", "--rows", "8-20")[1]["event"]["n_rows"] == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("tags", "add", "x"), "Say which rows"),
        (("tags", "add", "x", "--rows", "3-"), "'3-' is neither"),
        (("tags", "add", "x", "--rows", "two"), "'two' is neither"),
        (("tags", "add", "x", "--rows", "7,40"), "no row 40: rows go from 0 to 39"),
        (("tags", "add", " ", "--rows", "7"), "A tag needs a name"),
        (("tags", "rename", "nothing", "b"), "No row of"),
        (("clusters", "rename", "99", "b"), "no cluster 99"),
        (("rejects", "show", "1"), "was not rejected"),
        (("rows", "show", "40"), "no row 40: rows go from 0 to 39"),
        (("rows", "list", "--columns", "colour"), "colour"),
        (("rejects", "list", "--reason", "none such"), "none such"),
    ],
)
def test_what_cannot_be_is_refused_with_the_next_step(
    tamis: Tamis, arguments: tuple[str, ...], said: str
) -> None:
    code, answer = tamis(*arguments)
    assert code == 2
    assert said in answer["error"]


def test_rows_are_listed_searched_and_shown(tamis: Tamis) -> None:
    code, listed = tamis("rows", "list", "--limit", "3")
    assert (code, listed["n_rows"], len(listed["rows"])) == (0, 40, 3)
    assert list(listed["rows"][0]) == ["example_id", "prompt", "response"]
    picked = tamis(
        "rows",
        "list",
        "--selection",
        "newest",
        "--sort",
        "example_id",
        "--descending",
        "--columns",
        "example_id",
    )[1]
    numbers = [one["example_id"] for one in picked["rows"]]
    assert len(numbers) == 10
    assert numbers == sorted(numbers, reverse=True)
    code, found = tamis("rows", "search", "about rivers", "--limit", "0")
    assert (code, [one["example_id"] % 4 for one in found["rows"]]) == (0, [3] * 10)
    assert tamis("rows", "search", "Question 1[0-4] ", "--by", "pattern")[1]["n_rows"] == 5
    assert tamis("rows", "search", "7", "--by", "row")[1]["rows"][0]["example_id"] == 7
    alike = tamis("rows", "search", "7", "--by", "row", "--at-least", "usual")[1]
    assert alike["rows"][0]["example_id"] == 7 and 1 <= alike["n_rows"] < 20
    assert tamis("rows", "search", "7", "--by", "row", "--at-least", "2")[0] != 0
    nearest = tamis(
        "rows", "search", "Question about stars", "--by", "meaning", "--rows", "0-7", "--limit", "2"
    )[1]
    assert {one["example_id"] for one in nearest["rows"]} == {1, 5}
    code, shown = tamis("rows", "show", "3")
    assert (code, shown["messages"][-1]["content"], shown["tags"]) == (0, "Answer 3 on rivers.", [])
    assert "score:alignment" in shown["values"]
    assert "score:alignment" in tamis("rows", "columns")[1]["columns"]


def test_clusters_are_listed_and_named_and_the_name_is_undone(tamis: Tamis) -> None:
    code, listed = tamis("clusters", "list")
    assert code == 0
    assert sum(one["size"] for one in listed["clusters"]) == 40
    first = listed["clusters"][0]
    assert {"name", "keywords", "score:alignment", "n_selected"} <= set(first)
    named = str(first["cluster_id"])
    assert tamis("clusters", "rename", named, "Baking") == (0, {"cluster_id": int(named), "name": "Baking"})
    assert tamis("clusters", "undo")[1] == {"cluster_id": int(named), "name": first["name"]}
    assert tamis("clusters", "redo")[1] == {"cluster_id": int(named), "name": "Baking"}
    by_id = {
        one["cluster_id"]: one["name"]
        for one in tamis("clusters", "list", "--clustering", listed["clustering"])[1]["clusters"]
    }
    assert by_id[int(named)] == "Baking"
    assert tamis("clusters", "undo", "--reviewer", "ben")[1] == {"cluster_id": None, "name": ""}


def test_rejected_lines_are_listed_shown_and_written(tamis: Tamis, tmp_path: Path) -> None:
    code, listed = tamis("rejects", "list")
    assert (code, [one["line"] for one in listed["lines"]]) == (0, [41, 42])
    assert sum(listed["reasons"].values()) == 2
    code, shown = tamis("rejects", "show", "42")
    assert (code, shown["raw"]) == (0, "no json")
    assert shown["reason"]
    out = tmp_path / "out" / "rejects.jsonl"
    # As every other export: no folder is made for a path that may be mistyped.
    assert tamis("rejects", "export", "--out", str(out))[0] == 2
    assert tamis("decisions", "export", "--out", str(out))[0] == 2
    out.parent.mkdir()
    assert tamis("rejects", "export", "--out", str(out))[1] == {"path": str(out), "n_lines": 2}
    assert [json.loads(line)["line"] for line in out.open()] == [41, 42]


def test_selections_are_queued_to_be_trained_alike(tamis: Tamis, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = []
    for seed in ("1", "2"):
        _, made = tamis("run", "select", "--method", "random", "--budget", "8", "--seed", seed)
        chosen += ["--selection", made["artifact_id"]]
    monkeypatch.setattr("tamis.actions.jobs.tick", lambda *_, **__: [])
    code, expected = tamis("finetune-selections", *chosen, "--seeds", "2", "--estimate")
    assert (code, expected["ok"], expected["n_runs"]) == (0, True, 4)
    assert list(expected["selections"]) == chosen[1::2]
    assert {one["rows"] for one in expected["selections"].values()} == {8}
    assert not [one for one in tamis("jobs", "list")[1]["jobs"] if one["step"] == "finetune"]
    code, queued = tamis(
        "finetune-selections", *chosen, "--seeds", "2", "--learning-rate", "0.001", "--no-wait"
    )
    assert (code, [one["state"] for one in queued["jobs"]]) == (0, ["queued"] * 4)
    jobs = [one for one in tamis("jobs", "list")[1]["jobs"] if one["step"] == "finetune"]
    assert {one["options"]["seed"] for one in jobs} == {42, 43}
    assert {one["options"]["recipe_options"]["learning_rate"] for one in jobs} == {0.001}
    assert len({one["inputs"]["held_out"] for one in jobs}) == 1
    assert tamis("finetune-selections", *chosen[:2])[0] == 2


def test_what_was_done_and_what_was_not_is_said(
    tamis: Tamis, printed: Callable[..., str], clustered: tuple[Path, str]
) -> None:
    here = ("--dataset", clustered[1])
    assert tamis("tags", "add", "hard", "--where", "contains:prompt=bread")[1]["event"]["n_rows"] == 10
    assert printed("tags", "undo", *here).startswith("Undone: ")
    assert printed("tags", "redo", *here).startswith("Redone: ")
    assert (
        printed("decisions", "row", "3", *here) == "Row 3 is undecided: nobody decided anything about it.\n"
    )
    assert [one.split()[0] for one in printed("rows", "list", *here, "--where", "rows=3,5").splitlines()] == [
        "3",
        "5",
    ]
    for command, said in (
        (("rows", "list", "--where", "nonsense"), "is no condition: write KIND[:COLUMN]=VALUE"),
        (("clusters", "rename", "999", "x"), "has no cluster 999: it has 4 clusters."),
        (("refinements", "delete", "nope"), "There is no refinement of"),
    ):
        code, answer = tamis(*command)
        assert code == 2
        assert said in answer["error"]


def test_what_a_refinement_will_do_is_estimated_round_by_round(tamis: Tamis) -> None:
    code, expected = tamis(
        "run", "refine", "--estimate", "--rounds", "2", "--budget", "8", "--control", "km_random"
    )
    assert (code, [one["adds"] for one in expected["rounds"]]) == (0, [4, 4])


def test_a_row_is_explained_and_replaced(tamis: Tamis) -> None:
    code, said = tamis("selections", "why", "active", "--row", "17")
    assert code == 0
    assert said["sentences"][0].startswith("Row 17 is ")
    assert said["quota"]["budget"] == 10
    assert tamis("selections", "why", "--row", "40")[0] == 2
    other, into = (said["above"] or said["below"])["row"], 17
    row, by = (into, said["below"]["row"]) if said["picked"] else (other, into)
    code, made = tamis("selections", "replace", "--row", str(row), "--by", str(by))
    assert code == 0
    assert tamis("active")[1]["active"]["selection"]["id"] == made["id"]
    assert tamis("selections", "why", "--row", str(by))[1]["replaced"] == row
    assert tamis("selections", "replace", "--row", str(row), "--by", str(by))[0] == 2
    tamis("selections", "activate", made["parent"])
    assert tamis("selections", "why", "--row", str(row))[1]["replaced"] is None


def test_a_target_is_added_scored_towards_selected_for_and_shown(tamis: Tamis) -> None:
    asked = ("--prompt", "How is bread made?", "--prompt", "Why does bread rise?")
    code, made = tamis("target", "add", "--name", "baking", *asked)
    assert (code, made["n_examples"]) == (0, 2)
    assert tamis("target", "add", "--name", "baking", "--prompt", "Else")[0] == 2
    assert [one["name"] for one in tamis("target", "list")[1]["targets"]] == ["baking"]
    code, picked = tamis(
        "run", "select", "--method", "target_round_robin", "--target", "baking", "--budget", "5"
    )
    assert (code, picked["summary"]["n_selected"]) == (0, 5)
    shown = tamis("target", "show", "baking")[1]
    assert shown["scores"] is not None
    assert [one["prompt"] for one in shown["examples"]] == ["How is bread made?", "Why does bread rise?"]
    assert "score" in tamis("target", "delete", "baking", "--dry-run")[1]["obstacle"]
    assert tamis("target", "show", "none")[0] == 2
