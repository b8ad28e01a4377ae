"""Export in a real browser: choose rows and format, read the preview, write, download."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page, expect

TIMEOUT_MS = 30_000


def export_newest_selection(
    page: Page, base_url: str, dataset_id: str, *, format_name: str, to: Path
) -> Path:
    """Write the newest selection in a format and download it to the folder ``to``; returns the downloaded file."""
    page.goto(f"{base_url}/export_data?dataset={dataset_id}&rows=selection&format={format_name}")
    return write_and_download(page, to)


def export_whole(page: Page, base_url: str, dataset_id: str, *, format_name: str, to: Path) -> Path:
    """Write every row of a dataset and download the file."""
    page.goto(f"{base_url}/export_data?dataset={dataset_id}&rows=whole&format={format_name}")
    return write_and_download(page, to)


def write_and_download(page: Page, to: Path) -> Path:
    """Press the button that writes and take what the download gives."""
    expect(page.get_by_text("exactly as they will be written")).to_be_visible(timeout=TIMEOUT_MS)
    page.get_by_role("button", name="Write ").click()
    download_button = page.get_by_role("button", name="Download", exact=True)
    expect(download_button).to_be_visible(timeout=TIMEOUT_MS)
    with page.expect_download(timeout=TIMEOUT_MS) as started:
        download_button.click()
    target = to / started.value.suggested_filename
    started.value.save_as(target)
    return target
