-- +goose Up

-- People who may use the console and the API. name_key is the name as names are compared; password is what is kept of it, empty for who
-- has none; an empty list of tenants stands for all. issuer and subject say who somebody is at an OIDC provider.
CREATE TABLE users (
    n            BIGINT PRIMARY KEY,
    id           TEXT COLLATE "C" NOT NULL UNIQUE,
    name         TEXT NOT NULL,
    name_key     TEXT COLLATE "C" NOT NULL UNIQUE,
    email        TEXT NOT NULL,
    mobile       TEXT NOT NULL,
    role         TEXT NOT NULL CHECK (role = 'viewer' OR role = 'operator' OR role = 'integrator' OR role = 'admin'),
    tenants      TEXT NOT NULL,
    disabled     BOOLEAN NOT NULL,
    language     TEXT NOT NULL,
    password     TEXT NOT NULL,
    issuer       TEXT NOT NULL,
    subject      TEXT NOT NULL,
    by_rule      BOOLEAN NOT NULL,
    who          TEXT NOT NULL,
    created_ms   BIGINT NOT NULL,
    updated_ms   BIGINT NOT NULL,
    logged_in_ms BIGINT
);
CREATE UNIQUE INDEX users_subject ON users (issuer, subject) WHERE subject <> '';
INSERT INTO numbers (name, last) VALUES ('users', 0);

-- Who is logged in, by the hash of what his browser holds. id names a session and is good for nothing else.
CREATE TABLE sessions (
    hash       BYTEA PRIMARY KEY,
    id         TEXT COLLATE "C" NOT NULL UNIQUE,
    user_n     BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    seen_ms    BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL,
    address    TEXT NOT NULL,
    agent      TEXT NOT NULL
);
CREATE INDEX sessions_user ON sessions (user_n);
CREATE INDEX sessions_expire ON sessions (expires_ms);

-- One-time links, by their hashes.
CREATE TABLE access_links (
    hash       BYTEA PRIMARY KEY,
    kind       TEXT NOT NULL CHECK (kind = 'first-admin' OR kind = 'log-in'),
    user_id    TEXT NOT NULL,
    maker      TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    expires_ms BIGINT
);

-- Failed log-ins under a name's hash and under an address.
CREATE TABLE log_in_failures (
    guess    TEXT PRIMARY KEY,
    failures BIGINT NOT NULL,
    last_ms  BIGINT NOT NULL,
    until_ms BIGINT NOT NULL
);
CREATE INDEX log_in_failures_last ON log_in_failures (last_ms);
