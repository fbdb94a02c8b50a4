package main

import (
	"strings"
	"testing"

	"todosync/connector"
	"todosync/testdata"
)

// TestExpectEvent checks that the demo's own check can fail: each difference from what is expected is told.
func TestExpectEvent(t *testing.T) {
	t.Parallel()
	want := testdata.Expectation{Tenant: "t1", ID: "e1", Connections: map[string]testdata.ExpectedOutcome{
		"one": {Outcome: "planned", Deliveries: []testdata.ExpectedDelivery{
			{Scene: "create", Receiver: "u1", State: "failed", Class: "business", Message: "refused", Tries: 1},
			{Scene: "create", Receiver: "u2", State: "succeeded", PossiblySentTwice: true},
		}},
	}}
	tests := map[string]struct {
		change func(s *connector.EventStory, r []connector.Record) ([]connector.EventStory, []connector.Record)
		want   string // in the difference; empty: none
	}{
		"as expected": {},
		"never heard of": {func(*connector.EventStory, []connector.Record) ([]connector.EventStory, []connector.Record) {
			return nil, nil
		}, "known 0 times"},
		"another outcome":  {then(func(s *connector.EventStory, _ []connector.Record) { s.Connections[0].Outcome = "stale" }), `"stale", want "planned"`},
		"another state":    {then(func(_ *connector.EventStory, r []connector.Record) { r[0].State = connector.Succeeded }), "want create for u1 failed business"},
		"another class":    {then(func(_ *connector.EventStory, r []connector.Record) { r[0].Class = "timeout" }), "failed timeout"},
		"another message":  {then(func(_ *connector.EventStory, r []connector.Record) { r[0].Message = "busy" }), `says "busy"`},
		"more tries":       {then(func(_ *connector.EventStory, r []connector.Record) { r[0].Tries = 3 }), "took 3 tries, want 1"},
		"not marked":       {then(func(_ *connector.EventStory, r []connector.Record) { r[1].PossiblySentTwice = false }), "not marked"},
		"another receiver": {then(func(_ *connector.EventStory, r []connector.Record) { r[1].Receiver = "u3" }), "create for u3"},
		"elsewhere too":    {then(func(_ *connector.EventStory, r []connector.Record) { r[1].Connection = "two" }), "two has a create for u2, want nothing there"},
		"one is missing": {func(s *connector.EventStory, r []connector.Record) ([]connector.EventStory, []connector.Record) {
			return []connector.EventStory{*s}, r[:1]
		}, "1 deliveries at one, want 2"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			story := &connector.EventStory{Connections: []connector.ConnectionStory{{Connection: "one", Outcome: "planned"}}}
			records := []connector.Record{
				{Connection: "one", Scene: "create", Receiver: "u1", State: "failed", Class: "business", Message: "refused by the OA", Tries: 1},
				{Connection: "one", Scene: "create", Receiver: "u2", State: "succeeded", PossiblySentTwice: true},
			}
			stories := []connector.EventStory{*story}
			if tt.change != nil {
				stories, records = tt.change(story, records)
			}
			r := &report{}
			r.expectEvent(want, stories, records)
			if got := strings.Join(r.Differences, "\n"); (tt.want == "") != (got == "") || !strings.Contains(got, tt.want) {
				t.Errorf("the differences are %q, want %q", got, tt.want)
			}
		})
	}
}

// then makes a change of a story and records that keeps their number.
func then(f func(*connector.EventStory, []connector.Record)) func(*connector.EventStory, []connector.Record) ([]connector.EventStory, []connector.Record) {
	return func(s *connector.EventStory, r []connector.Record) ([]connector.EventStory, []connector.Record) {
		f(s, r)
		return []connector.EventStory{*s}, r
	}
}
