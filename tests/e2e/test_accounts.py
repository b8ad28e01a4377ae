"""Accounts in a browser, with a real OpenID provider: who may decide does, who may not does not by any way there is."""

from __future__ import annotations

import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, WebSocket, expect
from streamlit.proto.BackMsg_pb2 import BackMsg
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from tamis.actions.audit import check_audit, list_audit
from tamis.actions.decisions import list_decisions
from tamis.actions.teams import list_shares
from tamis.store.review.decisions import decision_state
from tamis.store.workspace import open_workspace
from tests.attacks.test_access import PATHS
from tests.e2e import walk_review
from tests.e2e.conftest import free_port, running_app
from tests.pages.page_workspace import alpaca_file, import_file
from tests.pages.review_workspace import mixed_rows, write_proposals
from tests.support.login_provider import CLIENT, CLIENT_SECRET, WRONG, login_provider

pytestmark = [pytest.mark.browser, pytest.mark.slow]
NAME = "Very private questions"


@dataclass(frozen=True)
class Team:
    """A server with accounts, a dataset with proposals, and the cookies of who has logged in."""

    url: str
    workspace: Path
    dataset_id: str
    cookies: dict[str, Any] = field(default_factory=dict)


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    folder = tmp_path_factory.mktemp("accounts")
    dataset_id = import_file(folder / "workspace", alpaca_file(folder), NAME)
    write_proposals(folder / "workspace", dataset_id, mixed_rows())
    (folder / "accounts.toml").write_text(
        '[accounts]\n"vic@example.org" = "viewer"\n"ann@example.org" = "reviewer"\n"ben@example.org" = "reviewer"\n'
        '"cas@example.org" = "curator"\n"mallory@example.org" = "operator"\n'
    )
    port = free_port()
    with login_provider() as provider:
        (folder / "login.toml").write_text(
            f'[auth]\nredirect_uri = "http://127.0.0.1:{port}/oauth2callback"\ncookie_secret = "{"0123456789abcdef" * 3}"\n'
            f'client_id = "{CLIENT}"\nclient_secret = "{CLIENT_SECRET}"\n'
            f'server_metadata_url = "{provider}/.well-known/openid-configuration"\n'
        )
        with running_app(
            folder / "workspace", port, accounts=str(folder / "accounts.toml"), login=str(folder / "login.toml"),
            sample_on_empty="false", reviewer="somebody else",
        ) as server:  # fmt: skip
            yield Team(server.url, folder / "workspace", dataset_id)


def log_in(browser: Browser, team: Team, who: str) -> tuple[BrowserContext, Page]:
    """A profile of its own in which somebody has logged in, once."""
    context = browser.new_context(
        viewport={"width": 1440, "height": 1000}, storage_state=team.cookies.get(who)
    )
    page = context.new_page()
    if who in team.cookies:
        return context, page
    page.goto(f"{team.url}/review?dataset={team.dataset_id}")
    page.get_by_role("link", name="Log in").click()
    page.get_by_role("link", name=who, exact=True).click()
    page.wait_for_url(f"{team.url}/**")
    team.cookies[who] = context.storage_state()
    return context, page


def decided(team: Team) -> dict[int, str]:
    """Who decided which row, as the database has it."""
    state = decision_state(open_workspace(team.workspace).database, team.dataset_id)
    return {row: one.reviewer for row, one in state.decided.items()}


def test_nobody_who_is_not_logged_in_sees_anything(team: Team, browser: Browser) -> None:
    for path in PATHS:
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(team.url + path)
        assert refused.value.code == 403
        assert NAME not in refused.value.read().decode()
    with pytest.raises(WebSocketException), connect(team.url.replace("http", "ws") + "/_stcore/stream"):
        pass
    # The provider says who it is, and that nobody has verified the address.
    # And of another that it is somebody whom nobody here has given a role.
    for who, heading in (("mallory", "Who are you?"), ("zed", "No way in")):
        context, page = log_in(browser, team, who)
        expect(page.get_by_role("heading", name=heading)).to_be_visible()
        assert NAME not in page.content()
        context.close()


class _Visitor:
    """A browser without a window: follows redirects and keeps cookies."""

    def __init__(self) -> None:
        self.cookies = CookieJar()
        self._opener = urllib.request.build_opener(
            urllib.request.HTTPCookieProcessor(self.cookies), _Noting(self)
        )
        self.visited: list[str] = []

    def open(self, url: str) -> tuple[int, str]:
        """The status of the page at the end of it, and its address."""
        try:
            with self._opener.open(url) as page:
                return page.status, page.url
        except urllib.error.HTTPError as refused:
            return refused.code, refused.url

    def log_in(self, url: str, who: str) -> int:
        _, asked = self.open(f"{url}/login")
        return self.open(f"{asked}&{urllib.parse.urlencode({'who': who})}")[0]

    @property
    def is_known(self) -> bool:
        return any(cookie.name == "_streamlit_user" and cookie.value for cookie in self.cookies)


