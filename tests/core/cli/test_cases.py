"""Files from public reports of this field, by command: what was expected of them there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tamis.cli.main import run

CASES = Path(__file__).parents[2] / "fixtures" / "cases"


class Tamis:
    """Runs commands on one workspace; what they print is kept."""

    def __init__(self, workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._workspace, self._capsys = workspace, capsys

    def __call__(self, *arguments: str) -> tuple[int, dict]:
        """The exit code, and the last line as JSON."""
        code, out, _ = self.said(*arguments, "--json")
        return code, json.loads(out.strip().splitlines()[-1])

    def said(self, *arguments: str) -> tuple[int, str, str]:
        """The exit code, and what a person reads."""
        self._capsys.readouterr()
        code = run(["--workspace", str(self._workspace), *arguments])
        answer = self._capsys.readouterr()
        return code, answer.out, answer.err

    def import_case(self, name: str, *arguments: str) -> str:
        """Import the file of a case; the id of the dataset."""
        (file,) = (CASES / name).iterdir()
        code, done = self("import", str(file), "--name", name, *arguments)
        assert code == 0, done
        return str(done["dataset_id"])


@pytest.fixture
def tamis(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Tamis:
    return Tamis(tmp_path / "workspace", capsys)


@pytest.mark.parametrize("size", [("--min-cluster-size", "15"), ("--min-cluster-size", "2")])
def test_rows_that_are_all_noise_are_a_result_that_says_so(tamis: Tamis, size: tuple[str, str]) -> None:
    dataset = tamis.import_case("19-hdbscan-noise")
    assert tamis("run", "embed", "--dataset", dataset, "--encoder", "hashing")[0] == 0
    flags = ("run", "cluster", "--dataset", dataset, "--method", "hdbscan", "--min-samples", "11", *size)
    code, _, said = tamis.said(*flags)
    assert code == 0
    assert "No region was dense enough for a cluster: all 12 rows are noise" in said
    assert tamis(*flags)[1]["summary"]["noise_fraction"] == 1.0
    # Everything that reads a clustering goes on.
    assert tamis("clusters", "list", "--dataset", dataset)[0] == 0
    code, done = tamis("run", "select", "--dataset", dataset, "--method", "random", "--budget", "3")
    assert (code, done["summary"]["n_selected"]) == (0, 3)


def test_an_empty_system_turn_is_left_out_where_it_has_no_place(tamis: Tamis, tmp_path: Path) -> None:
    dataset, out = tamis.import_case("44-empty-system"), tmp_path / "rows.jsonl"
    for format_name, expected in (
        ("alpaca", {"instruction": "a", "input": "", "output": "b"}),
        ("prompt_completion", {"prompt": "a", "completion": "b"}),
        ("question_answer", {"question": "a", "answer": "b"}),
        ("turns", {"conversations": ["a", "b"]}),
        ("self_instruct", {"instruction": "a", "instances": [{"input": "", "output": "b"}]}),
    ):
        code, done = tamis("export", "--dataset", dataset, "--format", format_name, "--out", str(out))
        assert (code, done["n_rows"]) == (0, 2), format_name
        assert json.loads(out.read_text().splitlines()[0]) == expected
    assert tamis("export", "--dataset", dataset, "--out", str(out))[0] == 0
    assert out.read_text() == (CASES / "44-empty-system" / "in.jsonl").read_text()


def test_rows_that_do_not_fit_are_counted_and_left_out_only_where_asked(tamis: Tamis, tmp_path: Path) -> None:
    dataset, out = tamis.import_case("45-one-row-blocks"), tmp_path / "rows.jsonl"
    asked = ("export", "--dataset", dataset, "--format", "turns", "--out", str(out))
    code, done = tamis(*asked)
    assert code == 2
    assert "1 of 7 rows cannot be written as 'turns': a system prompt (1)" in done["error"]
    assert "--skip-unfit" in done["error"]
    assert not out.exists()
    code, done = tamis(*asked, "--skip-unfit")
    assert (code, done["n_rows"], done["skipped"]) == (0, 6, {"a system prompt": 1})
    (skipped,) = Path(done["skipped_path"]).read_text().splitlines()
    assert {key: json.loads(skipped)[key] for key in ("example_id", "source_row")} == {
        "example_id": 6,
        "source_row": 7,
    }
    code, again = tamis("replay", f"{out}.manifest.json")
    assert (code, again["identical"]) == (0, True)
    # An export of which every row fits takes the list away again.
    assert tamis("export", "--dataset", dataset, "--out", str(out))[1]["n_skipped"] == 0
    assert not Path(done["skipped_path"]).exists()


def test_an_export_of_which_no_row_fits_writes_nothing(tamis: Tamis, tmp_path: Path) -> None:
    rows = tmp_path / "in.jsonl"
    rows.write_text('{"instruction": "a", "output": "b"}\n')
    dataset = tamis("import", str(rows), "--name", "Rows")[1]["dataset_id"]
    for name in ("rows.jsonl", "rows.parquet"):
        flags = ("--format", "preference", "--skip-unfit", "--out", str(tmp_path / name))
        code, done = tamis("export", "--dataset", dataset, *flags)
        assert code == 2
        assert (
            "1 of 1 rows cannot be written as 'preference': a row without a rejected answer" in done["error"]
        )
        assert not (tmp_path / name).exists()


def test_an_import_ends_with_its_reasons_and_their_counts(tamis: Tamis, tmp_path: Path) -> None:
    rows = tmp_path / "in.jsonl"
    good = '{"instruction": "a", "output": "b"}'
    rows.write_text(
        f'{good}\n{{broken\n{good}\n{{"instruction": "a", "output": " "}}\n{{"instruction": "", "output": ""}}\n{{"instruction": "c", "output": ""}}\n'
    )
    code, out, _ = tamis.said("import", str(rows), "--name", "Rows")
    assert code == 0
    first, *reasons, last = out.splitlines()
    assert first.endswith("2 records imported as 2 examples, 4 rejected.")
    assert [line.split(maxsplit=1) for line in reasons][:2] == [
        ["2", "empty response"],
        ["1", "empty prompt"],
    ] or reasons
    assert sum(int(line.split()[0]) for line in reasons) == 4
    assert last.startswith("To see them: tamis rejects list --dataset rows-")
    done = tamis("import", str(rows), "--name", "Rows")[1]
    assert done["reject_reasons"]["empty response"] == 2
    listed = tamis("rejects", "list", "--dataset", "Rows")[1]
    assert listed["reasons"] == done["reject_reasons"]
    assert [line["line"] for line in listed["lines"]] == [2, 4, 5, 6]


def test_labels_that_other_tools_use_are_roles(tamis: Tamis, tmp_path: Path) -> None:
    dataset = tamis.import_case("08-roles")
    code, listed = tamis("rejects", "list", "--dataset", dataset)
    assert (code, listed["reasons"]) == (0, {"unknown role 'narrator' in turn N": 1})
    assert "--role narrator=ROLE" in listed["lines"][0]["reason"]
    out = tmp_path / "rows.jsonl"
    code, done = tamis("export", "--dataset", dataset, "--format", "messages", "--out", str(out))
    assert (code, done["n_rows"]) == (0, 4)
    rows = [[turn["role"] for turn in json.loads(line)["messages"]] for line in out.read_text().splitlines()]
    assert rows[:3] == [["user", "assistant", "tool", "assistant"]] * 3
    assert '"name":"get_weather"' in out.read_text().splitlines()[0]


def test_a_label_of_its_own_is_explained_and_written_back(tamis: Tamis, tmp_path: Path) -> None:
    source = CASES / "08-roles" / "sg.jsonl"
    dataset = tamis.import_case("08-roles")
    code, done = tamis("rejects", "retry", "--dataset", dataset, "--role", "narrator=system")
    assert (code, done["n_rejected_before"], done["n_rejected"]) == (0, 1, 0)
    assert done["dataset_id"] != dataset
    out = tmp_path / "rows.jsonl"
    code, written = tamis("export", "--dataset", done["dataset_id"], "--out", str(out))
    assert (code, written["n_rows"], out.read_text()) == (0, 5, source.read_text())
    code, again = tamis("replay", f"{out}.manifest.json")
    assert (code, again["identical"]) == (0, True)
    # The same at once; and what is not said stays as it was.
    assert tamis.import_case("08-roles", "--role", "narrator=system") == done["dataset_id"]
    assert tamis("rejects", "retry", "--dataset", done["dataset_id"], "--role", "narrator=system")[0] == 2


def test_a_meaning_that_there_is_not_is_refused(tamis: Tamis) -> None:
    (file,) = (CASES / "08-roles").iterdir()
    for flags, said in (
        (("--role", "narrator=sistem"), "cannot mean 'sistem'"),
        (("--role", "narrator"), "has no '='"),
        (("--map", "=x"), "has no '='"),
    ):
        code, done = tamis("import", str(file), *flags)
        assert code == 2
        assert said in done["error"]


def test_a_file_that_changed_cannot_be_read_again(tamis: Tamis, tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text((CASES / "08-roles" / "sg.jsonl").read_text())
    dataset = tamis("import", str(rows), "--name", "Rows")[1]["dataset_id"]
    rows.write_text('{"instruction": "a", "output": "b"}\n')
    asked = ("rejects", "retry", "--dataset", dataset, "--role", "narrator=user")
    code, done = tamis(*asked)
    assert code == 2
    assert "another file" in done["error"]
    rows.unlink()
    assert "not there any more" in tamis(*asked)[1]["error"]


REPAIRS = ("merge-consecutive", "drop-leading", "drop-trailing", "join-inner-system")


def test_turns_out_of_order_are_refused_with_the_way_to_read_them(tamis: Tamis, tmp_path: Path) -> None:
    (source,) = (CASES / "07-consecutive").iterdir()
    code, said, _ = tamis.said("import", str(source), "--name", "Turns")
    assert code == 0
    assert "3 records imported as 3 examples, 13 rejected." in said
    for name in REPAIRS:
        assert f"→ --repair {name}" in said
    dataset = tamis("datasets", "list")[1]["datasets"][0]["dataset_id"]
    code, done = tamis("rejects", "retry", "--dataset", dataset, "--repair", ",".join(REPAIRS))
    assert (code, done["n_rejected_before"], done["n_rejected"]) == (0, 13, 4)
    assert set(done["reasons"]) == {
        "ends with a system turn: no response",
        "ends with a user turn: no response",
        "empty response",
        "empty conversation: no turns",
    }
    # What was repaired is written as it is read, also in the source's own shape; all else as it stood there.
    out = tmp_path / "rows.jsonl"
    code, written = tamis("export", "--dataset", done["dataset_id"], "--out", str(out))
    lines = source.read_text().splitlines()
    assert (code, written["n_rows"]) == (0, 12)
    same = [line for line in out.read_text().splitlines() if line in lines]
    assert same == [lines[0], lines[13], lines[15]]
    assert tamis("replay", f"{out}.manifest.json")[1]["identical"]
    tamis("export", "--dataset", done["dataset_id"], "--format", "messages", "--out", str(out))
    rows = [json.loads(line)["messages"] for line in out.read_text().splitlines()]
    assert len(rows[1][1]["tool_calls"]) == 2
    assert [turn["role"] for turn in rows[1]] == ["user", "assistant", "tool", "tool", "assistant"]
    assert rows[2] == [
        {"role": "user", "content": "first half\n\nsecond half"},
        {"role": "assistant", "content": "ok"},
    ]
    assert [turn["content"] for row in rows for turn in row].count("now be formal\n\nq2") == 1


def test_a_file_that_only_a_repair_can_read_is_read_with_it(tamis: Tamis, tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text((CASES / "07-consecutive" / "in.jsonl").read_text().splitlines()[2] + "\n")
    code, done = tamis("import", str(rows), "--name", "Halves")
    assert code == 2
    assert "turn 2 (user) comes after user" in done["error"]
    code, done = tamis("import", str(rows), "--name", "Halves", "--repair", "merge-consecutive")
    assert (code, done["n_imported"], done["n_rejected"]) == (0, 1, 0)
    assert tamis("import", str(rows), "--repair", "merge-everything")[0] == 2
