package notify

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"todosync/connector"
)

// A Summary is what a store has counted of the failures that a digest claimed: in any order, with texts as they were noted (masked, but
// of any length and content). Kinds and classes are as in Group and Example.
//
// Each failure claimed is in the Count of one group; Examples are some of those failures. Groups beyond GroupsMost need no messages.
type Summary struct {
	ID       string
	Tenant   string
	Title    string // the tenant's
	Zone     string // IANA name of the tenant's zone
	Language connector.Language
	Window   Window
	Covers   []string
	To       []string
	Groups   []Group   // Advice is Summarize's
	Examples []Example // URL is Summarize's
	Waiting  []Waiting
	OAs      []Outage
	SignOns  *SignOns // nil: nobody came
	// PublicURL is the address of the server for browsers; empty: no links.
	PublicURL string
	Test      bool
}

// Summarize makes the digest of a summary: ordered, cut to size, harmless, in words. It is pure, and leaves what it was given as it was.
func Summarize(s Summary) Digest {
	if s.Language != connector.English {
		s.Language = connector.Chinese
	}
	d := Digest{
		ID: s.ID, Tenant: s.Tenant, Window: s.Window, Language: s.Language, Zone: s.Zone, Test: s.Test,
		Name: clean(s.Title, titleMost), Counts: Counts{}, To: slices.Clone(s.To), Covers: slices.Clone(s.Covers), Severity: connector.SeverityInfo,
	}
	if d.To == nil {
		d.To = []string{}
	}
	if s.PublicURL != "" {
		d.URL = link(s.PublicURL, "digests", s.ID)
	}
	groups := merged(s.Groups)
	total := 0
	for _, g := range groups {
		total += g.Count
		d.Counts[g.Class] += g.Count
		if bad := severityOf(g.Kind); bad.AtLeast(d.Severity) {
			d.Severity = bad
		}
	}
	d.Groups = foldGroups(groups)
	d.Examples = examples(s.Examples, groups, s.PublicURL)
	d.More = max(0, total-len(d.Examples))
	d.Waiting = foldWaiting(s.Waiting)
	d.OAs = foldOutages(s.OAs)
	d.SignOns = s.SignOns
	for i := range d.Groups {
		d.Groups[i].Advice = d.advice(&d.Groups[i])
	}
	v := newView(&d)
	d.Title, d.Text = v.title(), v.text()
	return d
}

// severityOf is how bad one kind of failure is.
func severityOf(k Kind) connector.Severity {
	switch k {
	case Down, TokenRefused:
		return connector.SeverityCritical
	case Unbound:
		return connector.SeverityWarning
	case Back:
		return connector.SeverityInfo
	case Failed, Rejected:
	}
	return connector.SeverityError
}

// A groupKey is what the failures of one group have in common.
type groupKey struct {
	kind       Kind
	connection string
	scene      connector.Scene
	class      string
}

func (g *Group) key() groupKey { return groupKey{g.Kind, g.Connection, g.Scene, g.Class} }

// merged gives every group once, cleaned, most failures first. Equal counts stand in one order whatever the order they came in.
func merged(in []Group) []Group {
	at := map[groupKey]int{}
	out := make([]Group, 0, len(in))
	for _, g := range in {
		g.Class = clean(cmp.Or(g.Class, string(g.Kind)), codeMost)
		g.Connection = clean(g.Connection, codeMost)
		g.Recovered = min(g.Recovered, g.Count)
		i, there := at[g.key()]
		if !there {
			at[g.key()] = len(out)
			out = append(out, Group{Kind: g.Kind, Connection: g.Connection, Scene: g.Scene, Class: g.Class})
			i = len(out) - 1
		}
		out[i].Count += g.Count
		out[i].Recovered += g.Recovered
		out[i].Messages = slices.Concat(out[i].Messages, g.Messages)
	}
	for i := range out {
		out[i].Messages = mergedMessages(out[i].Messages)
	}
	slices.SortStableFunc(out, func(a, b Group) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(a.Connection, b.Connection),
			strings.Compare(string(a.Scene), string(b.Scene)), strings.Compare(a.Class, b.Class), strings.Compare(string(a.Kind), string(b.Kind)))
	})
	return slices.DeleteFunc(out, func(g Group) bool { return g.Count <= 0 })
}

// mergedMessages gives the most frequent messages, each once.
func mergedMessages(in []Message) []Message {
	out := []Message{}
	for _, m := range in {
		m.Code, m.Text = clean(m.Code, codeMost), clean(m.Text, messageMost)
		i := slices.IndexFunc(out, func(o Message) bool { return o.Code == m.Code && o.Text == m.Text })
		if i < 0 {
			out = append(out, m)
			continue
		}
		out[i].Count += m.Count
	}
	slices.SortStableFunc(out, func(a, b Message) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(a.Code, b.Code), strings.Compare(a.Text, b.Text))
	})
	return out[:min(len(out), MessagesMost)]
}

