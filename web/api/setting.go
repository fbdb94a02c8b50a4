package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"todosync/connector"
	"todosync/connector/file"
	"todosync/mapping"
)

// A settingsFile is one file of an apply or a validate.
type settingsFile struct {
	Name    string `json:"name" doc:"stands in the messages"`
	Content string `json:"content" doc:"YAML or JSON, one or more documents"`
}

type applyInput struct {
	Language string `header:"Accept-Language"`
	Body     struct {
		Files []settingsFile `json:"files"`
		Force bool           `json:"force,omitempty" doc:"change also what was last saved in another way"`
	}
}

type validateInput struct {
	Language string `header:"Accept-Language"`
	Body     struct {
		Files []settingsFile `json:"files"`
	}
}

type validated struct {
	Body struct {
		Valid    bool              `json:"valid"`
		Problems []settingsProblem `json:"problems"`
		Secrets  []namedSecret     `json:"secrets" doc:"secrets that files without a mistake name; to who may change settings"`
	}
}

// A namedSecret is a secret that settings name.
type namedSecret struct {
	Tenant string `json:"tenant"`
	Name   string `json:"name"`
	Set    bool   `json:"set"`
}

// A settingsProblem is a file.Problem under a name of its own in /openapi.json.
type settingsProblem file.Problem

type exportInput struct {
	Tenant     string `query:"tenant"`
	Connection string `query:"connection"`
}

type yamlOutput struct {
	ContentType string `header:"Content-Type"`
	Body        []byte
}

func (a *API) settingsRoutes() {
	handle(a, route{
		method: http.MethodPost, path: "/validate", id: "validateSettings", need: View, body: maxFile,
		summary: "Check settings files; nothing is stored",
	}, func(ctx context.Context, in *validateInput) (*validated, error) {
		docs, problems := a.parse(ctx, in.Body.Files, in.Language)
		out := &validated{}
		var err error
		if out.Body.Secrets, err = a.namedSecrets(ctx, docs); err != nil {
			return nil, err
		}
		out.Body.Valid, out.Body.Problems = problems.Err() == nil, make([]settingsProblem, len(problems))
		for i, p := range problems {
			out.Body.Problems[i] = settingsProblem(p)
		}
		return out, nil
	})
	handle(a, route{
		method: http.MethodPost, path: "/apply", id: "applySettings", need: Integrate, body: maxFile,
		summary: "Store settings files, all of them or none",
	}, func(ctx context.Context, in *applyInput) (*list[SaveResult], error) {
		docs, problems := a.parse(ctx, in.Body.Files, in.Language)
		if problems.Err() != nil {
			return nil, fileProblem(problems)
		}
		by := by(ctx, "apply")
		by.Force = in.Body.Force
		out, err := documents(ctx, docs)
		if err != nil {
			return nil, err
		}
		results, err := a.store(ctx, docs, out, problems, by)
		if err != nil {
			return nil, err
		}
		return listOf(connector.Page[SaveResult]{Items: results}, same), nil
	})
	handle(a, route{
		method: http.MethodGet, path: "/export", id: "exportSettings", need: View,
		summary: "The settings files of tenants and connections, as YAML documents with secrets as names",
	}, a.exportSettings)
}

// namedSecrets are the secrets that documents name, of tenants that the caller may change.
func (a *API) namedSecrets(ctx context.Context, docs []file.Document) ([]namedSecret, error) {
	out := []namedSecret{}
	if !principal(ctx).May(Integrate) {
		return out, nil
	}
	var tenants []string
	for i := range docs {
		tenant := keyOf(docs[i]).Tenant
		if !principal(ctx).Sees(tenant) {
			continue
		}
		for _, name := range docs[i].Secrets {
			if s := (namedSecret{Tenant: tenant, Name: name}); !slices.Contains(out, s) {
				out = append(out, s)
				tenants = append(tenants, tenant)
			}
		}
	}
	if len(out) == 0 {
		return out, nil
	}
	slices.Sort(tenants)
	set, err := a.Secrets.Secrets(ctx, slices.Compact(tenants))
	if err != nil {
		return nil, err
	}
	for i := range out {
		out[i].Set = slices.Contains(set, SecretName{Tenant: out[i].Tenant, Name: out[i].Name})
	}
	return out, nil
}

