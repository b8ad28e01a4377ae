"""Who sits at a browser reads no file of the server but those in the folders that its operator named, whichever option it is.

The command line and Python run as whoever calls them, so nothing is refused there.
"""

from __future__ import annotations

import os
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import orjson
import pytest

from tamis.actions.adapters import check_merge_target, merge_adapter, merge_elsewhere
from tamis.actions.decision_files import import_decisions
from tamis.actions.forecast import forecast, model_folder
from tamis.actions.given_scores import import_scores
from tamis.actions.imports import allowed_path, examine_file, files_of_sources, plan_examined, start_import
from tamis.actions.learned_tokens import learned_tokens
from tamis.actions.models import look_at_model
from tamis.actions.submit import check_options, plan_run, submit
from tamis.actions.targets import TargetSource, add_target
from tamis.errors import CurationError, ForbiddenPath, UnreadableFile
from tamis.formats.tables import parse_hub_address
from tamis.registry import Options, Reach, parse_options, reach_of
from tamis.settings import Settings
from tamis.steps import STEPS
from tamis.steps.import_file.options import SourceFile
from tamis.steps.import_file.step import _refuse_new_link
from tamis.steps.reach import allowed_data, allowed_model, allowed_options, options_types
from tamis.steps.spec import StepOptions
from tamis.store.workspace import Workspace, open_workspace

ROW = b'{"instruction": "Q", "output": "A"}\n'
# Texts that name nothing of this machine: columns, ids of artifacts, words for a model, choices of a table that is asked.
STAY = {
    "BSDetectorOptions": "encoder", "ContaminationOptions": "hashes", "GroundednessOptions": "document_field",
    "LocalClassifierOptions": "revision device", "RatingOptions": "rubric", "StratifiedOptions": "column",
    "MiniLMOptions": "device", "SentenceTransformerOptions": "revision prompt", "OpenAIOptions": "model prompt",
    "SmolLM2Options": "device", "TransformersOptions": "revision", "OpenAIChatOptions": "model system",
    "ScriptedOptions": "answers", "SftLoraOptions": "target_modules", "RewardGapOptions": "reward_revision",
    "SourceFile": "format fields content_hash encoding split repairs", "ImportOptions": "name",
    "CurateOptions": "parent parent_examples decisions name", "CompareOptions": "quality", "SelectOptions": "quality cost",
    "LabelOptions": "labels", "ExamineOptions": "group", "EarlierBatch": "dataset_id examples",
    "Addition": "dataset_id examples decisions", "GivenExample": "prompt response",
    "AugmentOptions": "filters evaluation_hashes instruction labels brief name parent parent_examples examination",
    "TargetRdsOptions": "device", "LabelConfidenceOptions": "label_field", "PruneOptions": "pattern device",
    "ClusterOptions": "kept_from names", "ProjectOptions": "kept_from",
    "RefereeOptions": "methods refined preset", "RegroupOptions": "name names", "KmqOptions": "cluster_shares",
    "MixtureOptions": "weights", "MigOptions": "labels", "WorthOptions": "tokens",
    "ProposeOptions": "score filters", "RefineOptions": "quality model_options encoder cluster_factors",
}  # fmt: skip


def _fields() -> Iterator[tuple[type[Options], str, Any]]:
    for kind in dict.fromkeys(options_types()):
        for name, field in kind.model_fields.items():
            yield kind, name, field


def _may_be_text(annotation: Any) -> bool:
    origin = typing.get_origin(annotation)
    if origin is Literal:
        return False
    if origin in (typing.Union, types.UnionType, list, tuple, dict):
        return any(_may_be_text(one) for one in typing.get_args(annotation))
    return annotation in (str, Path, Any)


def _declared(kind: type[Options], name: str) -> bool:
    """Whether somebody said what a text is: the type that first has the field, or one that it is a kind of."""
    stays = any(name in STAY.get(one.__name__, "").split() for one in kind.__mro__)
    if not issubclass(kind, StepOptions):
        return stays
    chosen = {part for one in (*kind.CHOICES, *kind.LATER_CHOICES) for part in (one.field, one.options_field)}
    return stays or name in kind.POINTERS or name in chosen


