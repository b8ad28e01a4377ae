import pytest

from tamis.errors import InvalidOptions
from tamis.store.database.database import Database
from tamis.store.review.drafts import delete_draft, find_draft, save_draft

TURNS = [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "half an ans"}]


def test_a_draft_is_found_again_by_another_process_of_the_same_reviewer(database, tmp_path):
    save_draft(database, "d", 3, "ann", TURNS)
    found = find_draft(Database(database.path.parent), "d", 3, "ann")
    assert found is not None and list(found.messages) == TURNS
    assert find_draft(database, "d", 3, "bob") is None
    assert find_draft(database, "d", 4, "ann") is None
    assert find_draft(database, "other", 3, "ann") is None


def test_the_newest_text_of_a_draft_stays(database):
    save_draft(database, "d", 3, "ann", TURNS)
    save_draft(database, "d", 3, "ann", TURNS[:1])
    found = find_draft(database, "d", 3, "ann")
    assert found is not None and list(found.messages) == TURNS[:1]


def test_deleting_forgets_only_that_draft(database):
    for reviewer in ("ann", "bob"):
        save_draft(database, "d", 3, reviewer, TURNS)
    delete_draft(database, "d", 3, "ann")
    delete_draft(database, "d", 9, "ann")
    assert find_draft(database, "d", 3, "ann") is None
    assert find_draft(database, "d", 3, "bob") is not None


def test_text_that_is_no_json_is_refused_with_the_row(database):
    with pytest.raises(InvalidOptions, match="row 3"):
        save_draft(database, "d", 3, "ann", [{"role": "user", "content": "\ud800"}])
