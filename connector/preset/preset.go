package preset

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// folders holds the presets, one folder each.
//
//go:embed */connection.yaml */settings.json */event.json */README.md
var folders embed.FS

// Names are the presets, known OA systems first, then those for any system.
func Names() []string {
	return []string{
		"seeyon", "weaver", "weaver-soap", "landray", "landray-rest", "yunzhijia", "welink",
		"feishu", "dingtalk", "wecom", "wialon",
		"rest", "webservice", "form",
	}
}

// A Text is a text for people in both languages.
type Text struct {
	ZH string `json:"zh"`
	EN string `json:"en"`
}

// In gives the text in a language; anything but zh is English.
func (t Text) In(lang string) string {
	if strings.HasPrefix(lang, "zh") {
		return t.ZH
	}
	return t.EN
}

// A Variable is one that a preset asks for. A connection must give a required one; without another, Default holds.
type Variable struct {
	Name     string `json:"name"`
	Default  string `json:"default,omitempty"`
	Required bool   `json:"required,omitempty"`
	About    Text   `json:"about"`
}

// A Secret is one that a preset's requests use. It is set for the tenant, under this name.
type Secret struct {
	Name  string `json:"name"`
	About Text   `json:"about"`
}

// Asked is what an integrator gives for a preset.
type Asked struct {
	Name      string     `json:"name"`
	Title     Text       `json:"title"`
	Variables []Variable `json:"variables"`
	Secrets   []Secret   `json:"secrets"`

	// Variants hold, by the value of a variable, settings that are laid over the preset's own. A variable takes no value that has
	// none, unless there is one for AnyOther.
	Variants map[string]map[string]json.RawMessage `json:"variants,omitempty"`
}

// AnyOther is the key of the variant for all values that have none of their own.
const AnyOther = "*"

// Settings says what an integrator gives for a preset. An unknown name is an error that tells the known ones.
func Settings(name string) (Asked, error) {
	src, err := read(name, "settings.json")
	if err != nil {
		return Asked{}, err
	}
	out := Asked{Name: name}
	if err := json.Unmarshal(src, &out); err != nil {
		return Asked{}, fmt.Errorf("read settings of preset %s: %w", name, err)
	}
	return out, nil
}

// Source gives a preset's settings as YAML, as they stand in a connection file without what tells connections apart.
func Source(name string) ([]byte, error) { return read(name, "connection.yaml") }

// Event gives a preset's sample event, as JSON.
func Event(name string) ([]byte, error) { return read(name, "event.json") }

// Readme gives what an integrator asks the OA's administrator for, as Markdown in Chinese and English.
func Readme(name string) ([]byte, error) { return read(name, "README.md") }

func read(name, file string) ([]byte, error) {
	if !slices.Contains(Names(), name) {
		return nil, fmt.Errorf("there is no preset %q; there are %s", name, strings.Join(Names(), ", "))
	}
	src, err := fs.ReadFile(folders, path.Join(name, file))
	if err != nil {
		return nil, fmt.Errorf("read preset %s: %w", name, err)
	}
	return src, nil
}
