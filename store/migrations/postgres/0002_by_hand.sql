-- +goose Up

-- Deliveries that a person, or a job of his, had sent again and that have not ended since. Who ends one may leave its row behind; it
-- is taken away later.
CREATE TABLE resent (
    n         BIGINT PRIMARY KEY,
    conn      BIGINT NOT NULL,
    job       BIGINT NOT NULL,
    as_before BOOLEAN NOT NULL
);
CREATE INDEX resent_job ON resent (conn, job);

-- The scene whose request went; empty where none did, and in attempts from before there was this column.
ALTER TABLE attempts ADD COLUMN scene TEXT COLLATE "C" NOT NULL DEFAULT '';

-- What a person wants done to many records. request is a connector.JobRequest; reasons says why some were skipped.
CREATE TABLE jobs (
    n          BIGINT PRIMARY KEY,
    id         TEXT COLLATE "C" NOT NULL UNIQUE,
    kind       TEXT COLLATE "C" NOT NULL CHECK (kind = 'retry' OR kind = 'cancel' OR kind = 'backfill'),
    tenants    TEXT COLLATE "C" NOT NULL,
    request    TEXT COLLATE "C" NOT NULL,
    who        TEXT COLLATE "C" NOT NULL,
    state      TEXT COLLATE "C" NOT NULL CHECK (state = 'collecting' OR state = 'running' OR state = 'done' OR state = 'stopped' OR state = 'failed'),
    total      BIGINT NOT NULL,
    done       BIGINT NOT NULL,
    skipped    BIGINT NOT NULL,
    failed     BIGINT NOT NULL,
    reasons    TEXT COLLATE "C" NOT NULL,
    progress   TEXT COLLATE "C" NOT NULL,
    error      TEXT COLLATE "C" NOT NULL,
    created_ms BIGINT NOT NULL,
    ended_ms   BIGINT
);
CREATE INDEX jobs_open ON jobs (n) WHERE ended_ms IS NULL;

-- What is left of a job: deliveries by their numbers, or todos with the number of their newest event.
CREATE TABLE job_items (
    job  BIGINT NOT NULL,
    n    BIGINT NOT NULL,
    todo TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (job, n)
);

INSERT INTO numbers (name, last) VALUES ('jobs', 0), ('events removed', 0);
INSERT INTO numbers (name, last) SELECT 'rejected bytes', COALESCE(SUM(size), 0) FROM rejected;
