package connector

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"todosync/mapping"
	"todosync/retry"
)

// sentBy plays one create of a connection and gives the requests that reached the OA.
func sentBy(t *testing.T, c *Connection, reply func(n int, r retry.Request) (retry.Receipt, error)) (*bench, []retry.Request) {
	t.Helper()
	var mu sync.Mutex // guards got
	var got []retry.Request
	b := play(t, c, func(b *bench) { b.owe("t", time.Now(), SceneCreate); b.worker.Wake([]int64{1}) }, time.Second,
		func(b *bench, r retry.Request) (retry.Receipt, error) {
			mu.Lock()
			defer mu.Unlock()
			got = append(got, r)
			if reply != nil {
				return reply(len(got), r)
			}
			return ok(b, r)
		})
	return b, got
}

func md5Of(s string) string {
	sum := md5.Sum([]byte(s))
	return hex.EncodeToString(sum[:])
}

func TestSign(t *testing.T) {
	t.Parallel()
	start := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) // of a synctest bubble
	seconds := strconv.FormatInt(start.Unix(), 10)
	const form = "application/x-www-form-urlencoded"
	tests := map[string]struct {
		contentType, body, query string
		change                   func(c *Connection)
		check                    func(t *testing.T, r retry.Request)
	}{
		"a form, md5 over the sorted fields and the secret": {
			contentType: form, body: "title=#F055&id=#F012&empty=",
			change: func(c *Connection) {
				c.Sign = &SignSettings{
					Over: SignSortedFields, Join: "&", Suffix: "${secret:app-key}", Hash: HashMD5, Case: CaseLower,
					Into: SignPlace{Field: "sign"}, Timestamp: &SignTimestamp{SignPlace: SignPlace{Field: "ts"}, Format: "epochSeconds"},
				}
			},
			check: func(t *testing.T, r retry.Request) {
				v, err := url.ParseQuery(string(r.Body))
				want := md5Of(`empty=&id=t&title=标题 "x" of create&ts=` + seconds + "s3cr3t-value")
				if err != nil || v.Get("sign") != want || v.Get("ts") != seconds {
					t.Errorf("sent %s\nwant sign=%s, %v", r.Body, want, err)
				}
			},
		},
		"JSON, upper case, prefix, the body's own sign is replaced": {
			contentType: "application/json", body: `{"sign":"","title":"#F055","n":1.0,"o":{"b":1, "a":[true]},"none":null}`,
			change: func(c *Connection) {
				c.Sign = &SignSettings{
					Over: SignSortedFields, Join: "|", Prefix: "<", Suffix: ">", Hash: HashMD5, Case: CaseUpper, Into: SignPlace{Field: "sign"},
					Timestamp: &SignTimestamp{SignPlace: SignPlace{Field: "at"}, Format: "yyyyMMddHHmmss"},
				}
			},
			check: func(t *testing.T, r retry.Request) {
				want := strings.ToUpper(md5Of(`<at=20000101080000|n=1.0|none=|o={"b":1,"a":[true]}|title=标题 "x" of create>`))
				var v map[string]any
				if err := json.Unmarshal(r.Body, &v); err != nil || v["sign"] != want || v["at"] != "20000101080000" || strings.Count(string(r.Body), `"sign"`) != 1 {
					t.Errorf("sent %s\nwant sign=%s, %v", r.Body, want, err)
				}
			},
		},
		"the body into a header, hmac in Base64": {
			contentType: "application/json", body: `{"title":"#F055"}`,
			change: func(c *Connection) {
				c.Sign = &SignSettings{
					Over: SignBody, Hash: HashHMACSHA256, Key: "${secret:app-key}", Encoding: EncodeBase64, Into: SignPlace{Header: "X-Sign"},
					Timestamp: &SignTimestamp{SignPlace: SignPlace{Header: "X-Time"}, Format: "epochMillis"},
				}
			},
			check: func(t *testing.T, r retry.Request) {
				h := hmac.New(sha256.New, []byte("s3cr3t-value"))
				h.Write(r.Body)
				if got := headerOf(r.Headers, "X-Sign"); got != base64.StdEncoding.EncodeToString(h.Sum(nil)) {
					t.Errorf("signed %s as %s", r.Body, got)
				}
				if got := headerOf(r.Headers, "X-Time"); got != seconds+"000" {
					t.Errorf("X-Time: %s", got)
				}
			},
		},
		"a template into the query": {
			contentType: "application/json", body: `{"title":"#F055"}`, query: "?v=1",
			change: func(c *Connection) {
				c.Sign = &SignSettings{
					Over: SignTemplate, Template: "{\"${now:epochMillis}\n#F012", Hash: HashHMACSHA256, Key: "${secret:app-key}",
					Encoding: EncodeBase64, Into: SignPlace{Query: "sign"}, Timestamp: &SignTimestamp{SignPlace: SignPlace{Query: "timestamp"}, Format: "epochMillis"},
				}
			},
			check: func(t *testing.T, r retry.Request) {
				h := hmac.New(sha256.New, []byte("s3cr3t-value"))
				h.Write([]byte(`{"` + seconds + "000\nt"))
				u, err := url.Parse(r.Address)
				if err != nil || u.Query().Get("sign") != base64.StdEncoding.EncodeToString(h.Sum(nil)) || u.Query().Get("timestamp") != seconds+"000" || u.Query().Get("v") != "1" {
					t.Errorf("sent to %s, %v", r.Address, err)
				}
			},
		},
		"the query's fields, the token among them": {
			query: "?b=2&a=%E4%B8%AD",
			change: func(c *Connection) {
				c.Scenes[SceneCreate].Method, c.Scenes[SceneCreate].Body = "GET", ""
				c.Sign = &SignSettings{Over: SignSortedFields, Join: "&", Hash: HashMD5, Into: SignPlace{Query: "sign"}}
				c.Token = &TokenSettings{
					Request: RequestSettings{Method: "GET", Address: "http://oa.example.com/token"}, Value: "id", Send: TokenSend{Query: "access"},
				}
			},
			check: func(t *testing.T, r retry.Request) {
				if strings.HasSuffix(r.Address, "/token") {
					return
				}
				if u, err := url.Parse(r.Address); err != nil || u.Query().Get("sign") != md5Of("a=中&access=tok-123456&b=2") {
					t.Errorf("sent to %s, %v", r.Address, err)
				}
			},
		},
		"a form in GBK is signed in GBK": {
			contentType: form + ";charset=GBK", body: "title=#F055",
			change: func(c *Connection) {
				c.Sign = &SignSettings{Over: SignSortedFields, Join: "&", Hash: HashMD5, Into: SignPlace{Field: "sign"}}
			},
			check: func(t *testing.T, r retry.Request) {
				gbk, err := mapping.Encode("text/plain;charset=GBK", "text", []byte(`title=标题 "x" of create`))
				if err != nil || !strings.HasSuffix(string(r.Body), "&sign="+md5Of(string(gbk))) || !strings.HasPrefix(string(r.Body), "title=%B1%EA%CC%E2+") {
					t.Errorf("sent %s, %v", r.Body, err)
				}
			},
		},
		"sm3": {
			contentType: form, body: "a=b",
			change: func(c *Connection) {
				c.Sign = &SignSettings{Over: SignTemplate, Template: "abc", Hash: HashSM3, Into: SignPlace{Field: "sign"}}
			},
			check: func(t *testing.T, r retry.Request) {
				if want := "a=b&sign=66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"; string(r.Body) != want {
					t.Errorf("sent %s", r.Body)
				}
			},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := restConnection(func(c *Connection) {
					c.Headers = Headers{"Content-Type": Text(tt.contentType)}
					if tt.contentType == "" {
						c.Headers = nil
					}
					c.Scenes[SceneCreate].Body = tt.body
					c.Scenes[SceneCreate].Address += tt.query
					tt.change(c)
				})
				b, got := sentBy(t, c, func(_ int, r retry.Request) (retry.Receipt, error) {
					if strings.HasSuffix(r.Address, "/token") {
						return answer(`{"id":"tok-123456"}`)
					}
					return answer(`{"code":0,"message":"` + headerOf(r.Headers, "X-Sign") + `"}`)
				})
				if len(got) == 0 {
					t.Fatalf("nothing was sent: %v %s", b.states(), b.deliveries[0].Message)
				}
				tt.check(t, got[len(got)-1])
				for id, attempts := range b.attempts {
					for _, a := range attempts {
						checkKept(t, id, a, got[len(got)-1])
					}
				}
			})
		})
	}
}

