package api

import (
	"os/exec"
	"strings"
	"testing"

	"todosync/connector"
	"todosync/retry"
)

// What a shell makes of the command is the request again, with the variables' values where the secrets were.
func TestCurl(t *testing.T) {
	t.Parallel()
	r := connector.SentRequest{
		Method: "POST", Address: "http://oa/x?a[0]={1}!&key=\x00oa-key|md5\x00",
		Headers: []retry.Header{{Name: "Authorization", Value: "Bearer \x00token\x00"}, {Name: "Content-Length", Value: "3"}, {Name: "Host", Value: "oa"}, {Name: "X-Empty"}, {Name: "X-说", Value: "it's $5!\\n \"待办\""}},
		Body:    "{\"it's\":\"$HOME `id` \\\\\",\n\"p\":\"\x00密\x00\"}",
	}
	got := curl(&r)
	if strings.Contains(got, "Content-Length") || strings.Contains(got, "Host:") {
		t.Errorf("curl makes these headers itself: %s", got)
	}
	script := "curl() { for a; do printf '%s|' \"$a\"; done; }; OA_KEY_MD5=K TOKEN=T U5bc6=P; " + got
	out, err := exec.CommandContext(t.Context(), "sh", "-c", script).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	want := "--globoff|-X|POST|http://oa/x?a[0]={1}!&key=K|-H|Authorization: Bearer T|-H|X-Empty;|-H|X-说: it's $5!\\n \"待办\"|--data-raw|{\"it's\":\"$HOME `id` \\\\\",\n\"p\":\"P\"}|"
	if string(out) != want {
		t.Errorf("got  %s\nwant %s", out, want)
	}
}
