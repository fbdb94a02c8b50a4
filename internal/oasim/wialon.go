package oasim

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// Wialon's limits. What a blocked address is answered with is not documented; a limit's code is the nearest.
const (
	wialonFailures = 10  // failed log-ins of one address in a minute
	wialonLogins   = 120 // good ones
	wialonSessions = 100 // that one user may have open from one address
	wialonIdle     = 5 * time.Minute
)

// A wialonDesk is what a Wialon host knows of who logs in.
type wialonDesk struct {
	failed, good []time.Time
	sessions     map[string]wialonSession
	blocked      int // calls that came over a limit
}

// A wialonSession is one log-in that has not been ended.
type wialonSession struct {
	user string
	used time.Time
}

// WialonState is how much of its limits a simulated Wialon has seen used.
type WialonState struct {
	Sessions int // open
	Failed   int // log-ins within the last minute
	Blocked  int // calls that came over a limit, in all
}

// Wialon tells what has been used of its limits.
func (s *Sim) Wialon() WialonState {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, now := &s.grants.wialon, s.config.Now()
	d.forget(now)
	return WialonState{Sessions: len(d.sessions), Failed: len(d.failed), Blocked: d.blocked}
}

// forget drops what is over.
func (d *wialonDesk) forget(now time.Time) {
	old := func(t time.Time) bool { return now.Sub(t) >= time.Minute }
	d.failed, d.good = slices.DeleteFunc(d.failed, old), slices.DeleteFunc(d.good, old)
	for sid, s := range d.sessions {
		if now.Sub(s.used) >= wialonIdle {
			delete(d.sessions, sid)
		}
	}
}

// wialonSignOn serves core/use_auth_hash, core/create_auth_hash and core/logout. All callers count as one address, as all users of one
// gateway do.
func (s *Sim) wialonSignOn(c *Call) func() reply {
	if c.Path != "/wialon/ajax.html" {
		return nil
	}
	q, _ := url.ParseQuery(c.Query)
	form, _ := url.ParseQuery(c.Body)
	maps.Copy(q, form)
	var params struct {
		AuthHash string `json:"authHash"`
	}
	err := json.Unmarshal([]byte(q.Get("params")), &params)
	return func() reply {
		d, now := &s.grants.wialon, s.config.Now()
		fail := func(code int) reply { c.Effect = EffectRefused; return asJSON(200, map[string]any{"error": code}) }
		if c.Method != http.MethodPost || err != nil {
			return fail(4)
		}
		d.forget(now)
		sid := q.Get("sid")
		session, in := d.sessions[sid]
		switch q.Get("svc") {
		case "core/use_auth_hash":
			if len(d.failed) >= wialonFailures || len(d.good) >= wialonLogins {
				d.blocked++
				return fail(1003)
			}
			got, ok := s.grants.take(params.AuthHash)
			if !ok {
				d.failed = append(d.failed, now)
				return fail(8)
			}
			open := 0
			for _, o := range d.sessions {
				if o.user == got.account {
					open++
				}
			}
			if open >= wialonSessions {
				return fail(10)
			}
			d.good = append(d.good, now)
			sid := randomHex(16)
			if d.sessions == nil {
				d.sessions = map[string]wialonSession{}
			}
			d.sessions[sid] = wialonSession{got.account, now}
			c.Accounts = []string{got.account}
			return asJSON(200, map[string]any{
				"eid": sid, "au": got.account, "tm": now.Unix(), "host": "127.0.0.1", "base_url": "https://hst-api.wialon.com",
				"user": map[string]any{"nm": got.account, "id": 50935, "cls": 1, "prp": map[string]any{}},
			})
		case "core/create_auth_hash":
			if !in {
				return fail(1)
			}
			return asJSON(200, map[string]any{"authHash": s.grants.give("", wialonHashLife, grant{account: session.user})})
		case "core/logout":
			if !in {
				return fail(1)
			}
			delete(d.sessions, sid)
			return asJSON(200, map[string]any{"error": 0})
		}
		return fail(2)
	}
}
