-- +goose Up

-- The workers that share this database, each with the end of its lease by the database's clock. One id is one run of one process.
CREATE TABLE workers (
    id       TEXT PRIMARY KEY,
    until_ms BIGINT NOT NULL
) WITHOUT ROWID;

-- Who serves what: a connection under its number, or one of the other seats. fence grows with every change of the owner; worker is
-- empty while nobody has the seat.
CREATE TABLE seats (
    seat   BIGINT PRIMARY KEY,
    worker TEXT NOT NULL,
    fence  BIGINT NOT NULL
) WITHOUT ROWID;
CREATE INDEX seats_worker ON seats (worker);

-- What has changed last in the settings of a tenant, under numbers that grow from change to change: so that every process knows when
-- what it keeps in memory is old.
CREATE TABLE changes (
    tenant TEXT NOT NULL,
    what   TEXT NOT NULL,
    number BIGINT NOT NULL,
    PRIMARY KEY (tenant, what)
) WITHOUT ROWID;
INSERT INTO numbers (name, last) VALUES ('changes', 0), ('ids', 0);
