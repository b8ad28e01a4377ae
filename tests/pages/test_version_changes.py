"""What a version changed, on the overview: counts, words before and after, pages, and texts that stay text."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tamis.actions.datasets import order_datasets, version_depths
from tamis.store.database.database import Database
from tamis.store.review.decisions import BulkChoice, decide_many
from tamis.store.workspace import open_workspace
from tests.pages.page_workspace import alpaca_file, checked, import_file, open_page, run_step, said
from tests.pages.versions import HOSTILE, family, make_version


@pytest.fixture
def pair(workspace: Path, tmp_path: Path) -> tuple[str, str]:
    return family(workspace, tmp_path)


def metrics(app: AppTest) -> dict[str, str]:
    return {one.label: one.value for one in app.metric}


def html(app: AppTest) -> str:
    return "\n".join(str(one.proto.body) for one in app.get("html"))


def heads(app: AppTest) -> list[str]:
    return [one.value for one in app.markdown if one.value.startswith("**Row ")]


def test_counts_and_every_changed_row_are_shown(pair: tuple[str, str]) -> None:
    app = open_page("overview", dataset=pair[1])
    found = metrics(app)
    wanted = {"Corrected": "1", "Edited": "2", "Dropped": "3", "As they were": "34"}
    assert {name: found[name] for name in wanted} == wanted
    assert "Added" not in found
    assert heads(app) == [
        "**Row 1**",
        "**Row 2 → 1**",
        "**Row 3 → 2**",
        "**Row 4 → 3**",
        "**Row 5**",
        "**Row 9**",
    ]
    text = said(app)
    assert "What changed since Questions" in text
    assert "by a rule or list of ben \\<b\\>" in text
    assert "edited by ann" in text
    assert "Version of Questions · 37 rows" in text
    assert "Turn 1, user, before" in text


def test_changed_rows_lie_on_the_map_of_the_older_dataset(workspace: Path, pair: tuple[str, str]) -> None:
    run_step(workspace, pair[0], "embed", {"encoder": "hashing"})
    app = open_page("overview", dataset=pair[1])
    checked(app.toggle(key="changes_on_map").set_value(True).run())
    assert heads(app)


def test_a_version_stands_below_what_it_was_made_from(
    workspace: Path, pair: tuple[str, str], tmp_path: Path
) -> None:
    later = import_file(workspace, alpaca_file(tmp_path, 7), "Later")
    opened = open_workspace(workspace)
    ordered = order_datasets(opened, [], opened=None, n_shown=9)
    assert ordered == [later, *pair]
    assert version_depths(opened, ordered) == {later: 0, pair[0]: 0, pair[1]: 1}
    # Where the parent is not shown, its version is nobody's.
    assert version_depths(opened, [pair[1]]) == {pair[1]: 0}


def test_words_are_marked_before_and_after(pair: tuple[str, str]) -> None:
    app = open_page("overview", dataset=pair[1], changes_kind="Corrected")
    assert heads(app) == ["**Row 2 → 1**"]
    after = [one for one in html(app).splitlines() if "made clearer" in one]
    assert len(after) == 1
    assert "<span style=" in after[0]


def test_texts_of_rows_are_never_markup(pair: tuple[str, str]) -> None:
    app = open_page("overview", dataset=pair[1])
    found = html(app)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in found
    for forbidden in ("<script", "<img", "\x1b", "\u202e"):
        assert forbidden not in found
    assert "U+202E" in found
    for element in (*app.markdown, *app.caption):
        assert HOSTILE[:20] not in element.value


def test_one_kind_is_chosen_and_rows_come_a_page_at_a_time(workspace: Path, tmp_path: Path) -> None:
    parent = import_file(workspace, alpaca_file(tmp_path))
    database = Database(workspace)
    decide_many(database, parent, [BulkChoice(i, "drop") for i in range(23)], rule="r", reviewer="ann")
    version = make_version(workspace, parent)
    app = open_page("overview", dataset=version)
    assert [len(heads(app)), heads(app)[0]] == [10, "**Row 0**"]
    assert "Rows 1 to 10 of 23" in said(app)
    last = open_page("overview", dataset=version, changes_page="3")
    assert heads(last) == ["**Row 20**", "**Row 21**", "**Row 22**"]


def test_a_version_that_changes_nothing_says_so(workspace: Path, tmp_path: Path) -> None:
    parent = import_file(workspace, alpaca_file(tmp_path))
    decide_many(Database(workspace), parent, [BulkChoice(3, "keep")], rule="r", reviewer="ann")
    app = open_page("overview", dataset=make_version(workspace, parent))
    assert "Nothing: all 40 rows are as they were" in said(app)
    assert not heads(app)


def test_an_imported_dataset_has_no_such_section(pair: tuple[str, str]) -> None:
    app = open_page("overview", dataset=pair[0])
    assert "What changed" not in said(app)


def test_a_later_version_can_be_held_against_any_before_it(workspace: Path, pair: tuple[str, str]) -> None:
    decide_many(Database(workspace), pair[1], [BulkChoice(0, "drop")], rule="r", reviewer="ann")
    third = make_version(workspace, pair[1], "Third")
    app = open_page("overview", dataset=third)
    assert metrics(app)["Dropped"] == "1"
    checked(app.selectbox(key="changes_against").set_value(pair[0]).run())
    assert metrics(app)["Dropped"] == "4"


def test_an_address_about_another_version_does_no_harm(pair: tuple[str, str]) -> None:
    app = open_page(
        "overview", dataset=pair[1], changes_kind="Added", changes_page="99", changes_against="nobody"
    )
    assert len(heads(app)) == 6
