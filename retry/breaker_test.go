package retry

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestBreakerStory notes attempts, one a second, written as todo:class; each may name the change it makes.
func TestBreakerStory(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		after int
		story string
		since int // seconds from start
	}{
		"five of two todos":       {5, "a:network a:timeout a:http_5xx a:network b:token=down", 0},
		"only one todo":           {5, strings.Repeat("a:http_5xx ", 20), -1},
		"one todo, then another":  {5, strings.Repeat("a:http_5xx ", 20) + "b:network=down", 0},
		"four":                    {5, "a:network b:network c:network d:network", -1},
		"an answer between":       {3, "a:network b:network a:http_4xx a:network b:network c:network=down", 3},
		"success between":         {3, "a:network b:network a: a:network b:network", -1},
		"business between":        {3, "a:network b:network a:business a:network b:network", -1},
		"429 between":             {3, "a:network b:network a:http_429 a:network b:network", -1},
		"tls between":             {3, "a:network b:network a:tls a:network b:network", -1},
		"nothing sent between":    {3, "a:network a:mapping b:unbound b:network c:network=down", 0},
		"first todo comes again":  {3, "a:network b:network a:network=down", 0},
		"up by an answer":         {2, "a:network b:network=down a:http_4xx=up", -1},
		"up, and the row is new":  {2, "a:network b:network=down a:=up b:network b:network a:network=down", 3},
		"down, failures go on":    {2, "a:network b:network=down a:network b:timeout c:tls d:mapping", 0},
		"down, refused is answer": {2, "a:network b:network=down a:token_refused=up", -1},
		"off":                     {0, "a:network b:network c:network d:network", -1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := NewBreaker(test.after, nil)
			for i, word := range strings.Fields(test.story) {
				word, change, _ := strings.Cut(word, "=")
				todo, class, _ := strings.Cut(word, ":")
				want := map[string]Change{"": Stayed, "down": WentDown, "up": CameUp}[change]
				if got := b.Note(todo, Class(class), start.Add(time.Duration(i)*time.Second)); got != want {
					t.Errorf("%d %s: got change %d, want %d", i, word, got, want)
				}
			}
			if b.Down() != (test.since >= 0) {
				t.Errorf("down: %v", b.Down())
			}
			if test.since >= 0 && !b.Since().Equal(start.Add(time.Duration(test.since)*time.Second)) {
				t.Errorf("since %s", b.Since())
			}
			if test.since < 0 && (!b.Since().IsZero() || !b.ProbeDue(start).IsZero()) {
				t.Errorf("up, with since %s and a probe at %s", b.Since(), b.ProbeDue(start))
			}
		})
	}
}

func TestProbes(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	b := NewBreaker(2, []time.Duration{time.Second, 10 * time.Second})
	b.Note("a", Network, now)
	b.Note("b", Network, now)
	var waits []string
	for range 7 {
		due := b.ProbeDue(now)
		waits = append(waits, due.Sub(now).String())
		b.Note("late", Timeout, due.Add(-time.Millisecond)) // under way before: no probe
		now = due.Add(200 * time.Millisecond)               // the probe takes a while
		b.Note("a", Network, now)
		b.Note("late", Timeout, now) // ends with it
	}
	if want := []string{"1s", "2s", "4s", "8s", "10s", "10s", "10s"}; !slices.Equal(waits, want) {
		t.Errorf("got %v, want %v", waits, want)
	}
	if back := now.Add(-24 * time.Hour); b.ProbeDue(back).Sub(back) > 10*time.Second {
		t.Errorf("the clock was set back, and the probe waits %s", b.ProbeDue(back).Sub(back))
	}
	b.SetDown(now.Add(-time.Hour))
	if !b.Down() || b.ProbeDue(now).After(now) || !b.Since().Equal(now.Add(-time.Hour)) {
		t.Errorf("restored: down %v, probe %s, since %s", b.Down(), b.ProbeDue(now), b.Since())
	}
	if got := b.Note("a", OK, now); got != CameUp || b.Down() {
		t.Errorf("got %d", got)
	}
}

func TestBreakerHolds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		after := rapid.IntRange(0, 6).Draw(t, "after")
		first := time.Duration(rapid.Int64Range(0, int64(time.Minute)).Draw(t, "first"))
		last := time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "last"))
		b := NewBreaker(after, []time.Duration{first, last})
		longest := max(b.first, b.last)
		now := time.Unix(1_700_000_000, 0)
		var row []string // the todos of the failures in a row
		down := false
		for i := range rapid.IntRange(0, 60).Draw(t, "attempts") {
			now = now.Add(time.Duration(rapid.Int64Range(-int64(time.Second), int64(time.Minute)).Draw(t, "step")))
			class := rapid.SampledFrom(append(Classes(), OK, Network, Timeout, HTTP5xx)).Draw(t, "class")
			todo := fmt.Sprint(rapid.IntRange(0, 2).Draw(t, "todo"))
			got := b.Note(todo, class, now)
			want := Stayed
			failed := slices.Contains([]Class{Network, Timeout, HTTP5xx, Token}, class)
			switch {
			case class == Mapping || class == Unbound || after == 0:
			case down && !failed && class != TLS:
				down, row, want = false, nil, CameUp
			case !down && failed:
				row = append(row, todo)
				if len(row) >= after && slices.ContainsFunc(row, func(other string) bool { return other != row[0] }) {
					down, want = true, WentDown
				}
			case !down:
				row = nil
			}
			if got != want || b.Down() != down {
				t.Fatalf("attempt %d (%s): got %d, want %d; down %v", i, class, got, want, down)
			}
			if at := b.ProbeDue(now); down && at.Sub(now) > longest {
				t.Fatalf("attempt %d: probe in %s", i, at.Sub(now))
			}
		}
	})
}