// foldGroups counts what is beyond GroupsMost under an empty connection, a group a class, so that the sum stays.
func foldGroups(in []Group) []Group {
	if len(in) <= GroupsMost {
		return in
	}
	rest := slices.Clone(in[GroupsMost:])
	for i := range rest {
		rest[i].Connection, rest[i].Scene, rest[i].Messages = "", "", nil
	}
	// Rejected events have no connection either: merged brings the two together.
	return merged(slices.Concat(in[:GroupsMost], merged(rest)))
}

// examples chooses ExamplesMost of what it is given so that each group has its share, those of the largest group first.
func examples(in []Example, groups []Group, publicURL string) []Example {
	place := make(map[groupKey]int, len(groups))
	for i, g := range groups {
		place[g.key()] = i
	}
	type placed struct {
		Example
		group, turn int
	}
	turns := map[int]int{}
	all := make([]placed, 0, len(in))
	for _, e := range in {
		e.Class, e.Connection = clean(cmp.Or(e.Class, string(e.Kind)), codeMost), clean(e.Connection, codeMost)
		e.Todo, e.Title, e.Receiver = clean(e.Todo, todoMost), clean(e.Title, titleMost), clean(e.Receiver, receiverMost)
		e.Code, e.Message = clean(e.Code, codeMost), clean(e.Message, messageMost)
		e.URL = ""
		if publicURL != "" && e.Record != "" {
			e.URL = link(publicURL, pageOf(e.Kind), e.Record)
		}
		group, ok := place[groupKey{e.Kind, e.Connection, e.Scene, e.Class}]
		if !ok {
			group = len(groups)
		}
		all = append(all, placed{e, group, turns[group]})
		turns[group]++
	}
	slices.SortStableFunc(all, func(a, b placed) int { return cmp.Or(cmp.Compare(a.turn, b.turn), cmp.Compare(a.group, b.group)) })
	all = all[:min(len(all), ExamplesMost)]
	slices.SortStableFunc(all, func(a, b placed) int { return cmp.Or(cmp.Compare(a.group, b.group), cmp.Compare(a.turn, b.turn)) })
	out := make([]Example, len(all))
	for i := range all {
		out[i] = all[i].Example
	}
	return out
}

// foldWaiting gives the connections at which most waits first, the rest as one.
func foldWaiting(in []Waiting) []Waiting {
	out := slices.Clone(in)
	for i := range out {
		out[i].Connection, out[i].Reason = clean(out[i].Connection, codeMost), clean(out[i].Reason, codeMost)
	}
	slices.SortStableFunc(out, func(a, b Waiting) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(a.Connection, b.Connection), strings.Compare(a.Reason, b.Reason))
	})
	if len(out) <= GroupsMost {
		return append([]Waiting{}, out...)
	}
	rest := Waiting{}
	for _, w := range out[GroupsMost:] {
		rest.Count += w.Count
		if rest.Since.IsZero() || !w.Since.IsZero() && w.Since.Before(rest.Since) {
			rest.Since = w.Since
		}
	}
	return append(out[:GroupsMost:GroupsMost], rest)
}

// foldOutages gives what lasts first, then those with most that waited; the rest as one.
func foldOutages(in []Outage) []Outage {
	out := slices.Clone(in)
	for i := range out {
		out[i].Connection, out[i].Message = clean(out[i].Connection, codeMost), clean(out[i].Message, messageMost)
	}
	lasts := func(o Outage) int {
		if o.Until == nil {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(out, func(a, b Outage) int {
		return cmp.Or(cmp.Compare(lasts(a), lasts(b)), cmp.Compare(b.Waited, a.Waited), a.Since.Compare(b.Since),
			strings.Compare(a.Connection, b.Connection))
	})
	if len(out) <= GroupsMost {
		return append([]Outage{}, out...)
	}
	rest := Outage{Kind: Down}
	for _, o := range out[GroupsMost:] {
		rest.Waited += o.Waited
		if rest.Since.IsZero() || o.Since.Before(rest.Since) {
			rest.Since = o.Since
		}
	}
	return append(out[:GroupsMost:GroupsMost], rest)
}

// link is the address of a page of the console.
func link(publicURL, page, id string) string {
	return strings.TrimRight(publicURL, "/") + "/" + page + "/" + pathEscape(id)
}

// pageOf is the console's page for what an example is about.
func pageOf(k Kind) string {
	if k == Rejected {
		return "rejected"
	}
	return "records"
}

// zoneOf is the tenant's zone; what cannot be found is UTC, and the text says so.
func zoneOf(name string) *time.Location {
	zone, err := time.LoadLocation(cmp.Or(name, connector.DefaultTimeZone))
	if err != nil {
		return time.UTC
	}
	return zone
}
