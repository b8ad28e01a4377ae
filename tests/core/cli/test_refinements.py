"""Refinements from the command line: listed, shown round by round, compared, continued and deleted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tamis.cli.main import run
from tests.core.llms.conftest import build_model
from tests.pages.page_workspace import alpaca_file, import_file, run_pipeline, run_step

pytest.importorskip("transformers")


def test_the_life_of_a_refinement(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    workspace = tmp_path / "w"
    dataset_id = import_file(workspace, alpaca_file(tmp_path))
    run_pipeline(workspace, dataset_id)

    def tamis(*arguments: str) -> tuple[int, dict]:
        capsys.readouterr()
        flags = ["--dataset", dataset_id, "--workspace", str(workspace), "--json"]
        code = run(["refinements", *arguments, *flags])
        return code, json.loads(capsys.readouterr().out.strip().splitlines()[-1])

    assert tamis("list") == (0, {"refinements": []})
    assert tamis("show")[0] == 2
    values = {
        "rounds": 2, "budget": 12, "train": False, "max_new_tokens": 6, "model": str(build_model(tmp_path / "tiny")),
        "model_options": {"dtype": "float32", "device": "cpu"},
        "scorer_options": {"response_words": 6, "prompt_words": 8},
    }  # fmt: skip
    first = run_step(workspace, dataset_id, "refine", values).id
    (listed,) = tamis("list")[1]["refinements"]
    assert (listed["refinement"], listed["state"], listed["n_rounds"], listed["control"]) == (
        first,
        "succeeded",
        2,
        "none",
    )
    code, shown = tamis("show", first)
    assert (code, [one["new"] for one in shown["rounds"]]) == (0, [6, 6])
    assert len(shown["weight_change"]) == 4
    assert shown["options"]["budget"] == 12
    assert list(shown["effects"]) == list(shown["weight_change"])
    assert {"effect", "low", "high", "clear", "n_scored"} == set(shown["effects"]["0"])
    assert shown["effective_clusters"] > 0
    assert ("cannot be told from noise yet" in shown["said"]) == (not shown["told"])
    capsys.readouterr()
    assert run(["refinements", "show", first, "--dataset", dataset_id, "--workspace", str(workspace)]) == 0
    text = capsys.readouterr().out
    assert "effective clusters" in text
    assert shown["said"] in text
    code, flagged = tamis("flags", "--do", "tag", "--reviewer", "ann")
    assert (code, flagged["refinement"]) == (0, first)
    assert flagged["n_rows"] == len({one["example_id"] for one in flagged["flags"]})
    assert flagged["done"] == ("tag" if flagged["n_rows"] else None)
    code, compared = tamis("compare", first, "--round", "1", "--out", str(tmp_path / "report.html"))
    assert (code, compared["state"], len(compared["selections"])) == (0, "succeeded", 4)
    assert (tmp_path / "report.html").read_bytes().startswith(b"<!")
    code, answer = tamis("compare", first, "--round", "3", "--out", "x.html")
    assert (code, "it has 2 rounds" in answer["error"]) == (2, True)
    code, more = tamis("continue", "--rounds", "1")
    assert (code, more["state"]) == (0, "succeeded")
    assert tamis("show")[1]["refinement"] == more["refinement"]
    assert [one["new"] for one in tamis("show")[1]["rounds"]] == [6, 6, 6]
    # Its rounds are counted by the one that goes on from it, and stay.
    code, plan = tamis("delete", first, "--dry-run")
    assert (code, plan["deleted"], [one["kind"] for one in plan["artifacts"]]) == (0, False, ["refinement"])
    assert len(plan["kept"]) >= 2
    assert tamis("delete", more["refinement"])[1]["deleted"]
    assert tamis("delete", first)[1]["deleted"]
    assert tamis("list") == (0, {"refinements": []})
    code, answer = tamis("delete", first)
    assert code == 2
    assert first in answer["error"]
