"""Numbered migrations: each is a tuple of statements, applied once and in order; never edited, only added to."""

from __future__ import annotations

_FIRST = (
    """
    CREATE TABLE datasets (
        dataset_id  TEXT PRIMARY KEY,
        name        TEXT NOT NULL,
        created_at  TEXT NOT NULL
    )
    """,
    """
    CREATE TABLE jobs (
        job_id        TEXT PRIMARY KEY,
        dataset_id    TEXT NOT NULL,
        step          TEXT NOT NULL,
        options       TEXT NOT NULL,
        inputs        TEXT NOT NULL,
        input_kinds   TEXT NOT NULL,
        kind          TEXT NOT NULL,
        artifact_id   TEXT NOT NULL,
        format_version INTEGER NOT NULL,
        identity      TEXT NOT NULL,
        waits_for     TEXT NOT NULL DEFAULT '[]',
        backend       TEXT NOT NULL,
        resources     TEXT NOT NULL,
        priority      INTEGER NOT NULL DEFAULT 0,
        state         TEXT NOT NULL
                      CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
        handle        TEXT NOT NULL DEFAULT '',
        reason        TEXT NOT NULL DEFAULT '',
        error_kind    TEXT NOT NULL DEFAULT '',
        log_tail      TEXT NOT NULL DEFAULT '',
        progress      TEXT NOT NULL DEFAULT '{}',
        attempt       INTEGER NOT NULL DEFAULT 1,
        claims        INTEGER NOT NULL DEFAULT 0,
        beat_at       REAL NOT NULL DEFAULT 0,
        submitted_at  TEXT NOT NULL,
        started_at    TEXT,
        finished_at   TEXT,
        cancelled_at  TEXT
    )
    """,
    # One job under way per result: a second request attaches to the first.
    """
    CREATE UNIQUE INDEX one_job_per_result ON jobs (dataset_id, kind, artifact_id)
    WHERE state IN ('queued', 'running')
    """,
    "CREATE INDEX jobs_by_state ON jobs (state, priority DESC, job_id)",
    "CREATE INDEX jobs_by_dataset ON jobs (dataset_id, job_id)",
    """
    CREATE TABLE cluster_names (
        event_id       INTEGER PRIMARY KEY,
        dataset_id     TEXT NOT NULL,
        clustering_id  TEXT NOT NULL,
        cluster_id     INTEGER NOT NULL,
        name           TEXT NOT NULL,
        action         TEXT NOT NULL CHECK (action IN ('rename', 'undo', 'redo')),
        target         INTEGER REFERENCES cluster_names (event_id),
        reviewer       TEXT NOT NULL,
        created_at     TEXT NOT NULL,
        CHECK ((target IS NULL) = (action = 'rename'))
    )
    """,
    "CREATE INDEX cluster_names_by_clustering ON cluster_names (dataset_id, clustering_id, event_id)",
    # Tags are append-only events over many rows at once: rows are the zlib-compressed differences of sorted ids.
    # An undo or redo is an event too, pointing at the change it turns back or on again.
    """
    CREATE TABLE tag_events (
        event_id    INTEGER PRIMARY KEY,
        dataset_id  TEXT NOT NULL,
        tag         TEXT NOT NULL,
        action      TEXT NOT NULL CHECK (action IN ('add', 'remove', 'undo', 'redo')),
        target      INTEGER REFERENCES tag_events (event_id),
        rows        BLOB NOT NULL,
        n_rows      INTEGER NOT NULL,
        reviewer    TEXT NOT NULL,
        created_at  TEXT NOT NULL,
        CHECK ((target IS NULL) = (action IN ('add', 'remove')))
    )
    """,
    "CREATE INDEX tag_events_by_dataset ON tag_events (dataset_id, event_id)",
)

MIGRATIONS: tuple[tuple[str, ...], ...] = (_FIRST,)
