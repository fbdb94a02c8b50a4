package storetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"todosync/connector"
	"todosync/mapping"
	"todosync/retry"
	"todosync/store"
)

// population makes records of two tenants in every state.
func population(t *testing.T, e Engine) *store.DB {
	t.Helper()
	db := e.fresh(t)
	one := playAt(t, db, nil)
	Save(t, db, Connection("T", "list", func(c *connector.Connection) { c.Receivers.As = mapping.List }), Connection("U", "oa", nil), Connection("U", "paused", nil))
	Bind(t, db, "T", "list", "a", "b", "d")
	Bind(t, db, "U", "oa", "a")
	Bind(t, db, "U", "paused", "b")
	conns := []int64{one.conn, Number(t, db, "T", "list"), Number(t, db, "U", "oa"), Number(t, db, "U", "paused")}
	classes := []retry.Class{retry.Timeout, retry.Business, retry.HTTP5xx}
	for round := range 12 {
		one.now = Start.Add(time.Duration(round) * time.Hour)
		var events []Todo
		for i := range 6 {
			tenant := []string{"T", "U"}[i%2]
			events = append(events, Todo{
				Tenant: tenant, Todo: fmt.Sprintf("t%d", (round+i)%5), Title: fmt.Sprintf("报价单 %d%%_%d", round, i), Receivers: []string{"a", "b", "nobody"},
				Action: []connector.Action{"create", "edit"}[round%2],
			})
		}
		one.accept(events...)
		for k, conn := range conns {
			one.conn = conn
			work := one.turn(4).Work
			var changes []connector.Change
			for i := range work {
				w := &work[i]
				c := succeed(w)
				switch (round + i + k) % 4 {
				case 0:
					c = outcome(w, connector.Failed, classes[round%3])
				case 1:
					c = outcome(w, connector.Retrying, classes[(round+1)%3])
					c.Due = one.now.Add(100 * time.Hour)
				}
				c.Message = fmt.Sprintf("answer %d", (round+i)%3)
				changes = append(changes, c)
			}
			one.turn(1, changes...)
		}
	}
	if err := db.Pause(t.Context(), connector.ConnectionKey{Tenant: "U", Name: "paused"}, "me"); err != nil {
		t.Fatal(err)
	}
	return db
}

// testFilters compares random filters with what a look at every record says.
func testFilters(t *testing.T, e Engine) {
	db := population(t, e)
	all := allRecords(t, db, connector.RecordFilter{}, 1000)
	if len(all) < 150 {
		t.Fatalf("only %d records", len(all))
	}
	seen := map[connector.State]bool{}
	for _, r := range all {
		seen[r.State] = true
	}
	if len(seen) < 6 {
		t.Fatalf("only the states %v", seen)
	}
	rapid.Check(t, func(r *rapid.T) {
		some := func(name string, values ...string) []string {
			if rapid.IntRange(0, 2).Draw(r, name+"?") > 0 {
				return nil
			}
			return rapid.SliceOfNDistinct(rapid.SampledFrom(values), 1, 2, rapid.ID[string]).Draw(r, name)
		}
		f := connector.RecordFilter{
			Tenants: some("tenants", "T", "U", "V"), Connections: some("connections", "oa", "list", "paused"),
			Scenes: some("scenes", "create", "edit", "done"), States: some("states", words(connector.States())...),
			Classes: some("classes", "timeout", "business", "unbound", "paused", "http_5xx"), Todos: some("todos", "t1", "t2", "none"),
			Receivers: some("receivers", "a", "b", "nobody"), Events: some("events", "e1", "e7", "e20", "e99"),
		}
		if rapid.Bool().Draw(r, "from?") {
			f.From = Start.Add(time.Duration(rapid.IntRange(0, 12).Draw(r, "from")) * time.Hour)
		}
		if rapid.Bool().Draw(r, "to?") {
			f.To = Start.Add(time.Duration(rapid.IntRange(13, 26).Draw(r, "to")) * time.Hour / 2)
		}
		if !f.From.IsZero() && !f.To.IsZero() && !f.From.Before(f.To) {
			f.To = time.Time{}
		}
		if rapid.IntRange(0, 4).Draw(r, "text?") == 0 {
			f.Text = rapid.SampledFrom([]string{"报价", "%_", "answer 1", "ANSWER", "none", `\`}).Draw(r, "text")
			if f.From.IsZero() {
				f.From = Start
			}
		}
		var want []string
		for i := range all {
			if chosen(&f, &all[i]) {
				want = append(want, all[i].ID)
			}
		}
		var got []string
		for _, rec := range allRecords(t, db, f, rapid.SampledFrom([]int{1, 3, 1000}).Draw(r, "limit")) {
			got = append(got, rec.ID)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			r.Fatalf("filter %+v (-want +got):\n%s", f, diff)
		}
	})
}

// chosen is the filter as its words say it.
func chosen(f *connector.RecordFilter, r *connector.Record) bool {
	in := func(want []string, have ...string) bool {
		return len(want) == 0 || slices.ContainsFunc(have, func(s string) bool { return slices.Contains(want, s) })
	}
	text := strings.ToLower(f.Text)
	return in(f.Tenants, r.Tenant) && in(f.Connections, r.Connection) && in(f.Scenes, string(r.Scene)) && in(f.States, string(r.State)) &&
		in(f.Classes, string(r.Class)) && in(f.Todos, r.Todo) && in(f.Receivers, strings.Split(r.Receiver, ",")...) && in(f.Events, r.EventID) &&
		(f.From.IsZero() || !r.CreatedAt.Before(f.From)) && (f.To.IsZero() || r.CreatedAt.Before(f.To)) &&
		(text == "" || strings.Contains(strings.ToLower(r.Title), text) || strings.Contains(strings.ToLower(r.Message), text))
}

func words[T ~string](values []T) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = string(v)
	}
	return out
}
