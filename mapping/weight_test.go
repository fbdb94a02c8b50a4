package mapping

import (
	"fmt"
	"strings"
	"testing"
)

// chain gives fields F201 to F(200+n), each of which reads the one behind it twice; the last reads the title.
func chain(n int, of func(code string) Field) map[string]Field {
	out := map[string]Field{}
	for i := 1; i < n; i++ {
		out[fmt.Sprint("F", 200+i)] = of(fmt.Sprint("F", 201+i))
	}
	out[fmt.Sprint("F", 200+n)] = of("F055")
	return out
}

func TestFieldWeight(t *testing.T) {
	t.Parallel()
	join := func(code string) Field { return Field{Join: []string{code, code}} }
	first := func(code string) Field { return Field{First: []string{code, code}} }
	from := func(code string) Field { return Field{From: code} }
	many := map[string]Field{"F300": {Join: strings.Fields(strings.Repeat("F055 ", 1001))}}
	const text = "it is made of more than 1000 values, since the fields that it reads read others in turn: join fewer"
	for name, tt := range map[string]struct {
		fields map[string]Field
		want   string
	}{
		"joins":       {chain(700, join), "fields.F892: " + text},
		"firsts":      {chain(700, first), "fields.F892: " + text},
		"one field":   {many, "fields.F300: " + text},
		"few":         {chain(8, join), ""},
		"a long line": {chain(790, from), ""},
	} {
		f, err := ParseFields(tt.fields, nil, "")
		switch {
		case tt.want == "" && err != nil, tt.want != "" && (err == nil || err.Error() != tt.want):
			t.Errorf("%s: got %v", name, err)
		case err == nil:
			tmpl := mustCompile(t, "#F201", Options{Place: Body, Fields: f})
			if !tmpl.Uses("F055") || !tmpl.Uses("F203") || tmpl.Uses("F056") || tmpl.Uses("") || tmpl.Uses("F1000") {
				t.Errorf("%s: F055 %v, F203 %v, F056 %v", name, tmpl.Uses("F055"), tmpl.Uses("F203"), tmpl.Uses("F056"))
			}
		}
	}
}
