-- +goose Up

-- How many deliveries of a connection stand in a state: to count millions that wait, or have failed, takes longer than a page may. Who
-- inserts deliveries counts them, once a transaction; what else happens to them the triggers below do, whoever does it.
CREATE TABLE standings (
    conn  BIGINT NOT NULL,
    state TEXT NOT NULL,
    count BIGINT NOT NULL,
    PRIMARY KEY (conn, state)
) WITHOUT ROWID;
INSERT INTO standings (conn, state, count) SELECT conn, state, COUNT(*) FROM deliveries GROUP BY conn, state;

-- +goose StatementBegin
CREATE TRIGGER deliveries_change AFTER UPDATE OF state ON deliveries WHEN NEW.state <> OLD.state BEGIN
    UPDATE standings SET count = count - 1 WHERE conn = OLD.conn AND state = OLD.state;
    INSERT INTO standings (conn, state, count) VALUES (NEW.conn, NEW.state, 1) ON CONFLICT (conn, state) DO UPDATE SET count = count + 1;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER deliveries_go AFTER DELETE ON deliveries BEGIN
    UPDATE standings SET count = count - 1 WHERE conn = OLD.conn AND state = OLD.state;
END;
-- +goose StatementEnd
