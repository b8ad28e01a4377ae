"""How one file is read: format, which column plays which part, and three rows of it as they are and as they become."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import orjson
import pandas as pd
import streamlit as st
from pydantic.fields import FieldInfo

from pages.parts.import_data.inspection import choice_for, choose
from pages.shared.plain_text import count_of, plain, shorten
from pages.shared.rows.images import show_record_images
from pages.shared.wording import BadgeColour, percent, table_height
from tamis.actions.imports import (
    SURE,
    ExaminedFile,
    ReadAs,
    columns_for,
    formats_by_fit,
    mapping_of,
    unknown_roles,
)
from tamis.actions.row_images import text_beside_images
from tamis.formats import FORMATS
from tamis.formats.detect import Inspection, PreviewRow
from tamis.formats.hints import Guess
from tamis.formats.notes import listed_notes
from tamis.types import JSON, ROLES, Message

_CONTAINERS = {
    "jsonl": "JSON lines", "json": "JSON", "csv": "CSV", "tsv": "TSV", "parquet": "Parquet",
    "json_table": "JSON document", "arrow": "Arrow", "arrow_folder": "Saved dataset", "hub": "Hub dataset",
}  # fmt: skip
_ENCODINGS = (
    "utf-8", "gb18030", "big5", "shift_jis", "euc_jp", "euc_kr", "cp1252", "cp1251", "koi8-r", "cp1250", "mac-roman",
    "utf-8,cp1252",
)  # fmt: skip
_ROLES: dict[str, BadgeColour] = {"system": "gray", "user": "blue", "assistant": "green", "tool": "orange"}
_UNUSED = ""  # the column of a part that is none
_PREVIEW_HEIGHT = 230
_MAX_SHOWN_CHARS = 6_000
_MAX_NOTES = 8


def show_import_file(file: ExaminedFile, others: Sequence[ExaminedFile]) -> None:
    """Everything about one file: what it is, the form that says how to read it, rows, problems."""
    if file.inspection is None:
        st.error(plain(file.problem), title=f"{plain(file.name)} cannot be read", icon=":material/error:")
        if choice_for(file.path).format_name:
            st.button(
                "Back to what was detected",
                on_click=choose,
                args=([file.path], ReadAs()),
                key="mapping_back",
            )
        return
    inspection = file.inspection
    show_layout(inspection)
    form, rows = st.columns([1, 2], gap="medium")
    with form:
        _show_form(file, inspection, others)
    with rows:
        _show_rows(inspection, file.path)
        _show_problems(inspection)


def show_layout(inspection: Inspection) -> None:
    """Container, compression, encoding and format as badges."""
    with st.container(horizontal=True, gap="xsmall", vertical_alignment="center"):
        st.badge(
            _CONTAINERS.get(inspection.container, inspection.container),
            color="gray",
            icon=":material/description:",
        )
        if inspection.compression != "none":
            st.badge(inspection.compression, color="gray", icon=":material/folder_zip:")
        if inspection.encoding:
            guess = inspection.layout.encoding_confidence
            said = f", a guess: {percent(guess)}" if guess < 1 else ""
            said += ", too short to tell" if guess < SURE else ""
            color: BadgeColour = "orange" if said else "gray"
            st.badge(inspection.encoding.upper() + said, color=color, icon=":material/match_case:")
        if inspection.format_name is None:
            unsure = inspection.doubt is not None
            st.badge(
                "Not sure what is learned" if unsure else "No format fits",
                color="orange" if unsure else "red",
                icon=":material/error:",
            )
        else:
            color = "green" if inspection.confidence > 0.99 else "orange"
            reads = f"{FORMATS[inspection.format_name].title}: reads {percent(inspection.confidence)}"
            icon = ":material/check:" if inspection.rows else ":material/error:"
            st.badge(reads, color=color if inspection.rows else "red", icon=icon)
        looked_at = "the whole file" if inspection.looked_at_all else "from the whole length of the file"
        st.caption(f"{count_of(inspection.n_looked_at, 'record')} looked at, {looked_at}")
    for note in listed_notes(inspection.notes)[:_MAX_NOTES]:
        st.caption(f":material/info: {plain(note['note'])}")


def summary_table(files: Sequence[ExaminedFile]) -> pd.DataFrame:
    """One line per file of an import of several."""
    return pd.DataFrame([_summarise(file) for file in files])


def _summarise(file: ExaminedFile) -> dict[str, object]:
    inspection = file.inspection
    if inspection is None:
        return {"File": file.name, "Kind": "cannot be read", "Encoding": "", "Format": "", "Reads": None}
    return {
        "File": file.name,
        "Kind": _CONTAINERS.get(inspection.container, inspection.container)
        + (f", {inspection.compression}" if inspection.compression != "none" else ""),
        "Encoding": inspection.encoding.upper(),
        "Format": FORMATS[inspection.format_name].title if inspection.format_name else "none fits",
        "Reads": 100 * inspection.confidence,
    }


def _show_form(file: ExaminedFile, inspection: Inspection, others: Sequence[ExaminedFile]) -> None:
    fits = formats_by_fit(inspection)
    names = list(fits)
    chosen = st.selectbox(
        "Format",
        names,
        index=names.index(inspection.format_name) if inspection.format_name else None,
        placeholder="Choose the format",
        format_func=lambda name: _say_fit(name, fits),
        key=f"format:{file.path}",
    )
    if chosen is None:
        st.caption(f"Columns: {plain(', '.join(inspection.columns[:20]))}")
        if inspection.doubt is not None:
            st.warning(plain(f"{inspection.doubt.sentence}."), icon=":material/help:")
        _offer_guess(file.path, inspection)
        return
    st.caption(f"{FORMATS[chosen].summary[0].upper()}{FORMATS[chosen].summary[1:]}.")
    if chosen != inspection.format_name:
        choose([file.path], ReadAs(chosen, encoding=file.encoding))
        st.rerun()
    _show_encoding(file, inspection)
    _show_fields(file, inspection, chosen)
    alike = [other.path for other in others if other.path != file.path]
    if alike and st.button(
        f"Read all {len(alike) + 1} files this way", key="mapping_for_all", icon=":material/done_all:"
    ):
        fields = inspection.fields.model_dump(mode="json") if inspection.fields else {}
        choose(alike, ReadAs(chosen, fields, file.encoding))
        st.rerun()


def _offer_guess(path: str, inspection: Inspection) -> None:
    """A button that reads a file which no format fits as its columns suggest."""
    if (guess := inspection.guess) is None:
        return
    named = ", ".join(f"{part} = {column}" for part, column in guess.parts.items())
    st.caption(f"{'Most likely' if guess.is_sure else 'One way to read it'}: {plain(named)}")
    st.button(
        f"Read as {FORMATS[guess.format_name].title}",
        on_click=_accept_guess,
        args=(path, guess),
        key=f"mapping_guess:{path}",
        icon=":material/auto_awesome:",
    )


def _accept_guess(path: str, guess: Guess) -> None:
    choose([path], ReadAs(guess.format_name, guess.parts))
    st.session_state[f"format:{path}"] = guess.format_name


def _show_encoding(file: ExaminedFile, inspection: Inspection) -> None:
    """A choice of encodings for text in which nothing says what it is."""
    if not file.encoding and inspection.layout.encoding_confidence == 1:
        return
    chosen = st.selectbox(
        "Encoding", ["", *_ENCODINGS], index=["", *_ENCODINGS].index(file.encoding), key=f"encoding:{file.path}",
        format_func=lambda name: name.upper() if name else "As guessed", help="Look at the rows: are they words?",
    )  # fmt: skip
    if chosen != file.encoding:
        choose([file.path], replace(choice_for(file.path), encoding=str(chosen)))
        st.rerun()


def _show_fields(file: ExaminedFile, inspection: Inspection, format_name: str) -> None:
    """A select over the file's real columns for every part of the format."""
    current = mapping_of(inspection)
    given = {
        name: _pick_column(
            file.path, format_name, name, info, str(current.get(name, info.default)), inspection
        )
        for name, info in sorted(FORMATS[format_name].options.model_fields.items(), key=_may_be_missing)
        if info.annotation is str
    }
    given = current | given | _pick_roles(file.path, inspection)
    if given != current:
        choose([file.path], ReadAs(format_name, given, file.encoding))
        st.rerun()


