package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestWithSuffix(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ in, want string }{
		"a todo": {
			`{"id": "e1","todo":{"id":"t\u00e9\"1", "title":"id","sender":{"id":"1001"},"receivers":[{"id":"1002"}],"object":{"dataId":"x"}}}`,
			`{"id": "e1_z","todo":{"id":"t\u00e9\"1_z", "title":"id","sender":{"id":"1001"},"receivers":[{"id":"1002"}],"object":{"dataId":"x"}}}`,
		},
		"a CloudEvent": {
			`{"specversion":"1.0","id":"e2","subject":"t2","data":{"id":"x","todo":{"id":"t2"}}}`,
			`{"specversion":"1.0","id":"e2_z","subject":"t2","data":{"id":"x","todo":{"id":"t2_z"}}}`,
		},
		"an id that is no text": {`{"id":7,"todo":{"id":null}}`, `{"id":7,"todo":{"id":null}}`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, string(withSuffix([]byte(tt.in), "_z"))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestSample checks that the whole sample can be read and that what is expected of it names its events.
func TestSample(t *testing.T) {
	t.Parallel()
	run := newRun(time.Now())
	s := loadSample(run)
	known := map[[2]string]bool{}
	for _, e := range s.events {
		if !strings.HasSuffix(e.ID, run) || !strings.HasSuffix(e.Todo, run) || strings.Count(string(e.Raw), run+`"`) != 2 {
			t.Errorf("event %s of todo %s: %s", e.ID, e.Todo, e.Raw)
		}
		known[[2]string{e.Tenant, e.ID}] = true
	}
	if len(s.events) < 40 {
		t.Errorf("the sample has %d events, want at least 40", len(s.events))
	}
	for _, w := range s.want {
		if !known[[2]string{w.Tenant, w.ID}] {
			t.Errorf("something is expected of %s/%s, which is not in the sample", w.Tenant, w.ID)
		}
	}
	if len(s.want) != len(known) {
		t.Errorf("%d events, %d expectations", len(known), len(s.want))
	}
}
