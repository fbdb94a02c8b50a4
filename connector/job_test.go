package connector

import (
	"fmt"
	"testing"
	"time"

	"todosync/mapping"
	"todosync/retry"
)

func TestPacer(t *testing.T) {
	t.Parallel()
	var p Pacer
	if got := p.Room(Load{Concurrency: 8}); got != 4 {
		t.Errorf("at first room for %d, want half of the places", got)
	}
	if got := p.Room(Load{Concurrency: 8, Resent: 4}); got != 0 {
		t.Errorf("while none has ended room for %d", got)
	}
	p.Room(Load{Concurrency: 8})
	if got := p.Room(Load{Concurrency: 8}); got != 7 {
		t.Errorf("for a fast OA room for %d, want all places but one", got)
	}
	if got := p.Room(Load{Concurrency: 8, Held: true}); got != 0 {
		t.Errorf("at a connection that is held room for %d", got)
	}
	// While live ones wait it goes on by one, now and then.
	room := 0
	for range 5 * paceEvery {
		room += p.Room(Load{Concurrency: 8, Live: 100})
	}
	if room != 5 {
		t.Errorf("room for %d while live ones wait, want 5", room)
	}
	var slow Pacer
	for range 10 {
		if got := slow.Room(Load{Concurrency: 8, Rate: Rate{N: 20, Per: time.Minute}}); got > 1 {
			t.Errorf("with 20 a minute room for %d at once", got)
		}
	}
}

func TestNewestState(t *testing.T) {
	t.Parallel()
	event := func(a Action, version int64, title string, who ...string) *Event {
		e := &Event{Action: a, Object: Object{Version: version, Versioned: version > 0, Title: title}}
		for _, w := range who {
			e.Object.Receivers = append(e.Object.Receivers, Receiver{ID: w})
		}
		return e
	}
	for name, c := range map[string]struct {
		history []*Event
		want    string
	}{
		"nothing":          {nil, ""},
		"a create":         {[]*Event{event(ActionCreate, 0, "one", "a")}, "one [a]"},
		"an edit":          {[]*Event{event(ActionCreate, 1, "one", "a"), event(ActionEdit, 2, "two", "a", "b")}, "two [a b]"},
		"a stale one":      {[]*Event{event(ActionEdit, 2, "two", "a"), event(ActionEdit, 1, "one", "b")}, "two [a]"},
		"a part deleted":   {[]*Event{event(ActionCreate, 0, "one", "a", "b"), event(ActionDelete, 0, "", "b")}, "one [a]"},
		"deleted":          {[]*Event{event(ActionCreate, 0, "one", "a"), event(ActionDelete, 0, "")}, ""},
		"created again":    {[]*Event{event(ActionCreate, 0, "one", "a"), event(ActionDelete, 0, ""), event(ActionCreate, 0, "new", "c")}, "new [c]"},
		"a stale deletion": {[]*Event{event(ActionEdit, 5, "five", "a"), event(ActionDelete, 4, "")}, "five [a]"},
	} {
		got := ""
		if e := NewestState(c.history); e != nil {
			var who []string
			for _, r := range e.Object.Receivers {
				who = append(who, r.ID)
			}
			got = fmt.Sprint(e.Object.Title, " ", who)
		}
		if got != c.want {
			t.Errorf("%s: want %q, got %q", name, c.want, got)
		}
	}
}

// TestWithoutCredentials takes out of a kept request what is added anew, wherever the connection had it placed.
func TestWithoutCredentials(t *testing.T) {
	t.Parallel()
	token := mapping.Mark(tokenMark)
	for address, want := range map[string]string{
		"http://oa/x?token=" + mapping.MarkQuery(tokenMark):          "http://oa/x",
		"http://oa/x?a=1&token=" + mapping.MarkQuery(tokenMark):      "http://oa/x?a=1",
		"http://oa/x?token=" + mapping.MarkQuery(tokenMark) + "&a=1": "http://oa/x?a=1",
		"http://oa/x?a=1": "http://oa/x?a=1",
	} {
		r := SentRequest{Address: address, Headers: []retry.Header{
			{Name: "A", Value: "1"},
			{Name: "token", Value: token},
			{Name: "Authorization", Value: "Bearer " + token},
			{Name: "Authorization", Value: "Basic " + mapping.Mark(basicMark)},
			{Name: "B", Value: "2"},
		}}
		got := r.withoutCredentials()
		if got.Address != want || len(got.Headers) != 2 || got.Headers[0].Name != "A" || got.Headers[1].Name != "B" {
			t.Errorf("%q: got %q with %v", address, got.Address, got.Headers)
		}
	}
}
