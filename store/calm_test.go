package store

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestCalmOperationsShareACommit holds what has no hurry to a commit of its own only when nobody else is expected, somebody is in a hurry,
// or its patience is over.
func TestCalmOperationsShareACommit(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		expected int
		second   string // what comes 1 ms after the first: calm, hurried, or nothing
		waits    time.Duration
		commits  int
	}{
		"nobody else is expected": {expected: 1, second: "", waits: 0, commits: 1},
		"the expected one comes":  {expected: 2, second: "calm", waits: time.Millisecond, commits: 1},
		"he does not come":        {expected: 2, second: "", waits: patience, commits: 1},
		"others are expected yet": {expected: 3, second: "calm", waits: patience, commits: 1},
		"somebody is in a hurry":  {expected: 3, second: "hurried", waits: time.Millisecond, commits: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				commits := 0
				w := newWriter(stillSession{}, time.Now)
				w.committed = func(time.Duration, int) { commits++ }
				w.expected, w.ended, w.took = c.expected, time.Now(), time.Second
				began, first := time.Now(), make(chan time.Duration)
				go func() {
					if err := w.calmly(t.Context(), "first", nil, func(*tx) error { return nil }); err != nil {
						t.Error(err)
					}
					first <- time.Since(began)
				}()
				time.Sleep(time.Millisecond)
				write := w.calmly
				if c.second == "hurried" {
					write = w.within
				}
				if c.second != "" {
					if err := write(t.Context(), "second", nil, func(*tx) error { return nil }); err != nil {
						t.Error(err)
					}
				}
				if got := <-first; got != c.waits {
					t.Errorf("the first waited %v, not %v", got, c.waits)
				}
				if commits != c.commits {
					t.Errorf("%d commits, not %d", commits, c.commits)
				}
			})
		})
	}
}

// A stillSession is a database that takes everything at once.
type stillSession struct{}

func (stillSession) begin(reach) error                            { return nil }
func (stillSession) rows(string, []any, func(r row) error) error  { return nil }
func (stillSession) later(string, []any, func(r row) error) error { return nil }
func (stillSession) spread(string, []any, func(row) error) error  { return nil }
func (stillSession) seal() error                                  { return nil }
func (stillSession) flush() error                                 { return nil }
func (stillSession) commit() error                                { return nil }
func (stillSession) rollback()                                    {}
func (stillSession) spoilt() bool                                 { return false }
func (stillSession) close() error                                 { return nil }
