package pgtest_test

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"todosync/internal/pgtest"
)

func query(t *testing.T, address, text string) (string, error) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close(t.Context()) }()
	var out string
	err = conn.QueryRow(t.Context(), text).Scan(&out)
	return out, err
}

func TestDatabasesAreApart(t *testing.T) {
	t.Parallel()
	a, b := pgtest.Database(t), pgtest.Database(t)
	if _, err := query(t, a, `CREATE TABLE x AS SELECT 'one' AS v; SELECT v FROM x`); err == nil {
		t.Error("two statements at once were taken")
	}
	if got, err := query(t, a, `WITH made AS (SELECT 1) SELECT current_setting('synchronous_commit') FROM made`); err != nil || got != "on" {
		t.Errorf("synchronous_commit %q, %v", got, err)
	}
	if got, err := query(t, b, `SELECT current_setting('lc_collate')`); err != nil || got != "C" {
		t.Errorf("collation %q, %v", got, err)
	}
}

func TestCrashAndRestart(t *testing.T) {
	t.Parallel()
	s := pgtest.Start(t, pgtest.Options{})
	address := s.Database(t)
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	if _, err := conn.Exec(t.Context(), `CREATE TABLE kept (v TEXT)`); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), `INSERT INTO kept VALUES ('committed')`); err != nil {
		t.Fatal(err)
	}
	s.Crash(t)
	if _, err := conn.Exec(t.Context(), `INSERT INTO kept VALUES ('lost')`); err == nil {
		t.Error("a killed server answers")
	}
	s.Restart(t)
	if got, err := query(t, address, `SELECT string_agg(v, ',') FROM kept`); err != nil || got != "committed" {
		t.Errorf("after the crash: %q, %v", got, err)
	}
	s.Stop(t)
	if _, err := query(t, address, `SELECT 'x'`); err == nil {
		t.Error("a stopped server answers")
	}
	s.Restart(t)
	s.Freeze(t)
	s.Thaw(t)
	if got, err := query(t, address, `SELECT v FROM kept`); err != nil || got != "committed" {
		t.Errorf("after the stop: %q, %v", got, err)
	}
}
