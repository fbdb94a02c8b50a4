package mapping

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestStored(t *testing.T) {
	t.Parallel()
	secrets := map[string]string{"x": "a\"<&\n]]>中\x1b", "n": "42", "host": "oa.example.com", "env:GIVEN": "e&v"}
	secret := func(name string) (string, error) {
		v, ok := secrets[name]
		if !ok {
			return "", errors.New("secret " + name + " is not set")
		}
		return v, nil
	}
	for name, tt := range map[string]struct {
		place  Place
		src    string
		masked string
	}{
		"JSON":             {Body, `{"a":"${secret:x}","b":${secret:x},"c":${secret:n},"d":"{\"e\":\"${secret:x}\",\"f\":${secret:x}}"}`, `{"a":"***","b":"***","c":"***","d":"{\"e\":\"***\",\"f\":\"***\"}"}`},
		"XML":              {Body, `<a b="${secret:x}">${secret:x}<c>{"d":"${secret:x}"}</c><![CDATA[${secret:x}]]></a>`, `<a b="***">***<c>{"d":"***"}</c><![CDATA[***]]></a>`},
		"address":          {Address, `https://${secret:host}/${secret:x}?q=${secret:x|md5}&v=${secret:x}`, `https://***/***?q=***&v=***`},
		"form":             {Form, `a=${secret:x}&b=${secret:x|base64}`, `a=***&b=***`},
		"text":             {Body, `${secret:x} ${secret:x|sha256|base64}`, `*** ***`},
		"variables":        {Body, `{"a":"${auth}","b":"${auth|base64}","c":"${mixed}"}`, `{"a":"u:***","b":"***","c":"1***2"}`},
		"environment":      {Body, `{"a":"${env:GIVEN}"}`, `{"a":"***"}`},
		"beside forgeries": {Body, `{"a":"#F215","b":"${secret:x}"} `, `{"a":"\u001bSj;;;\u001b","b":"***"} `},
		"text, forgery":    {Body, "#F215 ${secret:x}", "\ufffdSj;;;\ufffd ***"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := testOptions(t, tt.place)
			s := testScope(t)
			s.Secret = secret
			tmpl := mustCompile(t, tt.src, o)
			wire, err := tmpl.Append(nil, s, Wire)
			if err != nil {
				t.Fatal(err)
			}
			s.Secret = nil // a stored request needs no secret
			stored, err := tmpl.Append(nil, s, Stored)
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range secrets {
				if strings.Contains(string(stored), v) {
					t.Errorf("stored holds %q: %q", v, stored)
				}
			}
			filled, err := Fill(string(stored), secret, nil)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(wire), filled); diff != "" {
				t.Errorf("filled differs from what was sent: %s", diff)
			}
			if diff := cmp.Diff(tt.masked, Mask(string(stored))); diff != "" {
				t.Error(diff)
			}
			if _, err := Fill(string(stored), func(string) (string, error) { return "", errors.New("gone") }, nil); err == nil {
				t.Error("a secret that is gone goes unnoticed")
			}
		})
	}
}

func TestMark(t *testing.T) {
	t.Parallel()
	stored := "Bearer " + Mark("token") + " " + MarkQuery("to|ken;")
	if got, want := Mask(stored), "Bearer *** ***"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	got, err := Fill(stored, func(name string) (string, error) { return name + " &", nil }, nil)
	if want := "Bearer token & to%7Cken%3B+%26"; err != nil || got != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

func TestName(t *testing.T) {
	t.Parallel()
	as := func(names []string) string { return "<" + strings.Join(names, "+") + ">" }
	for src, want := range map[string]string{
		`{"a":"${secret:x}","b":${secret:x},"c":"${secret:x|md5}","d":"${env:GIVEN}"}`: `{"a":"<x>","b":"<x>","c":"<x|md5>","d":"<GIVEN>"}`,
		`{"a":"${secret:n|sha256|base64}"}`:                                            `{"a":"<n|sha256|base64>"}`,
	} {
		stored, err := mustCompile(t, src, testOptions(t, Body)).Append(nil, testScope(t), Stored)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, Name(string(stored), as)); diff != "" {
			t.Error(diff)
		}
	}
	if got := Name("Bearer "+Mark("token")+" \x1bS", as); got != "Bearer <token> ***" {
		t.Errorf("got %q", got)
	}
}

func TestDamagedMarks(t *testing.T) {
	t.Parallel()
	for _, stored := range []string{"\x1bS", "\x1bS\x1b", "\x1bSj\x1b", "\x1bSj;;s%zz;\x1b", "\x1bSj;;;\x1b", "a\x1bSj;md5;sx;"} {
		if got, err := Fill(stored, func(string) (string, error) { return "v", nil }, nil); err == nil && strings.Contains(got, "\x1b") {
			t.Errorf("%q: got %q", stored, got)
		}
		if got := Mask(stored); strings.Contains(got, "\x1b") {
			t.Errorf("%q: masked as %q", stored, got)
		}
	}
}

func TestExplain(t *testing.T) {
	t.Parallel()
	o := testOptions(t, Body)
	tmpl := mustCompile(t, `{"a":"#F012 #F012","b":#F201,"c":"#F203","d":"#F102","e":"${auth}","f":"${secret:x}","g":"${base}","h":"#F001","i":"${now:yyyy}","j":"#F055","k":"#F107"}`, o)
	s := testScope(t)
	s.Receivers[1].Account = ""
	s.Frozen = map[string]string{"F055": "kept"}
	want := []Explained{
		{"#F012", "待办ID", "todo id", "6729", "todo.id", "", ""},
		{"#F201", "", "", "10000.50", "the event's todo.ext.amount", "", ""},
		{"#F203", "", "", "0", "from #F106", "", "map"},
		{"#F102", "接收人姓名", "receiver's name", "韩梅梅,Jim", "the receiver's name", "", ""},
		{"${auth}", "变量", "variable", "u:***", "variables, with secrets", "", ""},
		{"${secret:x}", "密钥", "secret", "***", "the secrets of the tenant", "", ""},
		{"${base}", "变量", "variable", "https://oa.example.com:8080/s", "variables", "", ""},
		{"#F001", "接收人的OA账号", "receiver's OA account", "hmm,", "the receiver's binding", "#F001: required (接收人的OA账号, receiver's OA account), and the receiver has none: bind the CRM user", ""},
		{"${now:yyyy}", "当前时间", "time of this try", "2024", "the clock, as yyyy", "", ""},
		{"#F055", "待办标题", "todo title", "kept", "kept from the create (freeze)", "", ""},
		{"#F107", "截止时间", "due time", "", "todo.dueAt", `截止时间, due time: "tomorrow" is not an RFC 3339 time such as 2024-11-05T09:30:00+08:00`, ""},
	}
	if diff := cmp.Diff(want, tmpl.Explain(s)); diff != "" {
		t.Error(diff)
	}
}

func TestCatalogue(t *testing.T) {
	t.Parallel()
	all := Catalogue()
	for i, f := range all {
		if !isCode(f.Code) || f.LabelZH == "" || f.LabelEN == "" || f.From == "" || f.Example == "" || i > 0 && f.Code <= all[i-1].Code {
			t.Errorf("%+v", f)
		}
	}
	if got, want := len(all), 11+26; got != want {
		t.Errorf("%d fields, want %d", got, want)
	}
}
