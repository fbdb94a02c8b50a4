package console

import (
	"strings"
	"unicode"
	"unicode/utf8"

	diff "todosync/internal/difference"
)

// A difference compares two texts for people: side by side where there is room, one after the other on a phone or by choice, the words
// that changed marked within their lines, what is the same folded away. See differenceView.
type difference struct {
	ID      string // of the element; one on its page
	Was, Is string // what both sides are called: "revision 3", "your file"
	Runs    []diffRun
	Added   int // lines
	Removed int
	Left    int // changed lines that are not shown because there are too many
}

// A diffRun is lines that are shown together: the same ones, or ones that changed.
type diffRun struct {
	Same   []diffRow
	Folded bool // of the same ones: shown when they are asked for
	Hidden int  // of the same ones: how many more lie between that are not in the page at all

	Removed, Added []diffRow // of changed ones; those of one number stand beside one another
}

// A diffRow is a line of one side. Of a line that is the same, Other is its number on the other side.
type diffRow struct {
	Number, Other int
	Parts         []diffPart
}

// A diffPart is a piece of a line; Marked where the other side has something else there.
type diffPart struct {
	Text   string
	Marked bool
}

const (
	contextLines = 3    // how many lines around a change stay in sight
	foldedMost   = 400  // how many lines a fold holds; of a longer one its ends
	changedMost  = 3000 // how many changed lines are shown
	wordsMost    = 4000 // up to how many words a line is compared word by word
	sameMost     = 600  // what is the same within a line is shortened from here on, in characters
)

// differs reports whether there is anything to see.
func (d *difference) differs() bool { return d.Added+d.Removed > 0 }

// differenceOf compares two texts line by line.
func differenceOf(was, is string) *difference {
	return differenceIn(diff.Lines(linesOf(was), linesOf(is)))
}

func linesOf(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}

// differenceIn is a difference that was found elsewhere: lines with "- ", "+ " or "  " in front, whole, as the API's rehearsals have them.
func differenceIn(marked []string) *difference {
	d := &difference{ID: "difference"}
	was, is := 0, 0
	shown := 0
	for i := 0; i < len(marked); {
		var same []diffRow
		for ; i < len(marked) && sign(marked[i]) == ' '; i++ {
			was, is = was+1, is+1
			same = append(same, diffRow{Number: was, Other: is, Parts: []diffPart{{Text: textOf(marked[i])}}})
		}
		d.keep(same, i < len(marked))
		var removed, added []diffRow
		for ; i < len(marked) && sign(marked[i]) != ' '; i++ {
			row := diffRow{Parts: []diffPart{{Text: textOf(marked[i])}}}
			if sign(marked[i]) == '-' {
				was++
				row.Number = was
				removed = append(removed, row)
			} else {
				is++
				row.Number = is
				added = append(added, row)
			}
		}
		d.Removed, d.Added = d.Removed+len(removed), d.Added+len(added)
		if shown += len(removed) + len(added); shown > changedMost {
			d.Left += len(removed) + len(added)
			continue
		}
		d.change(removed, added)
	}
	return d
}

func sign(line string) byte {
	if line == "" {
		return ' '
	}
	return line[0]
}

// textOf is a marked line without its mark.
func textOf(line string) string {
	if len(line) < 2 {
		return ""
	}
	return line[2:]
}

// keep takes up lines that are the same: those near a change in sight, the others folded.
func (d *difference) keep(same []diffRow, more bool) {
	head, tail := contextLines, contextLines
	if len(d.Runs) == 0 {
		head = 0
	}
	if !more {
		tail = 0
	}
	if len(same) <= head+tail+2 { // a fold of two lines saves nothing
		if len(same) > 0 {
			d.Runs = append(d.Runs, diffRun{Same: same})
		}
		return
	}
	if head > 0 {
		d.Runs = append(d.Runs, diffRun{Same: same[:head]})
	}
	folded := diffRun{Folded: true, Same: same[head : len(same)-tail]}
	if n := len(folded.Same); n > foldedMost {
		folded.Hidden = n - foldedMost
		folded.Same = append(folded.Same[:foldedMost/2:foldedMost/2], folded.Same[n-foldedMost/2:]...)
	}
	d.Runs = append(d.Runs, folded)
	if tail > 0 {
		d.Runs = append(d.Runs, diffRun{Same: same[len(same)-tail:]})
	}
}

// change takes up lines that changed. Those that have become one another stand beside one another, with their words compared.
func (d *difference) change(removed, added []diffRow) {
	var run diffRun
	flush := func() {
		if len(run.Removed)+len(run.Added) > 0 {
			d.Runs = append(d.Runs, run)
			run = diffRun{}
		}
	}
	i, j := 0, 0
	for _, p := range append(become(removed, added), diff.Pair{Was: len(removed), Is: len(added)}) {
		if p.Was > i || p.Is > j {
			if len(run.Removed) > 0 { // what was paired is its own run, so that the sides stay level
				flush()
			}
			run.Removed, run.Added = removed[i:p.Was], added[j:p.Is]
			flush()
		}
		if p.Was < len(removed) {
			x, y := removed[p.Was], added[p.Is]
			x.Parts, y.Parts = changedWords(x.Parts[0].Text, y.Parts[0].Text)
			run.Removed, run.Added = append(run.Removed, x), append(run.Added, y)
		}
		i, j = p.Was+1, p.Is+1
	}
	flush()
}

