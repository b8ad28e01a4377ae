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
    # Decisions of the review. An event is one choice over one row or, by a rule, over many; a turn back (undo, redo,
    # revert) and the settling of a conflict are events too. Nothing is ever changed or removed.
    """
    CREATE TABLE decision_events (
        event_id      INTEGER PRIMARY KEY,
        dataset_id    TEXT NOT NULL,
        action        TEXT NOT NULL CHECK (action IN ('decide', 'undo', 'redo', 'revert', 'settle')),
        via           TEXT NOT NULL DEFAULT '' CHECK (via IN ('', 'approve', 'reject', 'edit', 'rule')),
        rule          TEXT NOT NULL DEFAULT '',
        proposals_id  TEXT NOT NULL DEFAULT '',
        target        INTEGER REFERENCES decision_events (event_id),
        target_row    INTEGER,
        kept_mine     INTEGER NOT NULL DEFAULT 0,
        n_rows        INTEGER NOT NULL,
        reviewer      TEXT NOT NULL,
        created_at    TEXT NOT NULL,
        CHECK ((target IS NULL) = (action = 'decide')),
        CHECK ((via = '') = (action != 'decide'))
    )
    """,
    "CREATE INDEX decision_events_by_dataset ON decision_events (dataset_id, event_id)",
    "CREATE INDEX decision_events_by_target ON decision_events (target)",
    # Texts by their hash, so that a history shows what was replaced without reading the dataset.
    """
    CREATE TABLE decision_texts (
        text_hash  TEXT PRIMARY KEY,
        messages   TEXT NOT NULL
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE decision_rows (
        dataset_id  TEXT NOT NULL,
        event_id    INTEGER NOT NULL REFERENCES decision_events (event_id),
        example_id  INTEGER NOT NULL CHECK (example_id >= 0),
        verdict     TEXT NOT NULL CHECK (verdict IN ('keep', 'drop', 'replace')),
        new_hash    TEXT REFERENCES decision_texts (text_hash),
        old_hash    TEXT REFERENCES decision_texts (text_hash),
        own_hash    TEXT REFERENCES decision_texts (text_hash),
        old_verdict TEXT NOT NULL DEFAULT '',
        conflict    INTEGER NOT NULL DEFAULT 0 CHECK (conflict IN (0, 1)),
        PRIMARY KEY (dataset_id, event_id, example_id),
        CHECK (verdict != 'replace' OR new_hash IS NOT NULL)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX decision_rows_by_example ON decision_rows (dataset_id, example_id, event_id)",
    # Which review session looks at which row until when, in seconds since 1970.
    """
    CREATE TABLE claims (
        dataset_id  TEXT NOT NULL,
        example_id  INTEGER NOT NULL,
        session     TEXT NOT NULL,
        reviewer    TEXT NOT NULL,
        expires_at  REAL NOT NULL,
        PRIMARY KEY (dataset_id, example_id),
        UNIQUE (dataset_id, session)
    ) WITHOUT ROWID
    """,
)

_VOTES = (
    # Blind votes between the answers of a fine-tuned model and its base. The newest of a row and reviewer is in force.
    """
    CREATE TABLE votes (
        vote_id     INTEGER PRIMARY KEY,
        dataset_id  TEXT NOT NULL,
        adapter_id  TEXT NOT NULL,
        example_id  INTEGER NOT NULL CHECK (example_id >= 0),
        winner      TEXT NOT NULL CHECK (winner IN ('tuned', 'base', 'tie', 'withdrawn')),
        left_was    TEXT NOT NULL CHECK (left_was IN ('tuned', 'base')),
        reviewer    TEXT NOT NULL,
        created_at  TEXT NOT NULL
    )
    """,
    "CREATE INDEX votes_by_adapter ON votes (dataset_id, adapter_id, example_id, reviewer)",
)

_DRAFTS = (
    # Edits of the review that are not saved yet. Whoever saves one, or starts again, takes it away.
    """
    CREATE TABLE drafts (
        dataset_id  TEXT NOT NULL,
        example_id  INTEGER NOT NULL CHECK (example_id >= 0),
        reviewer    TEXT NOT NULL,
        messages    TEXT NOT NULL,
        updated_at  TEXT NOT NULL,
        PRIMARY KEY (dataset_id, example_id, reviewer)
    ) WITHOUT ROWID
    """,
)

_RENAMED_TAGS = (
    # The other event of a change that is two events, as a rename is: it is undone with it.
    "ALTER TABLE tag_events ADD COLUMN together INTEGER REFERENCES tag_events (event_id)",
)

_SEQUENCE = (
    # Times go back when a clock is set; what was asked for last is said by a number.
    "ALTER TABLE jobs ADD COLUMN sequence INTEGER NOT NULL DEFAULT 0",
)

_AUDIT = (
    # Who did what when, each entry with the hash of the one before it. AUTOINCREMENT: a number is never given twice.
    """
    CREATE TABLE audit (
        sequence    INTEGER PRIMARY KEY AUTOINCREMENT,
        at          TEXT NOT NULL,
        account     TEXT NOT NULL,
        role        TEXT NOT NULL,
        via         TEXT NOT NULL,
        action      TEXT NOT NULL,
        dataset_id  TEXT NOT NULL,
        details     TEXT NOT NULL,
        previous    TEXT NOT NULL,
        hash        TEXT NOT NULL UNIQUE
    )
    """,
    "CREATE INDEX audit_by_dataset ON audit (dataset_id, sequence)",
    """
    CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
    BEGIN SELECT RAISE(ABORT, 'the audit log is only added to'); END
    """,
    """
    CREATE TRIGGER audit_is_not_shortened BEFORE DELETE ON audit
    BEGIN SELECT RAISE(ABORT, 'the audit log is only added to'); END
    """,
)

_TEAMS = (
    # Decisions that were sent by number, so that one that arrives twice is made once.
    """
    CREATE TABLE sent_decisions (
        sender    TEXT NOT NULL,
        number    INTEGER NOT NULL CHECK (number >= 1),
        event_id  INTEGER NOT NULL,
        reviewer  TEXT NOT NULL,
        PRIMARY KEY (sender, number)
    ) WITHOUT ROWID
    """,
    # Whose a row is to decide; a row of several is decided by each of them, none seeing what the others said.
    """
    CREATE TABLE assignments (
        dataset_id    TEXT NOT NULL,
        proposals_id  TEXT NOT NULL,
        example_id    INTEGER NOT NULL CHECK (example_id >= 0),
        reviewer      TEXT NOT NULL,
        assigned_by   TEXT NOT NULL,
        assigned_at   TEXT NOT NULL,
        PRIMARY KEY (dataset_id, proposals_id, example_id, reviewer)
    ) WITHOUT ROWID
    """,
    # What people say about a row besides deciding; only added to.
    """
    CREATE TABLE notes (
        note_id     INTEGER PRIMARY KEY,
        dataset_id  TEXT NOT NULL,
        example_id  INTEGER NOT NULL CHECK (example_id >= 0),
        reviewer    TEXT NOT NULL,
        text        TEXT NOT NULL,
        created_at  TEXT NOT NULL
    )
    """,
    "CREATE INDEX notes_by_row ON notes (dataset_id, example_id, note_id)",
)

_CHOICES = (
    # Which artifact a person asked for or made active, and which one a run drew for itself or beside another. Nothing is
    # ever changed or removed; the highest sequence is the last.
    """
    CREATE TABLE artifact_choices (
        event_id     INTEGER PRIMARY KEY,
        dataset_id   TEXT NOT NULL,
        kind         TEXT NOT NULL CHECK (kind IN ('selection', 'clustering', 'layout', 'scores', 'embeddings')),
        artifact_id  TEXT NOT NULL,
        standing     TEXT NOT NULL CHECK (standing IN ('asked', 'active', 'beside', 'inside')),
        sequence     INTEGER NOT NULL,
        created_at   TEXT NOT NULL
    )
    """,
    "CREATE INDEX artifact_choices_by_dataset ON artifact_choices (dataset_id, artifact_id)",
    # What comparisons drew before there was this table: the selections that their jobs waited for, unless a person had
    # asked for the same one by a job of its own.
    """
    INSERT INTO artifact_choices (dataset_id, kind, artifact_id, standing, sequence, created_at)
    SELECT drawn.dataset_id, 'selection', drawn.artifact_id, 'inside', 0, MIN(drawn.submitted_at)
    FROM jobs AS drawn
    WHERE drawn.step = 'select'
    GROUP BY drawn.dataset_id, drawn.artifact_id
    HAVING SUM(NOT EXISTS (
        SELECT 1 FROM jobs AS run, json_each(run.waits_for) AS waited
        WHERE run.step = 'compare' AND waited.value = drawn.job_id
    )) = 0
    """,
)

_CAMPAIGNS = (
    # Loops over steps and people: what was asked for, where each stands, and every move with what came of it.
    """
    CREATE TABLE campaigns (
        campaign_id  TEXT PRIMARY KEY,
        kind         TEXT NOT NULL,
        dataset_id   TEXT NOT NULL,
        options      TEXT NOT NULL,
        frozen       TEXT NOT NULL,
        state        TEXT NOT NULL CHECK (state IN ('running', 'waiting', 'stopped', 'failed', 'done')),
        reason       TEXT NOT NULL DEFAULT '',
        best_round   INTEGER,
        started_by   TEXT NOT NULL,
        created_at   TEXT NOT NULL,
        updated_at   TEXT NOT NULL
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE campaign_moves (
        campaign_id   TEXT NOT NULL REFERENCES campaigns (campaign_id),
        number        INTEGER NOT NULL CHECK (number >= 0),
        move          TEXT NOT NULL,
        job_id        TEXT NOT NULL DEFAULT '',
        made_dataset  TEXT NOT NULL DEFAULT '',
        made          TEXT NOT NULL DEFAULT '',
        facts         TEXT,
        started_at    TEXT NOT NULL,
        ended_at      TEXT,
        PRIMARY KEY (campaign_id, number)
    ) WITHOUT ROWID
    """,
)

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    _FIRST, _VOTES, _DRAFTS, _RENAMED_TAGS, _SEQUENCE, _AUDIT, _TEAMS, _CHOICES, _CAMPAIGNS,
)  # fmt: skip
