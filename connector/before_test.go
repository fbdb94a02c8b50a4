package connector

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"todosync/mapping"
	"todosync/retry"
)

// TestSentAsBefore sends a kept request once more: its text as it was, with today's secret, and nothing secret in what is kept or logged.
func TestSentAsBefore(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		scene Scene
		want  string
	}{
		"as it was":      {SceneCreate, "create t succeeded"},
		"another by now": {SceneEdit, "create t failed mapping"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var got retry.Request
				b := play(t, restConnection(nil), func(b *bench) {
					b.before = &SentBefore{Scene: c.scene, Request: SentRequest{
						Method: "PUT", Address: "http://old.example.com/create?k=" + mapping.MarkQuery("app-key"),
						Headers: []retry.Header{
							{Name: "Content-Type", Value: "application/json"},
							{Name: "X-Old", Value: mapping.Mark("app-key")},
							{Name: "Idempotency-Key", Value: "the delivery's"},
						},
						Body: `{"id":"t","old":true}`,
					}}
					b.owe("t", time.Now(), SceneCreate)
				}, time.Minute, func(_ *bench, r retry.Request) (retry.Receipt, error) {
					got = r
					return answer(`{"code":0,"message":"hello s3cr3t-value"}`)
				})
				if states := b.states(); len(states) != 1 || states[0] != c.want {
					t.Fatalf("want %s, got %v", c.want, states)
				}
				if c.scene == SceneEdit {
					if got.Address != "" {
						t.Errorf("sent %+v", got)
					}
					return
				}
				if got.Method != "PUT" || got.Address != "http://old.example.com/create?k=s3cr3t-value" || string(got.Body) != `{"id":"t","old":true}` {
					t.Errorf("sent %s %s %s", got.Method, got.Address, got.Body)
				}
				keys := 0
				for _, h := range got.Headers {
					if strings.EqualFold(h.Name, "Idempotency-Key") {
						keys++
					}
				}
				if headerOf(got.Headers, "X-Old") != "s3cr3t-value" || headerOf(got.Headers, "X-App-Key") != "" || keys != 1 {
					t.Errorf("headers %v", got.Headers)
				}
				for _, kept := range b.attempts {
					text := kept[0].Request.Address + kept[0].Request.Headers[1].Value + kept[0].Response.Body + kept[0].Message
					if strings.Contains(text, "s3cr3t") || kept[0].Scene != SceneCreate {
						t.Errorf("kept %+v", kept[0])
					}
				}
			})
		})
	}
}