def test_every_text_in_the_options_says_where_it_leads_or_that_it_stays() -> None:
    unsaid = [
        f"{kind.__name__}.{name}"
        for kind, name, field in _fields()
        if _may_be_text(field.annotation) and reach_of(field) is None and not _declared(kind, name)
    ]
    assert not unsaid, "say in the type where it leads (tamis.registry.Reach), or in STAY that it does not"


def test_what_is_called_like_a_path_is_never_declared_to_stay() -> None:
    words = (
        "path",
        "file",
        "folder",
        "dir",
        "url",
        "model",
        "command",
        "script",
        "module",
        "template",
        "variable",
    )
    named = [
        f"{kind.__name__}.{name}"
        for kind, name, field in _fields()
        if _may_be_text(field.annotation) and reach_of(field) is None and any(word in name for word in words)
    ]
    # A name at an endpoint; options of the bundled kind, which has no name; layers of a model; what an Arrow table is called.
    assert set(named) == {
        "OpenAIOptions.model", "OpenAIChatOptions.model", "RefineOptions.model_options", "SftLoraOptions.target_modules",
        "SpinOptions.target_modules",
    }  # fmt: skip


def _reading() -> list[tuple[type[Options], str, bool]]:
    """Every field that names something of this machine to be read; whether it takes a list."""
    return [
        (kind, name, typing.get_origin(field.annotation) is tuple)
        for kind, name, field in _fields()
        if reach_of(field) in (Reach.FILE, Reach.MODEL)
    ]


@pytest.fixture
def allowed(tmp_path: Path) -> Path:
    """A folder that may be read, beside a secret, with every way out that its owner or an archive can leave in it."""
    folder = tmp_path / "allowed"
    (folder / "deep").mkdir(parents=True)
    (folder / "rows.jsonl").write_bytes(ROW)
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "rows.jsonl").write_bytes(ROW)
    (secret / "config.json").write_text("{}")
    (folder / "link.jsonl").symlink_to(secret / "rows.jsonl")
    (folder / "linked").symlink_to(secret)
    (folder / "loop").symlink_to(folder / "loop")
    os.mkfifo(folder / "pipe.jsonl")
    return folder