// parse checks files against each other and against what is stored.
func (a *API) parse(ctx context.Context, files []settingsFile, language string) ([]file.Document, file.Problems) {
	sources := make([]file.Source, len(files))
	for i, f := range files {
		sources[i] = file.Source{Name: f.Name, Text: f.Content}
	}
	return file.ParseAll(sources, a.fileOptions(ctx, language))
}

// fileOptions are what settings are checked against.
func (a *API) fileOptions(ctx context.Context, language string) file.Options {
	lang := "en"
	if WantsChinese(language) {
		lang = "zh"
	}
	return file.Options{
		Lang: lang, Env: a.Compile.Env, CheckPublicURL: true, PublicURL: a.Compile.PublicURL,
		TenantFields: func(tenant string) map[string]mapping.Field {
			t, err := a.tenant(ctx, tenant)
			if err != nil || t == nil {
				return nil
			}
			return t.Fields
		},
	}
}

// tenant is a stored tenant's settings, nil where it has none.
func (a *API) tenant(ctx context.Context, name string) (*connector.Tenant, error) {
	saved, err := a.Settings.Saved(ctx, connector.ConnectionKey{Tenant: name})
	switch {
	case connector.KindOf(err) == connector.NotFound:
		return nil, nil
	case err != nil || len(saved.Settings) == 0:
		return nil, err
	}
	t := &connector.Tenant{}
	if err := json.Unmarshal(saved.Settings, t); err != nil {
		return nil, fmt.Errorf("read the settings of tenant %s: %w", name, err)
	}
	return t, nil
}

func keyOf(d file.Document) connector.ConnectionKey {
	if d.Tenant != nil {
		return connector.ConnectionKey{Tenant: d.Tenant.Tenant}
	}
	return d.Connection.Key()
}

// documents are checked documents as they are stored.
func documents(ctx context.Context, docs []file.Document) ([]Document, error) {
	out := make([]Document, len(docs))
	for i, d := range docs {
		k := keyOf(d)
		if !principal(ctx).Sees(k.Tenant) {
			return nil, notFound("tenant " + k.Tenant)
		}
		var settings any = d.Connection
		if d.Tenant != nil {
			settings = d.Tenant
		}
		b, err := json.Marshal(settings)
		if err != nil {
			return nil, fmt.Errorf("write the settings of %s: %w", k, err)
		}
		out[i] = Document{Kind: d.Kind, Tenant: k.Tenant, Name: k.Name, Source: d.Source, Settings: b, File: d.File}
	}
	return out, nil
}

// store stores checked documents and gathers what they warn of.
func (a *API) store(ctx context.Context, docs []file.Document, out []Document, problems file.Problems, by By) ([]SaveResult, error) {
	results, err := a.Settings.Save(ctx, out, by)
	if err != nil {
		return nil, placed(docs, err)
	}
	for i := range results {
		if results[i].Warnings == nil {
			results[i].Warnings = []string{}
		}
		if i >= len(docs) {
			continue
		}
		for _, w := range problems.Warnings() {
			if w.File == docs[i].File {
				results[i].Warnings = append(results[i].Warnings, w.String())
			}
		}
	}
	return results, nil
}

// placed gives what the store says of a tenant's connections its place: the fields in the file of the one tenant that is saved.
func placed(docs []file.Document, err error) error {
	e, ok := errors.AsType[*connector.Error](err)
	var tenant *file.Document
	tenants := 0
	for i := range docs {
		if docs[i].Tenant != nil {
			tenant, tenants = &docs[i], tenants+1
		}
	}
	if !ok || e.Kind != connector.Invalid || tenants != 1 {
		return err
	}
	p := newProblem(statusOf(e.Kind), e.Msg, e.Hint)
	for _, d := range e.Details {
		detail := ProblemDetail{Path: d.Path, Message: d.Message}
		if strings.HasPrefix(d.Path, "connections.") {
			at := tenant.Problem("fields", d.Message)
			detail.File, detail.Line, detail.Column = at.File, at.Line, at.Column
		}
		p.Errors = append(p.Errors, detail)
	}
	return p
}

