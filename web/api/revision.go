package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/diff"

	"todosync/connector"
	"todosync/connector/file"
)

// maxChanged is how many members a list of what changed names.
const maxChanged = 100

type revisionView struct {
	Revision
	SavedAt Time     `json:"savedAt"`
	Changed []string `json:"changed" doc:"the members that differ from the revision before, the first 100; empty where there is none before"`
}

type oneRevisionView struct {
	savedView
	Changed []string `json:"changed" doc:"as in the list"`
}

type revisionDiff struct {
	Revision int64    `json:"revision"`
	With     int64    `json:"with" doc:"the revision that it is compared with; 0: there is none before"`
	Changed  []string `json:"changed" doc:"the members that differ, the first 100"`
	Diff     string   `json:"diff" doc:"unified diff of the sources as YAML, or of the settings where these alone differ; empty where nothing does"`
	ComparedTexts
}

// ComparedTexts are what a diff is made of, whole.
type ComparedTexts struct {
	Before string `json:"before" doc:"what is compared with, as YAML; empty where there is nothing"`
	After  string `json:"after" doc:"what it is compared to, as YAML"`
	// Merged says that both are settings with the preset's values and the defaults, since the sources say the same.
	Merged bool `json:"merged" doc:"both are settings with the preset's values and the defaults: the sources say the same"`
}

// revisions lists revisions, newest first, each with what it changed.
func (a *API) revisions(ctx context.Context, k connector.ConnectionKey, p connector.PageOf) (*list[revisionView], error) {
	page, err := a.Settings.Revisions(ctx, k, p)
	if err != nil {
		return nil, err
	}
	out := listOf(page, func(r Revision) revisionView {
		return revisionView{Revision: r, SavedAt: Time(r.SavedAt), Changed: []string{}}
	})
	for i := range page.Items {
		var before Revision
		switch {
		case i+1 < len(page.Items):
			before = page.Items[i+1]
		case page.Next != "":
			if before, err = a.revisionBefore(ctx, k, page.Items[i].Revision); err != nil {
				return nil, err
			}
		}
		if before.Revision > 0 {
			out.Body.Items[i].Changed = changed(before, page.Items[i])
		}
	}
	return out, nil
}

// revisionBefore is the newest revision that is older than one; its number is 0 where none is, or none is kept any more.
func (a *API) revisionBefore(ctx context.Context, k connector.ConnectionKey, revision int64) (Revision, error) {
	if revision <= 1 {
		return Revision{}, nil
	}
	before, err := a.Settings.Revision(ctx, k, revision-1)
	if connector.KindOf(err) != connector.NotFound {
		return before, err
	}
	p := connector.PageOf{Limit: 100}
	for {
		page, err := a.Settings.Revisions(ctx, k, p)
		if err != nil {
			return Revision{}, err
		}
		if i := slices.IndexFunc(page.Items, func(r Revision) bool { return r.Revision < revision }); i >= 0 {
			return page.Items[i], nil
		}
		if p.Cursor = page.Next; p.Cursor == "" {
			return Revision{}, nil
		}
	}
}

// revision is one revision, with what it changed.
func (a *API) revision(ctx context.Context, k connector.ConnectionKey, revision int64) (*one[oneRevisionView], error) {
	r, err := a.Settings.Revision(ctx, k, revision)
	if err != nil {
		return nil, err
	}
	before, err := a.revisionBefore(ctx, k, revision)
	if err != nil {
		return nil, err
	}
	kind := "Connection"
	if k.Name == "" {
		kind = "Tenant"
	}
	out := oneRevisionView{Changed: []string{}, savedView: viewSaved(Saved{
		Kind: kind, Tenant: k.Tenant, Name: k.Name, Revision: r.Revision, SavedAt: r.SavedAt, SavedBy: r.SavedBy, How: r.How,
		Source: r.Source, Settings: r.Settings,
	}).Body}
	if before.Revision > 0 {
		out.Changed = changed(before, r)
	}
	return &one[oneRevisionView]{Body: out}, nil
}

