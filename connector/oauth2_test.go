package connector

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"todosync/retry"
)

func TestOAuth2(t *testing.T) {
	t.Parallel()
	const address = "http://oa.example.com/oauth/token"
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("my+app:pass-word-1"))
	tests := map[string]struct {
		settings OAuth2Settings
		answer   string // of the token's address
		body     string // that it is sent
		headers  map[string]string
		bearer   string
	}{
		"as the standard has it": {
			settings: OAuth2Settings{Scope: "todo:write all"},
			answer:   `{"access_token":"tok-123456","token_type":"bearer","expires_in":3600}`,
			body:     "grant_type=client_credentials&client_id=my+app&client_secret=pass-word-1&scope=todo%3Awrite+all",
			headers:  map[string]string{"Content-Type": "application/x-www-form-urlencoded", "Authorization": ""}, bearer: "tok-123456",
		},
		"in a header": {
			settings: OAuth2Settings{Send: CredentialsBasic}, answer: `{"access_token":"tok-123456"}`,
			body: "grant_type=client_credentials", headers: map[string]string{"Authorization": basic}, bearer: "tok-123456",
		},
		"as JSON, under other names": {
			settings: OAuth2Settings{
				Send: CredentialsJSON, Params: Headers{"resource": "a\"b"},
				Names: OAuth2Names{GrantType: "type", ClientID: "appId", ClientSecret: "appKey", AccessToken: "data.token", ExpiresIn: "data.ttl"},
			},
			answer: `{"data":{"token":"tok-123456","ttl":"60"}}`,
			body:   `{"type":"client_credentials","appId":"my app","appKey":"pass-word-1","resource":"a\"b"}`,
			headers: map[string]string{
				"Content-Type": "application/json",
			}, bearer: "tok-123456",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := restConnection(func(c *Connection) {
					o := tt.settings
					o.Address, o.ClientID, o.ClientSecret = address, "my ${app}", "${secret:oa-password}"
					c.Variables = map[string]Text{"app": "app"}
					c.OAuth2 = &o
				})
				b, got := sentBy(t, c, func(_ int, r retry.Request) (retry.Receipt, error) {
					if r.Address == address {
						return answer(tt.answer)
					}
					return answer(`{"code":0,"message":"you are ` + headerOf(r.Headers, "Authorization") + `"}`)
				})
				if len(got) != 2 || string(got[0].Body) != tt.body || headerOf(got[1].Headers, "Authorization") != "Bearer "+tt.bearer {
					t.Fatalf("%v: sent %+v\n%s", b.states(), got, b.deliveries[0].Message)
				}
				for name, want := range tt.headers {
					if h := headerOf(got[0].Headers, name); h != want {
						t.Errorf("%s: %q, want %q", name, h, want)
					}
				}
				for _, a := range b.attempts["t-create-1"] {
					if text := fmt.Sprint(a.Request.masked(), a.Response, a.Message); strings.Contains(text, "tok-123456") || strings.Contains(text, "pass-word-1") {
						t.Errorf("kept: %s", text)
					}
				}
			})
		})
	}
}

// TestOAuth2Life: a token is fetched anew when the server said that it ends, a little before that, and after a 401.
func TestOAuth2Life(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := restConnection(func(c *Connection) {
			c.OAuth2 = &OAuth2Settings{Address: "http://oa.example.com/token", ClientID: "x", ClientSecret: "${secret:oa-password}"}
		})
		fetched, refuse := 0, false
		b := play(t, c, func(b *bench) {
			for i, after := range []time.Duration{0, 539 * time.Second, 541 * time.Second, 600 * time.Second} {
				b.owe(fmt.Sprintf("t%d", i), time.Now().Add(after), SceneCreate)
				b.deliveries[i].State = Retrying
			}
			b.worker.Wake([]int64{1})
		}, 15*time.Minute, func(b *bench, r retry.Request) (retry.Receipt, error) {
			if strings.HasSuffix(r.Address, "/token") {
				fetched++
				refuse = fetched == 2
				return answer(fmt.Sprintf(`{"access_token":"token-%d","expires_in":600}`, fetched))
			}
			if strings.Contains(string(r.Body), `"t3"`) && refuse {
				return status(401)
			}
			return ok(b, r)
		})
		// One at first, one after 540 s, one after the refusal.
		if fetched != 3 {
			t.Errorf("fetched %d tokens: %v", fetched, b.states())
		}
		if got := len(b.attempts["t3-create-4"]); got != 2 || b.deliveries[3].State != Succeeded {
			t.Errorf("the refused one: %d exchanges, %s", got, b.deliveries[3].State)
		}
	})
}

// TestOAuth2Refusals: an answer without a token holds the connection, as with any token; the OA's answer is not kept.
func TestOAuth2Refusals(t *testing.T) {
	t.Parallel()
	for name, reply := range map[string]func() (retry.Receipt, error){
		"no token": func() (retry.Receipt, error) { return answer(`{"error":"invalid_client pass-word-1"}`) },
		"400":      func() (retry.Receipt, error) { return status(400) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := restConnection(func(c *Connection) {
					c.OAuth2 = &OAuth2Settings{Address: "http://oa.example.com/token", ClientID: "x", ClientSecret: "${secret:oa-password}"}
				})
				b, _ := sentBy(t, c, func(int, retry.Request) (retry.Receipt, error) { return reply() })
				if len(b.conditions) == 0 || b.conditions[0].TokenRefused.IsZero() || strings.Contains(b.conditions[0].Message+b.log.String(), "pass-word-1") {
					t.Errorf("condition %+v of %v", b.conditions, b.states())
				}
			})
		})
	}
}
