"""An account does what its role reaches to, whichever way it asks: the action itself refuses the rest."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tamis.actions import decisions, tags
from tamis.actions.accounts import find_actor
from tamis.actions.dataset_context import DatasetContext
from tamis.actions.decisions import DecidedBy
from tamis.actions.proposals import find_proposals, proposal_columns, proposal_table, proposals_for
from tamis.actions.roles import needed_role
from tamis.errors import InvalidOptions, NotAllowed
from tamis.settings import Settings
from tamis.store.actor import ROLES, Actor
from tamis.store.artifacts.store import ArtifactStore
from tamis.store.review.decisions import decision_state
from tamis.store.workspace import Workspace, open_workspace
from tests.pages.page_workspace import alpaca_file, import_file
from tests.pages.review_workspace import mixed_rows, write_proposals
from tests.verbs import QUESTIONS, VERBS

# Those that are given a path, or what was found in one: no page calls them.
_AT_THE_MACHINE = {"backup.restore"}


def _action(verb: str) -> Callable[..., Any]:
    module, _, name = verb.rpartition(".")
    return getattr(importlib.import_module(f"tamis.actions.{module}"), name)


CHANGING = sorted(
    verb
    for verb in [
        *VERBS,
        *(f"{module}.{name}" for module, (_, names) in QUESTIONS.items() for name in names.split()),
    ]
    if needed_role(_action(verb)) != "viewer" and verb not in _AT_THE_MACHINE
)


@pytest.fixture
def data(tmp_path: Path) -> tuple[Workspace, str]:
    dataset = import_file(tmp_path / "workspace", alpaca_file(tmp_path))
    write_proposals(tmp_path / "workspace", dataset, mixed_rows())
    return open_workspace(tmp_path / "workspace"), dataset


@pytest.mark.parametrize("verb", CHANGING)
def test_every_action_refuses_the_role_below(verb: str, tmp_path: Path) -> None:
    action = _action(verb)
    lower = ROLES[ROLES.index(needed_role(action)) - 1]
    held = open_workspace(tmp_path / "workspace").acting_as(Actor("vic@example.org", lower, "login"))
    first, *others = [
        one for one in inspect.signature(action).parameters.values() if one.default is inspect.Parameter.empty
    ]
    handle: Any = {
        "ArtifactStore": held.artifacts,
        "DatasetContext": DatasetContext(held, None, None, None),  # type: ignore[arg-type]
    }.get(str(first.annotation), held)
    with pytest.raises(NotAllowed, match=f"needs the role {needed_role(action)}"):
        action(handle, *[None for one in others if one.kind is not one.KEYWORD_ONLY], **{
            one.name: None for one in others if one.kind is one.KEYWORD_ONLY
        })  # fmt: skip


def test_a_viewer_writes_nothing_whatever_is_called(data: tuple[Workspace, str]) -> None:
    held, dataset = data[0].acting_as(Actor("vic@example.org", "viewer", "login")), data[1]
    for write in (
        lambda: decisions.log.decide(
            held.database, dataset, 1, verdict="drop", via="approve", reviewer="vic@example.org"
        ),
        lambda: held.database.writing().__enter__(),
    ):
        with pytest.raises(NotAllowed):
            write()
    assert not decision_state(held.database, dataset).decided
    # The same database in other hands goes on being written.
    assert tags.add_tag(data[0], dataset, "mine", np.arange(3), "ann").n_rows == 3


def _proposal(workspace: Workspace, dataset: str, row: int) -> Any:
    made = find_proposals(workspace, dataset)
    return proposals_for(proposal_table(made), proposal_columns(made), np.asarray([row]))[0]


def test_nobody_decides_under_the_name_of_another(data: tuple[Workspace, str]) -> None:
    ann = data[0].acting_as(Actor("ann@example.org", "reviewer", "login"))
    proposal = _proposal(ann, data[1], 1)
    with pytest.raises(NotAllowed, match="logged in as ann@example.org"):
        decisions.approve_proposal(ann, data[1], proposal, DecidedBy(reviewer="ben@example.org"))
    with pytest.raises(NotAllowed, match="logged in as ann@example.org"):
        decisions.undo_decision(ann, data[1], "ben@example.org")
    made = decisions.approve_proposal(ann, data[1], proposal, DecidedBy(reviewer="ann@example.org"))
    assert made.decision.reviewer == "ann@example.org"


def test_what_another_decided_is_a_curators_to_revert(data: tuple[Workspace, str]) -> None:
    whole, dataset = data
    ann, ben = (whole.acting_as(Actor(f"{name}@example.org", "reviewer", "login")) for name in ("ann", "ben"))
    made = decisions.reject_proposal(
        ann, dataset, _proposal(ann, dataset, 1), DecidedBy(reviewer="ann@example.org")
    )
    with pytest.raises(NotAllowed, match="curator"):
        decisions.revert_decision(ben, dataset, made.decision.event_id, "ben@example.org")
    assert decisions.undo_decision(ben, dataset, "ben@example.org") is None
    curator = whole.acting_as(Actor("cas@example.org", "curator", "login"))
    decisions.revert_decision(curator, dataset, made.decision.event_id, "cas@example.org")
    assert not decision_state(whole.database, dataset).decided


def test_a_role_that_is_taken_away_is_gone_from_pages_that_are_open(
    data: tuple[Workspace, str], tmp_path: Path
) -> None:
    accounts = tmp_path / "accounts.toml"
    accounts.write_text('[accounts]\n"ann@example.org" = "reviewer"\n')
    settings = Settings(accounts=accounts)
    held = data[0].acting_as(find_actor(settings, "Ann@example.org", "login"))
    tags.add_tag(held, data[1], "mine", np.arange(3), "ann@example.org")
    accounts.write_text('[accounts]\n"ann@example.org" = "viewer"\n# demoted\n')
    with pytest.raises(NotAllowed, match="needs the role reviewer"):
        tags.add_tag(held, data[1], "mine", np.arange(5), "ann@example.org")
    accounts.write_text("# nobody at all\n")
    with pytest.raises(NotAllowed, match="has no role here"):
        tags.add_tag(held, data[1], "mine", np.arange(5), "ann@example.org")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[accounts]\nann = "admin"', "roles are viewer, reviewer, curator, operator"),
        ('default = "everything"', "roles are viewer"),
        ('[people]\nann = "viewer"', "'people' is no key"),
        ("[accounts", "cannot be read"),
    ],
)
def test_a_file_of_accounts_that_says_something_else_lets_nobody_in(
    tmp_path: Path, text: str, said: str
) -> None:
    path = tmp_path / "accounts.toml"
    path.write_text(text)
    with pytest.raises(InvalidOptions, match=said):
        find_actor(Settings(accounts=path), "ann", "login")


def test_no_two_accounts_become_one(tmp_path: Path) -> None:
    path = tmp_path / "accounts.toml"
    path.write_text('[accounts]\n"kim@example.org" = "operator"\n')
    for other in (
        "\u212aim@example.org",
        "k\u0131m@example.org",
        "kim@example.org\u200b",
        "kim@example.org.",
        "",
    ):
        with pytest.raises(NotAllowed):
            find_actor(Settings(accounts=path), other, "login")
    assert find_actor(Settings(accounts=path), " KIM@Example.org ", "login").account == "kim@example.org"


def test_a_store_is_in_the_same_hands_as_its_workspace(tmp_path: Path) -> None:
    held = open_workspace(tmp_path / "w").acting_as(Actor("vic", "viewer", "proxy"))
    assert isinstance(held.artifacts, ArtifactStore)
    assert held.artifacts.actor == held.database.actor == held.actor
