"""A key leaves only for an address that the operator listed with it, whatever a link, a form or a manifest asks for."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from contextvars import copy_context
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tamis.actions.augment_trial import start_trial, try_drafts
from tamis.actions.jobs import cancel_job, list_jobs, resume_job
from tamis.actions.submit import check_options, submit
from tamis.cli.main import run
from tamis.encoders import ENCODERS
from tamis.errors import CurationError, InvalidOptions, NotAllowed
from tamis.jobs.backends import process_environment
from tamis.jobs.scheduler.start import _who_asked
from tamis.llms import LLMS, open_llm
from tamis.models import endpoints
from tamis.models.endpoints import KeyHolder, ask_for, ask_in_this_process_for, check_use, read_key
from tamis.registry import parse_options
from tamis.store.actor import AT_THE_MACHINE, ROLES, Actor, Role
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
        ("MY_KEY", "https://llm.example.org:8443/v1/%2e%2e/evil"),
        ("MY_KEY", "https://llm.example.org:8443/v1/%252e%252e/evil"),
        ("MY_KEY", "https://llm.example.org:8443/v1/..\\evil"),
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


@pytest.mark.parametrize("kind", ["llm", "encoder"])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("place", ["/elsewhere", "http://localhost:{port}/v1/elsewhere?key=abc", ""])
def test_no_redirect_takes_a_key_or_a_question_along(
    keys: Path, tmp_path: Path, kind: str, status: int, place: str
) -> None:
    """Neither to another path of the listed server, which would get the key, nor to another one."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.path)
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(status)
            if place:
                self.send_header("Location", place.format(port=self.server.server_address[1]))
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/v1"
        keys.write_text(f'[mine]\naddress = "{address}"\nvariable = "MY_KEY"\n', "utf-8")
        options = {"base_url": address, "api_key_variable": "MY_KEY", "model": "m"}
        with pytest.raises(
            CurationError, match=f"sends what it is asked on to .* .HTTP {status}.*base_url"
        ) as told:
            if kind == "llm":
                whole = parse_options(LLMS["openai"].options, options).model_dump(mode="json")
                open_llm("openai", whole, workspace=tmp_path, needs=("complete",)).complete(["Why?"])
            else:
                ENCODERS["openai"].load()(parse_options(ENCODERS["openai"].options, options)).encode(["Why?"])
        server.shutdown()
    assert asked == ["/v1/chat/completions" if kind == "llm" else "/v1/embeddings"]
    assert SECRET not in str(told.value) and "abc" not in str(told.value)


@pytest.mark.parametrize("content", ["[mine", "[mine]\naddress = 'https://x'", "mine = 3", "\x00"])
def test_a_file_that_says_something_else_is_named(keys: Path, content: str) -> None:
    keys.write_text(content, "utf-8")
    with pytest.raises(InvalidOptions, match=r"TAMIS_ENDPOINTS = .*address ="):
        read_key("MY_KEY", "https://llm.example.org:8443/v1")


def test_a_variable_that_is_not_set_is_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MY_KEY")
    assert read_key("MY_KEY", "https://anywhere.example/v1") == "none"


# Who may have a key sent: accounts and the least role, as the operator's file says.

ADDRESS = "https://llm.example.org:8443/v1"
ANN = Actor("ann@example.org", "curator", "login")
BEN = Actor("ben@example.org", "curator", "login")
OLA = Actor("ola@example.org", "operator", "login")
BY_TOKEN = Actor("", "operator", "token")


def _listed(keys: Path, more: str, name: str = "mine") -> None:
    keys.write_text(f'[{name}]\naddress = "{ADDRESS}"\nvariable = "MY_KEY"\n{more}\n', "utf-8")


@pytest.mark.parametrize(
    ("more", "may", "may_not"),
    [
        ("", [ANN, BEN, OLA, BY_TOKEN], []),
        ('accounts = ["Ann@example.org"]', [ANN, AT_THE_MACHINE], [BEN, OLA, BY_TOKEN]),
        ('role = "operator"', [OLA, BY_TOKEN, AT_THE_MACHINE], [ANN, BEN]),
        ('accounts = ["ann@example.org"]\nrole = "operator"', [ANN, OLA, AT_THE_MACHINE], [BEN]),
    ],
)
def test_a_key_is_used_by_those_alone_whom_its_entry_names(
    keys: Path, tmp_path: Path, more: str, may: list[Actor], may_not: list[Actor]
) -> None:
    _listed(keys, more)
    dataset_id = import_file(tmp_path / "workspace", alpaca_file(tmp_path))
    workspace = open_workspace(tmp_path / "workspace")
    given = {"base_url": ADDRESS, "model": "m", "api_key_variable": "MY_KEY"}
    asked = [
        ("embed", {"encoder": "openai", "encoder_options": given}),
        ("score", {"scorer": "llm_rating", "llm": "openai", "llm_options": given}),
    ]
    for actor in may_not:
        mine = workspace.acting_as(actor)
        for step, options in asked:
            for ask in (submit, lambda ws, _, step, options: check_options(ws, step, options)):
                with pytest.raises(NotAllowed, match="alone, and you are") as refused:
                    ask(mine, dataset_id, step, options)
                said = str(refused.value)
                assert "ann@example.org" in said or "whoever has the role operator" in said
                assert SECRET not in said and (actor.account or "without an account") in said
        in_context = copy_context()
        in_context.run(ask_for, actor.asker())
        with pytest.raises(NotAllowed):
            in_context.run(read_key, "MY_KEY", ADDRESS)
    assert not [job for job in list_jobs(workspace) if job.step != "import"]
    for actor in may:
        in_context = copy_context()
        in_context.run(ask_for, actor.asker())
        assert in_context.run(read_key, "MY_KEY", ADDRESS) == SECRET
        assert submit(workspace.acting_as(actor), dataset_id, *asked[0]).job.step == "embed"


