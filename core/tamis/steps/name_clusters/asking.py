"""The questions of name_clusters: some groups a part, which any process can ask about."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tamis.compute.cluster.naming import GroupEvidence, naming_prompt
from tamis.llms import open_llm
from tamis.steps.chunks import Compute, part_file
from tamis.steps.name_clusters.options import NamingOptions
from tamis.steps.score.chunks import ABOUT, spent_since

CHUNK_GROUPS = 16


@dataclass(frozen=True, slots=True)
class NamingChunks:
    """Replies about ``CHUNK_GROUPS`` of the groups as one part; part i is the file ``names[i]``."""

    workspace: Path
    groups: tuple[GroupEvidence, ...]
    parts: Path
    names: tuple[str, ...]
    options: NamingOptions

    def open(self) -> Compute:
        """Open the client; a model is loaded at the first question."""
        options = self.options
        model = open_llm(options.llm, options.llm_options, workspace=self.workspace, needs=("complete",))

        def compute(number: int) -> None:
            asked = self.groups[number * CHUNK_GROUPS : (number + 1) * CHUNK_GROUPS]
            before = model.usage
            replies = model.complete(
                [naming_prompt(one) for one in asked], max_new_tokens=options.max_new_tokens
            )
            table = pa.table({"reply": pa.array([one[0] for one in replies], pa.string())})
            with part_file(self.parts / self.names[number]) as aside:
                pq.write_table(table.replace_schema_metadata({ABOUT: spent_since(model, before)}), aside)

        return compute