def _may_be_missing(part: tuple[str, FieldInfo]) -> bool:
    return "may be missing" in str(part[1].description)


def _pick_roles(path: str, inspection: Inspection) -> dict[str, JSON]:
    """What labels of turns mean that no format knows; nothing to choose where all are known."""
    explained = inspection.fields.roles if inspection.fields else {}
    roles = {}
    for label in unknown_roles(inspection):
        meant = st.selectbox(
            f"Turns labelled {plain(label)}",
            ("", *ROLES),
            index=("", *ROLES).index(explained.get(label, "") if explained.get(label) in ROLES else ""),
            format_func=lambda role: role or "not known: their rows are rejected",
            key=f"role:{path}:{label}",
        )
        if meant:
            roles[label] = str(meant)
    return {"roles": roles} if roles or explained else {}


def _pick_column(
    path: str, format_name: str, name: str, info: FieldInfo, current: str, inspection: Inspection
) -> str:
    offered = columns_for(inspection, info)
    options = list(dict.fromkeys([*offered.names, current]))
    if offered.may_be_missing and current in offered.names:
        options.append(_UNUSED)

    def say(column: str) -> str:
        if all(name in offered.names for name in column.split("|")):
            return " or ".join(column.split("|"))
        if column == _UNUSED and current != _UNUSED:
            return "no column"
        return "not in this file" if offered.may_be_missing else f"{column} (not in this file)"

    label = name.replace("_", " ").capitalize()
    return str(
        st.selectbox(
            label, options, index=options.index(current), format_func=say, help=info.description,
            key=f"field:{path}:{format_name}:{name}",
        )
    )  # fmt: skip


