package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// asPart is the first argument by which this test's program becomes one of the parts.
const asPart = "as-part"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == asPart {
		if err := run(context.Background(), os.Args[2:], os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// TestAll runs every measure with a handful of events, against todosync as it is built now: so the harness can't rot.
func TestAll(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	program := filepath.Join(dir, "todosync")
	build := exec.CommandContext(t.Context(), "go", append(slices.Concat([]string{"build"}, raceFlags()), "-o", program, "todosync/cmd/todosync")...)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build todosync: %v\n%s", err, out)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	b := &bench{
		self: self, selfArgs: []string{asPart}, todosync: program, dir: dir, root: "../..", out: &out, sizes: tinySizes(), only: regexp.MustCompile(""),
	}
	if err := b.all(t.Context()); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	for _, r := range b.runs {
		if len(r.Void) > 0 && !later(r) {
			t.Errorf("%s: %v", r.Key, r.Void)
		}
	}
	rep := b.report(t.Context())
	for _, l := range rep.Lines {
		if slices.ContainsFunc(l.Void, notYet) {
			continue
		}
		if l.Rounds == 0 {
			t.Errorf("%s has no figure", l.What)
		}
		if l.Against != "" && len(l.Ratios) == 0 {
			t.Errorf("%s has no ratio", l.What)
		}
	}
	var table strings.Builder
	if err := rep.print(&table); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "bench.json")
	if err := rep.write(file); err != nil {
		t.Fatal(err)
	}
	if t.Failed() {
		t.Logf("%s\n%s", &out, &table)
	}
}

// later reports whether a measure waits for what todosync cannot do yet.
func later(r result) bool { return slices.ContainsFunc(r.Void, notYet) }

func notYet(why string) bool {
	return strings.Contains(why, "this version keeps its store in SQLite only")
}

