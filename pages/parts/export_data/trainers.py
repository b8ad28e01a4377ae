"""What to tell a trainer about an exported file, ready to be copied."""

from __future__ import annotations

import orjson
import streamlit as st

from pages.shared.plain_text import plain
from tamis.actions.manifests import ExportManifest
from tamis.actions.trainer_entries import AXOLOTL, LLAMA_FACTORY, TRL
from tamis.formats.trl import trl_script
from tamis.types import JSON


def show_llama_factory(manifest: ExportManifest) -> None:
    """The entry for its dataset_info.json."""
    if manifest.dataset_info:
        st.caption("Put the file into LLaMA-Factory's data folder and add this to its dataset\\_info.json.")
        st.code(_pretty(manifest.dataset_info), language="json")
    _show_remarks(manifest, LLAMA_FACTORY)


def show_axolotl(manifest: ExportManifest) -> None:
    """The stanza for its configuration: JSON is YAML as well."""
    if manifest.axolotl:
        st.caption("Add this to Axolotl's configuration (JSON is YAML too) and start it beside the file.")
        st.code(
            "\n".join(f"{key}: {_pretty(value)}" for key, value in manifest.axolotl.items()), language="yaml"
        )
    _show_remarks(manifest, AXOLOTL)


def show_trl(manifest: ExportManifest) -> None:
    """The lines of Python that load it as TRL expects it."""
    if manifest.trl:
        st.code(trl_script(manifest.trl), language="python")
    _show_remarks(manifest, TRL)


def _show_remarks(manifest: ExportManifest, trainer: str) -> None:
    for remark in manifest.trainer_remarks.get(trainer, []):
        st.caption(plain(remark))


def _pretty(value: JSON) -> str:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
