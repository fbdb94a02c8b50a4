package api

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"todosync/connector"
	"todosync/connector/file"
	"todosync/connector/preset"
)

type presetView struct {
	Name      string           `json:"name"`
	Title     preset.Text      `json:"title"`
	Variables []presetVariable `json:"variables"`
	Secrets   []preset.Secret  `json:"secrets"`
}

// A presetVariable is a preset.Variable with all of its members written.
type presetVariable struct {
	Name     string      `json:"name"`
	Default  string      `json:"default"`
	Required bool        `json:"required"`
	About    preset.Text `json:"about"`
}

// A PresetPath is the parameter of every route below a preset.
type PresetPath struct {
	Preset string `path:"preset"`
}

type onePreset struct {
	presetView
	Settings string `json:"settings" doc:"what it fills in, as YAML"`
	Readme   string `json:"readme" doc:"what to ask the OA's administrator for, Markdown"`
}

type startInput struct {
	PresetPath
	Language string `header:"Accept-Language"`
	Body     struct {
		Tenant    string            `json:"tenant"`
		Name      string            `json:"name"`
		Title     string            `json:"title,omitempty"`
		Variables map[string]string `json:"variables,omitempty"`
	}
}

type startedFile struct {
	Connection string            `json:"connection" doc:"the file, YAML"`
	Valid      bool              `json:"valid"`
	Problems   []settingsProblem `json:"problems"`
}

func (a *API) presetRoutes() {
	handle(a, route{
		method: http.MethodGet, path: "/presets", id: "listPresets", summary: "Presets, each with what an integrator gives for it", need: View,
	}, func(_ context.Context, in *WholePaging) (*list[presetView], error) {
		page := connector.Page[presetView]{}
		for _, name := range preset.Names() {
			v, err := viewPreset(name)
			if err != nil {
				return nil, err
			}
			page.Items = append(page.Items, v)
		}
		return cutList(*in, page.Items, func(v presetView) string { return v.Name })
	})
	handle(a, route{
		method: http.MethodGet, path: "/presets/{preset}", id: "getPreset", summary: "One preset whole", need: View,
	}, func(_ context.Context, in *PresetPath) (*one[onePreset], error) {
		if !slices.Contains(preset.Names(), in.Preset) {
			return nil, notFound("preset " + in.Preset)
		}
		v, err := viewPreset(in.Preset)
		if err != nil {
			return nil, err
		}
		source, err := preset.Source(in.Preset)
		if err != nil {
			return nil, err
		}
		readme, err := preset.Readme(in.Preset)
		if err != nil {
			return nil, err
		}
		return &one[onePreset]{Body: onePreset{presetView: v, Settings: string(source), Readme: string(readme)}}, nil
	})
	handle(a, route{
		method: http.MethodPost, path: "/presets/{preset}/connection", id: "startConnection", need: View,
		summary: "The file of a new connection from a preset; nothing is stored",
	}, a.start)
}

func viewPreset(name string) (presetView, error) {
	asked, err := preset.Settings(name)
	if err != nil {
		return presetView{}, err
	}
	v := presetView{Name: name, Title: asked.Title, Variables: []presetVariable{}, Secrets: append([]preset.Secret{}, asked.Secrets...)}
	for _, x := range asked.Variables {
		v.Variables = append(v.Variables, presetVariable(x))
	}
	return v, nil
}

// start writes the file of a new connection and checks it.
func (a *API) start(ctx context.Context, in *startInput) (*one[startedFile], error) {
	if !slices.Contains(preset.Names(), in.Preset) {
		return nil, notFound("preset " + in.Preset)
	}
	b := &in.Body
	b.Tenant, b.Name = strings.TrimSpace(b.Tenant), strings.TrimSpace(b.Name)
	switch {
	case !connector.ValidTenant(b.Tenant):
		return nil, invalid("tenant", "want 1 to 64 of A-Z a-z 0-9 _ -")
	case !principal(ctx).Sees(b.Tenant):
		return nil, notFound("tenant " + b.Tenant)
	case !file.ValidName(b.Name):
		return nil, invalid("name", "want 1 to 63 of a-z 0-9 -")
	}
	o := a.fileOptions(ctx, in.Language)
	text, err := file.FromPreset(file.Start{Preset: in.Preset, Tenant: b.Tenant, Name: b.Name, Title: b.Title, Variables: b.Variables, Lang: o.Lang})
	if err != nil {
		return nil, err
	}
	_, problems := file.Parse("new connection", text, o)
	out := startedFile{Connection: string(text), Valid: problems.Err() == nil, Problems: make([]settingsProblem, len(problems))}
	for i, p := range problems {
		out.Problems[i] = settingsProblem(p)
	}
	return &one[startedFile]{Body: out}, nil
}