// TestAgain makes one table of two runs: what the second has measured counts, and each ratio is of one run.
func TestAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name string, runs ...result) string {
		name = filepath.Join(dir, name)
		if err := (report{Runs: runs}).write(name); err != nil {
			t.Fatal(err)
		}
		return name
	}
	at := func(key string, rate float64) result {
		return result{Key: key, Values: map[string]float64{"rate": rate}}
	}
	got, err := again([]string{
		file("1.json", at("L4", 100), at("drain", 50), at("crowd drain", 40)), file("2.json", at("L4", 1000), at("drain", 900)),
	})
	if err != nil {
		t.Fatal(err)
	}
	medians, ratios := map[string]float64{}, map[string]float64{}
	for _, l := range got.Lines {
		if l.Value == "rate" {
			medians[l.Key], ratios[l.Key] = l.Median, l.Ratio
		}
	}
	if diff := cmp.Diff(map[string]float64{"L4": 1000, "drain": 900, "crowd drain": 40}, medians); diff != "" {
		t.Errorf("medians: -want +got\n%s", diff)
	}
	if diff := cmp.Diff(map[string]float64{"L4": 0, "drain": 0.9, "crowd drain": 0.8}, ratios); diff != "" {
		t.Errorf("ratios: -want +got\n%s", diff)
	}
	doc := filepath.Join(dir, "doc.md")
	if err := os.WriteFile(doc, []byte("before\n"+tableBegins+"old\n"+tableEnds+"after\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // also over its own table
		if err := got.document(doc); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(doc)
	if text := string(b); err != nil || !strings.HasPrefix(text, "before\n"+tableBegins) || !strings.HasSuffix(text, tableEnds+"after\n") ||
		strings.Contains(text, "old") || strings.Count(text, "| drain, embedded NATS | 900 /s |") != 1 {
		t.Errorf("the document is\n%s", text)
	}
}

// tinySizes are those of a smoke test; what a slow or busy machine makes void counts there.
func tinySizes() sizes {
	return sizes{
		Rounds: 1, Events: 400, Published: 100, OpenSeconds: 0.5, SlowEvents: 200, HangSeconds: 0.5, Crowd: 30, CrowdBusy: 10,
		Waiting: 500, Records: 1000, PageRecords: 1000, RowSeconds: 0.05, Connections: 5, EveryRow: true, MaxBusyOA: 10, MaxLateMillis: 1e6,
	}
}

// TestClaims holds the table and the measures together.
func TestClaims(t *testing.T) {
	t.Parallel()
	keys := map[string]bool{}
	for _, m := range measures() {
		if keys[m.key] {
			t.Errorf("measure %s is there twice", m.key)
		}
		keys[m.key] = true
	}
	for _, c := range claims() {
		if !keys[c.Key] {
			t.Errorf("%s: there is no measure %s", c.What, c.Key)
		}
		if c.Against != "" && !keys[c.Against] {
			t.Errorf("%s: there is no measure %s", c.What, c.Against)
		}
	}
}

func TestLedger(t *testing.T) {
	t.Parallel()
	const first = 500
	body := func(serial, todo int) []byte {
		return fmt.Appendf(nil, `{"taskId":"67298f0c9b3c1a00%08d","serial":"%08d"}`, todo, serial)
	}
	now := time.Unix(1, 0)
	tests := map[string]struct {
		bodies [][]byte
		want   faults
	}{
		"all there":      {[][]byte{body(500, 500), body(502, 502), body(501, 500)}, faults{}},
		"one missing":    {[][]byte{body(500, 500), body(502, 502)}, faults{Missing: 1}},
		"one twice":      {[][]byte{body(500, 500), body(501, 500), body(501, 500), body(502, 502)}, faults{Twice: 1}},
		"wrong order":    {[][]byte{body(501, 500), body(500, 500), body(502, 502)}, faults{Disordered: 1}},
		"another run's":  {[][]byte{body(500, 500), body(501, 500), body(502, 502), body(499, 499), body(503, 503)}, faults{Unknown: 2}},
		"without serial": {[][]byte{body(500, 500), body(501, 500), body(502, 502), []byte(`{"serial":"#F201"}`)}, faults{Unknown: 1}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLedger(first, 3)
			for _, b := range test.bodies {
				l.note(b, now)
			}
			got, _ := l.close()
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// TestLoad holds the events to what the ledger reads in them: an edit comes after the create of its todo, in the same tenant.
func TestLoad(t *testing.T) {
	t.Parallel()
	l := load{First: 1000, Events: 400, Tenants: 20}
	edits := 0
	for serial := l.First; serial < l.First+l.Events; serial++ {
		subject, _, payload := l.event(serial)
		todo := l.todo(serial)
		if got, ok := number(payload, serialMark); !ok || got != serial {
			t.Errorf("event %d says it is %d", serial, got)
		}
		if len(payload) != eventSize {
			t.Errorf("event %d has %d bytes, want %d", serial, len(payload), eventSize)
		}
		if todo == serial {
			continue
		}
		edits++
		if todo > serial || l.todo(todo) != todo || l.tenant(todo) != l.tenant(serial) || !strings.HasSuffix(subject, ".edit") {
			t.Errorf("event %d (%s) edits todo %d of %s", serial, subject, todo, l.tenant(todo))
		}
	}
	if edits != l.Events/4 {
		t.Errorf("%d edits in %d events", edits, l.Events)
	}
}

func TestVerdict(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		claim claim
		value float64
		want  string
	}{
		"reached":           {claim{Target: 0.75, Stretch: 0.9}, 0.8, "reached"},
		"stretch":           {claim{Target: 0.75, Stretch: 0.9}, 0.9, "stretch reached"},
		"missed":            {claim{Target: 0.75, Stretch: 0.9}, 0.74, "missed"},
		"at most":           {claim{Target: 1.4, Stretch: 1.1, AtMost: true}, 1.2, "reached"},
		"at most, stretch":  {claim{Target: 1.4, Stretch: 1.1, AtMost: true}, 1.1, "stretch reached"},
		"more than at most": {claim{Target: 1.4, Stretch: 1.1, AtMost: true}, 1.5, "missed"},
		"nothing to reach":  {claim{}, 1, ""},
		"without a stretch": {claim{Target: 2, AtMost: true}, 0.1, "reached"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := test.claim.verdict(test.value); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// TestFigure takes the ratio of each round by itself, and leaves out what does not count.
func TestFigure(t *testing.T) {
	t.Parallel()
	at := func(key string, round int, rate float64, void ...string) result {
		return result{Key: key, Round: round, Values: map[string]float64{"rate": rate}, Void: void}
	}
	got := claim{Key: "drain", Value: "rate", Against: "L4", Target: 0.75, Stretch: 0.9}.figure([]result{
		at("L4", 0, 100), at("drain", 0, 80), at("drain", 1, 50), at("L4", 1, 50), at("L4", 2, 10), at("drain", 2, 1, "the ledger has faults"),
		at("L4", 3, 100, "the fake OA"), at("drain", 3, 70),
	})
	want := line{
		claim: claim{Key: "drain", Value: "rate", Against: "L4", Target: 0.75, Stretch: 0.9}, Median: 70, Least: 50, Most: 80, Ratio: 0.9,
		Rounds: 3, Void: []string{"the ledger has faults"}, Verdict: "stretch reached", Ratios: []float64{0.8, 1},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(line{})); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestPercentile(t *testing.T) {
	t.Parallel()
	v := []float64{5, 1, 4, 2, 3}
	for share, want := range map[float64]float64{0: 1, 0.2: 1, 0.5: 3, 0.99: 5, 1: 5} {
		if got := percentile(v, share); got != want {
			t.Errorf("percentile %v: got %v, want %v", share, got, want)
		}
	}
}
