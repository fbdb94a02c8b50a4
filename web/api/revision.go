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
	if out.Diff, err = unified(other, r); err != nil {
		return nil, fmt.Errorf("compare revisions of %s: %w", k, err)
	}
	return &one[revisionDiff]{Body: out}, nil
}

// compared gives what two revisions are compared by: their sources, or their settings where the sources do not tell them apart. The
// first revision may be none at all.
func compared(x, y Revision) (was, is []byte, note string) {
	if len(y.Source) == 0 || x.Revision > 0 && (len(x.Source) == 0 || string(x.Source) == string(y.Source)) {
		return x.Settings, y.Settings, " with the preset's values and the defaults"
	}
	return x.Source, y.Source, ""
}

// unified is the difference between two revisions as people read it.
func unified(x, y Revision) (string, error) {
	name := func(r Revision) string {
		if r.Revision == 0 {
			return "/dev/null"
		}
		return "revision " + strconv.FormatInt(r.Revision, 10)
	}
	return unifiedAs(x, y, name(x), name(y))
}

// unifiedAs is unified with names for both sides.
func unifiedAs(x, y Revision, was, is string) (string, error) {
	old, fresh, note := compared(x, y)
	write := func(source []byte) ([]byte, error) {
		if len(source) == 0 {
			return nil, nil
		}
		return file.Marshal(source)
	}
	before, err := write(old)
	if err != nil {
		return "", err
	}
	after, err := write(fresh)
	if err != nil {
		return "", err
	}
	if x.Revision > 0 {
		was += note
	}
	text := string(diff.Diff(was, before, is+note, after))
	if _, rest, ok := strings.Cut(text, "\n"); ok {
		text = rest // its first line is a command of diff's that nobody ran
	}
	return text, nil
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
