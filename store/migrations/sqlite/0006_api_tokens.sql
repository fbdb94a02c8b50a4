-- +goose Up

-- Tokens for the API: who has one is known by its hash. role is empty where only scopes count; an empty list of tenants stands for all.
CREATE TABLE api_tokens (
    n            INTEGER PRIMARY KEY,
    id           TEXT NOT NULL UNIQUE,
    hash         BLOB NOT NULL UNIQUE,
    name         TEXT NOT NULL,
    role         TEXT NOT NULL CHECK (role = '' OR role = 'viewer' OR role = 'operator' OR role = 'integrator' OR role = 'admin'),
    scopes       TEXT NOT NULL,
    tenants      TEXT NOT NULL,
    who          TEXT NOT NULL,
    created_ms   BIGINT NOT NULL,
    expires_ms   BIGINT,
    last_used_ms BIGINT
);
INSERT INTO numbers (name, last) VALUES ('api tokens', 0);
