package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// A claim is one line of the table: a value of a measure, against another of the same round where it has a limit.
type claim struct {
	What    string  `json:"what"`
	Key     string  `json:"key"`
	Value   string  `json:"value"`
	Unit    string  `json:"unit"`
	Against string  `json:"against,omitempty"` // key of the limit; the figure to reach is then the ratio
	Limit   string  `json:"limit,omitempty"`   // the limit's value; Value where empty
	Target  float64 `json:"target,omitempty"`
	Stretch float64 `json:"stretch,omitempty"`
	AtMost  bool    `json:"atMost,omitempty"` // less is better
}

// A line is a claim with its figures.
type line struct {
	claim
	Median  float64   `json:"median"`
	Least   float64   `json:"least"`
	Most    float64   `json:"most"`
	Ratio   float64   `json:"ratio,omitempty"` // median of the rounds' ratios
	Rounds  int       `json:"rounds"`          // that count
	Void    []string  `json:"void,omitempty"`
	Verdict string    `json:"verdict,omitempty"` // reached, stretch reached, missed
	Ratios  []float64 `json:"ratios,omitempty"`
}

// A report is everything of one run.
type report struct {
	Time    time.Time `json:"time"`
	Commit  string    `json:"commit"`
	Machine string    `json:"machine"`
	Load    string    `json:"loadAverage"`
	Sizes   sizes     `json:"sizes"`
	Seconds float64   `json:"seconds"`
	Lines   []line    `json:"lines"`
	Runs    []result  `json:"runs"`
}

func (b *bench) report(ctx context.Context) report {
	// The program says which commit it was built from, which the tree may have left since; also after an interrupt.
	said, _ := exec.CommandContext(context.WithoutCancel(ctx), b.todosync, "version").Output() //nolint:gosec // the program to measure
	commit, _, _ := strings.Cut(string(said), "\n")
	r := report{
		Time: time.Now().UTC().Truncate(time.Second), Commit: strings.TrimSpace(strings.TrimPrefix(commit, "todosync")), Machine: machine(), Sizes: b.sizes,
		Seconds: time.Since(b.began).Seconds(), Runs: b.runs,
	}
	load, _ := os.ReadFile("/proc/loadavg")
	r.Load = strings.TrimSpace(string(load))
	r.Lines = figures(b.runs)
	return r
}

// figures are the lines of the table that runs give.
func figures(runs []result) (lines []line) {
	for _, c := range claims() {
		if slices.ContainsFunc(runs, func(r result) bool { return r.Key == c.Key }) {
			lines = append(lines, c.figure(runs))
		}
	}
	return lines
}

// machine describes where the figures were taken.
func machine() string {
	name := "unknown processor"
	info, _ := os.ReadFile("/proc/cpuinfo")
	for l := range strings.Lines(string(info)) {
		if k, v, ok := strings.Cut(l, ":"); ok && strings.TrimSpace(k) == "model name" {
			name = strings.TrimSpace(v)
			break
		}
	}
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	return fmt.Sprintf("%d cores, %s, Linux %s, %s", runtime.NumCPU(), name, strings.TrimSpace(string(kernel)), runtime.Version())
}

// figure gathers what the rounds gave for a claim.
func (c claim) figure(runs []result) line {
	l := line{claim: c}
	var values []float64
	for _, r := range runs {
		if r.Key != c.Key || r.LimitOnly {
			continue
		}
		if len(r.Void) > 0 {
			l.Void = append(l.Void, r.Void...)
			continue
		}
		v, ok := r.Values[c.Value]
		if !ok {
			continue
		}
		values = append(values, v)
		if limit, ok := limitOf(c, runs, r.Round); ok {
			l.Ratios = append(l.Ratios, v/limit)
		}
	}
	l.Rounds = len(values)
	if len(values) == 0 {
		return l
	}
	l.Median, l.Least, l.Most = median(values), slices.Min(values), slices.Max(values)
	reach := l.Median
	if c.Against != "" {
		if len(l.Ratios) == 0 {
			return l
		}
		l.Ratio = median(l.Ratios)
		reach = l.Ratio
	}
	l.Verdict = c.verdict(reach)
	return l
}

// limitOf is the limit's value in the same round.
func limitOf(c claim, runs []result, round int) (float64, bool) {
	name := cmp.Or(c.Limit, c.Value)
	for _, r := range runs {
		if c.Against != "" && r.Key == c.Against && r.Round == round && len(r.Void) == 0 {
			v, ok := r.Values[name]
			return v, ok && v > 0
		}
	}
	return 0, false
}

func (c claim) verdict(v float64) string {
	reached := func(goal float64) bool {
		if c.AtMost {
			return v <= goal
		}
		return v >= goal
	}
	switch {
	case c.Target == 0:
		return ""
	case c.Stretch != 0 && reached(c.Stretch):
		return "stretch reached"
	case reached(c.Target):
		return "reached"
	}
	return "missed"
}

// write keeps the report as JSON.
func (r report) write(name string) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(name, append(b, '\n'), 0o644) //nolint:gosec // for everybody to read
}

// print writes the table.
func (r report) print(w io.Writer) error {
	fmt.Fprintf(w, "\n%s, commit %s\n%s, load %s\n%d rounds, %.0f s in all\n\n", r.Time.Format(time.RFC3339), r.Commit, r.Machine, r.Load, r.Sizes.Rounds, r.Seconds)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "what\tmedian\tspread\tratio\ttarget\tstretch\t")
	for _, l := range r.Lines {
		fmt.Fprintln(t, l.text())
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, l := range r.Lines {
		for _, why := range l.Void {
			fmt.Fprintf(w, "does not count: %s: %s\n", l.What, why)
		}
	}
	return nil
}

// text is a line of the table.
func (l line) text() string {
	if l.Rounds == 0 {
		return l.What + "\tno figure\t\t\t\t\t"
	}
	ratio, target, stretch := "", "", ""
	if l.Ratio != 0 {
		ratio = short(l.Ratio) + " of " + l.Against
	}
	if l.Target != 0 {
		target = short(l.Target) + ", " + l.Verdict
	}
	if l.Stretch != 0 {
		stretch = short(l.Stretch)
	}
	return fmt.Sprintf("%s\t%s %s\t%s to %s\t%s\t%s\t%s\t", l.What, short(l.Median), l.Unit, short(l.Least), short(l.Most), ratio, target, stretch)
}

// short writes a number with three figures that mean something.
func short(v float64) string {
	switch a := math.Abs(v); {
	case a >= 100 || v == math.Trunc(v):
		return fmt.Sprintf("%.0f", v)
	case a >= 10:
		return fmt.Sprintf("%.1f", v)
	default:
		return fmt.Sprintf("%.2f", v)
	}
}

// line is a result in one line of progress.
func (r result) line() string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(r.Values)) {
		parts = append(parts, k+" "+short(r.Values[k]))
	}
	for _, why := range r.Void {
		parts = append(parts, "DOES NOT COUNT: "+why)
	}
	return strings.Join(parts, ", ")
}

func sorted(v []float64) []float64 {
	v = slices.Clone(v)
	slices.Sort(v)
	return v
}

func median(v []float64) float64 {
	v = sorted(v)
	n := len(v)
	if n%2 == 1 {
		return v[n/2]
	}
	return (v[n/2-1] + v[n/2]) / 2
}
