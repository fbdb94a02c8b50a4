package connector_test

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"todosync/connector"
)

// rounds counts how often the first of the chores was done.
type rounds struct{ n int }

func (r *rounds) Sweep(_ context.Context, s connector.Sweep) (connector.Swept, error) {
	if s.Chore == connector.Chores()[0] {
		r.n++
	}
	return connector.Swept{}, nil
}

// What is kept for a short time goes soon after it, not at the next of rounds that are far apart.
func TestHousekeepingFollowsWhatIsKept(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for name, c := range map[string]struct {
		keep, failed, within time.Duration
		want                 int
	}{
		"seconds":             {3 * time.Second, 6 * time.Second, time.Minute, 60},
		"an hour":             {time.Hour, 2 * time.Hour, time.Hour, 10},
		"failed for less":     {90 * day, time.Minute, time.Minute, 10},
		"as long as is usual": {90 * day, 180 * day, time.Hour, 6},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sweeper := &rounds{}
				h, err := connector.NewHousekeeping(connector.HousekeepingConfig{
					Sweeper: sweeper, Log: slog.New(slog.DiscardHandler), Retention: connector.Retention{Keep: c.keep, KeepFailed: c.failed},
				})
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithTimeout(t.Context(), c.within)
				defer cancel()
				if err := h.Run(ctx); err != nil {
					t.Fatal(err)
				}
				if sweeper.n < c.want*9/10 || sweeper.n > c.want+1 {
					t.Errorf("%d rounds within %s, want about %d", sweeper.n, c.within, c.want)
				}
			})
		})
	}
}
