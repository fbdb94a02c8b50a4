-- +goose Up

-- How many deliveries of a connection stand in a state: to count millions that wait, or have failed, takes longer than a page may. Who
-- inserts deliveries counts them, once a transaction; what else happens to them the triggers below do, whoever does it. Who writes
-- deliveries holds the lock of their connection, so nobody waits for these rows.
CREATE TABLE standings (
    conn  BIGINT NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    count BIGINT NOT NULL,
    PRIMARY KEY (conn, state)
) WITH (fillfactor = 50);
INSERT INTO standings (conn, state, count) SELECT conn, state, COUNT(*) FROM deliveries GROUP BY conn, state;

-- +goose StatementBegin
CREATE FUNCTION deliveries_counted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        INSERT INTO standings (conn, state, count) SELECT conn, state, SUM(more) FROM (
                SELECT conn, state, 1 AS more FROM fresh UNION ALL SELECT conn, state, -1 FROM old
            ) AS both_ways GROUP BY conn, state HAVING SUM(more) <> 0 ORDER BY conn, state
            ON CONFLICT (conn, state) DO UPDATE SET count = standings.count + excluded.count;
    ELSE
        INSERT INTO standings (conn, state, count) SELECT conn, state, -COUNT(*) FROM old GROUP BY conn, state ORDER BY conn, state
            ON CONFLICT (conn, state) DO UPDATE SET count = standings.count + excluded.count;
    END IF;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER deliveries_change AFTER UPDATE ON deliveries REFERENCING NEW TABLE AS fresh OLD TABLE AS old FOR EACH STATEMENT EXECUTE FUNCTION deliveries_counted();
CREATE TRIGGER deliveries_go AFTER DELETE ON deliveries REFERENCING OLD TABLE AS old FOR EACH STATEMENT EXECUTE FUNCTION deliveries_counted();
