"""A small file that unpacks to any size, or takes for ever to read, costs the server nothing and is refused with its reason."""

from __future__ import annotations

import ast
import bz2
import gzip
import importlib
import lzma
import os
import re
import re._constants as constants
import re._parser as parser
import resource
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest
import zstandard

from tamis.actions.given_scores import import_scores
from tamis.actions.imports import examine_file, start_import
from tamis.actions.jobs import wait_for_job
from tamis.actions.submit import submit
from tamis.errors import InvalidOptions, LimitReached
from tamis.formats import containers, load_format
from tamis.formats.layout import detect_layout
from tamis.formats.reader import iter_chunks
from tamis.formats.streams import TextStream, detect_compression
from tamis.jobs import limited_process
from tamis.jobs.folder import JobFolder
from tamis.jobs.limited_process import run_limited
from tamis.jobs.limits import ReadLimits, limited_for_now
from tamis.jobs.model import JobState
from tamis.settings import Settings
from tamis.steps.import_file.identify import plan_sources
from tamis.steps.import_file.options import SourceFile
from tamis.store.workspace import Workspace, open_workspace
from tests.attacks import harm
from tests.attacks.bombs import BOMBS, ROW
from tests.pages.page_workspace import alpaca_file, import_file
from tests.support import scale

GB = 1 << 30
ROOT = Path(__file__).resolve().parents[2]
TWO_IN_A_RUN = re.compile(r"\\s[*+]\)?(?:\\n|\\s)")
SMALL = {"read_memory_gb": 1, "read_output_gb": 0.05, "read_cpu_s": 30}
MEMORY, OUTPUT = "raise TAMIS_READ_MEMORY_GB", "raise TAMIS_READ_OUTPUT_GB"
# What is said of each, or of the row in it that harms; the others are read, for what they hold is no more than long.
SAID = {
    "huge.parquet": MEMORY,
    "huge.arrow": MEMORY,
    "blanks.json.gz": "longer than 64 MB",
    "blanks.json.zst": "longer than 64 MB",
    "blanks.json.xz": "longer than 64 MB",
    "blanks.json.bz2": "longer than 64 MB",
    "packed.parquet.zst": OUTPUT,
    "deep.json": "nested too deeply",
    "deep.jsonl": "nested too deeply",
    "digits.jsonl": "not JSON",
    "columns.csv": "1,000,000 fields; at most 10,000",
    "alike.csv": "1,000,000 fields; at most 10,000",
    "keys.jsonl": "200,002 fields; at most 10,000",
    "quote.csv": "a quote opened on line 2 is not closed",
    "quotes.csv": "a quote opened on line 2 is not closed",
    "line.jsonl": "longer than 64 MB",
    "many.zip": "is a ZIP archive",
    "zeros.zip": "is a ZIP archive",
    "zeros.tar.gz": "is a tar archive",
}


LONG = ("blanks.json.gz", "blanks.json.xz", "blanks.json.bz2", "line.jsonl")  # seconds each; by night


@pytest.fixture
def server(tmp_path: Path) -> Workspace:
    """The workspace as a page has it, with small limits."""
    settings = Settings(import_folders=[tmp_path], **SMALL)
    return open_workspace(tmp_path / "workspace", settings, confined=True)


@pytest.fixture(scope="module", autouse=True)
def processes_with_these_limits() -> Iterator[None]:
    """A process keeps the limit on memory that it began with, so none comes from tests before or goes to those after."""
    limited_process._end_idle()
    yield
    limited_process._end_idle()


