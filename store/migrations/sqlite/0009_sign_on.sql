-- +goose Up

-- Tickets for the CRM, by their hashes. What has been redeemed or has run out is taken away later.
CREATE TABLE tickets (
    hash       BLOB PRIMARY KEY,
    tenant     TEXT NOT NULL,
    crm_user   TEXT NOT NULL,
    target     TEXT NOT NULL,
    expires_ms BIGINT NOT NULL,
    used_ms    BIGINT
);
CREATE INDEX tickets_expire ON tickets (expires_ms);

-- Proofs that OAs' browsers have brought, by their hashes: each is good once. account is there while a proof that the OA's server brought
-- waits for the browser.
CREATE TABLE sign_on_marks (
    conn     BIGINT NOT NULL,
    hash     BLOB NOT NULL,
    account  TEXT NOT NULL,
    until_ms BIGINT NOT NULL,
    PRIMARY KEY (conn, hash)
);
CREATE INDEX sign_on_marks_until ON sign_on_marks (until_ms);

-- What became of each who wanted to sign on.
CREATE TABLE sign_ons (
    n          INTEGER PRIMARY KEY,
    number     TEXT NOT NULL UNIQUE,
    at_ms      BIGINT NOT NULL,
    tenant     TEXT NOT NULL,
    connection TEXT NOT NULL,
    vendor     TEXT NOT NULL,
    account    TEXT NOT NULL,
    crm_user   TEXT NOT NULL,
    outcome    TEXT NOT NULL,
    why        TEXT NOT NULL,
    skew_ms    BIGINT NOT NULL,
    address    TEXT NOT NULL
);
CREATE INDEX sign_ons_tenant ON sign_ons (tenant);
INSERT INTO numbers (name, last) VALUES ('sign-ons', 0);
