-- +goose Up

-- Until when an OA wants to be left alone (Retry-After).
ALTER TABLE connections ADD COLUMN hold_until_ms BIGINT;
-- For how long a connection has been paused or disabled in all, up to held_since_ms; and since when it is now. Both make the connection's
-- own clock, which stands still meanwhile: deliveries.first_try_ms is a time of that clock.
ALTER TABLE connections ADD COLUMN held_ms BIGINT NOT NULL DEFAULT 0;
ALTER TABLE connections ADD COLUMN held_since_ms BIGINT;
UPDATE connections SET held_since_ms = CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT) WHERE paused OR NOT enabled;

-- What still waits after a first try, in the order in which its time is over.
CREATE INDEX deliveries_tried ON deliveries (conn, first_try_ms, n) WHERE due_ms IS NOT NULL AND first_try_ms IS NOT NULL;

-- The newest time that an OA was told as that of a call (#F126); 0 where none was.
ALTER TABLE lanes ADD COLUMN told_ms BIGINT NOT NULL DEFAULT 0;

-- The token of a connection, sealed together with what it was fetched with.
CREATE TABLE tokens (
    conn       BIGINT PRIMARY KEY,
    sealed     BYTEA NOT NULL,
    updated_ms BIGINT NOT NULL
);
