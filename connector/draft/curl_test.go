package draft

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestShells takes the same command apart as each shell writes it.
func TestShells(t *testing.T) {
	t.Parallel()
	want := []string{"-X", "POST", "http://oa.example.com/a?b=1&c=2", "-H", "Content-Type: application/json", "-d", `{"title":"it's \"x\"","n":1}`}
	for name, src := range map[string]string{
		"sh":               "curl -X POST 'http://oa.example.com/a?b=1&c=2' \\\n  -H 'Content-Type: application/json' \\\n  -d '{\"title\":\"it'\\''s \\\"x\\\"\",\"n\":1}'",
		"sh, double":       "$ curl -X POST \"http://oa.example.com/a?b=1&c=2\" -H \"Content-Type: application/json\" -d \"{\\\"title\\\":\\\"it's \\\\\\\"x\\\\\\\"\\\",\\\"n\\\":1}\"",
		"bash":             "curl -X POST $'http://oa.example.com/a?b=1&c=2' -H 'Content-Type: application/json' -d $'{\"title\":\"it\\'s \\\\\"x\\\\\"\",\"n\":1}'",
		"no backslashes":   "curl -X POST 'http://oa.example.com/a?b=1&c=2'\n  -H 'Content-Type: application/json'\n  -d '{\"title\":\"it'\\''s \\\"x\\\"\",\"n\":1}'",
		"Windows":          "curl -X POST \"http://oa.example.com/a?b=1&c=2\" ^\r\n -H \"Content-Type: application/json\" ^\r\n -d \"{\\\"title\\\":\\\"it's \\\\\\\"x\\\\\\\"\\\",\\\"n\\\":1}\"",
		"Windows, browser": "curl -X POST ^\"http://oa.example.com/a?b=1^&c=2^\" ^\r\n -H ^\"Content-Type: application/json^\" ^\r\n -d ^\"^{^\\^\"title^\\^\":^\\^\"it's ^\\^\\^\\^\"x^\\^\\^\\^\"^\\^\",^\\^\"n^\\^\":1^}^\"",
		"PowerShell":       "PS C:\\> curl.exe -X POST 'http://oa.example.com/a?b=1&c=2' `\n -H \"Content-Type: application/json\" `\n -d '{\"title\":\"it''s \\\\\"x\\\\\"\",\"n\":1}'",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := commands(strings.ReplaceAll(src, "\r\n", "\n"))
			if len(got) != 1 {
				t.Fatalf("%d commands: %q", len(got), got)
			}
			if diff := cmp.Diff(want, got[0]); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestCurl drafts from commands with the options that manuals use. No secret of theirs may be in what comes out.
func TestCurl(t *testing.T) {
	t.Parallel()
	const hidden = "s3cret-Value-77"
	tests := map[string]struct {
		src   string
		holds []string
	}{
		"user and password": {`curl -u crm:` + hidden + ` http://oa.example.com/todo/add -d receiver=a -d 'title=x y'`, []string{
			"basic:\n  user: ${secret:oa-user}\n  password: ${secret:oa-password}\n", "body: receiver=#F001&title=#F055", "application/x-www-form-urlencoded",
		}},
		"user in the address":   {`curl http://crm:` + hidden + `@oa.example.com/todo/add --json '{"receiver":"a"}'`, []string{"base: http://oa.example.com", "basic:\n  user:", "Accept: application/json"}},
		"Basic header":          {`curl http://oa.example.com/todo -H 'Authorization: Basic Y3JtOnMzY3JldC1WYWx1ZS03Nw==' -d '{"receiver":"a"}'`, []string{"password: ${secret:oa-password}"}},
		"bearer":                {`curl http://oa.example.com/todo -H "Authorization: Bearer ` + hidden + `" -d '{"receiver":"a"}'`, []string{"Authorization: 'Bearer ${secret:oa-token}'"}},
		"token in query":        {`curl "http://oa.example.com/todo?accessToken=` + hidden + `&lang=zh" -d '{"receiver":"a"}'`, []string{"accessToken=${secret:oa-access-token}&lang=zh"}},
		"repeated in the body":  {`curl http://oa.example.com/todo -H 'X-Token: ` + hidden + `' -d '{"receiver":"a","extra":"k=` + hidden + `"}'`, []string{`"extra": "k=${secret:oa-x-token}"`}},
		"a cookie":              {`curl http://oa.example.com/todo -b 'JSESSIONID=` + hidden + `' -H 'Cookie: a=` + hidden + `' -d '{"receiver":"a"}'`, []string{"a worker has none"}},
		"a proxy, unchecked":    {`curl -k -x http://u:` + hidden + `@proxy.local:3128 https://oa.example.com/todo -d '{"receiver":"a"}'`, []string{"proxy: http://proxy.local:3128", "insecureSkipVerify: true"}},
		"GET with data":         {`curl -G http://oa.example.com/todo --data-urlencode 'title=a b' -d receiver=zhangsan`, []string{"address: ${base}/todo?title=#F055&receiver=#F001", "method: GET"}},
		"a file beside it":      {`curl http://oa.example.com/todo -H 'Content-Type: application/json' -d @body.json`, []string{`"receiver": "#F001"`}},
		"form fields":           {`curl http://oa.example.com/todo --form-string receiver=zhangsan -F title=x`, []string{"body: receiver=#F001&title=#F055", "multipart/form-data"}},
		"two commands, answers": {"curl http://oa.example.com/todo/add -d '{\"receiver\":\"a\"}'\n\n{\"errcode\":0,\"errmsg\":\"ok\"}\n\ncurl http://oa.example.com/todo/delete -d '{\"receiver\":\"a\"}'", []string{"codeName: errcode", "msgName: errmsg", "\n  delete:\n"}},
		"placeholders are data": {`curl http://oa.example.com/todo -d '{"receiver":"a","level":"#F998 ${x}","own":"#F012"}'`, []string{`"level": "##F998 $${x}"`, `"own": "#F012"`}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, err := From([]Source{{Name: "curl.txt", Text: []byte(tt.src)}}, Options{Tenant: "714439", Open: func(name string) ([]byte, error) {
				if name != "body.json" {
					return nil, errors.New("not there")
				}
				return []byte("{\"receiver\":\n\"zhangsan\"}"), nil
			}})
			if err != nil {
				t.Fatalf("draft: %v", err)
			}
			valid(t, d)
			for _, s := range tt.holds {
				if !strings.Contains(d.File, s) {
					t.Errorf("the file lacks %q\n%s", s, d.File)
				}
			}
			all := d.File + strings.Join(d.Decisions, "\n")
			for _, g := range d.Guesses {
				all += g.Sample + g.Right + g.Reason + g.Field
			}
			if strings.Contains(all, hidden) || strings.Contains(all, "Y3JtOnMz") {
				t.Errorf("a secret is shown:\n%s", all)
			}
		})
	}
}

// TestHostile reads what was made to break readers: an error within a second, and never a panic.
func TestHostile(t *testing.T) {
	t.Parallel()
	many := func(s string, n int) string { return strings.Repeat(s, n) }
	for name, src := range map[string]string{
		"deep JSON":           many(`{"a":`, 100_000),
		"deep lists":          many(`[`, 100_000),
		"deep XML":            many(`<a>`, 100_000),
		"10,000 fields":       "{" + strings.TrimSuffix(many(`"receiver":"x",`, 10_000), ",") + "}",
		"too large":           `{"a":"` + many("x", maxSource) + `"}`,
		"entities":            `<!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;&b;">]><a>&c;</a>`,
		"an outer entity":     `<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>`,
		"an unclosed quote":   `{"a":"` + many(`\`, 9999),
		"not text":            "\x00\x01\x02\x03",
		"nothing":             "  \n ",
		"words":               "please send the todo to the portal",
		"no address":          "curl -X POST",
		"an option's end":     "curl http://a -d",
		"another scheme":      "curl ftp://oa.example.com/a",
		"many answers":        "POST /a HTTP/1.1\n\n{}\n--- 200 <a>\n" + many("<b>\n", 50_000),
		"a file out of reach": "curl http://a.example.com -d @../../etc/passwd",
		"half a WSDL":         `<definitions xmlns="http://schemas.xmlsoap.org/wsdl/"><types>`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			d, err := From([]Source{{Name: "x", Text: []byte(src)}}, Options{})
			if took := time.Since(began); took > hostileTime {
				t.Errorf("took %s", took)
			}
			if e, ok := errors.AsType[*Error](err); name != "many answers" && (!ok || e.Msg == "") {
				t.Errorf("want an error that says what is wrong, got %v and %v", err, d != nil)
			}
		})
	}
}

// TestSecretsAreToldByName: what is to be set is a name, whatever stands around it in the header.
func TestSecretsAreToldByName(t *testing.T) {
	t.Parallel()
	src := `curl -X POST https://oa.example.com/todo -H 'Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.e30.abcdefghijklmnop' -H 'X-Api-Key: 0123456789abcdef0123' -d '{"taskId":"1","title":"a"}'`
	d, err := From([]Source{{Name: "curl.txt", Text: []byte(src)}}, Options{Tenant: "714439", Name: "oa"})
	if err != nil {
		t.Fatal(err)
	}
	told := 0
	for _, decision := range d.Decisions {
		_, rest, ok := strings.Cut(decision, "todosync secret set ")
		if !ok {
			continue
		}
		told++
		if name, _, _ := strings.Cut(rest, " --tenant 714439"); !slices.Contains(d.Secrets, name) {
			t.Errorf("%q sets %q, and the secrets are %v", decision, name, d.Secrets)
		}
	}
	if told != len(d.Secrets) || told == 0 {
		t.Errorf("%d of %v are told in %q", told, d.Secrets, d.Decisions)
	}
}
