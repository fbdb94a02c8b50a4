package store_test

import (
	"encoding/json"
	"testing"
	"time"

	"todosync/connector"
	"todosync/notify"
	"todosync/store/storetest"
)

// TestManyFailures sums 50,000 failures of one window up, each with words of its own: all are counted, and what is told of them stays small.
func TestManyFailures(t *testing.T) {
	t.Parallel()
	db := open(t, nil)
	storetest.Save(t, db, storetest.Connection("T", "oa", nil))
	const fill = `WITH RECURSIVE c (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 50000)
		INSERT INTO failures (n, tenant, at_ms, what, conn, subject, scene, class, code, message, receiver, tries, waited)
		SELECT i, 'T', 1772352000000, 'failed', 1, 0, 'create', CASE WHEN i % 3 = 0 THEN 'business' ELSE 'timeout' END, '', 'todo ' || i || ' of the list is not taken', '', 1, 0
		FROM c RETURNING 'x'`
	for _, query := range []string{fill, `UPDATE numbers SET last = 50000 WHERE name = 'failures' RETURNING 'x'`, `INSERT INTO failing (tenant, since_ms) VALUES ('T', 1772352000000) RETURNING 'x'`} {
		if _, err := db.Written(t.Context(), query); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	closed, err := db.Desk().Close(t.Context(), 0, "T", storetest.Start.Add(time.Hour))
	if err != nil || !closed {
		t.Fatalf("closed %t, %v", closed, err)
	}
	claimed := time.Since(began)
	open, err := db.Desk().Closed(t.Context())
	if err != nil || len(open) != 1 {
		t.Fatalf("%v, %v", open, err)
	}
	s, err := db.Desk().Gather(t.Context(), open)
	if err != nil {
		t.Fatal(err)
	}
	s.Zone, s.Language = "Asia/Shanghai", connector.Chinese
	d := notify.Summarize(s)
	took := time.Since(began)
	text, err := json.Marshal(&d)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("claimed in %s, summed up in %s, %d bytes as JSON, %d of them text", claimed, took, len(text), len(d.Text))
	if d.Counts["business"] != 16_666 || d.Counts["timeout"] != 33_334 || d.More+len(d.Examples) != 50_000 {
		t.Errorf("counts %v, %d examples, %d more", d.Counts, len(d.Examples), d.More)
	}
	if len(text) > 64<<10 {
		t.Errorf("the digest has %d bytes", len(text))
	}
}
