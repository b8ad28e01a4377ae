"""The log of which artifacts people asked for or made active, and which ones a run drew for itself."""

from __future__ import annotations

from tamis.store.artifacts.choices import ArtifactChoices, Standing, fold_choices
from tamis.store.artifacts.store import utc_now
from tamis.store.database.database import Database


def note_choice(
    database: Database, dataset_id: str, kind: str, artifact_id: str, standing: Standing, number: int
) -> None:
    """Append what was chosen; ``number`` is the workspace's next one, which says what came last."""
    with database.writing() as connection:
        connection.execute(
            "INSERT INTO artifact_choices (dataset_id, kind, artifact_id, standing, sequence, created_at) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (dataset_id, kind, artifact_id, standing, number, utc_now()),
        )


def has_choice(database: Database, dataset_id: str, artifact_id: str) -> bool:
    """Whether anything was noted of an artifact."""
    query = "SELECT 1 FROM artifact_choices WHERE dataset_id = ? AND artifact_id = ? LIMIT 1"
    with database.reading() as connection:
        return connection.execute(query, (dataset_id, artifact_id)).fetchone() is not None


def read_choices(database: Database, dataset_id: str) -> ArtifactChoices:
    """What people chose among the artifacts of a dataset, as it holds now."""
    query = (
        "SELECT kind, artifact_id, standing, MAX(sequence) FROM artifact_choices WHERE dataset_id = ? "
        "GROUP BY kind, artifact_id, standing"
    )
    with database.reading() as connection:
        return fold_choices(tuple(row) for row in connection.execute(query, (dataset_id,)))
