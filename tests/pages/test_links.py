"""A link that fills in an address, a variable, a file or a model is shown as that and asks once before anything of it is used."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from streamlit.testing.v1 import AppTest

from tamis.registry import reach_of
from tamis.steps.reach import options_types
from tests.pages.page_workspace import alpaca_file, checked, open_page, said

CASES = [
    (kind, name)
    for kind in dict.fromkeys(options_types())
    for name, field in kind.model_fields.items()
    if reach_of(field) and kind.__name__ not in ("SourceFile", "FinetuneOptions", "RefineOptions")  # below
]


def draw(module: str, kind: str, name: str) -> None:
    import importlib

    import streamlit as st

    from pages.shared.forms.options_form import Form, draw_options

    options = getattr(importlib.import_module(module), kind)
    others = [other for other in options.model_fields if other != name]
    st.session_state["drawn"] = draw_options(options, Form(name="form", skip=others))[name]


def _bare(shown: str) -> str:
    """What is read of a label."""
    return shown.replace("\\", "").replace("\u2060", "")


def followed(kind: type, name: str, given: str) -> AppTest:
    app = AppTest.from_function(draw, args=(kind.__module__, kind.__name__, name), default_timeout=30)
    app.query_params[f"form_{name}"] = given
    return checked(app.run())


@pytest.mark.parametrize(("kind", "name"), CASES, ids=[f"{kind.__name__}.{name}" for kind, name in CASES])
def test_what_a_link_filled_in_is_not_used_before_it_is_taken(kind: type, name: str) -> None:
    field = kind.model_fields[name]
    usual = field.get_default(call_default_factory=True)
    many = isinstance(usual, tuple)
    given = orjson.dumps(["/etc/passwd"]).decode() if many else "http://evil.example/v1"
    app = followed(kind, name, given)
    assert app.session_state["drawn"] == usual
    assert not [*app.text_input, *app.text_area]
    assert given in _bare(app.warning[0].value)
    taken = checked(app.button(key=f"link_take_form_{name}").click().run())
    assert not taken.warning
    assert taken.session_state["drawn"] == (["/etc/passwd"] if many else given)
    # Asked once: what this person types from then on is in the address as well.
    (field_drawn,) = [*taken.text_input, *taken.text_area]
    assert not checked(field_drawn.set_value("[]" if many else "http://mine.example").run()).warning
    left = followed(kind, name, given)
    left = checked(left.button(key=f"link_leave_form_{name}").click().run())
    assert not left.warning
    assert f"form_{name}" not in left.query_params
    drawn = left.session_state["drawn"]
    assert (tuple(drawn) if many else drawn) == usual


def test_an_address_that_says_nothing_asks_nothing() -> None:
    kind, name = CASES[0]
    assert not followed(kind, name, "").warning


def test_a_file_of_the_server_is_not_looked_at_because_a_link_says_so(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAMIS_IMPORT_FOLDERS", f'["{tmp_path}"]')
    path = str(alpaca_file(tmp_path))
    app = open_page("import_data", **{"from": "This server", "path": path})
    assert path in _bare(app.warning[0].value)
    assert "How it is read" not in said(app)
    app = checked(app.button(key="link_take_path").click().run())
    assert "How it is read" in said(app)


def test_nothing_is_fetched_from_the_hub_because_a_link_says_so(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []
    monkeypatch.setattr(
        "pages.parts.import_data.inspection.examine_file", lambda _w, path, _r: looked.append(path)
    )
    app = open_page("import_data", **{"from": "Hugging Face", "hub": "evil/data"})
    assert "evil/data" in _bare(app.warning[0].value)
    assert not looked
    app = checked(app.button(key="link_leave_hub").click().run())
    assert not looked and not app.warning


@pytest.mark.parametrize("parameter", ["finetune_model", "model"])
def test_no_model_is_looked_at_because_a_link_says_so(
    workspace: Path, dataset_id: str, parameter: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []
    monkeypatch.setattr(
        "pages.shared.forms.finetune_model.look_at_model", lambda _w, model: looked.append(model)
    )
    app = open_page(
        "finetuning", dataset=dataset_id, finetune_way="Folder or hub id", **{parameter: "evil/model"}
    )
    assert "evil/model" in " ".join(one.value.replace("\\", "") for one in app.warning)
    assert "evil/model" not in looked
    assert app.button(key="submit_finetune").disabled
