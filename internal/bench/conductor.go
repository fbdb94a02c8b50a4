package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// A bench is one run of `make bench`.
type bench struct {
	self     string   // this program
	selfArgs []string // that make it a part where more follow; tests need some
	todosync string   // the program to measure
	dir      string   // of this run
	scratch  string   // where that is; empty: the temporary folder of the system
	root     string   // of the repository
	out      io.Writer
	sizes    sizes
	only     *regexp.Regexp
	began    time.Time

	oa   *oaProcess
	pg   string // address of PostgreSQL, once it runs
	ends []func() error
	runs []result

	piledUp bool // the folder "big" holds all that it should
}

// sizes are how much is measured.
type sizes struct {
	Rounds        int     `json:"rounds"`
	Events        int     `json:"events"`      // of a drain and of a loop
	Published     int     `json:"published"`   // L0, asynchronously; a tenth of it waiting
	OpenSeconds   float64 `json:"openSeconds"` // of open-loop load
	SlowEvents    int     `json:"slowEvents"`  // for the OA that takes 50 ms
	HangSeconds   float64 `json:"hangSeconds"`
	Crowd         int     `json:"crowd"` // connections
	CrowdBusy     int     `json:"crowdBusy"`
	Waiting       int     `json:"waiting"` // events
	Records       int     `json:"records"`
	PageRecords   int     `json:"pageRecords"` // behind the console's pages
	RowSeconds    float64 `json:"rowSeconds"`  // per number of rows a commit
	BuildCold     bool    `json:"buildCold"`
	EveryRow      bool    `json:"everyRow"` // also those that take minutes to prepare
	Connections   int     `json:"connections"`
	MaxBusyOA     float64 `json:"maxBusyOA"`     // share of the machine above which the fake OA is the bottleneck
	MaxLateMillis float64 `json:"maxLateMillis"` // p99 of the generator's lateness above which it is
}

func fullSizes() sizes {
	return sizes{
		Rounds: 5, Events: 100_000, Published: 20_000, OpenSeconds: 15, SlowEvents: 15_000, HangSeconds: 30, Crowd: 10_000, CrowdBusy: 100,
		Waiting: 1_000_000, Records: 10_000_000, PageRecords: 1_000_000, RowSeconds: 3, BuildCold: true, EveryRow: true, Connections: 20,
		MaxBusyOA: 0.5, MaxLateMillis: 2,
	}
}

func quickSizes() sizes {
	s := fullSizes()
	s.Rounds, s.Events, s.Published, s.OpenSeconds, s.SlowEvents, s.HangSeconds = 1, 20_000, 4_000, 5, 4_000, 6
	s.Crowd, s.CrowdBusy, s.RowSeconds, s.BuildCold, s.EveryRow, s.PageRecords = 1_000, 100, 0.5, false, false, 100_000
	return s
}

// A result is what one run of one thing gave.
type result struct {
	Key    string             `json:"key"`
	Round  int                `json:"round"`
	Values map[string]float64 `json:"values"`
	Faults faults             `json:"faults"`
	Void   []string           `json:"void,omitempty"` // why the run does not count
	// LimitOnly: a later run has measured it again, and this one is the limit for others of its round alone.
	LimitOnly bool `json:"limitOnly,omitempty"`
}

// A measure is one thing that is measured.
type measure struct {
	key  string
	once bool               // not in every round
	when func(s sizes) bool // nil: always
	run  func(ctx context.Context, b *bench) (result, error)
}

// conduct runs everything and writes the report.
func conduct(ctx context.Context, args []string, out io.Writer) error {
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	fs.SetOutput(out)
	quick := fs.Bool("quick", false, "one round, smaller: under three minutes")
	jsonFile := fs.String("json", "", "file for all results; none: the table alone")
	doc := fs.String("doc", "", "Markdown file whose table is to be these results")
	from := fs.String("from", "", "files of earlier results, with commas between: measure nothing, and make one table of them")
	only := fs.String("only", "", "run only the measures whose key matches this expression")
	waiting := fs.Int("waiting", 0, "how many events wait in the row of a start; 0: 1,000,000")
	records := fs.Int("records", 0, "how many records are there; 0: 10 million, and 1 million behind the console's pages")
	rounds := fs.Int("rounds", 0, "rounds; 0: 5, or 1 with -quick")
	scratch := fs.String("dir", "", "where the data folders of the runs are made; default the system's temporary folder")
	binary := fs.String("todosync", "bin/todosync", "the program to measure")
	root := fs.String("root", ".", "root of the repository, for the row of the build")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if *from != "" {
		rep, err := again(strings.Split(*from, ","))
		if err != nil {
			return err
		}
		return rep.tell(out, *doc)
	}
	s := fullSizes()
	if *quick {
		s = quickSizes()
	}
	if *waiting > 0 {
		s.Waiting, s.EveryRow = *waiting, true
	}
	if *records > 0 {
		s.Records, s.PageRecords, s.EveryRow = *records, *records, true
	}
	if *rounds > 0 {
		s.Rounds = *rounds
	}
	pattern, err := regexp.Compile(*only)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	program, err := filepath.Abs(*binary)
	if err != nil {
		return err
	}
	b := &bench{self: self, todosync: program, root: *root, scratch: *scratch, out: out, sizes: s, only: pattern}
	if b.dir, err = os.MkdirTemp(*scratch, "todosync-bench-"); err != nil {
		return err
	}
	err = b.all(ctx)
	err = errors.Join(err, os.RemoveAll(b.dir))
	if len(b.runs) == 0 {
		return err
	}
	rep := b.report(ctx)
	if *jsonFile != "" {
		err = errors.Join(err, rep.write(*jsonFile))
	}
	return errors.Join(err, rep.tell(out, *doc))
}

// all runs the rounds. The order turns with each, so that a machine that gets slower harms none more than others.
func (b *bench) all(ctx context.Context) error {
	b.began = time.Now()
	var err error
	if b.oa, err = b.startOA(ctx); err != nil {
		return err
	}
	b.ends = append(b.ends, b.oa.stop)
	defer func() {
		for _, end := range b.ends {
			_ = end() // all has been measured
		}
	}()
	for round := range b.sizes.Rounds {
		list := b.chosen(round)
		if round%2 == 1 {
			slices.Reverse(list)
		}
		for _, m := range list {
			if err := b.once(ctx, m, round); err != nil {
				return err
			}
		}
	}
	return nil
}

// chosen are the measures of a round.
func (b *bench) chosen(round int) []measure {
	return slices.DeleteFunc(measures(), func(m measure) bool {
		return !b.only.MatchString(m.key) || (m.once && round > 0) || (m.when != nil && !m.when(b.sizes))
	})
}

// once runs one measure. What goes wrong in it is told and does not stop the others.
func (b *bench) once(ctx context.Context, m measure, round int) error {
	b.say("round %d of %d: %s", round+1, b.sizes.Rounds, m.key)
	r, err := m.run(ctx, b)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	r.Key, r.Round = m.key, round
	if err != nil {
		r.Void = append(r.Void, err.Error())
	}
	if r.Faults.any() {
		r.Void = append(r.Void, fmt.Sprintf("the ledger has faults: %+v", r.Faults))
	}
	b.runs = append(b.runs, r)
	b.say("    %s", r.line())
	return nil
}

// say writes a line of progress.
func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(b.out, "%6.1f s  %s\n", time.Since(b.began).Seconds(), fmt.Sprintf(format, args...))
}

// folder is a scratch folder.
func (b *bench) folder(name string) string { return filepath.Join(b.dir, name) }
