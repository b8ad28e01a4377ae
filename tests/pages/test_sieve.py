"""The sieve under a map: what the page gives it, what it is answered between two runs, and to whom."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from pages.serving.routes import _ask_page
from pages.shared.identity import asks
from pages.shared.map.sieve import setting_of, sieve_of
from tamis.actions.dataset_context import DatasetContext, open_context
from tamis.actions.map_tiles import open_map
from tamis.actions.read_rows import ALL_ROWS
from tamis.actions.sieve import Setting, open_sieve, sift
from tamis.actions.submit import plan_run, submit
from tamis.errors import InvalidOptions, NotAllowed
from tamis.store.actor import Actor
from tamis.store.workspace import Workspace, open_workspace
from tests.pages.page_workspace import checked, open_page, told_to_maps


@pytest.fixture
def context(workspace: Path, dataset_id: str) -> DatasetContext:
    return open_context(open_workspace(workspace), dataset_id)


def drawn(context: DatasetContext, options: dict) -> dict[str, Any]:
    planned = plan_run(context.workspace, context.dataset_id, "select", options)
    return sieve_of(context, open_map(context), planned)


def ask(workspace: Workspace, page: dict[str, str], **asked: object) -> tuple[int, Any]:
    return _ask_page(workspace, orjson.dumps({**page, "asked": asked}))


def lit(context: DatasetContext, answer: dict[str, Any]) -> list[int]:
    bits = np.frombuffer(base64.b64decode(answer["bits"]), dtype=np.uint8)
    order = open_map(context).tiles.order  # one tile
    return sorted(order[np.unpackbits(bits, bitorder="little")[: len(order)] == 1].tolist())


def test_what_lights_up_is_what_would_be_picked_and_counts_along(context: DatasetContext) -> None:
    told = drawn(context, {"budget": 10})
    assert (told["low"], told["high"], told["at"], told["unit"]) == (1, 40, 10, "rows")
    assert len(told["clusters"]) == 4
    status, answered = ask(
        context.workspace, told["page"], at=13, temperature=0.2, shares={"1": 0.5}, covered=True
    )
    assert status == 200
    answer = answered["answer"]
    planned = plan_run(context.workspace, context.dataset_id, "select", {"budget": 10})
    sifted = sift(open_sieve(context, planned), Setting(budget=13, temperature=0.2, shares={1: 0.5}))
    assert lit(context, answer) == sifted.rows.tolist()
    assert answer["n"] == 13
    assert answer["keep"] == "Keep these 13 rows"
    columns = {one["title"]: one for one in answer["figures"]}
    assert list(columns) == ["Rows", "Clusters", "Tokens", "Mean alignment", "Coverage"]
    assert columns["Rows"]["random"] == "13"
    assert float(columns["Coverage"]["picked"]) > 0


def test_a_fraction_is_dragged_in_rows_and_a_budget_of_tokens_in_tokens(context: DatasetContext) -> None:
    told = drawn(context, {"budget": 0.25, "unit": "fraction"})
    assert (told["low"], told["high"], told["at"], told["unit"]) == (1, 40, 10, "rows")
    assert ask(context.workspace, told["page"], at=17)[1]["answer"]["n"] == 17
    assert setting_of({"unit": "fraction"}, 40, {"at": 17}).budget == 17 / 40
    assert drawn(context, {"budget": 100, "unit": "tokens"})["unit"] == "tokens"


def test_only_who_the_page_was_drawn_for_is_answered(context: DatasetContext) -> None:
    page = drawn(context, {"budget": 10})["page"]
    assert ask(context.workspace, page | {"token": "0" * 64}, at=5)[0] == 404
    assert ask(context.workspace, page | {"name": "0" * 20}, at=5)[0] == 404
    with pytest.raises(NotAllowed):
        ask(context.workspace.acting_as(Actor("eve@example.org", "curator", "login")), page, at=5)


def test_a_viewer_drags_and_is_not_offered_to_make(context: DatasetContext) -> None:
    viewer = open_workspace(context.workspace.path).acting_as(Actor("vic@example.org", "viewer", "login"))
    own = open_context(viewer, context.dataset_id)
    told = drawn(own, {"budget": 10})
    assert asks(viewer, submit)["disabled"]
    assert ask(viewer, told["page"], at=5)[1]["answer"]["n"] == 5


@pytest.mark.parametrize(
    "asked",
    [{}, {"at": "x"}, {"at": None}, {"at": 5, "temperature": "hot"}, {"at": 5, "temperature": -1}, {"at": 5, "shares": [1]},
     {"at": 5, "shares": {"1": "x"}}, {"at": 5, "shares": {"99": 0.5}}, {"at": 0}, {"at": 2.5}, {"at": -3}],
)  # fmt: skip
def test_what_is_no_place_on_it_is_refused_in_a_sentence(context: DatasetContext, asked: dict) -> None:
    page = drawn(context, {"budget": 10})["page"]
    with pytest.raises(InvalidOptions):
        ask(context.workspace, page, **asked)


def test_the_form_has_it_and_a_method_without_picks_at_once_has_none(
    workspace: Path, dataset_id: str
) -> None:
    app = open_page("selection", dataset=dataset_id, view="new")
    (told,) = told_to_maps(app)
    assert told["sieve"]["at"] == 4
    assert told["sieve"]["keep"] is None
    assert not told_to_maps(open_page("selection", dataset=dataset_id, view="new", select_method="QDIT"))


def test_on_the_map_a_switch_draws_it_from_the_rows_of_the_filter(workspace: Path, dataset_id: str) -> None:
    scope = ALL_ROWS.and_where("rows", list(range(12))).to_url()
    app = open_page("data_map", dataset=dataset_id, scope=scope)
    (told,) = told_to_maps(app)
    assert told["sieve"] is None
    checked(app.toggle(key="sieve").set_value(True).run())
    (told,) = told_to_maps(app)
    assert told["sieve"]["high"] == 12
    assert told["sieve"]["keep"] == {"disabled": False, "help": None}
    assert "keep" in told["hands"]