// diff compares a revision with another, or with the one before where with is 0.
func (a *API) diff(ctx context.Context, k connector.ConnectionKey, revision, with int64) (*one[revisionDiff], error) {
	r, err := a.Settings.Revision(ctx, k, revision)
	if err != nil {
		return nil, err
	}
	var other Revision
	if with > 0 {
		other, err = a.Settings.Revision(ctx, k, with)
	} else {
		other, err = a.revisionBefore(ctx, k, revision)
	}
	if err != nil {
		return nil, err
	}
	out := revisionDiff{Revision: revision, With: other.Revision, Changed: []string{}}
	if other.Revision > 0 {
		out.Changed = changed(other, r)
	}
	if out.ComparedTexts, err = comparedTexts(other, r); err != nil {
		return nil, fmt.Errorf("compare revisions of %s: %w", k, err)
	}
	out.Diff = out.unified(sideName(other), sideName(r))
	return &one[revisionDiff]{Body: out}, nil
}

// compared gives what two revisions are compared by: their sources, or their settings where the sources do not tell them apart. The
// first revision may be none at all.
func compared(x, y Revision) (was, is []byte, merged bool) {
	if len(y.Source) == 0 || x.Revision > 0 && (len(x.Source) == 0 || string(x.Source) == string(y.Source)) {
		return x.Settings, y.Settings, true
	}
	return x.Source, y.Source, false
}

// comparedTexts writes what two revisions are compared by.
func comparedTexts(x, y Revision) (ComparedTexts, error) {
	old, fresh, merged := compared(x, y)
	out := ComparedTexts{Merged: merged}
	for _, side := range []struct {
		source []byte
		into   *string
	}{{old, &out.Before}, {fresh, &out.After}} {
		if len(side.source) == 0 {
			continue
		}
		text, err := file.Marshal(side.source)
		if err != nil {
			return ComparedTexts{}, err
		}
		*side.into = string(text)
	}
	return out, nil
}

// sideName is what a diff calls a revision.
func sideName(r Revision) string {
	if r.Revision == 0 {
		return "/dev/null"
	}
	return "revision " + strconv.FormatInt(r.Revision, 10)
}

// unified is the difference as people and programs know it from diff.
func (c *ComparedTexts) unified(was, is string) string {
	note := ""
	if c.Merged {
		note = " with the preset's values and the defaults"
	}
	if was != sideName(Revision{}) {
		was += note
	}
	text := string(diff.Diff(was, []byte(c.Before), is+note, []byte(c.After)))
	if _, rest, ok := strings.Cut(text, "\n"); ok {
		text = rest // its first line is a command of diff's that nobody ran
	}
	return text
}

// changed names the members by which two revisions differ, in order.
func changed(x, y Revision) []string {
	was, is, _ := compared(x, y)
	out := []string{}
	differing("", tree(was), tree(is), &out)
	return out
}

// tree reads JSON; what is none is nothing.
func tree(b []byte) any {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil
	}
	return v
}

// differing gathers the paths of members that differ, as deep as both sides have members.
func differing(at string, x, y any, out *[]string) {
	mx, okx := x.(map[string]any)
	my, oky := y.(map[string]any)
	if !okx || !oky {
		if len(*out) < maxChanged && !reflect.DeepEqual(x, y) {
			*out = append(*out, at)
		}
		return
	}
	names := slices.AppendSeq(slices.Collect(maps.Keys(mx)), maps.Keys(my))
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		differing(strings.TrimPrefix(at+"."+name, "."), mx[name], my[name], out)
	}
}

// restore saves what an older revision was as a new one: its source, which is checked as in every save, with the preset's values as
// they were merged then.
func (a *API) restore(ctx context.Context, k connector.ConnectionKey, revision int64, in *RestoreInput) (*saveOutput, error) {
	by := by(ctx, "api")
	by.Restores = revision
	var err error
	if by.IfMatch, err = a.match(ctx, in.IfMatch, k); err != nil {
		return nil, err
	}
	r, err := a.Settings.Revision(ctx, k, revision)
	if err != nil {
		return nil, err
	}
	text, err := file.Marshal(r.Source)
	if err != nil {
		return nil, fmt.Errorf("restore revision %d of %s: %w", revision, k, err)
	}
	docs, problems := file.Parse("revision "+strconv.FormatInt(revision, 10), text, a.fileOptions(ctx, in.Language))
	if problems.Err() != nil {
		return nil, fileProblem(problems)
	}
	out, err := documents(ctx, docs)
	if err != nil {
		return nil, err
	}
	if len(docs) != 1 || keyOf(docs[0]) != k {
		return nil, fmt.Errorf("restore revision %d of %s: its source is that of something else", revision, k)
	}
	out[0].Settings = r.Settings
	return a.saveOne(ctx, docs, out, problems, by)
}