// become pairs lines that were removed with those that they have become: in order, by what they have in common.
func become(removed, added []diffRow) []diff.Pair {
	var out []diff.Pair
	if len(removed) == len(added) {
		for i := range removed {
			out = append(out, diff.Pair{Was: i, Is: i})
		}
		return out
	}
	few, many, swap := removed, added, false
	if len(few) > len(many) {
		few, many, swap = added, removed, true
	}
	if len(few)*len(many) > 10_000 {
		return nil
	}
	next := 0
	for i := range few {
		best, at := 0.5, -1
		for j := next; j <= len(many)-(len(few)-i); j++ {
			if s := alike(few[i].Parts[0].Text, many[j].Parts[0].Text); s > best {
				best, at = s, j
			}
		}
		if at < 0 {
			continue
		}
		next = at + 1
		if swap {
			out = append(out, diff.Pair{Was: at, Is: i})
		} else {
			out = append(out, diff.Pair{Was: i, Is: at})
		}
	}
	return out
}

// alike says how much two lines have in common at their ends, from 0 to 1: a cheap look that tells a changed line from another one.
func alike(a, b string) float64 {
	a, b = strings.TrimSpace(a), strings.TrimSpace(b)
	least := min(len(a), len(b))
	if least == 0 {
		return 0
	}
	head := 0
	for head < least && a[head] == b[head] {
		head++
	}
	tail := 0
	for tail < least-head && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	return float64(2*(head+tail)) / float64(len(a)+len(b))
}

// changedWords marks in two lines what the other one has not. Lines that have little in common are not marked: all of them changed.
func changedWords(was, is string) (x, y []diffPart) {
	a, b := wordsOf(was), wordsOf(is)
	whole := func(s string) []diffPart { return []diffPart{{Text: s}} }
	if len(a) > wordsMost || len(b) > wordsMost {
		return whole(was), whole(is)
	}
	common := diff.Pairs(a, b)
	kept := 0
	for _, p := range common {
		if strings.TrimSpace(a[p.Was]) != "" {
			kept += len(a[p.Was])
		}
	}
	if kept*4 < min(len(strings.TrimSpace(was)), len(strings.TrimSpace(is))) {
		return whole(was), whole(is)
	}
	inA, inB := make([]bool, len(a)), make([]bool, len(b))
	for _, p := range common {
		inA[p.Was], inB[p.Is] = true, true
	}
	return partsOf(a, inA), partsOf(b, inB)
}

// partsOf joins words to parts. Blanks between two that changed belong to them.
func partsOf(words []string, same []bool) []diffPart {
	for i := 1; i+1 < len(words); i++ {
		if same[i] && !same[i-1] && !same[i+1] && strings.TrimSpace(words[i]) == "" {
			same[i] = false
		}
	}
	var out []diffPart
	for i := 0; i < len(words); {
		j := i
		for j < len(words) && same[j] == same[i] {
			j++
		}
		out = append(out, diffPart{Text: strings.Join(words[i:j], ""), Marked: !same[i]})
		i = j
	}
	for i := range out {
		if !out[i].Marked {
			out[i].Text = shortened(out[i].Text)
		}
	}
	return out
}

// shortened leaves out the middle of a long text that is the same on both sides: of a body in one line what changed must be found.
func shortened(s string) string {
	if utf8.RuneCountInString(s) <= sameMost {
		return s
	}
	r := []rune(s)
	return string(r[:sameMost/3]) + " ⋯ " + string(r[len(r)-sameMost/3:])
}

// wordsOf takes a line apart: words and numbers, blanks, and all else sign by sign, as of Chinese.
func wordsOf(line string) []string {
	var out []string
	kind := func(r rune) int {
		switch {
		case r == '_' || r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r)):
			return 1
		case unicode.IsSpace(r):
			return 2
		}
		return 0
	}
	start, before := 0, -1
	for i, r := range line {
		k := kind(r)
		if i > 0 && (k != before || k == 0) {
			out = append(out, line[start:i])
			start = i
		}
		before = k
	}
	if start < len(line) {
		out = append(out, line[start:])
	}
	return out
}

// sum says how much changed.
func (d *difference) sum(v *visit) string {
	if !d.differs() {
		return v.T("nothing differs", "没有差异")
	}
	lines := func(n int) string {
		if n == 1 {
			return "1 line"
		}
		return count(int64(n)) + " lines"
	}
	return v.T(lines(d.Removed)+" removed, "+lines(d.Added)+" added", "删除 "+count(int64(d.Removed))+" 行，新增 "+count(int64(d.Added))+" 行")
}

// folded says what a fold holds.
func (r *diffRun) folded(v *visit) string {
	n := count(int64(len(r.Same) + r.Hidden))
	return v.T(n+" lines are the same", n+" 行相同")
}
