package mapping

import (
	"strconv"
	"strings"
)

// An Explained is one line of the answer to "where does this value come from?".
type Explained struct {
	Placeholder string `json:"placeholder"` // as written: #F012, ${base}
	LabelZH     string `json:"labelZh"`
	LabelEN     string `json:"labelEn"`
	Value       string `json:"value"`           // before escaping; secrets as ***
	From        string `json:"from"`            // a path in the event, or words
	Error       string `json:"error,omitempty"` // why there is no value where one is needed
	Via         string `json:"via,omitempty"`   // what was done to it, by the names of the settings: map, format, zone, default, max
}

// Explain says for each placeholder and each ${...} of the template, once and in the order of the text, what it stands
// for in this scope. Values of several receivers are joined by a comma.
func (t *Template) Explain(s *Scope) []Explained {
	r := run{t: t, s: s, mode: Stored, object: s.Event.root().child(s.Object)}
	var out []Explained
	seen := map[string]bool{}
	for _, h := range t.holes {
		if seen[h.name] {
			continue
		}
		seen[h.name] = true
		e := Explained{Placeholder: h.name}
		switch h.kind {
		case placeholderHole:
			r.explain(&e, h.source)
		case variableHole, secretHole:
			t.explainVariable(&e, h.name)
		case nowHole:
			e.LabelZH, e.LabelEN, e.From = "当前时间", "time of this try", "the clock, as "+h.format.String()
			e.Value = filter(h.format.Format(s.TryTime.In(t.zone)), h.filter)
		case uuidHole:
			e.LabelZH, e.LabelEN, e.From = "随机ID", "random id", "made for this try"
		}
		out = append(out, e)
	}
	return out
}

// explainVariable puts the pieces of a variable together that were cut at its secrets.
func (t *Template) explainVariable(e *Explained, name string) {
	pos := -1
	secret := false
	var text strings.Builder
	for _, h := range t.holes {
		if h.name != name || pos >= 0 && h.pos != pos {
			continue
		}
		pos = h.pos
		if h.kind == secretHole {
			secret = true
			text.WriteString("***")
		} else {
			text.WriteString(h.text)
		}
	}
	e.Value = text.String()
	switch {
	case strings.HasPrefix(name, "${secret:"):
		e.LabelZH, e.LabelEN, e.From = "密钥", "secret", "the secrets of the tenant"
	case strings.HasPrefix(name, "${env:"):
		e.LabelZH, e.LabelEN, e.From = "环境变量", "environment variable", "the server's environment"
	case secret:
		e.LabelZH, e.LabelEN, e.From = "变量", "variable", "variables, with secrets"
	default:
		e.LabelZH, e.LabelEN, e.From = "变量", "variable", "variables"
	}
}

// explain fills in what a placeholder is and its value.
func (r *run) explain(e *Explained, s source) {
	if s.builtin != nil {
		e.LabelZH, e.LabelEN, e.From = s.builtin.LabelZH, s.builtin.LabelEN, s.builtin.From
		if s.builtin.read == readObject {
			e.From = r.s.Object + "." + s.builtin.From
		}
	} else {
		e.LabelZH, e.LabelEN, e.From = s.own.label, s.own.label, s.own.whence().en
	}
	if r.frozen(&value{}, s) {
		e.From = "kept from the create (freeze)"
	}
	n := 1
	if s.receiver() {
		n = max(1, len(r.s.Receivers))
	}
	values, size := make([]string, n), 0
	for i := range n {
		var v value
		err := r.source(&v, s, i)
		if size += len(v.text) + 1; err == nil && size > MaxRendered {
			err = tooLarge(size)
		}
		if err != nil {
			e.Error = named(err, "").Error()
			continue
		}
		values[i] = v.string()
	}
	e.Value = strings.Join(values, ",")
	if s.own != nil {
		e.Via = s.own.via()
	}
}

// via names the settings of an own code that change what it reads.
func (f *ownField) via() string {
	var out []string
	for _, x := range []struct {
		set  bool
		name string
	}{
		{f.def.Map != nil, "map"},
		{f.def.Format != "", "format " + f.def.Format},
		{f.def.Zone != "", "zone " + f.def.Zone},
		{f.def.Relative, "relative"},
		{f.def.Default != nil, "default"},
		{f.def.Max > 0, "max " + strconv.Itoa(f.def.Max)},
	} {
		if x.set {
			out = append(out, x.name)
		}
	}
	return strings.Join(out, ", ")
}
