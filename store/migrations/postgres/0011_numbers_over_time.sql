-- +goose Up

-- From here on a tally counts one minute, and delays are sorted finer; in_10ms, in_50ms and so on count what took longer than the column
-- before and up to their own.
ALTER TABLE tallies ADD COLUMN in_25ms BIGINT NOT NULL DEFAULT 0;
ALTER TABLE tallies ADD COLUMN in_100ms BIGINT NOT NULL DEFAULT 0;
ALTER TABLE tallies ADD COLUMN in_500ms BIGINT NOT NULL DEFAULT 0;
ALTER TABLE tallies ADD COLUMN in_2s BIGINT NOT NULL DEFAULT 0;
ALTER TABLE tallies ADD COLUMN in_5s BIGINT NOT NULL DEFAULT 0;
ALTER TABLE tallies ADD COLUMN in_30s BIGINT NOT NULL DEFAULT 0;
ALTER TABLE tallies ADD COLUMN in_5m BIGINT NOT NULL DEFAULT 0;
ALTER TABLE tallies ADD COLUMN in_30m BIGINT NOT NULL DEFAULT 0;
ALTER TABLE tallies ADD COLUMN in_2h BIGINT NOT NULL DEFAULT 0;
ALTER TABLE tallies ADD COLUMN in_12h BIGINT NOT NULL DEFAULT 0;

-- Why something failed in a minute: what is failed for a delivery that failed for good, and try for a try that was in vain.
CREATE TABLE causes (
    conn  BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    what  TEXT COLLATE "C" NOT NULL,
    class TEXT COLLATE "C" NOT NULL,
    code  TEXT COLLATE "C" NOT NULL,
    count BIGINT NOT NULL,
    PRIMARY KEY (conn, at_ms, what, class, code)
);

-- What came in a minute: accepted, duplicate, rejected. A tenant that has no connection counts as the empty one.
CREATE TABLE arrivals (
    tenant TEXT COLLATE "C" NOT NULL,
    at_ms  BIGINT NOT NULL,
    what   TEXT COLLATE "C" NOT NULL,
    count  BIGINT NOT NULL,
    PRIMARY KEY (tenant, at_ms, what)
);

-- How many deliveries waited when somebody looked in a minute. The row of connection 0 is there whenever somebody looked, and counts all;
-- the others are there where something waited.
CREATE TABLE queues (
    conn  BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    count BIGINT NOT NULL,
    PRIMARY KEY (conn, at_ms)
);
