package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"todosync/connector"
	"todosync/connector/file"
)

type editInput struct {
	Language string `header:"Accept-Language"`
	Body     struct {
		Content string         `json:"content" doc:"a settings file of one document; it need not be right, only readable"`
		Changes []memberChange `json:"changes,omitempty"`
	}
}

type memberChange struct {
	Path  []string        `json:"path" minItems:"1" doc:"the names that lead to the member"`
	Value json.RawMessage `json:"value,omitempty" doc:"null takes the member out"`
}

// An editedFile is a file.Edited, and what the checks of the whole file say.
type editedFile struct {
	Content  string                `json:"content"`
	Source   json.RawMessage       `json:"source" doc:"what the file says, as JSON"`
	Places   map[string]file.Place `json:"places" doc:"where texts stand, by their paths, such as scenes.create.body"`
	Valid    bool                  `json:"valid"`
	Problems []settingsProblem     `json:"problems"`
	Settings json.RawMessage       `json:"settings" doc:"with the preset's values and the defaults; null where the file has mistakes"`
	Secrets  []namedSecret         `json:"secrets" doc:"that it names; to who may change settings"`
}

type compareInput struct {
	ConnectionPath
	CompareInput
}

type compareTenantInput struct {
	TenantPath
	CompareInput
}

// A CompareInput is a file that is compared with what is stored.
type CompareInput struct {
	Language string `header:"Accept-Language"`
	Body     struct {
		Content string `json:"content"`
	}
}

type schemaInput struct {
	Kind string `path:"kind" enum:"connection,tenant"`
}

type schemaOutput struct {
	ContentType string `header:"Content-Type"`
	Body        []byte
}

type comparedFile struct {
	Revision int64    `json:"revision" doc:"the newest of what is stored; 0: nothing is"`
	SavedAt  Time     `json:"savedAt"`
	SavedBy  string   `json:"savedBy"`
	How      string   `json:"how"`
	Changed  []string `json:"changed" doc:"the members that the file would change, the first 100"`
	Diff     string   `json:"diff" doc:"unified diff from what is stored to the file; empty where they say the same"`
	ComparedTexts
}

func (a *API) editRoutes() {
	handle(a, route{
		method: http.MethodPost, path: "/edit", id: "editSettings", need: View, body: 4 * maxBody,
		summary: "Change members of a settings file, comments and all else left as they are; nothing is stored",
	}, func(ctx context.Context, in *editInput) (*one[editedFile], error) {
		changes := make([]file.Change, len(in.Body.Changes))
		for i, c := range in.Body.Changes {
			changes[i] = file.Change(c)
		}
		got, err := file.Edit(in.Body.Content, in.Language, changes)
		if problems, ok := errors.AsType[file.Problems](err); ok {
			p := fileProblem(problems)
			p.Detail = problems[0].Message
			return nil, p
		}
		if err != nil {
			return nil, err
		}
		return a.edited(ctx, got, in.Language)
	})
	handle(a, route{
		method: http.MethodPost, path: connectionRoute + "/compare", id: "compareSettings", need: View, body: 4 * maxBody,
		summary: "What a file would change of a connection; nothing is stored",
	}, func(ctx context.Context, in *compareInput) (*one[comparedFile], error) {
		return a.compareFile(ctx, in.key(), &in.CompareInput)
	})
	handle(a, route{
		method: http.MethodPost, path: tenantRoute + "/compare", id: "compareTenantSettings", need: View, body: 4 * maxBody,
		summary: "What a file would change of a tenant's settings; nothing is stored",
	}, func(ctx context.Context, in *compareTenantInput) (*one[comparedFile], error) {
		return a.compareFile(ctx, in.key(), &in.CompareInput)
	})
	handle(a, route{
		method: http.MethodGet, path: "/schemas/{kind}", id: "getSchema", need: View,
		summary: "The JSON Schema of a kind of settings file, for editors",
	}, func(_ context.Context, in *schemaInput) (*schemaOutput, error) {
		schema, err := file.Schema(in.Kind)
		return &schemaOutput{ContentType: "application/schema+json", Body: schema}, err
	})
}

// edited is a file after changes, checked.
func (a *API) edited(ctx context.Context, e *file.Edited, language string) (*one[editedFile], error) {
	docs, problems := file.Parse("file", []byte(e.Text), a.fileOptions(ctx, language))
	out := editedFile{
		Content: e.Text, Source: e.Source, Places: e.Places, Valid: problems.Err() == nil, Problems: make([]settingsProblem, len(problems)),
		Settings: json.RawMessage("null"),
	}
	for i, p := range problems {
		out.Problems[i] = settingsProblem(p)
	}
	var err error
	if out.Secrets, err = a.namedSecrets(ctx, docs); err != nil {
		return nil, err
	}
	if out.Valid && len(docs) == 1 {
		var settings any = docs[0].Connection
		if docs[0].Tenant != nil {
			settings = docs[0].Tenant
		}
		if out.Settings, err = json.Marshal(settings); err != nil {
			return nil, err
		}
	}
	return &one[editedFile]{Body: out}, nil
}

// compareFile compares a file with what is stored.
func (a *API) compareFile(ctx context.Context, k connector.ConnectionKey, in *CompareInput) (*one[comparedFile], error) {
	saved, err := a.Settings.Saved(ctx, k)
	if err != nil {
		return nil, err
	}
	docs, problems := file.Parse("file", []byte(in.Body.Content), a.fileOptions(ctx, in.Language))
	if problems.Err() != nil {
		return nil, fileProblem(problems)
	}
	if len(docs) != 1 || keyOf(docs[0]) != k {
		what := "connection " + k.String()
		if k.Name == "" {
			what = "tenant " + k.Tenant
		}
		return nil, invalid("content", "it is not one document of "+what)
	}
	given, err := documents(ctx, docs)
	if err != nil {
		return nil, err
	}
	now := Revision{Revision: saved.Revision, Source: saved.Source, Settings: saved.Settings}
	then := Revision{Source: given[0].Source, Settings: given[0].Settings}
	out := comparedFile{Revision: saved.Revision, SavedAt: Time(saved.SavedAt), SavedBy: saved.SavedBy, How: saved.How, Changed: changed(now, then)}
	if len(out.Changed) > 0 {
		if out.ComparedTexts, err = comparedTexts(now, then); err != nil {
			return nil, fmt.Errorf("compare a file with %s: %w", k, err)
		}
		out.Diff = out.unified(sideName(now), "your file")
	}
	return &one[comparedFile]{Body: out}, nil
}
