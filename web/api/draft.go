package api

import (
	"context"
	"errors"
	"net/http"
	"path"
	"slices"
	"strings"

	"todosync/connector"
	"todosync/connector/draft"
	"todosync/connector/file"
)

type draftInput struct {
	Language string `header:"Accept-Language"`
	Body     struct {
		Files     []settingsFile  `json:"files" minItems:"1" doc:"the samples, each a scene; beside them what they name: schemas that a WSDL imports, files of curl. Nothing else is opened"`
		From      []string        `json:"from,omitempty" doc:"names of the files that are samples; by default the first"`
		Tenant    string          `json:"tenant,omitempty"`
		Name      string          `json:"name,omitempty" doc:"of the connection"`
		Scene     connector.Scene `json:"scene,omitempty" doc:"of the first sample"`
		Links     string          `json:"links,omitempty" enum:"sign-on,crm" doc:"where links of todos lead: sign-on (default) or crm"`
		Operation string          `json:"operation,omitempty" doc:"of a WSDL; several with commas"`
		Choices   []draftChoice   `json:"choices,omitempty" doc:"what goes before a guess: its scene, place and field, and the right side that is wanted"`
	}
}

// A draftChoice is a draft.Choice under a name of its own in /openapi.json.
type draftChoice draft.Choice

// A draftGuess is a draft.Guess under a name of its own in /openapi.json.
type draftGuess draft.Guess

type draftView struct {
	Connection string            `json:"connection" doc:"the file, YAML with a comment for each field"`
	Vendor     string            `json:"vendor,omitempty"`
	Preset     string            `json:"preset,omitempty" doc:"that does the same and more"`
	Guesses    []draftGuess      `json:"guesses"`
	Secrets    []string          `json:"secrets" doc:"names of secrets to be set"`
	Decisions  []string          `json:"decisions" doc:"what somebody must decide"`
	Valid      bool              `json:"valid"`
	Problems   []settingsProblem `json:"problems"`
}

func (a *API) draftRoute() {
	handle(a, route{
		method: http.MethodPost, path: "/draft", id: "draftConnection", need: View, body: maxFile,
		summary: "Propose a connection from a sample request, a curl line or a WSDL; nothing is stored and nobody is called",
	}, a.draft)
}

func (a *API) draft(ctx context.Context, in *draftInput) (*one[draftView], error) {
	b := &in.Body
	if b.Name != "" && !file.ValidName(b.Name) {
		return nil, invalid("name", "want 1 to 63 of a-z 0-9 -")
	}
	if b.Tenant != "" && !connector.ValidTenant(b.Tenant) {
		return nil, invalid("tenant", "want 1 to 64 of A-Z a-z 0-9 _ -")
	}
	if len(b.Files) == 0 {
		return nil, invalid("files", "give the sample")
	}
	if b.Scene != "" && !slices.Contains(connector.Scenes(), b.Scene) {
		return nil, invalid("scene", "want create, edit, done, delete, remind or message")
	}
	from := b.From
	if len(from) == 0 {
		from = []string{b.Files[0].Name}
	}
	given := map[string][]byte{}
	for _, f := range b.Files {
		given[f.Name] = []byte(f.Content)
		given[path.Base(f.Name)] = []byte(f.Content)
	}
	var sources []draft.Source
	for _, name := range from {
		text, ok := given[name]
		if !ok {
			return nil, invalid("from", "files hold no "+name)
		}
		sources = append(sources, draft.Source{Name: name, Text: text})
	}
	o := a.fileOptions(ctx, in.Language)
	choices := make([]draft.Choice, len(b.Choices))
	for i, c := range b.Choices {
		choices[i] = draft.Choice(c)
	}
	got, err := draft.From(sources, draft.Options{
		Tenant: b.Tenant, Name: b.Name, Scene: string(b.Scene), Operation: b.Operation, CRMLinks: b.Links == "crm", Lang: o.Lang, Choices: choices,
		Open: func(name string) ([]byte, error) {
			base, _, _ := strings.Cut(name, "?")
			if text, ok := given[name]; ok {
				return text, nil
			} else if text, ok := given[path.Base(base)]; ok {
				return text, nil
			}
			return nil, errors.New("it is not among files")
		},
	})
	if e, ok := errors.AsType[*draft.Error](err); ok {
		return nil, &connector.Error{Kind: connector.Invalid, Msg: e.Error(), Hint: e.Hint, Details: []connector.Detail{{Path: "files", Message: e.Msg}}}
	}
	if err != nil {
		return nil, err
	}
	_, problems := file.Parse("draft", []byte(got.File), o)
	out := &one[draftView]{}
	out.Body = draftView{
		Connection: got.File, Vendor: got.Vendor, Preset: got.Preset, Secrets: got.Secrets, Decisions: got.Decisions,
		Valid: problems.Err() == nil, Problems: make([]settingsProblem, len(problems)), Guesses: make([]draftGuess, len(got.Guesses)),
	}
	for i, p := range problems {
		out.Body.Problems[i] = settingsProblem(p)
	}
	for i, g := range got.Guesses {
		out.Body.Guesses[i] = draftGuess(g)
	}
	return out, nil
}
