"""PROJECTORS: ways to lay vectors out in two dimensions."""

from __future__ import annotations

from pydantic import Field

from tamis.registry import Options, Plugin, Table


class PcaOptions(Options):
    """The two directions of largest variance; exact, deterministic and quick."""


class UmapOptions(Options):
    """UMAP: keeps neighbours together."""

    n_neighbors: int = Field(
        15, ge=2, le=200, description="Higher shows more of the whole, lower more detail."
    )
    min_dist: float = Field(0.1, ge=0, le=0.99, description="How tightly points may be packed, 0 to 0.99.")
    reproducible: bool = Field(
        False, description="Same seed, same picture; runs on one core, so it takes longer."
    )
    seed: int = Field(42, ge=0, le=2**31 - 1, description="Seed, used when the picture must be reproducible.")


PROJECTORS = Table(
    "map layout",
    Plugin(
        name="umap",
        title="UMAP",
        summary="Keeps neighbours together; the first run in a process compiles for up to a minute.",
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
)