def _say_fit(name: str, fits: Mapping[str, float | None]) -> str:
    title, reads = FORMATS[name].title, fits[name]
    return title if reads is None else f"{title} – reads {percent(reads)}"


def _show_rows(inspection: Inspection, path: str) -> None:
    if not inspection.rows:
        explained = inspection.fields.roles if inspection.fields else {}
        open_roles = [label for label in unknown_roles(inspection) if label not in explained]
        st.warning(
            f"No record of the sample becomes a row yet: say whose turns are labelled {plain(', '.join(open_roles))}."
            if open_roles
            else "With this format no record of the sample becomes a row. Choose other columns or another format.",
            icon=":material/rule:",
        )
        return
    raw, parsed = st.columns(2, gap="small")
    raw.markdown("**In the file**")
    parsed.markdown("**As a row**")
    for row in inspection.rows:
        raw, parsed = st.columns(2, gap="small")
        with raw:
            st.code(_pretty(row.record), language="json", wrap_lines=True, height=_PREVIEW_HEIGHT)
        with parsed, st.container(border=True, height=_PREVIEW_HEIGHT, gap="xsmall"):
            show_record_images(row, path)
            _show_turns(row)


def _show_turns(row: PreviewRow) -> None:
    for message in row.example.messages:
        role = str(message.get("role", ""))
        st.badge(role, color=_ROLES.get(role, "gray"))
        st.text(_cut(_said(message)))
    extra = [name for name in row.example.meta if not name.startswith("_")]
    kept = f" · kept as metadata: {plain(', '.join(extra))}" if extra else ""
    st.caption(f"Line {row.line:,}{kept}")


def _said(message: Message) -> str:
    """The text of a turn; what has more than text and images in it as JSON."""
    content = message.get("content")
    said = content if isinstance(content, str) else text_beside_images(content)
    return _pretty(message) if said is None else said


def _show_problems(inspection: Inspection) -> None:
    if not inspection.problems:
        return
    shown = pd.DataFrame(
        [{"Line": p.line, "Reason": p.reason, "Raw": shorten(p.raw, 300)} for p in inspection.problems]
    )
    with st.expander(
        f"{count_of(len(shown), 'line')} of the sample would be rejected",
        icon=":material/rule:",
        expanded=True,
    ):
        st.dataframe(shown, hide_index=True, height=table_height(len(shown), 260))
        st.caption("Rejected lines are kept with their reason, to look at and download after the import.")


def _pretty(value: JSON) -> str:
    return _cut(orjson.dumps(value, option=orjson.OPT_INDENT_2, default=str).decode("utf-8", "replace"))


def _cut(text: str) -> str:
    return text if len(text) <= _MAX_SHOWN_CHARS else f"{text[:_MAX_SHOWN_CHARS]} … {len(text):,} characters"
