package console

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// both gives back the texts that a difference was made of, from what it shows.
func both(d *difference) (was, is string) {
	line := func(r diffRow) string {
		var b strings.Builder
		for _, p := range r.Parts {
			b.WriteString(p.Text)
		}
		return b.String() + "\n"
	}
	for _, r := range d.Runs {
		for _, one := range r.Same {
			was, is = was+line(one), is+line(one)
		}
		for _, one := range r.Removed {
			was += line(one)
		}
		for _, one := range r.Added {
			is += line(one)
		}
	}
	return was, is
}

func TestDifferenceShowsBothTextsWhole(t *testing.T) {
	t.Parallel()
	dice := rand.New(rand.NewPCG(7, 7)) //nolint:gosec // the same texts in every run
	random := func() string {
		var b strings.Builder
		for range dice.IntN(40) {
			fmt.Fprintf(&b, "line %d of 中文\n", dice.IntN(12))
		}
		return b.String()
	}
	for range 3000 {
		x, y := random(), random()
		d := differenceOf(x, y)
		if was, is := both(d); was != x || is != y {
			t.Fatalf("of\n%s---\n%s it shows\n%s---\n%s", x, y, was, is)
		}
		if d.differs() != (x != y) {
			t.Fatalf("differs %v of\n%s---\n%s", d.differs(), x, y)
		}
		before, after := 0, 0 // numbers run on without a gap on both sides
		for _, r := range d.Runs {
			for _, one := range r.Same {
				if before, after = before+1, after+1; one.Number != before || one.Other != after {
					t.Fatalf("line %d, %d is numbered %d, %d", before, after, one.Number, one.Other)
				}
			}
			for _, one := range r.Removed {
				if before++; one.Number != before {
					t.Fatalf("removed line %d is numbered %d", before, one.Number)
				}
			}
			for _, one := range r.Added {
				if after++; one.Number != after {
					t.Fatalf("added line %d is numbered %d", after, one.Number)
				}
			}
		}
	}
}

func TestDifferenceMarksWordsFoldsAndPairs(t *testing.T) {
	t.Parallel()
	var long strings.Builder
	for i := range 40 {
		fmt.Fprintf(&long, "same %d\n", i)
	}
	d := differenceOf("a: 1\n"+long.String()+"title: 待办标题 old\nend\n", "a: 2\n"+long.String()+"title: 待办主题 new\nadded\nend\n")
	shape := ""
	for _, r := range d.Runs {
		switch {
		case r.Folded:
			shape += fmt.Sprintf(" fold:%d", len(r.Same))
		case len(r.Same) > 0:
			shape += fmt.Sprintf(" same:%d", len(r.Same))
		default:
			shape += fmt.Sprintf(" -%d+%d", len(r.Removed), len(r.Added))
		}
	}
	if want := " -1+1 same:3 fold:34 same:3 -1+1 -0+1 same:1"; shape != want {
		t.Errorf("shape%s, want%s", shape, want)
	}
	marked := func(parts []diffPart) (out []string) {
		for _, p := range parts {
			if p.Marked {
				out = append(out, p.Text)
			}
		}
		return out
	}
	changed := d.Runs[4]
	if got := marked(changed.Removed[0].Parts); !slices.Equal(got, []string{"标", "old"}) {
		t.Errorf("of the old title is marked %q", got)
	}
	if got := marked(changed.Added[0].Parts); !slices.Equal(got, []string{"主", "new"}) {
		t.Errorf("of the new title is marked %q", got)
	}
	if d.Added != 3 || d.Removed != 2 {
		t.Errorf("%d added, %d removed", d.Added, d.Removed)
	}
}

func TestDifferenceOfWhatIsLarge(t *testing.T) {
	t.Parallel()
	one := `{"body":"` + strings.Repeat("中文 words ", 100_000)
	start := time.Now()
	d := differenceOf(one+`x"}`, one+`y"}`) // one line of a megabyte
	if !d.differs() {
		t.Error("it has no difference")
	}
	var a, b strings.Builder
	for i := range 60_000 {
		fmt.Fprintf(&a, "%d\n", i%7)
		fmt.Fprintf(&b, "%d\n", i%5)
	}
	if d = differenceOf(a.String(), b.String()); d.Left == 0 {
		t.Error("it shows everything")
	}
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
}
