package notify

import "todosync/connector"

// A Summary is what a store has counted of the failures that a digest claimed: in any order, with texts as they were noted (masked, but
// of any length and content). Kinds and classes are as in Group and Example.
//
// Each failure claimed is in the Count of one group; Examples are some of those failures. Of groups beyond GroupsMost no messages are needed.
type Summary struct {
	ID       string
	Tenant   string
	Title    string // the tenant's
	Zone     string // IANA name of the tenant's zone
	Language connector.Language
	Window   Window
	Covers   []string
	To       []string
	Groups   []Group // URL-less; Advice is filled in by Summarize
	Examples []Example
	Waiting  []Waiting
	OAs      []Outage
	// PublicURL is the address of the server for browsers; empty: no links.
	PublicURL string
	Test      bool
}

// Summarize makes the digest of a summary: ordered, cut to size, harmless, in words. It is pure.
func Summarize(s Summary) Digest {
	d := Digest{
		ID: s.ID, Tenant: s.Tenant, Window: s.Window, Language: s.Language, Zone: s.Zone, Covers: s.Covers, To: s.To, Test: s.Test,
		Counts: Counts{}, Groups: s.Groups, Examples: s.Examples, Waiting: s.Waiting, OAs: s.OAs,
	}
	for _, g := range s.Groups {
		d.Counts[g.Class] += g.Count
		d.More += g.Count
	}
	d.More -= len(s.Examples)
	return d
}
