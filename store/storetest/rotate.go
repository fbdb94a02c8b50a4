package storetest

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"todosync/connector"
	"todosync/store"
)

// testRotate changes the key, half-way and whole, beside a process that has only the old one.
func testRotate(t *testing.T, e Engine) {
	const secrets = 450 // several batches
	old, fresh, strange := bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32), bytes.Repeat([]byte{3}, 32)
	place := e.Place(t)
	given := [][]byte{old}
	var stop func()
	commits := 0
	with := func(keys ...[]byte) func(*store.Config) {
		return func(c *store.Config) {
			c.Key, c.OldKeys = keys[0], keys[1:]
			c.Keys = func() ([][]byte, error) { return given, nil }
			c.Committed = func(time.Duration, int) {
				if commits++; stop != nil && commits == 2 {
					stop()
				}
			}
		}
	}
	db := e.Open(t, place, with(old))
	conn := SaveAndNumber(t, db)
	for i := range secrets {
		if err := db.SetSecret(t.Context(), fmt.Sprintf("T%d", i%2), fmt.Sprintf("s%03d", i), fmt.Sprintf("value-%03d", i), "me"); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.KeepToken(t.Context(), conn, 0, connector.KeptToken{Value: "tok-1", For: "x"}); err != nil {
		t.Fatal(err)
	}
	if done, err := db.Rotate(t.Context(), "me"); err != nil || done.Secrets+done.Tokens+len(done.Lost) != 0 {
		t.Errorf("with one key: %+v, %v", done, err)
	}
	readable := func(db *store.DB) {
		t.Helper()
		for i := range secrets {
			if v, err := db.Secret(t.Context(), fmt.Sprintf("T%d", i%2), fmt.Sprintf("s%03d", i)); err != nil || v != fmt.Sprintf("value-%03d", i) {
				t.Fatalf("secret %d: %q, %v", i, v, err)
			}
		}
		if kept, err := db.Token(t.Context(), conn); err != nil || kept.Value != "tok-1" {
			t.Fatalf("token %+v, %v", kept, err)
		}
	}

	// Broken off after the second transaction: the mark and one batch.
	given = [][]byte{fresh, old}
	ctx, cancel := context.WithCancel(t.Context())
	commits, stop = 0, cancel
	done, err := db.Rotate(ctx, "me")
	stop = nil
	if err == nil || done.Secrets == 0 || done.Secrets >= secrets {
		t.Fatalf("broken off: %+v, %v", done, err)
	}
	half := done.Secrets
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db = e.Open(t, place, with(fresh, old))
	readable(db)
	if done, err = db.Rotate(t.Context(), "me"); err != nil || done.Secrets != secrets-half || done.Tokens != 1 || len(done.Lost) != 0 {
		t.Fatalf("gone on with: %+v, %v", done, err)
	}
	if done, err = db.Rotate(t.Context(), "me"); err != nil || done.Secrets+done.Tokens != 0 {
		t.Errorf("once more: %+v, %v", done, err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}

	// The old key opens nothing now.
	given = [][]byte{fresh}
	db = e.Open(t, place, with(fresh))
	readable(db)

	// A process that has the old key alone says so, and is mended by giving it the new one.
	given = [][]byte{strange}
	err = db.SetSecret(t.Context(), "T0", "s000", "another-value", "me")
	wantKind(t, err, connector.Conflict)
	given = [][]byte{strange, fresh}
	if err := db.SetSecret(t.Context(), "T0", "s000", "another-value", "me"); err != nil {
		t.Fatal(err)
	}
	if v, err := db.Secret(t.Context(), "T0", "s000"); err != nil || v != "another-value" {
		t.Errorf("secret %q, %v", v, err)
	}
	audit, err := db.Audit(t.Context(), store.AuditFilter{What: []string{"key changed"}}, connector.PageOf{})
	if err != nil || len(audit.Items) != 1 {
		t.Errorf("the audit tells of %d changes of the key, %v", len(audit.Items), err)
	}
}

// SaveAndNumber saves a connection and gives its number.
func SaveAndNumber(t *testing.T, db *store.DB) int64 {
	t.Helper()
	Save(t, db, Connection("T0", "oa", nil))
	return Number(t, db, "T0", "oa")
}
