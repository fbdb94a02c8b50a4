-- +goose Up

-- From where something was done, and by which way: console, api, cli. Empty where the program did it by itself, or nobody noted it yet.
ALTER TABLE audit ADD COLUMN address TEXT NOT NULL DEFAULT '';
ALTER TABLE audit ADD COLUMN way TEXT NOT NULL DEFAULT '';

-- Failed log-ins, summed by hour and address, so that who is guessed at can see it. waits are those that were not even looked at.
CREATE TABLE log_ins_refused (
    address TEXT NOT NULL,
    hour_ms BIGINT NOT NULL,
    tries   BIGINT NOT NULL,
    waits   BIGINT NOT NULL,
    last_ms BIGINT NOT NULL,
    PRIMARY KEY (address, hour_ms)
);
CREATE INDEX log_ins_refused_hour ON log_ins_refused (hour_ms);

-- One-time links by which somebody sets his password, by their hashes.
CREATE TABLE invitations (
    hash       BYTEA PRIMARY KEY,
    user_id    TEXT NOT NULL,
    who        TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL
);
CREATE INDEX invitations_user ON invitations (user_id);
