package draft_test

import (
	"strings"
	"testing"

	"todosync/connector/draft"
)

// TestTokenRequest takes the first of several requests for the one that fetches a token.
func TestTokenRequest(t *testing.T) {
	t.Parallel()
	const manual = `# 1. log in
curl -X POST http://oa.example.com/seeyon/rest/token -H 'Content-Type: application/json' -d '{"userName":"rest","password":"s3cret-pass"}'
{"id":"0d1c2b3a-aaaa-bbbb-cccc-0123456789ab"}

# 2. push
curl -X POST http://oa.example.com/api/rest/todo/add -H 'Content-Type: application/json' -H 'X-Session: 0d1c2b3a-aaaa-bbbb-cccc-0123456789ab' -d '{"taskId":"T1","title":"Leave request","receiver":"hanmm"}'
{"code":0,"message":"ok"}
`
	d, err := draft.From([]draft.Source{{Name: "manual.txt", Text: []byte(manual)}}, draft.Options{Tenant: "1", Name: "oa"})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"token:\n  request:\n", "address: ${base}/seeyon/rest/token", `"password": "${secret:oa-password}"`, "\n  value: id\n", "send: {header: X-Session}",
		"scenes:\n  create:\n", "address: ${base}/api/rest/todo/add", `"receiver": "#F001"`, "secret set oa-password",
	} {
		if !strings.Contains(d.File, want) {
			t.Errorf("want %q in\n%s", want, d.File)
		}
	}
	for _, not := range []string{"0d1c2b3a", "s3cret-pass", "***", "X-Session:"} {
		if strings.Contains(d.File, not) {
			t.Errorf("%q stands in\n%s", not, d.File)
		}
	}
}
