-- +goose Up

-- What somebody is to the CRM: an employee, or a contact person of a customer.
ALTER TABLE bindings ADD COLUMN kind TEXT NOT NULL DEFAULT 'employee' CHECK (kind = 'employee' OR kind = 'contact');

-- Keys with which the gateway signs tickets (ed25519) and seals what a browser brings back (cookie). A key signs from from_ms on, so that
-- whoever keeps the public ones has it by then; it stays published for a while after the next one has begun.
CREATE TABLE sign_keys (
    id         TEXT COLLATE "C" PRIMARY KEY,
    what       TEXT NOT NULL CHECK (what = 'ticket' OR what = 'cookie'),
    sealed     BYTEA NOT NULL,
    created_ms BIGINT NOT NULL,
    from_ms    BIGINT NOT NULL
);

-- Log-ins that OAs with a limit have been asked about: within a minute each host takes only so many, and fewer that fail. good is false
-- until the OA has said that it knows who it is.
CREATE TABLE sign_on_asks (
    host  TEXT COLLATE "C" NOT NULL,
    id    TEXT COLLATE "C" NOT NULL,
    at_ms BIGINT NOT NULL,
    good  BOOLEAN NOT NULL,
    PRIMARY KEY (host, id)
);

-- The key, by a name that does not tell it, by whose hash a chat widget knows a user. It never changes: the widget shuts out whoever comes with another hash.
CREATE TABLE widget_users (
    tenant     TEXT COLLATE "C" NOT NULL,
    connection TEXT COLLATE "C" NOT NULL,
    user_id    TEXT COLLATE "C" NOT NULL,
    version    BIGINT NOT NULL,
    first_ms   BIGINT NOT NULL,
    PRIMARY KEY (tenant, connection, user_id)
);
