package store

import (
	"encoding/json"
	"fmt"
	"slices"
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
					numbers, next, err = s.run()
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
				if limit == 1000 && pages < 5 && !slices.Contains([]string{"class", "receiver"}, name) {
					t.Errorf("the search did not stop: %d pages", pages)
				}
			}
		})
	}
}
