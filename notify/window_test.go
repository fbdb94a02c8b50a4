package notify

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func TestWindowAt(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		zone, at string
		length   time.Duration
		from, to string
	}{
		"ten minutes":                     {"Asia/Shanghai", "2026-03-01T09:37:12+08:00", 10 * time.Minute, "2026-03-01T09:30:00+08:00", "2026-03-01T09:40:00+08:00"},
		"on the edge":                     {"Asia/Shanghai", "2026-03-01T09:40:00+08:00", 10 * time.Minute, "2026-03-01T09:40:00+08:00", "2026-03-01T09:50:00+08:00"},
		"a second":                        {"Asia/Shanghai", "2026-03-01T09:40:00.7+08:00", time.Second, "2026-03-01T09:40:00+08:00", "2026-03-01T09:40:01+08:00"},
		"a day":                           {"Asia/Shanghai", "2026-03-01T00:00:00+08:00", 24 * time.Hour, "2026-03-01T00:00:00+08:00", "2026-03-02T00:00:00+08:00"},
		"half an hour off":                {"Asia/Kolkata", "2026-03-01T00:10:00+05:30", time.Hour, "2026-03-01T00:00:00+05:30", "2026-03-01T01:00:00+05:30"},
		"seven hours end at midnight":     {"Asia/Shanghai", "2026-03-01T22:00:00+08:00", 7 * time.Hour, "2026-03-01T21:00:00+08:00", "2026-03-02T00:00:00+08:00"},
		"forward, short":                  {"Europe/Berlin", "2026-03-29T01:55:00+01:00", 10 * time.Minute, "2026-03-29T01:50:00+01:00", "2026-03-29T03:00:00+02:00"},
		"forward, long, before":           {"Europe/Berlin", "2026-03-29T01:00:00+01:00", 6 * time.Hour, "2026-03-29T00:00:00+01:00", "2026-03-29T06:00:00+02:00"},
		"forward, long, after":            {"Europe/Berlin", "2026-03-29T05:00:00+02:00", 6 * time.Hour, "2026-03-29T00:00:00+01:00", "2026-03-29T06:00:00+02:00"},
		"forward, edge at the change":     {"Europe/Berlin", "2026-03-29T01:00:00+01:00", 3 * time.Hour, "2026-03-29T00:00:00+01:00", "2026-03-29T03:00:00+02:00"},
		"back, short, the first time":     {"Europe/Berlin", "2026-10-25T02:55:00+02:00", 10 * time.Minute, "2026-10-25T02:50:00+02:00", "2026-10-25T02:00:00+01:00"},
		"back, short, the second time":    {"Europe/Berlin", "2026-10-25T02:05:00+01:00", 10 * time.Minute, "2026-10-25T02:00:00+01:00", "2026-10-25T02:10:00+01:00"},
		"back, long, before":              {"Europe/Berlin", "2026-10-25T01:00:00+02:00", 6 * time.Hour, "2026-10-25T00:00:00+02:00", "2026-10-25T06:00:00+01:00"},
		"back, long, after":               {"Europe/Berlin", "2026-10-25T05:00:00+01:00", 6 * time.Hour, "2026-10-25T00:00:00+02:00", "2026-10-25T06:00:00+01:00"},
		"a day of twenty-five hours":      {"Europe/Berlin", "2026-10-25T12:00:00+01:00", 24 * time.Hour, "2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00"},
		"no midnight on the day (Beirut)": {"Asia/Beirut", "2026-03-29T05:00:00+03:00", 24 * time.Hour, "2026-03-29T01:00:00+03:00", "2026-03-30T00:00:00+03:00"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at, err := time.Parse(time.RFC3339Nano, tt.at)
			if err != nil {
				t.Fatal(err)
			}
			z := zone(t, tt.zone)
			w := WindowAt(at, tt.length, z)
			if got := w.From.In(z).Format(time.RFC3339); got != tt.from {
				t.Errorf("from %s, want %s", got, tt.from)
			}
			if got := w.To.In(z).Format(time.RFC3339); got != tt.to {
				t.Errorf("to %s, want %s", got, tt.to)
			}
		})
	}
}

