-- +goose Up

-- The same tables and columns as those of SQLite. Texts are compared byte by byte, whatever the database's language.

-- Numbers gives out the keys of tables that are written in bulk: one update a transaction, however many rows.
CREATE TABLE numbers (
    name TEXT COLLATE "C" PRIMARY KEY,
    last BIGINT NOT NULL
);
INSERT INTO numbers (name, last) VALUES ('connections', 0), ('events', 0), ('rejected', 0), ('audit', 0);

-- Facts about the database itself: the mark that tells a wrong key, and what Health writes.
CREATE TABLE facts (
    name  TEXT COLLATE "C" PRIMARY KEY,
    value BYTEA NOT NULL
);

-- A tenant without settings exists because something names it: a secret, a connection.
CREATE TABLE tenants (
    name       TEXT COLLATE "C" PRIMARY KEY,
    source     TEXT COLLATE "C" NOT NULL DEFAULT '',
    settings   TEXT COLLATE "C",
    revision   BIGINT NOT NULL DEFAULT 0,
    saved_how  TEXT COLLATE "C" NOT NULL DEFAULT '',
    created_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL
);

CREATE TABLE tenant_revisions (
    tenant   TEXT COLLATE "C" NOT NULL REFERENCES tenants (name),
    revision BIGINT NOT NULL,
    source   TEXT COLLATE "C" NOT NULL,
    settings TEXT COLLATE "C" NOT NULL,
    who      TEXT COLLATE "C" NOT NULL,
    how      TEXT COLLATE "C" NOT NULL CHECK (how = 'apply' OR how = 'console' OR how = 'api'),
    saved_ms BIGINT NOT NULL,
    PRIMARY KEY (tenant, revision)
);

-- A deleted connection stays as long as its records do.
CREATE TABLE connections (
    n                 BIGINT PRIMARY KEY,
    tenant            TEXT COLLATE "C" NOT NULL REFERENCES tenants (name),
    name              TEXT COLLATE "C" NOT NULL,
    enabled           BOOLEAN NOT NULL,
    paused            BOOLEAN NOT NULL DEFAULT FALSE,
    down_since_ms     BIGINT,
    token_refused_ms  BIGINT,
    condition_message TEXT COLLATE "C" NOT NULL DEFAULT '',
    revision          BIGINT NOT NULL,
    saved_how         TEXT COLLATE "C" NOT NULL,
    created_ms        BIGINT NOT NULL,
    deleted_ms        BIGINT
);
CREATE UNIQUE INDEX connections_name ON connections (tenant, name) WHERE deleted_ms IS NULL;

CREATE TABLE revisions (
    conn     BIGINT NOT NULL REFERENCES connections (n),
    revision BIGINT NOT NULL,
    source   TEXT COLLATE "C" NOT NULL,
    settings TEXT COLLATE "C" NOT NULL,
    who      TEXT COLLATE "C" NOT NULL,
    how      TEXT COLLATE "C" NOT NULL CHECK (how = 'apply' OR how = 'console' OR how = 'api'),
    saved_ms BIGINT NOT NULL,
    PRIMARY KEY (conn, revision)
);

CREATE TABLE secrets (
    tenant     TEXT COLLATE "C" NOT NULL REFERENCES tenants (name),
    name       TEXT COLLATE "C" NOT NULL,
    sealed     BYTEA NOT NULL,
    who        TEXT COLLATE "C" NOT NULL,
    updated_ms BIGINT NOT NULL,
    PRIMARY KEY (tenant, name)
);

-- account_key is the account as it is compared: in lower case where the connection ignores case.
CREATE TABLE bindings (
    conn          BIGINT NOT NULL REFERENCES connections (n),
    crm_user      TEXT COLLATE "C" NOT NULL CHECK (crm_user <> ''),
    crm_user_name TEXT COLLATE "C" NOT NULL,
    account       TEXT COLLATE "C" NOT NULL CHECK (account <> ''),
    account_key   TEXT COLLATE "C" NOT NULL,
    account_name  TEXT COLLATE "C" NOT NULL,
    made_by       TEXT COLLATE "C" NOT NULL,
    automatic     BOOLEAN NOT NULL DEFAULT FALSE,
    updated_ms    BIGINT NOT NULL,
    PRIMARY KEY (conn, crm_user)
);
CREATE UNIQUE INDEX bindings_account ON bindings (conn, account_key);

-- The CHECKs on lengths are a last line: ParseEvent has refused such values already.
CREATE TABLE events (
    n           BIGINT PRIMARY KEY,
    tenant      TEXT COLLATE "C" NOT NULL CHECK (length(tenant) <= 256),
    id          TEXT COLLATE "C" NOT NULL CHECK (id <> '' AND length(id) <= 1024),
    stream_seq  BIGINT NOT NULL,
    kind        TEXT COLLATE "C" NOT NULL CHECK (kind = 'todo' OR kind = 'reminder' OR kind = 'message'),
    action      TEXT COLLATE "C" NOT NULL CHECK (action = 'create' OR action = 'edit' OR action = 'delete'),
    todo        TEXT COLLATE "C" NOT NULL CHECK (length(todo) <= 1024),
    sender      TEXT COLLATE "C" NOT NULL,
    event_ms    BIGINT,
    received_ms BIGINT NOT NULL,
    trace       TEXT COLLATE "C" NOT NULL,
    duplicates  BIGINT NOT NULL DEFAULT 0,
    outcome     TEXT COLLATE "C" NOT NULL,
    payload     BYTEA NOT NULL
);
CREATE UNIQUE INDEX events_id ON events (tenant, id);
CREATE INDEX events_todo ON events (tenant, todo, n);

