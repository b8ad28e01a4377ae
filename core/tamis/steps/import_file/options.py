"""Options of import: which files, read how."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tamis.registry import Options, Reach
from tamis.steps.spec import Need, StepOptions
from tamis.types import JSON


class SourceFile(Options):
    """One file of an import, and how its records are read."""

    path: Annotated[str, Reach.FILE] = Field(
        description="File or saved dataset on this machine, or a Hugging Face dataset id."
    )
    format: str = Field(description="Conversation format of its records.")
    fields: dict[str, JSON] = Field(
        default_factory=dict, description="Which column plays which part; the format's own names when empty."
    )
    content_hash: str = Field("", description="Hash of the file when the import was agreed to.")
    encoding: str = Field("", description="Encoding of its text, where it is neither UTF-8 nor marked.")
    split: str = Field(
        "", description="Split that its rows belong to, as its name or its folder's README says."
    )
    repairs: tuple[str, ...] = Field((), description="Repairs that were agreed to, by name.")

    @property
    def how(self) -> dict[str, JSON]:
        """What besides format and mapping decides what is read; only what was said, so that older imports keep their names."""
        said = {"encoding": self.encoding, "split": self.split, "repairs": list(self.repairs)}
        return {name: value for name, value in said.items() if value}


class ImportOptions(StepOptions):
    """Which files make up the dataset, in this order, under which name."""

    files: tuple[SourceFile, ...] = Field(min_length=1, description="The files, read one after another.")
    name: str = Field(description="Name shown to people.")

    def needs(self) -> tuple[Need, ...]:
        """An import reads no artifact."""
        return ()

    def identity(self) -> dict[str, JSON]:
        """Where the file lay and what it is called do not change what is in it."""
        added = {"path", "encoding", "split", "repairs"}
        return {"files": [file.model_dump(mode="json", exclude=added) | file.how for file in self.files]}