class _Noting(urllib.request.HTTPRedirectHandler):
    def __init__(self, visitor: _Visitor) -> None:
        self._visitor = visitor

    def redirect_request(self, req, fp, code, msg, headers, newurl):  # type: ignore[no-untyped-def]
        self._visitor.visited.append(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def test_no_forged_token_no_replay_and_no_login_of_another_comes_in(team: Team) -> None:
    for wrong in WRONG:
        visitor = _Visitor()
        assert visitor.log_in(team.url, f"ann:{wrong}") == 403, wrong
        assert visitor.open(team.url)[0] == 403, wrong
    visitor = _Visitor()
    assert visitor.log_in(team.url, "ann") == 200
    (callback,) = [one for one in visitor.visited if "/oauth2callback" in one]
    # The end of that login sent to somebody else, who would act as ann without knowing; and once more to ann.
    stranger = _Visitor()
    stranger.open(f"{team.url}/login")  # who has begun one, too
    assert stranger.open(callback)[0] == 403
    assert not stranger.is_known
    visitor.open(f"{team.url}/auth/logout")
    assert visitor.open(callback)[0] == 403
    assert not visitor.is_known


def test_a_viewer_decides_by_no_page_no_message_and_no_address(team: Team, browser: Browser) -> None:
    sent: list[bytes] = []

    def watch(socket: WebSocket) -> None:
        socket.on(
            "framesent",
            lambda payload: sent.append(payload if isinstance(payload, bytes) else payload.encode()),
        )

    reviewing, ann = log_in(browser, team, "ann")
    ann.on("websocket", watch)
    walk_review.open_review(ann, team.url, team.dataset_id)
    row = walk_review.wait_for_item(ann)
    expect(ann.get_by_text("example.org · reviewer")).to_be_visible()
    expect(ann.get_by_label("Your name")).to_have_count(0)
    walk_review.look(ann)
    # The page's own button, which the lane of keys covers: the message that it sends is what is tried below.
    ann.locator(f".st-key-review_approve_{row} button").first.evaluate("button => button.click()")
    ann.wait_for_function("row => new URL(location.href).searchParams.get('row') !== row", arg=str(row))
    assert decided(team) == {row: "ann@example.org"}
    reviewing.close()
    clicks = [one for one in sent if is_click(BackMsg.FromString(one))]
    assert len(clicks) == 1

    looking, vic = log_in(browser, team, "vic")
    walk_review.open_review(vic, team.url, team.dataset_id, row=str(row))
    approve = vic.locator(f".st-key-review_approve_{row} button").first
    expect(approve).to_be_disabled()
    vic.keyboard.press(walk_review.key_of(vic, "approve"))
    # A page whose button was switched on again in the browser.
    approve.evaluate("button => { button.disabled = false; button.click() }")
    # Addresses that would have a page do something while it is drawn; and a button of a curator's.
    for crafted in ("clone=1&approve=1", "view=rules&rule_decided=true"):
        vic.goto(f"{team.url}/review?dataset={team.dataset_id}&row={row}&{crafted}")
        vic.wait_for_selector(walk_review.IDLE)
    rule = vic.get_by_role("button", name="Approve", exact=False).first
    expect(rule).to_be_disabled()
    rule.hover(force=True)
    expect(vic.get_by_text("the role curator").first).to_be_visible()
    replay(team, vic, clicks)
    assert decided(team) == {row: "ann@example.org"}
    looking.close()
    # The same message does decide where the role reaches to it.
    reviewing, ben = log_in(browser, team, "ben")
    replay(team, ben, clicks)
    newest = list_decisions(open_workspace(team.workspace), team.dataset_id, limit=1)[0]
    assert (newest.reviewer, newest.via, newest.example_id) == ("ben@example.org", "approve", row)
    reviewing.close()


def is_click(message: BackMsg) -> bool:
    """Whether a browser says that the button of a decision was pressed."""
    states = message.rerun_script.widget_states.widgets
    return any("review_approve" in one.id and one.trigger_value for one in states)


def replay(team: Team, page: Page, clicks: list[bytes]) -> None:
    """Send a reviewer's click over a socket of the viewer's own, about the page as the viewer has it open."""
    cookies = "; ".join(f"{one['name']}={one['value']}" for one in page.context.cookies())
    headers = {"Cookie": cookies, "Origin": team.url}
    url = team.url.replace("http", "ws") + "/_stcore/stream"
    with connect(url, additional_headers=headers, subprotocols=["streamlit"], max_size=None) as socket:  # type: ignore[list-item]
        for click in clicks:
            message = BackMsg.FromString(click)
            first = BackMsg()
            first.CopyFrom(message)
            first.rerun_script.ClearField("widget_states")
            first.rerun_script.ClearField("fragment_id")
            for back in (first, message):
                socket.send(back.SerializeToString())
                until_finished(socket)
                time.sleep(walk_review.LOOK_S + 0.2)  # a row counts as seen after that


def until_finished(socket: object) -> None:
    """Read what the server sends until a run of the script has ended."""
    from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

    while True:
        message = ForwardMsg.FromString(socket.recv(timeout=60))  # type: ignore[attr-defined]
        if message.WhichOneof("type") == "script_finished":
            return


@pytest.mark.nightly
def test_two_decide_the_same_rows_blind_and_a_third_settles(team: Team, browser: Browser) -> None:
    workspace = open_workspace(team.workspace)
    curating, cas = log_in(browser, team, "cas")
    walk_review.open_review(cas, team.url, team.dataset_id, view="team", order="confidence")
    people = cas.get_by_role("combobox", name="People")
    for who in ("ann", "ben"):
        people.fill(f"{who}@example.org")
        people.press("Enter")
    cas.keyboard.press("Escape")
    slider = cas.get_by_role("slider", name="Decided by two, %")
    slider.focus()
    slider.press("End")
    cas.get_by_role("button", name="Assign").click()
    expect(cas.get_by_text("Shared with others").first).to_be_attached()
    (proposals,) = workspace.artifacts.list(team.dataset_id, "proposals")
    assert {one.n_shared for one in list_shares(workspace, team.dataset_id, proposals.id)} == {30}

    rows = []
    for who, key in (("ann", "approve"), ("ben", "reject")):
        reviewing, page = log_in(browser, team, who)
        walk_review.open_review(page, team.url, team.dataset_id, row="5")
        rows.append(walk_review.wait_for_item(page))
        expect(page.get_by_text("approved by")).to_have_count(0)
        walk_review.look(page)
        walk_review.press(page, key)
        walk_review.rest(page)
        reviewing.close()
    assert rows == [5, 5]
    assert decided(team)[5] == "ann@example.org"

    walk_review.open_review(cas, team.url, team.dataset_id, row="5")
    expect(cas.get_by_text("Two answers to this row.")).to_be_visible()
    cas.get_by_role("button", name="Put this one in force").click()
    expect(cas.get_by_text("Two answers to this row.")).to_be_hidden()
    assert decided(team)[5] == "ben@example.org"
    walk_review.open_review(cas, team.url, team.dataset_id, view="team")
    expect(cas.get_by_text("Krippendorff's alpha").first).to_be_visible()
    curating.close()


def test_what_was_done_stands_in_the_log_of_who_came_in(team: Team, browser: Browser) -> None:
    workspace = open_workspace(team.workspace)
    assert check_audit(workspace).is_sound
    done = {(one.action, one.account, one.via) for one in list_audit(workspace)}
    assert {("login", "ann@example.org", "login"), ("login", "vic@example.org", "login")} <= done
    assert ("decision", "ann@example.org", "login") in done
    assert ("login refused", "zed@example.org", "login") in done
    assert not [one for one in done if one[1] == "mallory@example.org"]
    reviewing, ann = log_in(browser, team, "ann")
    walk_review.open_review(ann, team.url, team.dataset_id)
    ann.get_by_role("button", name="Log out").click()
    expect(ann.get_by_role("heading", name="Who are you?")).to_be_visible()
    reviewing.close()
    assert [(one.action, one.account) for one in list_audit(workspace, limit=1)] == [
        ("logout", "ann@example.org")
    ]


def test_a_decision_of_a_role_that_was_taken_away_is_refused_and_stays_in_the_browser(
    team: Team, browser: Browser
) -> None:
    looking, vic = log_in(browser, team, "vic")
    walk_review.open_review(vic, team.url, team.dataset_id)
    before = decided(team)
    row = walk_review.wait_for_item(vic)
    walk_review.look(vic)
    vic.keyboard.press("k")
    expect(vic.get_by_text("Your account may look, but not decide.")).to_be_visible()
    assert walk_review.row_in(vic) == row
    looking.close()

    reviewing, ben = log_in(browser, team, "ben")
    walk_review.open_review(ben, team.url, team.dataset_id)
    row = walk_review.wait_for_item(ben)
    accounts = team.workspace.parent / "accounts.toml"
    whole = accounts.read_text()
    # The key comes before the page learns of it: a page that is drawn anew takes none.
    walk_review.look(ben)
    accounts.write_text(whole.replace('"ben@example.org" = "reviewer"', '"ben@example.org" = "viewer"'))
    walk_review.press(ben, "reject")
    expect(ben.get_by_text("Not saved.").first).to_be_visible()
    expect(ben.get_by_text("needs the role reviewer").first).to_be_visible()
    assert decided(team) == before
    accounts.write_text(whole)
    ben.get_by_role("button", name="Try again").click()
    expect(ben.get_by_test_id("review-counts")).to_have_text("1 saved · 0 waiting")
    assert decided(team) == before | {row: "ben@example.org"}
    reviewing.close()