-- What is known of a todo at a connection, apart from the records: it outlives them.
CREATE TABLE todos (
    conn         BIGINT NOT NULL,
    kind         TEXT COLLATE "C" NOT NULL,
    todo         TEXT COLLATE "C" NOT NULL,
    version      BIGINT,
    finished     BOOLEAN NOT NULL,
    deleted      BOOLEAN NOT NULL,
    newest_seq   BIGINT NOT NULL,
    newest_event BIGINT NOT NULL,
    keyed        TEXT COLLATE "C" NOT NULL CHECK (keyed = '' OR keyed = 'each' OR keyed = 'list' OR keyed = 'joined'),
    receivers    TEXT COLLATE "C" NOT NULL,
    updated_ms   BIGINT NOT NULL,
    PRIMARY KEY (conn, kind, todo)
);

-- The first half of a lane is written by planning, the second by what came of requests; neither touches the other's.
CREATE TABLE lanes (
    conn      BIGINT NOT NULL,
    kind      TEXT COLLATE "C" NOT NULL,
    todo      TEXT COLLATE "C" NOT NULL,
    receiver  TEXT COLLATE "C" NOT NULL,
    ended     TEXT COLLATE "C" NOT NULL CHECK (ended = '' OR ended = 'done' OR ended = 'delete'),
    external  BIGINT NOT NULL,
    account   TEXT COLLATE "C" NOT NULL DEFAULT '',
    presence  TEXT COLLATE "C" NOT NULL DEFAULT '' CHECK (presence = '' OR presence = 'maybe' OR presence = 'yes'),
    has       BIGINT NOT NULL DEFAULT 0,
    was_sent  BOOLEAN NOT NULL DEFAULT FALSE,
    remote_id TEXT COLLATE "C" NOT NULL DEFAULT '',
    frozen    TEXT COLLATE "C" NOT NULL DEFAULT '',
    PRIMARY KEY (conn, kind, todo, receiver)
);

-- n is the connection's number times 2^36 plus the delivery's place in it: so the rows of a connection lie together, and a commit that
-- touches eight of them touches one page and not eight.
-- state is what the last commit about the delivery made it; while it stands in sending as well, it is on its way.
-- due_ms is there exactly while a delivery waits: the time from which on it may be claimed while it heads its lane, and
-- 9000000000000000 while it is held or others of its lane go first.
-- receiver is the one receiver of a delivery that has only one.
CREATE TABLE deliveries (
    n             BIGINT PRIMARY KEY,
    id            TEXT COLLATE "C" NOT NULL,
    conn          BIGINT NOT NULL,
    kind          TEXT COLLATE "C" NOT NULL,
    todo          TEXT COLLATE "C" NOT NULL,
    lane          TEXT COLLATE "C" NOT NULL,
    scene         TEXT COLLATE "C" NOT NULL CHECK (scene = 'create' OR scene = 'edit' OR scene = 'done' OR scene = 'delete' OR scene = 'remind' OR scene = 'message'),
    step          BIGINT NOT NULL,
    event_n       BIGINT NOT NULL,
    event_id      TEXT COLLATE "C" NOT NULL,
    title         TEXT COLLATE "C" NOT NULL,
    receiver      TEXT COLLATE "C" NOT NULL,
    receivers     TEXT COLLATE "C" NOT NULL,
    account       TEXT COLLATE "C" NOT NULL,
    external      BIGINT NOT NULL,
    state         TEXT COLLATE "C" NOT NULL CHECK (state = 'succeeded' OR state = 'pending' OR state = 'failed' OR state = 'retrying' OR state = 'held' OR state = 'skipped' OR state = 'superseded' OR state = 'canceled'),
    class         TEXT COLLATE "C" NOT NULL,
    code          TEXT COLLATE "C" NOT NULL,
    message       TEXT COLLATE "C" NOT NULL,
    tries         BIGINT NOT NULL,
    attempts      BIGINT NOT NULL,
    first_try_ms  BIGINT,
    due_ms        BIGINT CHECK (CASE state WHEN 'held' THEN due_ms = 9000000000000000 WHEN 'pending' THEN due_ms >= 0
                      WHEN 'retrying' THEN due_ms >= 0 ELSE due_ms IS NULL END),
    created_ms    BIGINT NOT NULL,
    updated_ms    BIGINT NOT NULL,
    revision      BIGINT NOT NULL,
    sent_twice    BOOLEAN NOT NULL,
    unanswered    BOOLEAN NOT NULL,
    superseded_by TEXT COLLATE "C" NOT NULL,
    split_from    TEXT COLLATE "C" NOT NULL,
    remote_id     TEXT COLLATE "C" NOT NULL
);
-- Indexes end in the row's number, so each of these also gives the rows of one connection newest first. Ids grow with every delivery, so
-- theirs gives the rows of all.
CREATE UNIQUE INDEX deliveries_id ON deliveries (id);
CREATE INDEX deliveries_todo ON deliveries (todo, n);
CREATE INDEX deliveries_receiver ON deliveries (receiver, n) WHERE receiver <> '';
CREATE INDEX deliveries_due ON deliveries (conn, due_ms, n) WHERE due_ms IS NOT NULL;
CREATE INDEX deliveries_waiting ON deliveries (conn, todo, kind, lane, n) WHERE due_ms IS NOT NULL;
-- What follows is empty for a delivery that succeeds at once.
CREATE INDEX deliveries_unbound ON deliveries (receiver, n) WHERE state = 'held' AND class = 'unbound';
CREATE INDEX deliveries_conn_state ON deliveries (state, n) WHERE state <> 'pending' AND state <> 'succeeded';
CREATE INDEX deliveries_state ON deliveries (state, id) WHERE state <> 'pending' AND state <> 'succeeded';
CREATE INDEX deliveries_conn_class ON deliveries (class, n) WHERE class <> '';
CREATE INDEX deliveries_class ON deliveries (class, id) WHERE class <> '';