@pytest.fixture(scope="module")
def bomb(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    folder = tmp_path_factory.mktemp("bombs")

    def make(name: str) -> Path:
        path = folder / name
        if not path.exists():
            BOMBS[name](path)
        return path

    return make


def test_every_bomb_is_looked_at_elsewhere_and_said_what_it_is(
    server: Workspace, tmp_path: Path, bomb: Callable[[str], Path]
) -> None:
    assert set(SAID) == set(BOMBS)
    wrong = {}
    for name, words in SAID.items():
        if name in LONG and scale.times(0, nightly=1) == 0:
            continue
        path = tmp_path / name
        path.hardlink_to(bomb(name))
        before = psutil.Process().memory_info().rss
        seen = examine_file(server, str(path))
        grown = psutil.Process().memory_info().rss - before
        problems = seen.inspection.problems if seen.inspection else ()
        said = " ".join([seen.problem, *(one.reason for one in problems)])
        if words not in said or grown > GB // 10:
            wrong[name] = (said[:300], grown)
    assert not wrong


def test_an_import_meets_the_same_limits_in_its_worker(
    server: Workspace, tmp_path: Path, bomb: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "huge.parquet"
    path.hardlink_to(bomb("huge.parquet"))
    fields = load_format("alpaca").fields().model_dump(mode="json")
    source = SourceFile(path=str(path), format="alpaca", fields=fields, content_hash="0" * 32)
    monkeypatch.setenv("TAMIS_READ_MEMORY_GB", "1")  # a worker reads the settings itself
    job = wait_for_job(server, start_import(server, plan_sources([source], "Bomb")).job.job_id, timeout_s=120)
    assert job.state is JobState.FAILED
    assert MEMORY in job.reason
    result = JobFolder.of(server.path, job.job_id).read_result(job.attempt)
    assert result is not None and result.peak_memory_gb < 2


def test_an_evaluation_file_meets_them_in_the_worker_that_scores(
    server: Workspace, tmp_path: Path, bomb: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset_id = import_file(server.path, alpaca_file(tmp_path))
    path = tmp_path / "huge.parquet"
    path.hardlink_to(bomb("huge.parquet"))
    monkeypatch.setenv("TAMIS_READ_MEMORY_GB", "1")
    asked = {"scorer": "contamination", "scorer_options": {"files": [str(path)]}}
    job = wait_for_job(server, submit(server, dataset_id, "score", asked).job.job_id, timeout_s=120)
    assert job.state is JobState.FAILED
    assert MEMORY in job.reason
    result = JobFolder.of(server.path, job.job_id).read_result(job.attempt)
    assert result is not None and result.peak_memory_gb < 2


LIMITS = ReadLimits(memory_gb=1, cpu_s=1, output_gb=0.1, cpu_setting="TAMIS_READ_CPU_S")


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (harm.spin, "raise TAMIS_READ_CPU_S"),
        (harm.fill, MEMORY),
        (harm.write, OUTPUT),
        (harm.abort, "SIGABRT"),
    ],
)
def test_each_limit_is_named_with_its_setting(function: Callable[[], object], words: str) -> None:
    with pytest.raises(LimitReached, match=words):
        run_limited(function, limits=LIMITS)


def test_what_the_function_says_comes_back_as_it_was() -> None:
    assert run_limited(len, "four", limits=LIMITS) == 4
    with pytest.raises(InvalidOptions, match="not this"):
        run_limited(harm.refuse, limits=LIMITS)
    with pytest.raises(RuntimeError, match="a bug"):
        run_limited(harm.fail, limits=LIMITS)


def test_the_process_is_kept_and_a_dead_one_is_replaced() -> None:
    first = run_limited(os.getpid, limits=LIMITS)
    assert run_limited(os.getpid, limits=LIMITS) == first
    psutil.Process(first).kill()
    psutil.Process(first).wait(10)
    assert run_limited(os.getpid, limits=LIMITS) != first


def test_a_command_gets_its_own_memory_back_after_it_looked() -> None:
    before = resource.getrlimit(resource.RLIMIT_AS)
    inside = threading.Barrier(2)

    def look() -> None:
        with limited_for_now(LIMITS):
            inside.wait()

    other = threading.Thread(target=look)
    other.start()
    with pytest.raises(LimitReached, match=MEMORY), limited_for_now(LIMITS):
        inside.wait()
        bytearray(3 * GB)
    other.join()
    assert resource.getrlimit(resource.RLIMIT_AS) == before


def test_scores_from_a_file_are_read_within_the_limits(
    server: Workspace, tmp_path: Path, bomb: Callable[[str], Path]
) -> None:
    dataset_id = import_file(server.path, alpaca_file(tmp_path))
    scores = tmp_path / "scores.csv"
    scores.write_text("row,score\n0,0.5\n1,0.25\n", "utf-8")
    assert import_scores(server, dataset_id, scores, name="mine").n_scored == 2
    path = tmp_path / "huge.parquet"
    path.hardlink_to(bomb("huge.parquet"))
    with pytest.raises(LimitReached, match=MEMORY):
        import_scores(server, dataset_id, path, name="harm", key="instruction", column="output")


@pytest.mark.parametrize(
    ("ending", "pack"),
    [("gz", gzip.compress), ("zst", zstandard.compress), ("bz2", bz2.compress), ("xz", lzma.compress)],
)
def test_a_packed_file_is_unpacked_in_pieces_of_a_bounded_size(
    tmp_path: Path, ending: str, pack: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / f"rows.jsonl.{ending}"
    path.write_bytes(pack(ROW * 10 + bytes(48 << 20)))
    with TextStream(path, detect_compression(path.read_bytes()[:16])) as stream:
        sizes = [len(block) for block in stream.blocks()]
    assert sum(sizes) == 10 * len(ROW) + (48 << 20)
    assert max(sizes) <= 34 << 20


def _lines_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """How often a line of a table is handed to its parser."""
    handed = 0
    step = containers._Lines.__next__

    def counted(lines: containers._Lines) -> str:
        nonlocal handed
        line = step(lines)
        handed += 1
        return line

    with monkeypatch.context() as patch:
        patch.setattr(containers._Lines, "__next__", counted)
        for _ in iter_chunks(path, detect_layout(path), block_bytes=1 << 20, batch_rows=1000):
            pass
    return handed


@pytest.mark.parametrize(
    "line",
    ['a",x,"c\n', '"Q,A\n', 'Q,"A\n', '"a""b,c\n', "x,y\n", '"a"b",c\n', 'a,"b""\n', '","\n', '"\n'],
)
def test_quotes_that_never_close_cost_as_much_as_the_file_is_long(
    tmp_path: Path, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "rows.csv"
    read = []
    for n_lines in (2_000, 4_000):
        path.write_text('instruction,output\n"Q,A\n' + line * n_lines, "utf-8")
        read.append(_lines_read(path, monkeypatch))
    assert read[1] <= 2.1 * read[0]
    assert read[1] <= 3 * 4_002


def test_rows_behind_an_open_quote_are_still_read(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    good = '"a cell\nof two lines, with ""quotes""",fine\n'
    path.write_text("instruction,output\n" + good + '"open,A\n' + "Q,A\n" * 3 + good + good, "utf-8")
    rows = [
        row
        for chunk in iter_chunks(path, detect_layout(path), block_bytes=1 << 20, batch_rows=99)
        for row in chunk.content
    ]
    kept = [row for _, row in rows if isinstance(row, dict)]
    assert sum("two lines" in row["instruction"] for row in kept) == 3
    assert sum(row["instruction"] == "Q" for row in kept) == 3
    assert [number for number, row in rows if not isinstance(row, dict)] == [4]


def test_ten_thousand_columns_are_still_a_table(tmp_path: Path) -> None:
    names = ["instruction", "output", *(f"c{i}" for i in range(2_000))]
    (tmp_path / "wide.csv").write_text(",".join(names) + "\n" + ",".join("x" for _ in names) + "\n", "utf-8")
    own = open_workspace(tmp_path / "workspace")
    assert examine_file(own, str(tmp_path / "wide.csv")).ready


def _begins_in_a_run(nodes: Sequence[Any], *, is_last: bool = True) -> bool:
    """Whether a search would read a run of blanks, digits or letters anew from each of them, and fail behind it."""
    if not nodes:
        return False
    (code, value), *others = nodes
    ends = is_last and not others
    if code is constants.SUBPATTERN:
        return _begins_in_a_run(value[3], is_last=ends)
    if code is constants.BRANCH:
        return any(_begins_in_a_run(one, is_last=ends) for one in value[1])
    if code not in (constants.MAX_REPEAT, constants.MIN_REPEAT):
        return False
    least, most, inner = value
    if most == constants.MAXREPEAT:
        return not ends
    return _begins_in_a_run(inner, is_last=False) or (
        least == 0 and _begins_in_a_run(others, is_last=is_last)
    )


def _is_slow(pattern: re.Pattern[str]) -> bool:
    return _begins_in_a_run(list(parser.parse(pattern.pattern, pattern.flags & ~re.UNICODE)))


def _written_out(source: str) -> Iterator[tuple[str, str | bytes]]:
    """Every pattern that is written out in a call of ``re``, with the name of what is called."""
    for node in ast.walk(ast.parse(source)):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id == "re"
        ):
            yield from (
                (node.func.attr, one.value)
                for one in ast.walk(node.args[0])
                if isinstance(one, ast.Constant) and isinstance(one.value, str | bytes)
            )


def test_what_reads_texts_of_strangers_searches_in_linear_time() -> None:
    """A pattern is only searched for where its runs have one place to begin: of 30 KB of blank lines one made minutes."""
    assert _is_slow(re.compile(r"\s*(user):"))
    assert _is_slow(re.compile(r"(?:a|\s+b)"))
    assert not any(map(_is_slow, map(re.compile, (r"(?<!\s)\s*(user):", r"[\s_-]+", r"<a>\s*b"))))
    slow = []
    for path in sorted((ROOT / "core/tamis/formats").glob("*.py")):
        module = importlib.import_module(f"tamis.formats.{path.stem}")
        searched = set(
            re.findall(
                r"\b(_?[A-Z][A-Z_]+)\.(?:search|finditer|findall|sub|split)\(", path.read_text("utf-8")
            )
        )
        patterns = [getattr(module, name) for name in searched] + list(getattr(module, "STYLES", ()))
        slow += [
            (path.name, one.pattern) for one in patterns if isinstance(one, re.Pattern) and _is_slow(one)
        ]
    assert not slow
