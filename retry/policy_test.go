package retry

import (
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestRetries(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		policy        Policy
		class         Class
		code, message string
		want          bool
	}{
		"network":                  {Policy{Enabled: true}, Network, "", "", true},
		"token":                    {Policy{Enabled: true}, Token, "", "", true},
		"tls":                      {Policy{Enabled: true}, TLS, "", "", false},
		"4xx":                      {Policy{Enabled: true}, HTTP4xx, "", "", false},
		"token refused":            {Policy{Enabled: true}, TokenRefused, "", "", false},
		"success":                  {Policy{Enabled: true, On: []Class{OK}}, OK, "", "", false},
		"not enabled":              {Policy{On: []Class{Network}}, Network, "", "", false},
		"on replaces":              {Policy{Enabled: true, On: []Class{HTTP4xx}}, Network, "", "", false},
		"on adds":                  {Policy{Enabled: true, On: []Class{HTTP4xx}}, HTTP4xx, "", "", true},
		"on is empty":              {Policy{Enabled: true, On: []Class{}}, Network, "", "", false},
		"business":                 {Policy{Enabled: true}, Business, "1", "busy", false},
		"business, code":           {Policy{Enabled: true, Codes: []string{"1"}}, Business, "1", "", true},
		"business, another code":   {Policy{Enabled: true, Codes: []string{"1"}}, Business, "11", "", false},
		"business, message":        {Policy{Enabled: true, Messages: []string{"系统繁忙"}}, Business, "", "错误:系统繁忙,请稍后", true},
		"business, empty message":  {Policy{Enabled: true, Messages: []string{""}}, Business, "", "x", false},
		"business, on":             {Policy{Enabled: true, On: []Class{Business}}, Business, "5", "x", true},
		"code of another class":    {Policy{Enabled: true, Codes: []string{"1"}}, BadAnswer, "1", "", false},
		"business, on is no limit": {Policy{Enabled: true, On: []Class{}, Codes: []string{"1"}}, Business, "1", "", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := test.policy.Retries(test.class, test.code, test.message); got != test.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestNext(t *testing.T) {
	t.Parallel()
	p := Policy{Schedule: []time.Duration{10 * time.Second, 30 * time.Second, 2 * time.Minute}, GiveUpAfter: time.Hour}
	for name, test := range map[string]struct {
		tries   int
		elapsed time.Duration
		hint    time.Duration
		jitter  float64
		wait    time.Duration
		ok      bool
	}{
		"first":               {1, 0, 0, 0, 10 * time.Second, true},
		"third":               {3, time.Minute, 0, 0, 2 * time.Minute, true},
		"used up":             {4, 0, 0, 0, 0, false},
		"half a tenth":        {1, 0, 0, 0.5, 10*time.Second + 500*time.Millisecond, true},
		"shorter hint":        {2, 0, time.Second, 0, 30 * time.Second, true},
		"longer hint":         {1, 0, time.Minute, 0.9, time.Minute, true},
		"hint of days":        {1, 0, 72 * time.Hour, 0, time.Hour, true},
		"just in time":        {1, time.Hour - 10*time.Second, 0, 0, 10 * time.Second, true},
		"too late":            {1, time.Hour - 10*time.Second + 1, 0, 0, 0, false},
		"too late by hint":    {1, time.Minute, 2 * time.Hour, 0, 0, false},
		"clock was set back":  {1, -time.Hour, 0, 0, 10 * time.Second, true},
		"jitter is no number": {1, 0, 0, math.NaN(), 10 * time.Second, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wait, ok := p.Next(test.tries, test.elapsed, test.hint, test.jitter)
			if wait != test.wait || ok != test.ok {
				t.Errorf("got %s, %v", wait, ok)
			}
		})
	}
}

func TestNextHolds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		duration := rapid.OneOf(
			rapid.Int64Range(0, int64(3*time.Hour)), rapid.Int64(), rapid.SampledFrom([]int64{math.MaxInt64, math.MinInt64, -1, 0}),
		)
		draw := func(name string) time.Duration { return time.Duration(duration.Draw(t, name)) }
		p := Policy{GiveUpAfter: draw("giveUpAfter")}
		for range rapid.IntRange(0, 5).Draw(t, "length") {
			p.Schedule = append(p.Schedule, draw("wait"))
		}
		tries := rapid.IntRange(-2, 8).Draw(t, "tries")
		elapsed, hint := draw("elapsed"), draw("hint")
		jitter := rapid.Float64Range(0, 0.999).Draw(t, "jitter")
		wait, ok := p.Next(tries, elapsed, hint, jitter)
		again, same := p.Next(tries, elapsed, hint, jitter)
		if again != wait || same != ok {
			t.Fatalf("not pure: %s, %v and %s, %v", wait, ok, again, same)
		}
		if tries > len(p.Schedule) && ok {
			t.Fatal("more attempts than the schedule has")
		}
		if !ok {
			later, ok := p.Next(tries, max(elapsed, elapsed+1), hint, jitter)
			if ok {
				t.Fatalf("given up, and %s later not", later)
			}
			return
		}
		base := max(p.Schedule[max(tries, 1)-1], 0)
		longest := max(base, min(hint, time.Hour))
		if wait < longest || wait < 0 {
			t.Fatalf("waits %s, less than %s", wait, longest)
		}
		if base <= math.MaxInt64/2 && wait > max(base+base/10, min(hint, time.Hour)) {
			t.Fatalf("waits %s of %s and hint %s", wait, base, hint)
		}
		if p.GiveUpAfter > 0 && max(elapsed, 0)+wait > p.GiveUpAfter {
			t.Fatalf("waits %s beyond %s", wait, p.GiveUpAfter)
		}
		if more, ok := p.Next(tries, elapsed, hint, min(jitter+0.1, 0.999)); ok && more < wait {
			t.Fatalf("more jitter, shorter wait: %s, %s", wait, more)
		}
		if more, ok := p.Next(tries, elapsed, max(hint, hint+time.Second), jitter); ok && more < wait {
			t.Fatalf("longer hint, shorter wait: %s, %s", wait, more)
		}
	})
}

func TestJitter(t *testing.T) {
	t.Parallel()
	if a, b := Jitter("d-1", 1), Jitter("d-1", 1); a != b {
		t.Errorf("got %v and %v", a, b)
	}
	if Jitter("d-1", 1) == Jitter("d-1", 2) || Jitter("d-1", 1) == Jitter("d-2", 1) || Jitter("d-1", 11) == Jitter("d-11", 1) {
		t.Error("different attempts have the same jitter")
	}
	const n = 10_000
	tenths := make([]int, 10)
	for i := range n {
		j := Jitter("0192f0c1-7a5b-7000-8000-"+string(rune('a'+i%26)), i)
		if j < 0 || j >= 1 {
			t.Fatalf("got %v", j)
		}
		tenths[int(j*10)]++
	}
	if slices.Min(tenths) < n/10*8/10 || slices.Max(tenths) > n/10*12/10 {
		t.Errorf("not even: %v", tenths)
	}
}