-- The deliveries that are on their way: claimed and not settled. A table of its own because it is small: to claim touches one page,
-- and who starts after a crash finds them without a search.
CREATE TABLE sending (
    n        BIGINT PRIMARY KEY,
    conn     BIGINT NOT NULL,
    since_ms BIGINT NOT NULL
);

-- The receivers of deliveries that have several.
CREATE TABLE delivery_receivers (
    receiver   TEXT COLLATE "C" NOT NULL,
    delivery_n BIGINT NOT NULL,
    PRIMARY KEY (receiver, delivery_n)
);

-- at is the delivery's number times 1,024 plus the attempt's place: the pair as one key, so that the table needs no other index. From the
-- 1,023rd attempt of a delivery on, the newest takes the place of the oldest.
CREATE TABLE attempts (
    at               BIGINT PRIMARY KEY,
    number           BIGINT NOT NULL,
    started_ms       BIGINT NOT NULL,
    duration_ms      BIGINT NOT NULL,
    method           TEXT COLLATE "C" NOT NULL,
    address          TEXT COLLATE "C" NOT NULL,
    request_headers  TEXT COLLATE "C" NOT NULL,
    request_body     TEXT COLLATE "C" NOT NULL,
    status           BIGINT NOT NULL,
    response_headers TEXT COLLATE "C" NOT NULL,
    response_body    TEXT COLLATE "C" NOT NULL,
    class            TEXT COLLATE "C" NOT NULL,
    code             TEXT COLLATE "C" NOT NULL,
    message          TEXT COLLATE "C" NOT NULL,
    revision         BIGINT NOT NULL,
    worker           TEXT COLLATE "C" NOT NULL
);

-- What happened at a connection in five minutes. The delays are from the commit of the event to the OA's answer, counted by their
-- length; what took longer than a minute is count less all of these.
CREATE TABLE tallies (
    conn    BIGINT NOT NULL,
    at_ms   BIGINT NOT NULL,
    what    TEXT COLLATE "C" NOT NULL,
    count   BIGINT NOT NULL,
    in_10ms BIGINT NOT NULL,
    in_50ms BIGINT NOT NULL,
    in_250ms BIGINT NOT NULL,
    in_1s   BIGINT NOT NULL,
    in_10s  BIGINT NOT NULL,
    in_1m   BIGINT NOT NULL,
    PRIMARY KEY (conn, at_ms, what)
);

CREATE TABLE rejected (
    n           BIGINT PRIMARY KEY,
    id          TEXT COLLATE "C" NOT NULL UNIQUE,
    tenant      TEXT COLLATE "C" NOT NULL,
    subject     TEXT COLLATE "C" NOT NULL,
    header      TEXT COLLATE "C" NOT NULL,
    stream      TEXT COLLATE "C" NOT NULL,
    stream_seq  BIGINT NOT NULL,
    reason      TEXT COLLATE "C" NOT NULL,
    path        TEXT COLLATE "C" NOT NULL,
    received_ms BIGINT NOT NULL,
    size        BIGINT NOT NULL,
    payload     BYTEA NOT NULL
);
CREATE INDEX rejected_tenant ON rejected (tenant, n);

CREATE TABLE positions (
    stream TEXT COLLATE "C" PRIMARY KEY,
    seq    BIGINT NOT NULL
);

CREATE TABLE audit (
    n      BIGINT PRIMARY KEY,
    at_ms  BIGINT NOT NULL,
    who    TEXT COLLATE "C" NOT NULL,
    what   TEXT COLLATE "C" NOT NULL,
    tenant TEXT COLLATE "C" NOT NULL,
    target TEXT COLLATE "C" NOT NULL,
    detail TEXT COLLATE "C" NOT NULL
);
CREATE INDEX audit_tenant ON audit (tenant, n);
