package mapping

import "testing"

// TestUndeclaredForm holds which bodies without a Content-Type are escaped as forms.
func TestUndeclaredForm(t *testing.T) {
	t.Parallel()
	s := testScope(t)
	s.Event = mustDoc(t, `{"todo":{"id":"1&admin=1","title":"a b"}}`)
	for name, tt := range map[string]struct{ contentType, src, kind, want string }{
		"form":              {"", "id=#F012&t=#F055", "form", "id=1%26admin%3D1&t=a+b"},
		"one pair":          {"", "id=#F012", "form", "id=1%26admin%3D1"},
		"lines":             {"", "a[0].id=#F012&\n  t=x y &\r\nu=\n", "form", "a[0].id=1%26admin%3D1&t=x%20y%20&u="},
		"secret":            {"", "a=1&b=${secret:x}", "form", "a=1&b=p%22%3Cx"},
		"variable":          {"", "a=${quote}", "form", "a=a%22b%3Cc"},
		"JSON in it":        {"", `d={"a":"#F055"}`, "form", `d=%7B%22a%22:%22a+b%22%7D`},
		"declared":          {"text/plain", "id=#F012", "text", "id=1&admin=1"},
		"lines of settings": {"", "id=#F012\nt=#F055", "text", "id=1&admin=1\nt=a b"},
		"words":             {"", "the id = #F012", "text", "the id = 1&admin=1"},
		"no pair":           {"", "id=#F012&x", "text", "id=1&admin=1&x"},
		"a hole as a name":  {"", "#F012=1", "text", "1&admin=1=1"},
		"no hole":           {"", "a=1 2", "text", "a=1 2"},
		"URL":               {"", "http://x/?a=#F012", "text", "http://x/?a=1%26admin%3D1"},
	} {
		o := testOptions(t, Body)
		o.ContentType = tt.contentType
		tmpl := mustCompile(t, tt.src, o)
		got, err := tmpl.Append(nil, s, Wire)
		if err != nil || string(got) != tt.want || tmpl.Kind() != tt.kind {
			t.Errorf("%s: %s %q, %v", name, tmpl.Kind(), got, err)
		}
	}
}
