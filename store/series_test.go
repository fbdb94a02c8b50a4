package store

import (
	"testing"
	"time"
)

func TestQuantile(t *testing.T) {
	t.Parallel()
	within := func(at ...int64) []int64 {
		return append(at, make([]int64, delaySorts+1-len(at))...)
	}
	late := within()
	late[delaySorts] = 3
	for name, c := range map[string]struct {
		within []int64
		share  float64
		want   time.Duration
	}{
		"nothing":              {within(), .5, 0},
		"half of the first":    {within(10), .5, 5 * time.Millisecond},
		"all of the first":     {within(10), 1, 10 * time.Millisecond},
		"into the second":      {within(50, 50), .99, 24700 * time.Microsecond},
		"past an empty one":    {within(1, 0, 1), .75, 37500 * time.Microsecond},
		"longer than all else": {late, .5, 12 * time.Hour},
	} {
		if got := Quantile(c.within, c.share).Round(time.Microsecond); got != c.want {
			t.Errorf("%s: want %v, got %v", name, c.want, got)
		}
	}
}