// checkKept holds that a record shows neither a secret nor the signature, and shows all else.
func checkKept(t *testing.T, id string, a Attempt, sent retry.Request) {
	t.Helper()
	shown := a.Request.masked()
	all := shown.Address + "\n" + shown.Body + "\n" + a.Response.Body + a.Message
	for _, h := range shown.Headers {
		all += "\n" + h.Name + ": " + h.Value
	}
	if !strings.Contains(all, "***") || strings.Contains(all, "s3cr3t-value") {
		t.Errorf("%s keeps\n%s", id, all)
	}
	if sign := headerOf(sent.Headers, "X-Sign"); sign != "" && strings.Contains(all, sign) {
		t.Errorf("%s keeps the signature\n%s", id, all)
	}
}

// TestSignAnew: every exchange has a signature of its own, also the one that follows a fresh token, and a request that is sent as before.
func TestSignAnew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := restConnection(func(c *Connection) {
			c.Token = &TokenSettings{
				Request: RequestSettings{Method: "GET", Address: "http://oa.example.com/token"}, Value: "id", Send: TokenSend{Header: "token"},
				RefreshOn: RefreshOn{Status: []int{401}},
			}
			c.Sign = &SignSettings{
				Over: SignSortedFields, Join: "&", Suffix: "${secret:app-key}", Hash: HashMD5, Into: SignPlace{Field: "sign"},
				Timestamp: &SignTimestamp{SignPlace: SignPlace{Field: "ts"}, Format: "epochMillis"},
			}
		})
		tokens := 0
		b, got := sentBy(t, c, func(n int, r retry.Request) (retry.Receipt, error) {
			switch {
			case strings.HasSuffix(r.Address, "/token"):
				tokens++
				return answer(`{"id":"tok-12345` + strconv.Itoa(tokens) + `"}`)
			case n == 2:
				return status(401)
			}
			return answer(`{"code":0}`)
		})
		attempts := b.attempts["t-create-1"]
		if len(got) != 4 || len(attempts) != 2 || b.deliveries[0].Tries != 1 || strings.Count(string(got[3].Body), `"sign"`) != 1 {
			t.Fatalf("%d requests, %d exchanges in %d tries, the last %s", len(got), len(attempts), b.deliveries[0].Tries, got[len(got)-1].Body)
		}
		want := md5Of(`id=t&title=标题 "x" of create&to=oa-u&ts=946684800000s3cr3t-value`)
		if !strings.HasSuffix(string(got[3].Body), `,"ts":946684800000,"sign":"`+want+`"}`) {
			t.Errorf("sent %s, want sign %s", got[3].Body, want)
		}
		kept := attempts[1].Request
		if shown := kept.masked().Body; !strings.HasSuffix(shown, `"ts":946684800000,"sign":"***"}`) {
			t.Errorf("kept as %s", shown)
		}

		// As it was rendered before: all but time and signature.
		b.before = &SentBefore{Scene: SceneCreate, Request: kept}
		b, got = again(t, c, b.before)
		if len(got) == 0 || !strings.HasPrefix(string(got[len(got)-1].Body), `{"id":"t","to":"oa-u",`) || strings.Count(string(got[len(got)-1].Body), `"sign"`) != 1 ||
			strings.Contains(string(got[len(got)-1].Body), `"sign":""`) {
			t.Fatalf("sent again: %v %s", got, b.deliveries[0].Message)
		}
	})
}

// again plays one create that is to be sent as before.
func again(t *testing.T, c *Connection, before *SentBefore) (*bench, []retry.Request) {
	t.Helper()
	var mu sync.Mutex // guards got
	var got []retry.Request
	b := play(t, c, func(b *bench) {
		b.before = before
		b.owe("t", time.Now(), SceneCreate)
		b.worker.Wake([]int64{1})
	}, time.Second, func(b *bench, r retry.Request) (retry.Receipt, error) {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, r)
		if strings.HasSuffix(r.Address, "/token") {
			return answer(`{"id":"tok-123459"}`)
		}
		return ok(b, r)
	})
	return b, got
}
