"""Tags by their verbs: a rename is one change, and what is undone comes back whole."""

from __future__ import annotations

import numpy as np
import pytest

from tamis.actions.tags import (
    TagCount,
    add_tag,
    delete_tag,
    list_tags,
    redo_tag,
    remove_tag,
    rename_tag,
    set_row_tags,
    tag_log,
    tagged_rows,
    undo_tag,
)
from tamis.errors import InvalidOptions
from tamis.store.workspace import Workspace

FEW, MORE = np.array([1, 2, 3]), np.array([3, 4])


def held(workspace: Workspace, dataset_id: str) -> dict[str, list[int]]:
    return {
        one.tag: tagged_rows(workspace, dataset_id, one.tag).tolist()
        for one in list_tags(workspace, dataset_id)
    }


def test_tags_are_listed_with_their_rows(workspace: Workspace, dataset_id: str) -> None:
    add_tag(workspace, dataset_id, "odd", FEW, "kim")
    add_tag(workspace, dataset_id, "bad", MORE, "kim")
    remove_tag(workspace, dataset_id, "odd", np.array([2]), "kim")
    assert list_tags(workspace, dataset_id) == [TagCount("bad", 2), TagCount("odd", 2)]
    assert held(workspace, dataset_id) == {"bad": [3, 4], "odd": [1, 3]}
    assert [event.action for event in tag_log(workspace, dataset_id)] == ["remove", "add", "add"]


def test_a_rename_takes_the_rows_along_and_is_undone_as_one(workspace: Workspace, dataset_id: str) -> None:
    add_tag(workspace, dataset_id, "odd", FEW, "kim")
    add_tag(workspace, dataset_id, "strange", MORE, "ana")
    before = held(workspace, dataset_id)
    assert rename_tag(workspace, dataset_id, "odd", "strange", "kim").tag == "strange"
    after = held(workspace, dataset_id)
    assert after == {"strange": [1, 2, 3, 4]}
    undo_tag(workspace, dataset_id, "kim")
    assert held(workspace, dataset_id) == before
    redo_tag(workspace, dataset_id, "kim")
    assert held(workspace, dataset_id) == after
    for _ in range(2):
        undo_tag(workspace, dataset_id, "kim")
    assert held(workspace, dataset_id) == {"strange": [3, 4]}
    assert undo_tag(workspace, dataset_id, "kim") is None
    for _ in range(2):
        redo_tag(workspace, dataset_id, "kim")
    assert held(workspace, dataset_id) == after
    assert redo_tag(workspace, dataset_id, "kim") is None


def test_deleting_a_tag_is_one_change_that_can_be_undone(workspace: Workspace, dataset_id: str) -> None:
    add_tag(workspace, dataset_id, "odd", FEW, "kim")
    assert delete_tag(workspace, dataset_id, "odd", "kim").n_rows == 3
    assert list_tags(workspace, dataset_id) == []
    undo_tag(workspace, dataset_id, "kim")
    assert held(workspace, dataset_id) == {"odd": [1, 2, 3]}


@pytest.mark.parametrize("name", ["odd", "", "x" * 65, "a\nb"])
def test_a_name_that_cannot_be_is_refused(workspace: Workspace, dataset_id: str, name: str) -> None:
    add_tag(workspace, dataset_id, "odd", FEW, "kim")
    with pytest.raises(InvalidOptions):
        rename_tag(workspace, dataset_id, "odd", name, "kim")
    assert held(workspace, dataset_id) == {"odd": [1, 2, 3]}


def test_a_tag_that_is_on_no_row_is_refused_naming_those_in_use(
    workspace: Workspace, dataset_id: str
) -> None:
    add_tag(workspace, dataset_id, "odd", FEW, "kim")
    with pytest.raises(InvalidOptions, match="Tags in use: odd"):
        delete_tag(workspace, dataset_id, "od", "kim")
    with pytest.raises(InvalidOptions, match="Tags in use: odd"):
        rename_tag(workspace, dataset_id, "od", "even", "kim")


def test_a_row_is_made_to_carry_exactly_some_tags(workspace: Workspace, dataset_id: str) -> None:
    add_tag(workspace, dataset_id, "odd", FEW, "kim")
    changed = set_row_tags(workspace, dataset_id, 2, ["new", " bad "], "kim")
    assert [(event.action, event.tag) for event in changed] == [
        ("add", "bad"),
        ("add", "new"),
        ("remove", "odd"),
    ]
    assert held(workspace, dataset_id) == {"bad": [2], "new": [2], "odd": [1, 3]}
    assert set_row_tags(workspace, dataset_id, 2, ["new", "bad"], "kim") == []
