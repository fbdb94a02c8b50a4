package file

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestSampleIsNoEvent holds that a template which is right is not refused because of what the sample event lacks.
func TestSampleIsNoEvent(t *testing.T) {
	t.Parallel()
	fields := "fields: {F201: {path: todo.ext.region, required: true}, F202: {path: todo.ext.port, required: true}, " +
		"F203: {path: todo.ext.region, required: true, format: epochMillis}}\n"
	for name, tt := range map[string]struct{ address, body string }{
		"required":          {"http://oa.example.com", `{"a":"#F201","b":#F201,"c":#F203}`},
		"part of a host":    {"http://#F201.oa.example.com/x", `{"a":1}`},
		"host":              {"http://#F201/x", `{"a":1}`},
		"host and port":     {"http://#F201:#F202/x", `{"a":1}`},
		"port":              {"http://oa.example.com:#F202", `{"a":1}`},
		"address":           {"#F201", `{"a":1}`},
		"address and path":  {"#F201/x?y=#F012", `{"a":1}`},
		"secret address":    {"${secret:hook}", `{"a":1}`},
		"secret, path":      {"${secret:hook}/x", `{"a":1}`},
		"secret host":       {"http://${secret:host}:${secret:port}/x", `{"a":1}`},
		"segment":           {"http://oa.example.com/#F201/.#F201", `{"a":1}`},
		"host in the body":  {"http://oa.example.com", `{"u":"http://#F201/x","v":"https://a.#F201:#F202"}`},
		"URL in the body":   {"http://oa.example.com", `{"u":"#F201","v":"#F201/x"}`},
		"receivers' fields": {"http://#F102/x", `{"a":1}`},
	} {
		src := head + fields + fmt.Sprintf("scenes: {create: {address: %q, body: %q}}\n", tt.address, tt.body)
		for _, as := range []string{"each", "list", "joined"} {
			docs, problems := Parse("a.yaml", []byte(src+"receivers: "+as+"\n"), Options{})
			if len(docs) != 1 || len(problems) > 0 {
				t.Errorf("%s, %s: %v", name, as, problems)
			}
		}
	}
}

// TestUndeclaredBodies holds which bodies without a Content-Type are saved with a warning.
func TestUndeclaredBodies(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ header, body, want string }{
		"form":           {"", "a=#F012&b=#F055", "looks like a form"},
		"form, secret":   {"", "a=${secret:x}", "looks like a form"},
		"text":           {"", "todo #F012", "sent as plain text"},
		"form, said":     {"application/x-www-form-urlencoded", "a=#F012&b=#F055", ""},
		"text, said":     {"text/plain", "a=#F012&b=#F055", ""},
		"JSON":           {"", `{"a":"#F012"}`, ""},
		"XML":            {"", `<a>#F012</a>`, ""},
		"text, constant": {"", "ping", ""},
	} {
		src := head + fmt.Sprintf("scenes: {create: {address: \"http://oa.example.com\", body: %q}}\n", tt.body)
		if tt.header != "" {
			src += "headers: {Content-Type: " + tt.header + "}\n"
		}
		_, problems := Parse("a.yaml", []byte(src), Options{})
		if problems.Err() != nil || (tt.want == "") != (len(problems) == 0) || !strings.Contains(problems.Error(), tt.want) {
			t.Errorf("%s: %v", name, problems)
		}
	}
}

// TestUnseenCharacters are refused in whatever people are shown as a name.
func TestUnseenCharacters(t *testing.T) {
	t.Parallel()
	tenant := "apiVersion: todosync/v1\nkind: Tenant\ntenant: \"714439\"\n"
	for name, src := range map[string]string{
		"title: ":              head + create + "title: \"OA %s\"\n",
		"fields.F201.label: ":  head + create + "fields: {F201: {value: x, label: \"%s\"}}\n",
		"title:  ":             tenant + "title: \"%sX\"\n",
		"fields.F201.label:  ": tenant + "fields: {F201: {value: x, label: \"a%s\"}}\n",
	} {
		for written, want := range map[string]string{
			`\0`: "U+0000", `\n`: "U+000A", `\x1b`: "U+001B", `\x7f`: "U+007F", `\u202e`: "U+202E", "\u202a": "U+202A", "\u2066": "U+2066", `\u2069`: "U+2069",
		} {
			_, problems := Parse("a.yaml", []byte(fmt.Sprintf(src, written)), Options{})
			if err := problems.Err(); err == nil || len(problems) != 1 || !strings.Contains(err.Error(), strings.TrimSpace(name)+" an unseen character ("+want+")") {
				t.Errorf("%s %s: %v", name, written, problems)
			}
		}
		docs, problems := Parse("a.yaml", []byte(fmt.Sprintf(src, "致远 é \u200d👍🏽")), Options{})
		if len(docs) != 1 || len(problems) > 0 {
			t.Errorf("%s: %v", name, problems)
		}
	}
	for _, src := range []string{strings.Replace(head, "name: oa", `name: "o\u202ea"`, 1) + create, strings.Replace(head, "714439", `7\u202e1`, 1) + create} {
		if _, problems := Parse("a.yaml", []byte(src), Options{}); problems.Err() == nil || strings.ContainsRune(problems.Error(), 0x202e) {
			t.Errorf("%q: %v", src, problems)
		}
	}
}

// TestFieldsThatGrow holds that fields which read each other twice are refused at once, in a connection and in a tenant.
func TestFieldsThatGrow(t *testing.T) {
	t.Parallel()
	var fields strings.Builder
	for i := 200; i < 260; i++ {
		fmt.Fprintf(&fields, "  F%d: {join: [F%d, F%d]}\n", i, i+1, i+1)
	}
	fields.WriteString("  F260: {value: x}\n")
	tenant := "apiVersion: todosync/v1\nkind: Tenant\ntenant: \"714439\"\n"
	for name, src := range map[string]string{
		"connection": head + "fields:\n" + fields.String() + "scenes: {create: {address: \"http://oa.example.com\", body: '{\"id\":\"#F200\"}'}}\n",
		"tenant":     tenant + "fields:\n" + fields.String(),
		"both":       tenant + "fields:\n" + fields.String() + "---\n" + head + strings.Replace(create, "#F012", "#F200", 1),
	} {
		start := time.Now()
		_, problems := Parse("a.yaml", []byte(src), Options{})
		if took := time.Since(start); took > time.Second {
			t.Errorf("%s: took %v", name, took)
		}
		if err := problems.Err(); err == nil || !strings.Contains(err.Error(), "fields.F251: it is made of more than 1000 values") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
