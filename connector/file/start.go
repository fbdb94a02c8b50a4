package file

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"todosync/connector/preset"
)

// A Start is what the file of a new connection is written from.
type Start struct {
	Preset, Tenant, Name, Title string
	Variables                   map[string]string // that differ from the preset's defaults
	Lang                        string            // of the comments: en (default) or zh
}

// FromPreset is the file of a new connection of a preset, with what a reader would ask said beside each line. It may be wrong where s is:
// whoever stores it checks it.
func FromPreset(s Start) ([]byte, error) {
	asked, err := preset.Settings(s.Preset)
	if err != nil {
		return nil, err
	}
	t := func(en, zh string) string { return preset.Text{EN: en, ZH: zh}.In(s.Lang) }
	var b bytes.Buffer
	fmt.Fprintf(&b, t("# %s. What does not stand here comes from the preset %s, and may be overridden here member by member.\n",
		"# %s。此处没有写的内容来自预置 %s，均可在此逐项覆盖。\n"), asked.Title.In(s.Lang), s.Preset)
	fmt.Fprintf(&b, "apiVersion: todosync/v1\nkind: Connection\ntenant: %s\nname: %s\n", asJSON(s.Tenant), plainOrQuoted(s.Name))
	if s.Title != "" {
		fmt.Fprintf(&b, "title: %s\n", plainOrQuoted(s.Title))
	}
	fmt.Fprintf(&b, "preset: %s\n", s.Preset)
	var lines [][2]string
	told := map[string]bool{}
	for _, v := range asked.Variables {
		told[v.Name] = true
		value, given := s.Variables[v.Name]
		line := "  " + key(v.Name) + ": " + plainOrQuoted(value)
		if !given {
			line = "  # " + v.Name + ": " + plainOrQuoted(v.Default)
		}
		lines = append(lines, [2]string{line, v.About.In(s.Lang)})
	}
	for _, name := range slices.Sorted(maps.Keys(s.Variables)) {
		if !told[name] {
			lines = append(lines, [2]string{"  " + key(name) + ": " + plainOrQuoted(s.Variables[name]), ""})
		}
	}
	if len(s.Variables) > 0 {
		b.WriteString("variables:\n")
	} else {
		b.WriteString("# variables:\n")
	}
	width := 0
	for _, l := range lines {
		width = max(width, min(len([]rune(l[0])), 50))
	}
	for _, l := range lines {
		if l[1] != "" {
			l[0] += strings.Repeat(" ", max(0, width-len([]rune(l[0])))) + "   # " + l[1]
		}
		b.WriteString(l[0] + "\n")
	}
	if len(asked.Secrets) > 0 {
		fmt.Fprintf(&b, t("# Secrets, which never stand in a file; each is set with: todosync secret set NAME --tenant %s\n",
			"# 密钥不写入文件，逐个设置：todosync secret set 名称 --tenant %s\n"), s.Tenant)
		for _, secret := range asked.Secrets {
			fmt.Fprintf(&b, "#   %s   %s\n", secret.Name, secret.About.In(s.Lang))
		}
	}
	return b.Bytes(), nil
}

// plainOrQuoted writes a text as YAML: as it is where no reader could take it for anything else.
func plainOrQuoted(s string) string {
	plain := s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-:", r) || r >= 0x4e00 && r <= 0x9fff)
	})
	if !plain || strings.HasSuffix(s, ":") || strings.ContainsRune("0123456789.-:", rune(s[0])) ||
		slices.Contains([]string{"true", "false", "null", "yes", "no", "on", "off", "y", "n"}, strings.ToLower(s)) {
		return asJSON(s)
	}
	return s
}

// asJSON writes a text in double quotes, as YAML and JSON both read them.
func asJSON(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a text can always be written
	return strings.TrimSuffix(b.String(), "\n")
}
