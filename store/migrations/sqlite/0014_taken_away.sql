-- +goose Up

-- The accounts that a create on its way goes to: whoever finds it without an outcome must know in whose inboxes the todo may be.
ALTER TABLE sending ADD COLUMN account TEXT NOT NULL DEFAULT '';

-- A connection that is being withdrawn gets nothing new: only what takes todos out of its OA.
ALTER TABLE connections ADD COLUMN leaving BOOLEAN NOT NULL DEFAULT FALSE;
-- A tenant whose data is being erased takes nothing new.
ALTER TABLE tenants ADD COLUMN erasing BOOLEAN NOT NULL DEFAULT FALSE;

-- Two more kinds of jobs.
CREATE TABLE jobs_next (
    n          INTEGER PRIMARY KEY,
    id         TEXT NOT NULL UNIQUE,
    kind       TEXT NOT NULL CHECK (kind = 'retry' OR kind = 'cancel' OR kind = 'backfill' OR kind = 'withdraw' OR kind = 'erase'),
    tenants    TEXT NOT NULL,
    request    TEXT NOT NULL,
    who        TEXT NOT NULL,
    state      TEXT NOT NULL CHECK (state = 'collecting' OR state = 'running' OR state = 'done' OR state = 'stopped' OR state = 'failed'),
    total      BIGINT NOT NULL,
    done       BIGINT NOT NULL,
    skipped    BIGINT NOT NULL,
    failed     BIGINT NOT NULL,
    reasons    TEXT NOT NULL,
    progress   TEXT NOT NULL,
    error      TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    ended_ms   BIGINT
);
INSERT INTO jobs_next (n, id, kind, tenants, request, who, state, total, done, skipped, failed, reasons, progress, error, created_ms, ended_ms)
    SELECT n, id, kind, tenants, request, who, state, total, done, skipped, failed, reasons, progress, error, created_ms, ended_ms FROM jobs;
DROP TABLE jobs;
ALTER TABLE jobs_next RENAME TO jobs;
CREATE INDEX jobs_open ON jobs (n) WHERE ended_ms IS NULL;
