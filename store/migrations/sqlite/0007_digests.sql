-- +goose Up

-- What a tenant's admins are to be told, written in the commits that made it. n comes from numbers, whose row is held until the commit: so
-- whoever sees one sees all before it. subject is the number of the delivery or of the rejected event that it is about; 0: of none.
-- since_ms and waited are of an OA that went down, came back or gave no token.
CREATE TABLE failures (
    n        INTEGER PRIMARY KEY,
    tenant   TEXT NOT NULL,
    at_ms    BIGINT NOT NULL,
    what     TEXT NOT NULL CHECK (what = 'failed' OR what = 'rejected' OR what = 'unbound' OR what = 'token_refused' OR what = 'down' OR what = 'back'),
    conn     BIGINT NOT NULL,
    subject  BIGINT NOT NULL,
    scene    TEXT NOT NULL,
    class    TEXT NOT NULL,
    code     TEXT NOT NULL,
    message  TEXT NOT NULL,
    receiver TEXT NOT NULL,
    tries    BIGINT NOT NULL,
    since_ms BIGINT,
    waited   BIGINT NOT NULL
);
CREATE INDEX failures_tenant ON failures (tenant);

-- The tenants that have failures which no digest has claimed, since when.
CREATE TABLE failing (
    tenant   TEXT PRIMARY KEY,
    since_ms BIGINT NOT NULL
) WITHOUT ROWID;

-- The days on which it was told that a receiver has no account at a connection; day is 20240131, by the tenant's clock.
CREATE TABLE unbound_told (
    conn     BIGINT NOT NULL,
    receiver TEXT NOT NULL,
    day      BIGINT NOT NULL,
    PRIMARY KEY (conn, receiver, day)
) WITHOUT ROWID;

-- A digest has claimed all failures of its tenant from first_n to last_n. content is there once they are summed up.
CREATE TABLE digests (
    n         INTEGER PRIMARY KEY,
    id        TEXT NOT NULL UNIQUE,
    tenant    TEXT NOT NULL,
    from_ms   BIGINT NOT NULL,
    to_ms     BIGINT NOT NULL,
    first_n   BIGINT NOT NULL,
    last_n    BIGINT NOT NULL,
    closed_ms BIGINT NOT NULL,
    content   TEXT
);
CREATE INDEX digests_tenant ON digests (tenant);
CREATE INDEX digests_open ON digests (n) WHERE content IS NULL;

-- What became of a digest at each channel. first_ms is from when on it could go; joined is the number of the digest that it was sent
-- together with, and content what was sent in such a one's place.
CREATE TABLE digest_sends (
    digest   BIGINT NOT NULL,
    channel  TEXT NOT NULL,
    tenant   TEXT NOT NULL,
    state    TEXT NOT NULL CHECK (state = 'waiting' OR state = 'sent' OR state = 'failed' OR state = 'skipped' OR state = 'removed' OR state = 'joined'),
    tries    BIGINT NOT NULL,
    due_ms   BIGINT NOT NULL,
    first_ms BIGINT NOT NULL,
    sent_ms  BIGINT,
    error    TEXT NOT NULL,
    joined   BIGINT NOT NULL,
    content  TEXT,
    PRIMARY KEY (digest, channel)
) WITHOUT ROWID;
CREATE INDEX digest_sends_waiting ON digest_sends (tenant, channel, digest) WHERE state = 'waiting';

INSERT INTO numbers (name, last) VALUES ('failures', 0), ('digests', 0);
