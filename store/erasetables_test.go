package store_test

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"todosync/connector"
	"todosync/store"
	"todosync/store/storetest"
)

// erased are the tables that an erasure goes through, and those that hold nothing of a tenant. Who adds a table puts it in one of them: in
// the first, the erasure must take its rows away (erase.go), and storetest.Fill should make some.
var (
	erased = []string{
		"access_links", "api_tokens", "arrivals", "attempts", "audit", "bindings", "causes", "changes", "connections", "deliveries",
		"delivery_receivers", "digest_sends", "digests", "events", "failing", "failures", "invitations", "job_items", "jobs", "lanes", "queues", "rejected",
		"resent", "revisions", "seats", "secrets", "sending", "sessions", "sign_on_marks", "sign_ons", "standings", "tallies", "tenant_revisions",
		"tenants", "tickets", "todos", "tokens", "unbound_told", "users", "widget_users",
	}
	nobodys = []string{"facts", "goose_db_version", "log_in_failures", "log_ins_refused", "numbers", "positions", "sign_keys", "sign_on_asks", "sqlite_sequence", "workers"}
)

// TestErasedEverywhere looks into every table for the name of a tenant after his data was erased.
func TestErasedEverywhere(t *testing.T) {
	t.Parallel()
	const tenant = "who-wants-to-go"
	path := filepath.Join(t.TempDir(), "todosync.db")
	db := open(t, func(c *store.Config) { c.Path = path })
	storetest.Save(t, db, storetest.Connection(tenant, "oa", nil))
	storetest.Bind(t, db, tenant, "oa", "a", "b")
	seq := uint64(0)
	storetest.Fill(t, db, tenant, &seq)
	ctx := t.Context()
	named, _ := tablesThatName(t, path, tenant)
	for _, table := range []string{"tenants", "connections", "revisions", "events", "deliveries", "rejected", "jobs", "api_tokens", "audit", "secrets", "failures", "digests", "digest_sends", "sign_ons", "tickets", "users", "tenant_revisions"} {
		if !slices.Contains(named, table) {
			t.Errorf("the test is blind: %s does not name the tenant before he is erased", table)
		}
	}
	j, err := db.StartJob(ctx, connector.JobRequest{Kind: connector.JobErase, Key: connector.ConnectionKey{Tenant: tenant}, Tenants: []string{tenant}, Who: "me"})
	if err != nil {
		t.Fatal(err)
	}
	for n := 0; ; n++ {
		got, err := db.StepJob(ctx, connector.JobStep{ID: j.ID})
		if err != nil || n > 1000 {
			t.Fatalf("after %d steps: %v", n, err)
		}
		if got.Ended {
			break
		}
	}
	named, rows := tablesThatName(t, path, tenant)
	if !slices.Equal(named, []string{"audit"}) || rows["audit"] != 1 {
		t.Errorf("after the erasure he is named in %v, want one line of the audit alone", rows)
	}
	for _, table := range []string{"connections", "deliveries", "attempts", "delivery_receivers", "lanes", "todos", "bindings", "revisions", "tallies", "resent", "job_items", "rejected", "failures", "events"} {
		if n := countRows(t, path, table); n != 0 {
			t.Errorf("%s has %d rows left", table, n)
		}
	}
}

// tablesThatName are the tables with a row that holds a text, sorted, and how many rows of each do.
func tablesThatName(t *testing.T, path, text string) (names []string, rows map[string]int) {
	t.Helper()
	raw, err := sql.Open("sqlite3", "file:"+path+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = raw.Close() }()
	rows = map[string]int{}
	for _, table := range texts(t, raw, `SELECT name FROM sqlite_master WHERE type = 'table'`) {
		if !slices.Contains(erased, table) && !slices.Contains(nobodys, table) {
			t.Errorf("the table %s is new: say in this test, and in the erasure, what becomes of it when a tenant goes", table)
		}
		var where []string
		for _, column := range texts(t, raw, `SELECT name FROM pragma_table_info('`+table+`')`) {
			where = append(where, fmt.Sprintf(`instr(CAST("%s" AS TEXT), '%s') > 0`, column, text))
		}
		n := 0
		if err := raw.QueryRow(`SELECT COUNT(*) FROM "` + table + `" WHERE ` + strings.Join(where, " OR ")).Scan(&n); err != nil {
			t.Fatal(err)
		}
		if n > 0 {
			names, rows[table] = append(names, table), n
		}
	}
	slices.Sort(names)
	return names, rows
}

func texts(t *testing.T, raw *sql.DB, query string) (out []string) {
	t.Helper()
	rows, err := raw.Query(query)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		out = append(out, s)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

func countRows(t *testing.T, path, table string) (n int) {
	t.Helper()
	raw, err := sql.Open("sqlite3", "file:"+path+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = raw.Close() }()
	if err := raw.QueryRow(`SELECT COUNT(*) FROM "` + table + `"`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}