@pytest.mark.parametrize("role", ["viewer", "reviewer"])
def test_a_key_without_names_is_for_those_who_run_jobs(keys: Path, role: Role) -> None:
    """Who looks at everything searches by meaning, too."""
    _listed(keys, "")
    asker = Actor("vic@example.org", role, "login").asker()
    in_context = copy_context()
    in_context.run(ask_for, asker)
    given = {"base_url": ADDRESS, "model": "m", "api_key_variable": "MY_KEY"}
    for ask in (lambda: in_context.run(read_key, "MY_KEY", ADDRESS), lambda: check_use(given, asker)):
        with pytest.raises(NotAllowed, match="whoever has the role curator alone, and you are vic"):
            ask()


def test_a_worker_asks_for_whoever_submitted_its_job(
    keys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _listed(keys, 'accounts = ["ann@example.org"]')
    dataset_id = import_file(tmp_path / "workspace", alpaca_file(tmp_path))
    workspace = open_workspace(tmp_path / "workspace")
    given = {"base_url": ADDRESS, "model": "m", "api_key_variable": "MY_KEY"}
    job = submit(
        workspace.acting_as(ANN), dataset_id, "embed", {"encoder": "openai", "encoder_options": given}
    ).job
    told = _who_asked(workspace.database, job)
    assert told == {
        "account": "ann@example.org",
        "roles": ("viewer", "reviewer", "curator"),
        "at_machine": False,
    }
    monkeypatch.setenv("TAMIS_ASKED_FOR", "")  # put back afterwards
    ask_in_this_process_for(KeyHolder(**told))
    assert read_key("MY_KEY", ADDRESS) == SECRET
    ask_in_this_process_for(BEN.asker())  # as the job of another, or a list that was changed since
    with pytest.raises(NotAllowed, match="ann@example.org alone, and you are ben@example.org"):
        read_key("MY_KEY", ADDRESS)
    cancel_job(workspace, job.job_id)
    with pytest.raises(NotAllowed):
        resume_job(workspace.acting_as(BEN), job.job_id)
    resume_job(workspace.acting_as(ANN), job.job_id)


def test_openais_own_can_be_kept_to_some(keys: Path) -> None:
    keys.write_text(
        '[openai]\naddress = "https://api.openai.com"\nvariable = "OPENAI_API_KEY"\nrole = "operator"\n',
        "utf-8",
    )
    in_context = copy_context()
    in_context.run(ask_for, ANN.asker())
    with pytest.raises(NotAllowed):
        in_context.run(read_key, "OPENAI_API_KEY", "https://api.openai.com/v1")


@pytest.mark.parametrize(
    "more",
    [
        'role = "boss"',
        "accounts = []",
        'accounts = "ann"',
        'acounts = ["ann"]',
        "accounts = [3]",
        'role = ""',
    ],
)
def test_an_entry_that_is_misspelt_opens_nothing_to_everybody(keys: Path, more: str) -> None:
    _listed(keys, more)
    with pytest.raises(InvalidOptions, match="TAMIS_ENDPOINTS"):
        read_key("MY_KEY", ADDRESS)


def test_the_roles_are_those_of_accounts() -> None:
    assert endpoints.ROLES == ROLES


def test_the_command_says_who_may(keys: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """At the machine everybody is its operator, who wrote the file; what is refused there is the file itself."""
    _listed(keys, 'role = "boss"')
    dataset_id = import_file(tmp_path / "workspace", alpaca_file(tmp_path))
    given = ["--base-url", ADDRESS, "--model", "m", "--api-key-variable", "MY_KEY"]
    asked = ["run", "embed", "--dataset", dataset_id, "--encoder", "openai", *given]
    assert run([*asked, "--workspace", str(tmp_path / "workspace"), "--no-wait"]) == 2
    assert "'boss' is none of viewer, reviewer, curator, operator" in capsys.readouterr().err


def test_what_is_started_for_somebody_asks_for_nobody_else(keys: Path, tmp_path: Path) -> None:
    """Processes of a page and pools of a worker; a trial of three drafts is refused before it is one."""
    _listed(keys, 'accounts = ["ann@example.org"]')
    dataset_id = import_file(tmp_path / "workspace", alpaca_file(tmp_path))
    mine = open_workspace(tmp_path / "workspace").acting_as(BEN)
    given = {"base_url": ADDRESS, "model": "m", "api_key_variable": "MY_KEY"}
    options = {"generator": "similar", "llm": "openai", "llm_options": given, "rows": 3, "max_tokens": 1000}
    for start in (start_trial, try_drafts):
        with pytest.raises(NotAllowed, match="ann@example.org alone"):
            start(mine, dataset_id, options)
    in_context = copy_context()
    in_context.run(ask_for, BEN.asker())
    environment = os.environ | in_context.run(process_environment, 1)
    script = f"from tamis.models.endpoints import read_key; read_key('MY_KEY', '{ADDRESS}')"
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False
    )
    assert "you are ben@example.org" in done.stderr
    assert "TAMIS_ASKED_FOR" not in process_environment(1)
