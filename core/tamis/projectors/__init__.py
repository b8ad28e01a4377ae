"""PROJECTORS: ways to lay vectors out in two dimensions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, NamedTuple

from pydantic import Field

from tamis.registry import Options, Plugin, Table
from tamis.types import Float32s


class Laid(NamedTuple):
    """What a projector returns: ``points`` (n, 2) float32, and who computed them in words."""

    points: Float32s
    computed_by: str


class PcaOptions(Options):
    """The two directions of largest variance; exact, deterministic and quick."""


class UmapOptions(Options):
    """UMAP: keeps neighbours together."""

    FORMER_DEFAULTS: ClassVar[Mapping[str, Any]] = {"implementation": "umap-learn"}

    n_neighbors: int = Field(
        15, ge=2, le=200, description="Higher shows more of the whole, lower more detail."
    )
    min_dist: float = Field(0.1, ge=0, le=0.99, description="How tightly points may be packed, 0 to 0.99.")
    implementation: Literal["tamis", "umap-learn"] = Field(
        "tamis",
        description="Tamis's own is the quicker, equal in trustworthiness, and leaves the work to cuML where that and a GPU are "
        "there; umap-learn is the reference, and compiles for up to a minute in each run.",
    )
    reproducible: bool = Field(
        False,
        description="Same seed, same picture: neighbours are searched on one core of the CPU, which takes longer. Below 20,001 rows Tamis's "
        "own repeats itself anyway.",
    )
    seed: int = Field(42, ge=0, le=2**31 - 1, description="Seed of what is random in it.")


class PacmapOptions(Options):
    """PaCMAP: keeps neighbours together and far groups apart."""

    variant: Literal["localmap", "pacmap"] = Field(
        "localmap", description="LocalMAP separates clusters that PaCMAP lets touch."
    )
    n_neighbors: int = Field(
        10, ge=2, le=200, description="Higher shows more of the whole, lower more detail."
    )
    seed: int = Field(42, ge=0, le=2**31 - 1, description="Seed of what is random in it.")


PROJECTORS = Table(
    "map layout",
    Plugin(
        name="umap",
        title="UMAP",
        summary="Keeps neighbours together.",
        options=UmapOptions,
        target="tamis.projectors.layouts:project_umap",
        extra="map",
    ),
    Plugin(
        name="pca",
        title="PCA",
        summary="The two directions of largest variance; appears at once.",
        options=PcaOptions,
        target="tamis.projectors.layouts:project_pca",
    ),
    Plugin(
        name="pacmap",
        title="PaCMAP",
        summary="Keeps far groups apart better; compiles for up to a minute in each run.",
        options=PacmapOptions,
        target="tamis.projectors.pacmap:project_pacmap",
        extra="pacmap",
    ),
)
