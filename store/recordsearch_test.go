package store

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"todosync/connector"
)

// TestSearchThatStops lets searches stop after every few rows: page by page they find what one look at all rows finds.
func TestSearchThatStops(t *testing.T) {
	t.Parallel()
	db := openHere(t)
	var conns []int64
	for i := range 3 {
		c := connector.Defaults()
		c.Tenant, c.Name = "T", fmt.Sprintf("c%d", i)
		settings, err := json.Marshal(&c)
		if err != nil {
			t.Fatal(err)
		}
		item := SaveItem{Kind: SaveConnection, Tenant: "T", Name: c.Name, Settings: settings}
		if _, err := db.Save(t.Context(), []SaveItem{item}, By{Who: "me", How: ByAPI}); err != nil {
			t.Fatal(err)
		}
		n, err := db.Lookup(c.Key())
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, n)
	}
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	var made []connector.Delivery
	// found counts what a filter must find, by looking at all that was made.
	found := func(f *connector.RecordFilter) int {
		has := func(values []string, v string) bool { return len(values) == 0 || slices.Contains(values, v) }
		n := 0
		for i := range made {
			d := &made[i]
			if has(f.States, string(d.State)) && has(f.Classes, string(d.Class)) && has(f.Receivers, d.Recipients[0].ID) && has(f.Scenes, string(d.Scene)) &&
				(len(f.Connections) == 0 || d.Conn == conns[1]) && strings.Contains(d.Title, f.Text) {
				n++
			}
		}
		return n
	}
	err := db.writer.write(t.Context(), "fill", func(x *tx) error {
		for i := range 300 {
			conn := conns[i*i%7%3]
			n, err := x.nextNumber(conn)
			if err != nil {
				return err
			}
			d := connector.Delivery{
				N: n, ID: db.newID(now), Conn: conn, Kind: connector.KindTodo, Todo: "t", Scene: connector.SceneCreate, State: connector.Succeeded,
				Title: fmt.Sprint("title ", i%17), Recipients: []connector.Recipient{{ID: fmt.Sprint("u", i%5)}}, Created: now, Updated: now,
			}
			if i%10 == 3 {
				d.State, d.Class = connector.Failed, "timeout"
			}
			if err := x.insertDelivery(&d); err != nil {
				return err
			}
			made = append(made, d)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	filters := map[string]connector.RecordFilter{
		"all":         {Text: "title 1"},
		"connection":  {Connections: []string{"c1"}, Scenes: []string{"create"}, Text: "title 3"},
		"connections": {Tenants: []string{"T"}, Text: "title 3"},
		"receiver":    {Receivers: []string{"u2"}, Text: "title 1"},
		"mixed":       {Tenants: []string{"T"}, States: []string{"failed", "succeeded"}, Classes: []string{"timeout"}},
		"class":       {Classes: []string{"timeout"}, Tenants: []string{"T"}, Scenes: []string{"create"}},
		"receiver's":  {Receivers: []string{"u2", "u3"}, States: []string{"failed", "canceled"}},
		"nothing":     {Tenants: []string{"T"}, Scenes: []string{"done"}},
	}
	for name, f := range filters {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			search := func(below string, limit int, step int64, budget time.Duration) (numbers []int64, next string) {
				err := db.reading(t.Context(), "search", func(q *reader) error {
					query, err := db.recordQuery(q, &f)
					if err != nil {
						return err
					}
					s := recordSearch{tx: q, query: &query, below: below, limit: limit, step: step, time: budget}
					early := false
					numbers, next, early, err = s.run()
					if early != (next != "" && len(numbers) < limit) {
						t.Errorf("%d of %d found, to go on from %q, and stopped early: %t", len(numbers), limit, next, early)
					}
					return err
				})
				if err != nil {
					t.Fatal(err)
				}
				return numbers, next
			}
			want, end := search("", 1000, searchStep, time.Minute)
			if end != "" {
				t.Fatalf("the whole search stopped at %s", end)
			}
			if len(want) == 0 && name != "nothing" {
				t.Fatal("nothing is found")
			}
			if n := found(&f); n != len(want) {
				t.Fatalf("want %d records, got %d", n, len(want))
			}
			for _, limit := range []int{1, 4, 1000} {
				var got []int64
				pages := 0
				for below := ""; ; pages++ {
					some, next := search(below, limit, 3, 0)
					got = append(got, some...)
					if next == "" {
						break
					}
					if below != "" && next >= below {
						t.Fatalf("the search does not get on: %s after %s", next, below)
					}
					below = next
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("limit %d (-want +got):\n%s", limit, diff)
				}
				if limit == 1000 && pages < 5 && !slices.Contains([]string{"class", "receiver", "receiver's"}, name) {
					t.Errorf("the search did not stop: %d pages", pages)
				}
			}
		})
	}
}

// TestSearchAmongMuchThatWaits finds what waits for a reason of its own, and what a paused connection holds, among more than is looked at
// one by one.
func TestSearchAmongMuchThatWaits(t *testing.T) {
	t.Parallel()
	db := openHere(t)
	var conns []int64
	for _, name := range []string{"many", "paused"} {
		c := connector.Defaults()
		c.Tenant, c.Name = "T", name
		settings, err := json.Marshal(&c)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.Save(t.Context(), []SaveItem{{Kind: SaveConnection, Tenant: "T", Name: name, Settings: settings}}, By{Who: "me", How: ByAPI}); err != nil {
			t.Fatal(err)
		}
		n, err := db.Lookup(c.Key())
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, n)
	}
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	err := db.writer.write(t.Context(), "fill", func(x *tx) error {
		for i := range fewWaiting + 10 {
			d := connector.Delivery{
				ID: db.newID(now), Conn: conns[0], Kind: connector.KindTodo, Todo: fmt.Sprint("t", i), Scene: connector.SceneCreate, State: connector.Pending,
				Title: "x", Due: now, Created: now, Updated: now,
			}
			switch {
			case i%7000 == 5:
				d.State, d.Class = connector.Held, connector.ReasonUnbound
			case i%9000 == 6:
				d.State, d.Class = connector.Retrying, "timeout"
			case i%5000 == 7:
				d.Conn = conns[1]
			}
			n, err := x.nextNumber(d.Conn)
			if err != nil {
				return err
			}
			d.N = n
			if err := x.insertDelivery(&d); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Pause(t.Context(), connector.ConnectionKey{Tenant: "T", Name: "paused"}, "me"); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		filter connector.RecordFilter
		want   int
	}{
		"held":                {connector.RecordFilter{States: []string{"held"}}, 3 + 5},
		"retrying":            {connector.RecordFilter{States: []string{"retrying"}}, 3},
		"held or retrying":    {connector.RecordFilter{States: []string{"retrying", "held"}}, 11},
		"held of one":         {connector.RecordFilter{States: []string{"held"}, Connections: []string{"many"}}, 3},
		"paused":              {connector.RecordFilter{Classes: []string{"paused"}}, 5},
		"paused or unbound":   {connector.RecordFilter{Classes: []string{"paused", "unbound"}}, 8},
		"paused of the other": {connector.RecordFilter{Classes: []string{"paused"}, Connections: []string{"many"}}, 0},
		"down":                {connector.RecordFilter{Classes: []string{"down"}}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			page, err := db.Records(t.Context(), c.filter, connector.PageOf{Limit: 1000})
			if err != nil {
				t.Fatal(err)
			}
			if len(page.Items) != c.want || page.Next != "" {
				t.Errorf("want %d records and no more, got %d, %q", c.want, len(page.Items), page.Next)
			}
		})
	}
}