// TestWindowsFollow walks through random days, the ones on which clocks change among them: each window holds its time, and the next one
// begins where it ends.
func TestWindowsFollow(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	lengths := []time.Duration{
		time.Second, 7 * time.Second, time.Minute, 10 * time.Minute, 25 * time.Minute, time.Hour, 3 * time.Hour, 5 * time.Hour, 6 * time.Hour, 24 * time.Hour,
	}
	for _, name := range []string{"Asia/Shanghai", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Beirut", "America/Sao_Paulo", "Asia/Kathmandu"} {
		z := zone(t, name)
		for _, length := range lengths {
			for range 40 {
				at := time.Date(2015, 1, 1, 0, 0, 0, 0, z).Add(time.Duration(r.Int64N(int64(12 * 365 * 24 * time.Hour))))
				if r.IntN(2) == 0 { // around a change of the clock
					if _, end := at.ZoneBounds(); !end.IsZero() {
						at = end.Add(time.Duration(r.Int64N(int64(2*length+2*time.Hour))) - length - time.Hour)
					}
				}
				w := WindowAt(at, length, z)
				if at.Before(w.From) || !at.Before(w.To) {
					t.Fatalf("%s %s: %v is not in %v", name, length, at, w)
				}
				if long := w.To.Sub(w.From); long > length+2*time.Hour {
					t.Errorf("%s %s: the window of %v is %s long", name, length, at, long)
				}
				next := WindowAt(w.To, length, z)
				if !next.From.Equal(w.To) {
					t.Errorf("%s %s at %v: after %v comes %v", name, length, at, w, next)
				}
				if inside := WindowAt(w.To.Add(-time.Millisecond), length, z); inside != w {
					t.Errorf("%s %s at %v: %v at its end is %v", name, length, at, w, inside)
				}
			}
		}
	}
}

func TestNextWindow(t *testing.T) {
	t.Parallel()
	z := zone(t, "Asia/Shanghai")
	at := func(clock string) time.Time {
		if clock == "" {
			return time.Time{}
		}
		c, err := time.ParseInLocation("15:04:05", clock, z)
		if err != nil {
			t.Fatal(err)
		}
		return c.AddDate(2026, 2, 0)
	}
	tests := map[string]struct {
		since, last, now string
		length           time.Duration
		want             string
	}{
		"the first":                     {"09:37:00", "", "09:37:00", 10 * time.Minute, "09:30:00-09:40:00"},
		"long ago":                      {"05:37:00", "05:10:00", "09:37:00", 10 * time.Minute, "05:30:00-05:40:00"},
		"the last window's late one":    {"09:39:59", "09:40:00", "09:40:01", 10 * time.Minute, "09:40:00-09:50:00"},
		"longer windows than before":    {"09:45:00", "09:40:00", "09:45:00", time.Hour, "09:40:00-10:00:00"},
		"clock put back by a little":    {"09:39:00", "09:40:00", "09:39:00", 10 * time.Minute, "09:40:00-09:50:00"},
		"clock put back by hours":       {"05:39:00", "09:40:00", "05:39:00", 10 * time.Minute, "05:30:00-05:40:00"},
		"noted before it was put back":  {"09:39:00", "", "05:31:00", 10 * time.Minute, "05:30:00-05:40:00"},
		"both from before it was":       {"09:49:00", "09:40:00", "05:31:00", 10 * time.Minute, "05:30:00-05:40:00"},
		"windows of a second, one late": {"09:40:00", "09:40:02", "09:40:02", time.Second, "09:40:02-09:40:03"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := NextWindow(at(tt.since), at(tt.last), at(tt.now), tt.length, z)
			if got := fmt.Sprintf("%s-%s", w.From.In(z).Format("15:04:05"), w.To.In(z).Format("15:04:05")); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}

func TestQuietUntil(t *testing.T) {
	t.Parallel()
	z := zone(t, "Asia/Shanghai")
	tests := map[string]struct{ at, from, to, want string }{
		"before":            {"03-01 21:59", "22:00", "07:00", ""},
		"begins":            {"03-01 22:00", "22:00", "07:00", "03-02 07:00"},
		"after midnight":    {"03-02 00:30", "22:00", "07:00", "03-02 07:00"},
		"ends":              {"03-02 07:00", "22:00", "07:00", ""},
		"in one day":        {"03-02 12:30", "12:00", "13:30", "03-02 13:30"},
		"in one day, after": {"03-02 13:30", "12:00", "13:30", ""},
		"no hours at all":   {"03-02 12:00", "12:00", "12:00", ""},
		"nearly all day":    {"03-02 12:00", "00:00", "23:59", "03-02 23:59"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at, err := time.ParseInLocation("2006 01-02 15:04", "2026 "+tt.at, z)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if until := quietUntil(at, tt.from, tt.to, z); !until.IsZero() {
				got = until.In(z).Format("01-02 15:04")
			}
			if got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}