// exportSettings prints the stored sources back: tenants first, each with its connections.
func (a *API) exportSettings(ctx context.Context, in *exportInput) (*yamlOutput, error) {
	out := &yamlOutput{ContentType: "application/yaml"}
	tenants, some := narrow(ctx, words(in.Tenant))
	if !some {
		return nil, notFound("such tenant or connection")
	}
	names := words(in.Connection)
	var keys []connector.ConnectionKey
	if len(names) == 0 {
		err := each(func(p connector.PageOf) (connector.Page[TenantState], error) {
			return a.Settings.Tenants(ctx, tenants, p)
		},
			func(t TenantState) { keys = append(keys, connector.ConnectionKey{Tenant: t.Tenant}) })
		if err != nil {
			return nil, err
		}
	}
	f := ConnectionFilter{Tenants: tenants, Names: names}
	err := each(func(p connector.PageOf) (connector.Page[ConnectionState], error) {
		return a.Connections.Connections(ctx, f, p)
	},
		func(c ConnectionState) { keys = append(keys, connector.ConnectionKey{Tenant: c.Tenant, Name: c.Name}) })
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(keys, func(x, y connector.ConnectionKey) int { return strings.Compare(x.String(), y.String()) })
	for _, k := range keys {
		saved, err := a.Settings.Saved(ctx, k)
		if connector.KindOf(err) == connector.NotFound || err == nil && len(saved.Source) == 0 {
			continue // a tenant that was only named, or one that has just gone
		}
		if err != nil {
			return nil, err
		}
		text, err := file.Marshal(saved.Source)
		if err != nil {
			return nil, fmt.Errorf("write %s as YAML: %w", k, err)
		}
		if len(out.Body) > 0 {
			out.Body = append(out.Body, "---\n"...)
		}
		out.Body = append(out.Body, text...)
	}
	if len(out.Body) == 0 && (len(names) > 0 || len(words(in.Tenant)) > 0) {
		return nil, notFound("such tenant or connection")
	}
	return out, nil
}

// each goes through all pages of a list.
func each[T any](page func(connector.PageOf) (connector.Page[T], error), do func(T)) error {
	p := connector.PageOf{Limit: 1000}
	for {
		got, err := page(p)
		if err != nil {
			return err
		}
		for _, v := range got.Items {
			do(v)
		}
		if p.Cursor = got.Next; p.Cursor == "" {
			return nil
		}
	}
}

// A PutInput is a settings file that takes the place of a tenant's or connection's.
type PutInput struct {
	Language    string `header:"Accept-Language"`
	IfMatch     string `header:"If-Match" doc:"the revision that must be the newest, in quotes"`
	IfNoneMatch string `header:"If-None-Match" doc:"*: only where there is nothing yet"`
	RawBody     []byte `contentType:"application/yaml" doc:"one document, YAML or JSON"`
}

// put stores the one document of a request at k.
func (a *API) put(ctx context.Context, in *PutInput, k connector.ConnectionKey) (*saveOutput, error) {
	by := by(ctx, "api")
	var err error
	if by.IfMatch, err = a.condition(ctx, in, k); err != nil {
		return nil, err
	}
	docs, problems := file.Parse("body", in.RawBody, a.fileOptions(ctx, in.Language))
	if problems.Err() != nil {
		return nil, fileProblem(problems)
	}
	if len(docs) != 1 {
		return nil, invalid("", fmt.Sprintf("the body holds %d documents; one is wanted here", len(docs)))
	}
	if got := keyOf(docs[0]); got != k {
		return nil, invalid("name", fmt.Sprintf("the document is that of %s %s, and the address says %s",
			strings.ToLower(docs[0].Kind), strings.TrimSuffix(got.String(), "/"), strings.TrimSuffix(k.String(), "/")))
	}
	out, err := documents(ctx, docs)
	if err != nil {
		return nil, err
	}
	return a.saveOne(ctx, docs, out, problems, by)
}

// saveOne stores the one document of a request, which may depend on the revision that it takes the place of.
func (a *API) saveOne(ctx context.Context, docs []file.Document, out []Document, problems file.Problems, by By) (*saveOutput, error) {
	results, err := a.store(ctx, docs, out, problems, by)
	switch {
	case connector.KindOf(err) == connector.Conflict && by.IfMatch == NoRevision:
		return nil, newProblem(http.StatusPreconditionFailed, "it is there already", "leave If-None-Match out to change it")
	case connector.KindOf(err) == connector.Conflict && by.IfMatch != 0:
		return nil, changedSince(by.IfMatch)
	}
	if err != nil {
		return nil, err
	}
	if len(results) != 1 {
		return nil, fmt.Errorf("save %s: %d results", keyOf(docs[0]), len(results))
	}
	return &saveOutput{ETag: etag(results[0].Revision), Body: results[0]}, nil
}

type saveOutput struct {
	ETag string `header:"ETag"`
	Body SaveResult
}

func etag(revision int64) string { return `"` + strconv.FormatInt(revision, 10) + `"` }
