"""The images of a row, small: decoded elsewhere, in a process of their own; names and reasons are text, never markup."""

from __future__ import annotations

import hashlib
import html

import streamlit as st

from pages.shared.dataset_context import DatasetContext
from pages.shared.plain_text import count_of, shorten
from pages.shared.rows.review_text import as_html
from tamis.actions.row_images import RowImages, images_of, row_images
from tamis.formats.detect import PreviewRow

_WIDTH = 128
_SMALL = "font-size:.8rem;opacity:.7;overflow-wrap:anywhere"


def show_row_images(context: DatasetContext, row: int) -> None:
    """Thumbnails of a row of the dataset; nothing where it has no image."""
    _show(_of_row(context.view.examples.id, row, _context=context))


def show_record_images(row: PreviewRow, source: str) -> None:
    """Thumbnails of a record of a file that is not imported yet."""
    packed = repr((row.raw, row.record)).encode("utf-8", "replace")
    _show(_of_record(hashlib.blake2b(packed, digest_size=16).hexdigest(), source, _row=row))


def _show(images: RowImages) -> None:
    if not images.n_images:
        return
    with st.container(horizontal=True, gap="small", vertical_alignment="top"):
        for one in images.shown:
            if one.content:
                with st.container(width=_WIDTH, gap="xxsmall"):
                    st.image(one.content, width=_WIDTH)
                    _say(shorten(one.name, 40), full=one.line)
    for one in images.shown:
        if not one.content:
            _say(f"Not shown: {shorten(one.line, 200)}", full=one.line)
    if images.n_images > len(images.shown):
        st.caption(f"The first {len(images.shown)} of {count_of(images.n_images, 'image')}.")


def _say(text: str, *, full: str) -> None:
    """A name of a dataset as it is: in markdown the address of an image would be a link to follow."""
    st.html(f'<div style="{_SMALL}" title="{html.escape(full[:500], quote=True)}">{as_html(text)}</div>')


@st.cache_data(max_entries=64, show_spinner="Decoding images")
def _of_row(key: str, row: int, *, _context: DatasetContext) -> RowImages:
    return row_images(_context.view, row)


@st.cache_data(max_entries=64, show_spinner="Decoding images")
def _of_record(digest: str, source: str, *, _row: PreviewRow) -> RowImages:
    return images_of(_row.raw, _row.record, source)
