package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// The marks between which the document holds the table of the last run.
const (
	tableBegins = "<!-- table: written by go run ./internal/bench -doc -->\n"
	tableEnds   = "<!-- end of table -->\n"
)

// document puts the table into a Markdown file, in place of the one that is there.
func (r report) document(name string) error {
	b, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	head, rest, begins := strings.Cut(string(b), tableBegins)
	_, tail, ends := strings.Cut(rest, tableEnds)
	if !begins || !ends {
		return fmt.Errorf("%s has no place for a table: a line %q, and below it %q", name, strings.TrimSpace(tableBegins), strings.TrimSpace(tableEnds))
	}
	return os.WriteFile(name, []byte(head+tableBegins+r.markdown()+tableEnds+tail), 0o644) //nolint:gosec // for everybody to read
}

// tell prints the table, and puts it into a document where one is given.
func (r report) tell(out io.Writer, doc string) error {
	err := r.print(out)
	if doc != "" {
		err = errors.Join(err, r.document(doc))
	}
	return err
}

// markdown is the table with where and when it was made.
func (r report) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s, commit %s; %s; %d rounds.", r.Time.Format(time.DateOnly), r.Commit, r.Machine, r.Sizes.Rounds)
	if share, ok := r.others(); ok {
		fmt.Fprintf(&b, " Other work had %.0f %% of what the processors did meanwhile.", 100*share)
	}
	b.WriteString("\n\n| what | median | spread | ratio | target | stretch | |\n|---|---|---|---|---|---|---|\n")
	for _, l := range r.Lines {
		if l.Rounds == 0 {
			fmt.Fprintf(&b, "| %s | no figure | | | %s | | %s |\n", l.What, l.goal(l.Target), l.reason())
			continue
		}
		ratio := ""
		if l.Ratio != 0 {
			ratio = short(l.Ratio) + " of " + l.Against
		}
		spread := ""
		if l.Rounds > 1 {
			spread = short(l.Least) + " to " + short(l.Most)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s |\n", l.What, strings.TrimSpace(short(l.Median)+" "+l.Unit), spread, ratio,
			l.goal(l.Target), l.goal(l.Stretch), l.Verdict)
	}
	b.WriteString("\n")
	return b.String()
}

// goal is a target as the table says it.
func (l line) goal(v float64) string {
	switch {
	case v == 0:
		return ""
	case l.AtMost:
		return "≤ " + short(v)
	}
	return "≥ " + short(v)
}

// reason is why there is no figure, short.
func (l line) reason() string {
	if len(l.Void) == 0 {
		return "not measured"
	}
	why, _, _ := strings.Cut(l.Void[0], "\n")
	return strings.ReplaceAll(why, "|", "/")
}

// others is the median share of the machine's work that was not ours.
func (r report) others() (float64, bool) {
	var shares []float64
	for _, run := range r.Runs {
		if v, ok := run.Values["others"]; ok {
			shares = append(shares, v)
		}
	}
	if len(shares) == 0 {
		return 0, false
	}
	return median(shares), true
}

// again makes one report of the results of earlier runs. Ratios stay within one round of one run; of what several runs have
// measured, the last counts.
func again(files []string) (report, error) {
	var r report
	for i, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			return r, err
		}
		var one report
		if err := json.Unmarshal(b, &one); err != nil {
			return r, fmt.Errorf("%s: %w", name, err)
		}
		runs := append(replaced(r.Runs, one.Runs), one.Runs...)
		for j := len(runs) - len(one.Runs); j < len(runs); j++ {
			runs[j].Round += i * 1000
		}
		r = one
		r.Runs = runs
	}
	if len(r.Runs) == 0 {
		return r, errors.New("no results in these files")
	}
	r.Lines = figures(r.Runs)
	return r, nil
}

// replaced marks in old what the fresh runs have measured again: it stands as the limit of its own rounds alone.
func replaced(old, fresh []result) []result {
	measured := map[string]bool{}
	for _, r := range fresh {
		measured[r.Key] = len(r.Void) == 0 || measured[r.Key]
	}
	for i := range old {
		old[i].LimitOnly = old[i].LimitOnly || measured[old[i].Key]
	}
	return old
}
