"""A campaign acts as whoever started it or resumed it last, and nobody has a model asked with a key that is kept to others."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import tamis
from tamis.actions import campaigns
from tamis.actions.audit import list_audit
from tamis.actions.augment_trial import start_trial, try_drafts
from tamis.actions.bench_grounded import bench_grounded
from tamis.actions.briefs import suggest_rules
from tamis.actions.campaigns import (
    go_on,
    go_on_with_all,
    resume_campaign,
    revise_brief,
    show_campaign,
    start_campaign,
    stop_campaign,
)
from tamis.actions.forecast import forecast, forecast_models
from tamis.actions.jobs import list_jobs
from tamis.actions.submit import check_options, submit
from tamis.errors import NotAllowed
from tamis.jobs.scheduler.start import _who_asked
from tamis.settings import Settings
from tamis.store.actor import Actor
from tamis.store.workspace import Workspace, open_workspace
from tests.pages.page_workspace import alpaca_file, import_file

ADDRESS = "http://127.0.0.1:9/v1"
ANN, BEN = (Actor(f"{name}@example.org", "curator", "login") for name in ("ann", "ben"))
GIVEN = {"base_url": ADDRESS, "model": "m", "api_key_variable": "MY_KEY"}
OPTIONS = {"instruction": "Write.", "rows": 3, "accept": "passed", "llm": "openai", "llm_options": GIVEN}
DRAFTS = {"generator": "similar", "llm": "openai", "llm_options": GIVEN, "rows": 3, "max_tokens": 1000}
RATING = {"scorer": "llm_rating", "llm": "openai", "llm_options": GIVEN}


def _kept_to(keys: Path, account: str) -> None:
    keys.write_text(
        f'[mine]\naddress = "{ADDRESS}"\nvariable = "MY_KEY"\naccounts = ["{account}"]\n', "utf-8"
    )


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Workspace, str]:
    """A workspace with accounts, and an endpoint that is kept to Ann."""
    monkeypatch.setenv("TAMIS_ENDPOINTS", str(tmp_path / "keys.toml"))
    monkeypatch.setenv("MY_KEY", "sk-secret-123456")
    _kept_to(tmp_path / "keys.toml", "ann@example.org")
    path, accounts = tmp_path / "workspace", tmp_path / "accounts.toml"
    accounts.write_text('[accounts]\n"ann@example.org" = "curator"\n"ben@example.org" = "curator"\n', "utf-8")
    dataset_id = import_file(path, alpaca_file(tmp_path, 6))
    return open_workspace(path, Settings(workspace=path, accounts=accounts)), dataset_id


def _started(there: tuple[Workspace, str], monkeypatch: pytest.MonkeyPatch, actor: Actor = ANN) -> None:
    """A campaign that is to make its first move."""
    workspace, dataset_id = there
    with monkeypatch.context() as patched:
        patched.setattr(campaigns, "go_on", show_campaign)
        start_campaign(
            workspace.acting_as(actor), dataset_id, "self_guide", OPTIONS, reviewer=actor.account or "root"
        )


def _asked(workspace: Workspace) -> list[object]:
    """Who asked for each job besides the import."""
    jobs = [job for job in list_jobs(workspace) if job.step != "import"]
    return [_who_asked(workspace.database, job).get("account", "the machine") for job in jobs]


@pytest.mark.parametrize("actor", [ANN, Actor()])
def test_a_move_that_the_app_makes_is_of_whoever_started_it(
    there: tuple[Workspace, str], monkeypatch: pytest.MonkeyPatch, actor: Actor
) -> None:
    _started(there, monkeypatch, actor)
    go_on_with_all(there[0])
    assert _asked(there[0]) == [actor.account or "the machine"]


def test_a_key_that_was_taken_away_since_ends_it_with_that_sentence(
    there: tuple[Workspace, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _started(there, monkeypatch)
    _kept_to(tmp_path / "keys.toml", "ben@example.org")
    go_on_with_all(there[0])
    found = show_campaign(there[0], "self_guide-1")
    assert found.state == "failed" and "ben@example.org alone, and you are ann@example.org" in found.said
    assert _asked(there[0]) == []
    resume_campaign(there[0].acting_as(BEN), "self_guide-1")
    assert _asked(there[0]) == ["ben@example.org"]


@pytest.mark.parametrize(
    ("accounts", "says"),
    [('"ann@example.org" = "viewer"', "needs the role curator"), ("", "has no role here")],
)
def test_a_role_that_was_taken_away_since_ends_it_too(
    there: tuple[Workspace, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, accounts: str, says: str
) -> None:
    _started(there, monkeypatch)
    (tmp_path / "accounts.toml").write_text(f"[accounts]\n{accounts}\n", "utf-8")
    go_on_with_all(there[0])
    found = show_campaign(there[0], "self_guide-1")
    assert found.state == "failed" and says in found.said and _asked(there[0]) == []


def test_one_of_which_the_log_does_not_say_who_started_it_makes_no_move(
    there: tuple[Workspace, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _started(there, monkeypatch)
    monkeypatch.setattr("tamis.actions.campaign_rights.read_mover", lambda *_: None)
    go_on_with_all(there[0])
    assert show_campaign(there[0], "self_guide-1").state == "failed" and _asked(there[0]) == []


def test_who_may_not_use_its_keys_neither_starts_nor_resumes_nor_pushes_it_and_the_log_has_all(
    there: tuple[Workspace, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace, dataset_id = there
    ann, ben = workspace.acting_as(ANN), workspace.acting_as(BEN)
    with pytest.raises(NotAllowed, match="ann@example.org alone"):
        start_campaign(ben, dataset_id, "self_guide", OPTIONS, reviewer=BEN.account)
    _started(there, monkeypatch)
    stop_campaign(ann, "self_guide-1", reviewer=ANN.account)
    for act in (
        lambda: resume_campaign(ben, "self_guide-1"),
        lambda: go_on(ben, "self_guide-1", with_what_is_decided=True),
        lambda: revise_brief(ben, "self_guide-1", "Spend more."),
    ):
        with pytest.raises(NotAllowed, match="ann@example.org alone"):
            act()
    assert show_campaign(workspace, "self_guide-1").state == "stopped" and _asked(workspace) == []
    resume_campaign(ann, "self_guide-1")
    noted = [(one.action, one.account) for one in reversed(list_audit(workspace)) if "campaign" in one.action]
    assert noted == [(f"campaign {word}", ANN.account) for word in ("start", "stop", "resume")]


ASKING = {
    "submit": lambda ws, dataset, _: submit(ws, dataset, "score", RATING),
    "check_options": lambda ws, _, __: check_options(ws, "score", RATING),
    "forecast": lambda ws, dataset, _: forecast(ws, dataset, "score", RATING, ask_rows=1),
    "forecast_models": lambda ws, dataset, _: forecast_models(ws, dataset, "score", RATING),
    "try_drafts": lambda ws, dataset, _: try_drafts(ws, dataset, DRAFTS),
    "start_trial": lambda ws, dataset, _: start_trial(ws, dataset, DRAFTS),
    "suggest_rules": lambda ws, _, __: suggest_rules(ws, "self_guide-1"),
    "bench_grounded": lambda ws, _, file: bench_grounded(ws, file, llm="openai", llm_options=GIVEN),
}


@pytest.mark.parametrize("name", ASKING)
def test_what_asks_a_model_asks_whose_key_it_is(
    there: tuple[Workspace, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    _started(there, monkeypatch)
    claims = tmp_path / "claims.jsonl"
    claims.write_text('{"document": "It rains.", "claim": "It rains.", "label": 1}\n', "utf-8")
    workspace, dataset_id = there
    with pytest.raises(NotAllowed, match="ann@example.org alone, and you are ben@example.org"):
        ASKING[name](workspace.acting_as(BEN), dataset_id, claims)


def test_no_action_opens_a_model_without_asking_whose_key_it_is() -> None:
    """Those that are given a folder instead of a workspace are for whoever is at the machine."""
    opening = {"open_llm", "encoder_of", "forecast_models", "tried_drafts", "TrialProcess"}
    found = set()
    for path in (Path(tamis.__file__).parent / "actions").glob("*.py"):
        called = {
            one.func.attr if isinstance(one.func, ast.Attribute) else getattr(one.func, "id", "")
            for one in ast.walk(ast.parse(path.read_text("utf-8")))
            if isinstance(one, ast.Call)
        }
        if called & opening and "check_use" not in called:
            found.add(path.stem)
    assert found <= {"bench_noise"}