@pytest.fixture
def browser(allowed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """The workspace as a page has it."""
    monkeypatch.chdir(allowed)  # what a relative path is looked for in
    return open_workspace(tmp_path / "workspace", Settings(import_folders=[allowed]), confined=True)


ESCAPES = {
    "upwards": "../secret/rows.jsonl",
    "upwards from inside": "deep/../../secret/rows.jsonl",
    "absolute": "/etc/passwd",
    "a link": "link.jsonl",
    "below a link": "linked/rows.jsonl",
    "a linked folder": "./linked",
    "a loop of links": "./loop",
    "home": "~/.ssh/id_rsa",
    "somebody's home": "~root/.ssh/id_rsa",
    "nobody's home": "~nobody-of-that-name/x",
    "an address": "file:///etc/passwd",
    "the process": "/proc/self/environ",
    "a share": "\\\\host\\share\\rows.jsonl",
    "NUL": "rows.jsonl\0.jsonl",
    "dots that are none": "\u2024\u2024/secret/rows.jsonl",
    "a pipe": "./pipe.jsonl",
    "a device": "/dev/zero",
    "too long": "./" + "x" * 5000,
    "another who has a token": "../workspace/tamis.sqlite",
}


@pytest.mark.parametrize("escape", ESCAPES.values(), ids=list(ESCAPES))
def test_no_option_reads_outside(browser: Workspace, escape: str) -> None:
    tried = _reading()
    assert len(tried) >= 9
    for kind, name, many in tried:
        with pytest.raises((ForbiddenPath, UnreadableFile)):
            allowed_options(browser, kind, {name: [escape] if many else escape})
            pytest.fail(f"{kind.__name__}.{name} took {escape!r}")


@pytest.mark.parametrize("escape", ESCAPES.values(), ids=list(ESCAPES))
def test_no_step_takes_it_from_the_options_of_what_it_names(browser: Workspace, escape: str) -> None:
    reading = {(kind, name): many for kind, name, many in _reading()}
    n_tried = 0
    for step in STEPS.values():
        for choice in (*step.options.CHOICES, *step.options.LATER_CHOICES):
            for row in choice.table.values():
                for name in row.options.model_fields:
                    if (row.options, name) not in reading:
                        continue
                    given: Any = [escape] if reading[row.options, name] else escape
                    values = {choice.field: row.name, choice.options_field: {name: given}}
                    n_tried += 1
                    for verb in (
                        check_options,
                        lambda w, s, v: submit(w, "x", s, v),
                        lambda w, s, v: plan_run(w, "x", s, v),
                    ):
                        with pytest.raises((ForbiddenPath, UnreadableFile)):
                            verb(browser, step.name, values)
    assert n_tried >= 9


@pytest.mark.parametrize("escape", ESCAPES.values(), ids=list(ESCAPES))
def test_no_verb_with_a_path_reads_outside(browser: Workspace, escape: str) -> None:
    refused = (ForbiddenPath, UnreadableFile)
    with pytest.raises(refused):
        allowed_path(browser, escape)
    assert examine_file(browser, escape).inspection is None
    assert look_at_model(browser, escape).problem
    assert model_folder(browser, escape) == ""
    with pytest.raises(refused):
        import_scores(browser, "x", Path(escape), name="mine")
    with pytest.raises(refused):
        import_decisions(browser, "x", Path(escape), "somebody")
    with pytest.raises(refused):
        add_target(browser, "x", "mine", TargetSource(file=escape))
    with pytest.raises(CurationError):
        learned_tokens(browser, "x", 0, model=escape)
    with pytest.raises(refused):
        forecast(browser, "x", "finetune", {"model": escape}, in_detail=False)


def test_what_lies_inside_is_taken_by_its_resolved_path(browser: Workspace, allowed: Path) -> None:
    inside = str(allowed / "rows.jsonl")
    values = allowed_options(
        browser,
        STEPS["score"].options,
        {"scorer": "contamination", "scorer_options": {"files": ["rows.jsonl"]}},
    )
    assert values["scorer_options"]["files"] == [inside]  # where the worker runs, the relative one is another
    assert allowed_data(browser, str(allowed / "deep" / ".." / "rows.jsonl")) == inside
    model = allowed / "model"
    model.mkdir()
    (model / "config.json").write_text("{}")
    assert allowed_model(browser, "./model") == str(model)
    for name in ("smollm2", "adapter:0123", "owner/name", "all-MiniLM-L6-v2", ""):
        assert allowed_model(browser, name) == name


def test_a_folder_of_models_is_named_by_a_setting_of_its_own(browser: Workspace, tmp_path: Path) -> None:
    with pytest.raises(ForbiddenPath, match="TAMIS_MODEL_FOLDERS"):
        allowed_model(browser, str(tmp_path / "secret"))
    opened = Workspace(browser.path, Settings(model_folders=[tmp_path / "secret"]), confined=True)
    assert allowed_model(opened, str(tmp_path / "secret")) == str(tmp_path / "secret")
    with pytest.raises(ForbiddenPath, match="TAMIS_IMPORT_FOLDERS"):
        allowed_data(opened, str(tmp_path / "secret" / "rows.jsonl"))


def test_an_adapter_is_no_way_to_a_base_outside(browser: Workspace, allowed: Path, tmp_path: Path) -> None:
    adapter = allowed / "adapter"
    adapter.mkdir()
    for base in (str(tmp_path / "secret"), "../secret"):
        (adapter / "adapter_config.json").write_bytes(orjson.dumps({"base_model_name_or_path": base}))
        with pytest.raises(ForbiddenPath, match="TAMIS_MODEL_FOLDERS"):
            allowed_model(browser, "./adapter")
    (adapter / "adapter_config.json").write_bytes(orjson.dumps({"base_model_name_or_path": "owner/name"}))
    assert allowed_model(browser, "./adapter") == str(adapter)
    for text in ("[]", "[" * 100_000, "7"):
        (adapter / "adapter_config.json").write_text(text)
        with pytest.raises(CurationError, match="cannot be read"):
            allowed_model(browser, "./adapter")


@pytest.mark.parametrize(
    "target",
    [
        "/tmp/elsewhere",
        "~/model",
        "../model",
        "{workspace}/merged/../../model",
        "{workspace}/merged/link/model",
        "\0",
        "~x/y",
    ],
)
def test_in_a_browser_a_model_is_written_nowhere_but_where_models_go(browser: Workspace, target: str) -> None:
    merged = browser.path / "merged"
    merged.mkdir(parents=True)
    (merged / "link").symlink_to("/tmp")
    path = Path(target.format(workspace=browser.path))
    for verb in (
        lambda: check_merge_target(browser, path),
        lambda: merge_adapter(browser, "any", path),
        lambda: merge_elsewhere(browser, None, path),  # type: ignore[arg-type]  # refused before it is looked at
    ):
        with pytest.raises(ForbiddenPath, match="TAMIS_MODEL_FOLDERS"):
            verb()
    check_merge_target(browser, merged / "any")
    check_merge_target(open_workspace(browser.path), path)


def test_a_saved_dataset_or_a_model_holds_no_link_that_leads_out(
    browser: Workspace, allowed: Path, tmp_path: Path
) -> None:
    saved = allowed / "saved"
    saved.mkdir()
    (saved / "state.json").write_text("{}")
    (saved / "data.arrow").symlink_to(tmp_path / "secret" / "rows.jsonl")
    with pytest.raises(ForbiddenPath, match="leads out"):
        allowed_data(browser, "saved")
    (saved / "config.json").write_text("{}")
    with pytest.raises(ForbiddenPath, match="leads out"):
        allowed_model(browser, "./saved")


def test_of_a_folder_only_what_does_not_lead_out_is_looked_at(browser: Workspace, allowed: Path) -> None:
    looked = {Path(file).name: examine_file(browser, file) for file in files_of_sources([str(allowed)])}
    assert looked["rows.jsonl"].ready
    assert "outside the folders" in looked["link.jsonl"].problem
    assert "pipe.jsonl" not in looked  # nobody would ever have answered


def test_a_link_put_in_the_way_after_it_was_agreed_to_is_not_followed(
    browser: Workspace, allowed: Path, tmp_path: Path
) -> None:
    plan = plan_examined([examine_file(browser, "rows.jsonl")], "mine")
    start_import(browser, plan)
    agreed = SourceFile(**plan.options["files"][0]).path
    _refuse_new_link(agreed)
    (allowed / "rows.jsonl").unlink()
    (allowed / "rows.jsonl").symlink_to(tmp_path / "secret" / "rows.jsonl")
    with pytest.raises(UnreadableFile, match="leads elsewhere"):
        _refuse_new_link(agreed)
    with pytest.raises(ForbiddenPath):
        start_import(browser, plan)


@pytest.mark.parametrize(
    "name",
    [
        "../secret",
        "/etc",
        "./secret",
        "owner/../../secret",
        "~",
        "a/b/c",
        "..",
        "owner/..",
        "-rf",
        "deep",
        "",
    ],
)
def test_a_name_of_the_hub_is_no_way_to_files(
    allowed: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(allowed)
    with pytest.raises(UnreadableFile):
        parse_hub_address(f"hub:{name}")


def test_the_command_line_reads_as_its_own_user(allowed: Path, tmp_path: Path) -> None:
    own = open_workspace(tmp_path / "workspace", Settings(import_folders=[allowed]))
    outside = str(tmp_path / "secret" / "rows.jsonl")
    assert examine_file(own, outside).ready
    given = {"scorer": "contamination", "scorer_options": {"files": [outside]}}
    assert allowed_options(own, STEPS["score"].options, given) == given
    assert parse_options(STEPS["score"].options, given)
