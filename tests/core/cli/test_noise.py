"""The tables of bench-noise: what each filter would keep of the sound rows and of the planted ones."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from tamis.actions import bench_clear, bench_noise
from tamis.actions.bench_clear import Planted, clear_corrected, clear_filters
from tamis.cli.bench_noise import filter_lines
from tamis.cli.main import run
from tamis.llms.scripted import ScriptedModel
from tamis.registry import parse_options
from tamis.steps.propose.chunks import Models
from tamis.steps.propose.options import ProposeOptions
from tests.pages.page_workspace import alpaca_file


def test_a_perfect_confidence_drops_every_planted_row_and_half_of_all():
    noisy = np.arange(100) < 20
    found = clear_filters(np.arange(100, dtype=np.float32), noisy, seed=1)
    assert found["filter"]["table"] == {
        "noisy": {"kept": 0, "corrected": 0, "dropped": 20},
        "clean": {"kept": 50, "corrected": 0, "dropped": 30},
    }
    assert (found["filter"]["precision"], found["filter"]["recall"]) == (1.0, pytest.approx(50 / 80))
    assert (found["oracle"]["precision"], found["oracle"]["recall"]) == (1.0, 1.0)


def test_the_random_control_keeps_as_many_rows_and_about_the_usual_share_of_noise():
    noisy = np.arange(1000) < 200
    found = clear_filters(np.arange(1000, dtype=np.float32), noisy, seed=3)["random"]
    kept = found["table"]["noisy"]["kept"] + found["table"]["clean"]["kept"]
    assert kept == 500
    assert found["precision"] == pytest.approx(0.8, abs=0.05)


def test_the_lines_hold_every_count():
    found = clear_filters(np.arange(10, dtype=np.float32), np.arange(10) < 2, seed=0)["filter"]
    said = filter_lines("filter", found)
    assert "precision 1.000, recall 0.625" in said
    assert "0 kept, 2 dropped" in said
    assert "5 kept, 3 dropped" in said


# ---- Auto-Correct

N = 40


def corrected(monkeypatch, tmp_path, *, writes, prefers, **values):
    """Rows 0 to 9 are noisy; the judge likes answers by ``prefers``; the confidence is the row's number."""
    gold = [f"the gold of row {i}" for i in range(N)]
    noisy = np.arange(N) < 10
    asked = [f"question {i}" for i in range(N)]
    responses = ["something else" if bad else text for bad, text in zip(noisy, gold, strict=True)]

    def chooses(text, letters):
        first, second = re.findall(r"<answer_[ab] [0-9a-f]+>\n(.*?)\n</answer", text, re.S)
        return [prefers(first), prefers(second), 0.01]

    models = Models(
        ScriptedModel(completes=lambda prompt, k: writes(int(prompt.split()[1]))),
        ScriptedModel(chooses=chooses),
    )
    monkeypatch.setattr(bench_clear, "open_models", lambda options, workspace: models)
    options = parse_options(
        ProposeOptions, {"method": "correct", "llm": "scripted", "judge": "scripted"} | values
    )
    seen = []
    found = clear_corrected(
        Planted(asked, responses, gold, noisy),
        np.arange(N, dtype=np.float32),
        options,
        workspace=tmp_path,
        on_progress=lambda done, n: seen.append((done, n)),
    )
    assert seen == [(16, N), (32, N), (N, N)]
    return found


def likes_gold(answer):
    return 1.0 if "gold" in answer else 0.05


def test_a_writer_that_knows_the_gold_corrects_every_planted_row_and_keeps_every_clean_one(
    monkeypatch, tmp_path
):
    found = corrected(monkeypatch, tmp_path, writes=lambda i: f"The gold of row {i}", prefers=likes_gold)
    assert found["table"] == {
        "noisy": {"kept": 0, "corrected": 10, "dropped": 0},
        "clean": {"kept": 30, "corrected": 0, "dropped": 0},
    }
    assert (found["precision"], found["recall"], found["gold_fraction"]) == (1.0, 1.0, 1.0)
    assert found["outcomes"] == {"corrected": 10, "identical": 30}
    said = filter_lines("correct", found)
    assert "0 kept, 10 corrected, 0 dropped" in said
    assert "10 corrected, 30 identical" in said


