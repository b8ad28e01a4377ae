"""A row of megabytes is cut before it goes to a browser, says so, and can be downloaded whole."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from streamlit.testing.v1 import AppTest

from pages.shared.plain_text import plain
from tests.pages.page_workspace import checked, import_file, open_page, said

MOST_CHARS = 200_000  # of all that a page shows of a row


def _shown(app: AppTest) -> int:
    return sum(len(str(one.value)) for one in [*app.text, *app.code, *app.markdown, *app.caption, *app.json])


@pytest.mark.parametrize("view", ["Conversation", "Details", "Raw"])
def test_a_row_of_megabytes_is_cut_with_its_length(workspace: Path, tmp_path: Path, view: str) -> None:
    rows = [
        {"instruction": f"Why {i}?", "output": "answer " * 600_000, "extra": ["note " * 300_000]}
        for i in range(2)
    ]
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b"\n".join(map(orjson.dumps, rows)))
    dataset_id = import_file(workspace, path)
    app = open_page("data_map", dataset=dataset_id, row="0", row_view=view)
    assert _shown(app) < MOST_CHARS
    assert view == "Details" or "The first 50,000 of" in said(app)
    assert view != "Raw" or [one.proto.label for one in app.get("download_button")].count("Download all") == 1


def draw_turns(messages: list) -> None:
    from pages.shared.rows.turns import show_turns

    show_turns(messages)


@pytest.mark.parametrize(
    "messages",
    [
        [{"role": "user", "content": {"deep": ["x" * 1000] * 3000}}],
        [{"role": "user", "content": "Why?", "calls": ["x" * 1000] * 3000}],
        [{"role": "user", "content": "Why?"}] * 5_000,
    ],
)
def test_whatever_is_long_in_it(messages: list) -> None:
    app = checked(AppTest.from_function(draw_turns, args=(messages,), default_timeout=60).run())
    assert _shown(app) < MOST_CHARS
    assert "The first" in said(app)


@pytest.mark.parametrize(
    ("text", "link"),
    [
        ("https://evil.example/x", "https://"),
        ("www.evil.example", "www\\."),
        ("a@evil.example", "a@evil"),
        ("http://localhost.evil.example", "http\\://"),
        ("http://localhost:80@evil.example", "http\\://"),
    ],
)
def test_an_address_in_a_label_is_no_link(text: str, link: str) -> None:
    # Markdown makes a link of a bare address even where everything in it is escaped.
    assert link not in plain(text)
    assert plain(text).replace("\\", "").replace("\u2060", "") == text


def test_an_address_of_this_machine_stays_what_can_be_copied() -> None:
    assert plain("http://127.0.0.1:8265") == "http\\://127\\.0\\.0\\.1\\:8265"
