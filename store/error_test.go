package store

import (
	"database/sql"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"todosync/connector"
)

// What SQLite quotes of a damaged database must not reach a terminal as it is.
func TestErrorsArePrintable(t *testing.T) {
	t.Parallel()
	cause := errors.New("malformed database schema (\x1b[2J\x00\xff\u009b) - near \"表\"\n")
	err := failed("open store", cause)
	if !errors.Is(err, cause) {
		t.Error("the cause is gone")
	}
	got := err.Error()
	if strings.ContainsFunc(got, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }) || strings.Contains(got, "\uFFFD") {
		t.Errorf("not printable: %q", got)
	}
	for _, want := range []string{`\x1b[2J\x00\xff\u009b`, `near "表"`} {
		if !strings.Contains(got, want) {
			t.Errorf("want %s in %s", want, got)
		}
	}
}

// A schema with garbage in it is named, and prints.
func TestOpenDamagedSchema(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s.db")
	db, err := sql.Open("sqlite3", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), `CREATE TABLE abcdefgh (x); PRAGMA writable_schema = 1; UPDATE sqlite_master SET sql = 'CREATE TABLE abcdefgh (x zzzz'`); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(b), "abcdefgh", "ab\x1b[2J\xff\x01")), 0o600); err != nil {
		t.Fatal(err)
	}
	d, err := Open(t.Context(), Config{Path: path, Key: make([]byte, keySize), Log: slog.New(slog.DiscardHandler)})
	if err == nil {
		_ = d.Close()
		t.Fatal("want an error")
	}
	if strings.ContainsFunc(err.Error(), func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }) {
		t.Errorf("not printable: %q", err)
	}
	if _, ok := errors.AsType[*connector.Error](err); !ok {
		t.Errorf("not for people: %v", err)
	}
}