def test_corrections_that_are_not_gold_and_undecided_rows_are_told_apart(monkeypatch, tmp_path):
    found = corrected(
        monkeypatch,
        tmp_path,
        writes=lambda i: f"a gold of row {i}" if i < 5 else "another thing",
        prefers=likes_gold,
        gamma="11.5",
    )
    assert found["table"]["noisy"] == {"kept": 0, "corrected": 5, "dropped": 5}
    assert found["table"]["clean"] == {"kept": 28, "corrected": 0, "dropped": 2}
    assert found["gold_fraction"] == 0.0
    none = corrected(
        monkeypatch, tmp_path, writes=lambda i: f"a gold of row {i}", prefers=likes_gold, eta="1"
    )
    assert none["table"]["noisy"]["corrected"] == 0
    assert np.isnan(none["gold_fraction"])
    assert "corrected to gold" not in filter_lines("correct", none)


@pytest.fixture
def bench(tmp_path, monkeypatch, capsys):
    """The command on a small file with a confidence by row, so that no model scores anything."""
    monkeypatch.setattr(
        bench_noise,
        "score_rows",
        lambda rows, names, *_: {"confidence": np.linspace(0, 1, len(rows.prompts), dtype=np.float32)},
    )
    file = alpaca_file(tmp_path)

    def call(*arguments):
        capsys.readouterr()
        command = [
            "--workspace",
            str(tmp_path / "w"),
            "bench-noise",
            str(file),
            "--llm",
            "scripted",
            *arguments,
        ]
        code = run([*command, "--json"])
        return code, json.loads(capsys.readouterr().out.strip().splitlines()[-1])

    return call


def test_the_command_fills_the_corrected_column_only_when_asked_to(bench):
    code, plain = bench("--clear")
    assert code == 0
    assert set(plain["clear"]) == {"filter", "random", "oracle"}
    assert "clear" not in bench()[1]
    options = ["--llm-options", '{"answers": ["an answer of its own"]}', "--judge", "scripted"]
    code, found = bench("--clear-method", "correct", *options, "--eta", "0", "--gamma-fraction", "0.9")
    assert code == 0
    table = found["clear"]["correct"]["table"]
    n_rows = sum(sum(counts.values()) for counts in table.values())
    assert n_rows == found["n_rows"] == sum(found["clear"]["correct"]["outcomes"].values())
    assert (
        sum(counts["corrected"] for counts in table.values())
        == found["clear"]["correct"]["outcomes"]["corrected"]
        > 0
    )
    # γ is that of every table, so that they can be held beside each other.
    kept = sum(counts["kept"] for counts in found["clear"]["filter"]["table"].values())
    assert kept == pytest.approx(0.1 * n_rows, abs=1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--clear-method", "correct", "--eta", "7"], "eta"),
        (["--clear-method", "correct", "--judge", "nobody"], "nobody"),
        (["--clear", "--judge-options", "[1]"], "--judge-options wants an object"),
        (["--clear-method", "oracle"], "'oracle' is not one of 'filter', 'correct'"),
    ],
)
def test_wrong_options_are_refused_before_anything_is_scored(bench, monkeypatch, arguments, message):
    monkeypatch.setattr(bench_noise, "score_rows", lambda *_: pytest.fail("scored"))
    code, found = bench(*arguments)
    assert code == 2
    assert message in found["error"]


def test_a_tiny_model_writes_and_judges(bench, tmp_path):
    from tests.core.llms.conftest import build_model

    tiny = json.dumps({"model": str(build_model(tmp_path / "tiny")), "dtype": "float32", "device": "cpu"})
    code, found = bench(
        "--rows", "6", "--rate", "0.34", "--clear-method", "correct", "--writer", "transformers",
        "--writer-options", tiny, "--judge", "transformers", "--judge-options", tiny, "--max-new-tokens", "4",
    )  # fmt: skip
    assert code == 0
    assert found["llm"].startswith("scripted")
    assert sum(found["clear"]["correct"]["outcomes"].values()) == 6
