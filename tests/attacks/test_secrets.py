"""A key leaves only for an address that the operator listed with it, whatever a link, a form or a manifest asks for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tamis.actions.jobs import list_jobs
from tamis.actions.submit import check_options, submit
from tamis.errors import CurationError, InvalidOptions
from tamis.models.endpoints import read_key
from tamis.store.workspace import open_workspace
from tests.pages.page_workspace import alpaca_file, import_file

SECRET = "the-operators-secret"


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Two secrets in the environment, one of which may go to one address."""
    monkeypatch.setenv("MY_KEY", SECRET)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    file = tmp_path / "endpoints.toml"
    file.write_text('[mine]\naddress = "https://llm.example.org:8443/v1"\nvariable = "MY_KEY"\n', "utf-8")
    monkeypatch.setenv("TAMIS_ENDPOINTS", str(file))
    return file


@pytest.mark.parametrize(
    ("variable", "address"),
    [
        ("MY_KEY", "https://llm.example.org:8443/v1"),
        ("MY_KEY", "https://llm.example.org:8443/v1/"),
        ("OPENAI_API_KEY", "https://api.openai.com/v1"),
    ],
)
def test_a_listed_pair_gets_its_key(variable: str, address: str) -> None:
    assert read_key(variable, address) == SECRET


@pytest.mark.parametrize(
    ("variable", "address"),
    [
        ("AWS_SECRET_ACCESS_KEY", "https://llm.example.org:8443/v1"),
        ("MY_KEY", "https://evil.example/v1"),
        ("MY_KEY", "http://llm.example.org:8443/v1"),
        ("MY_KEY", "https://llm.example.org/v1"),
        ("MY_KEY", "https://llm.example.org:8443/v10"),
        ("MY_KEY", "https://llm.example.org:8443/v1/../../evil"),
        ("MY_KEY", "https://llm.example.org.evil.example:8443/v1"),
        ("MY_KEY", "https://evil.example/https://llm.example.org:8443/v1"),
        ("OPENAI_API_KEY", "https://evil.example/api.openai.com"),
        ("OPENAI_API_KEY", "https://api.openai.com.evil.example/v1"),
        ("OPENAI_API_KEY", "http://api.openai.com/v1"),
        ("MY_KEY", "https://api.openai.com/v1"),
    ],
)
def test_no_other_pair_does(variable: str, address: str) -> None:
    with pytest.raises(CurationError, match=r"TAMIS_ENDPOINTS") as refused:
        read_key(variable, address)
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost:11434", "[::1]:80"])
def test_a_server_on_this_machine_is_asked_without_a_key(host: str) -> None:
    assert read_key("AWS_SECRET_ACCESS_KEY", f"http://{host}/v1") == "none"


@pytest.mark.parametrize(
    "address", ["https://me:pass@llm.example.org:8443/v1", "https://api.openai.com@evil.example/v1"]
)
def test_an_address_with_a_name_in_it_is_refused_without_repeating_it(address: str) -> None:
    with pytest.raises(CurationError, match="holds a name or a password") as refused:
        read_key("MY_KEY", address)
    assert "pass@" not in str(refused.value)


@pytest.mark.parametrize(
    "more", ["?key=hush", "?api_key=hush", "?api-version=1&token=hush", "#hush", "?api-version=hush", "?hush"]
)
def test_an_address_with_a_key_behind_it_is_refused_without_repeating_it(more: str) -> None:
    with pytest.raises(CurationError, match="TAMIS_ENDPOINTS") as refused:
        read_key("MY_KEY", f"https://llm.example.org:8443/v1{more}")
    assert "hush" not in str(refused.value)


def test_the_version_of_an_interface_is_no_key() -> None:
    assert read_key("MY_KEY", "https://llm.example.org:8443/v1?api-version=2026-02-01-preview") == SECRET


@pytest.mark.parametrize(
    "address", ["https://ann:hush@llm.example.org/v1", "https://llm.example.org/v1?key=hush"]
)
@pytest.mark.parametrize("step", ["embed", "score"])
def test_a_password_in_an_address_is_in_no_job(tmp_path: Path, step: str, address: str) -> None:
    dataset_id = import_file(tmp_path / "workspace", alpaca_file(tmp_path))
    workspace = open_workspace(tmp_path / "workspace")
    given = {"base_url": address, "model": "m"}
    options = {
        "embed": {"encoder": "openai", "encoder_options": given},
        "score": {"scorer": "llm_rating", "llm": "openai", "llm_options": given},
    }[step]
    for ask in (
        lambda: submit(workspace, dataset_id, step, options),
        lambda: check_options(workspace, step, options),
    ):
        with pytest.raises(InvalidOptions, match="holds a name or a password|TAMIS_ENDPOINTS") as refused:
            ask()
        assert "hush" not in str(refused.value)
    assert not [job for job in list_jobs(workspace) if job.step == step]


@pytest.mark.parametrize("content", ["[mine", "[mine]\naddress = 'https://x'", "mine = 3", "\x00"])
def test_a_file_that_says_something_else_is_named(keys: Path, content: str) -> None:
    keys.write_text(content, "utf-8")
    with pytest.raises(InvalidOptions, match=r"TAMIS_ENDPOINTS = .*address ="):
        read_key("MY_KEY", "https://llm.example.org:8443/v1")


def test_a_variable_that_is_not_set_is_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MY_KEY")
    assert read_key("MY_KEY", "https://anywhere.example/v1") == "none"
