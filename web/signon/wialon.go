package signon

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"todosync/connector"
)

// What a Wialon host takes from one address within a minute is 120 log-ins, 10 of them failed; whoever goes over is shut out, and all our users
// share our address. So less goes there.
const (
	WialonAll    = 100
	WialonFailed = 8
)

// wialonLogout is how long ending a session may take; it holds the visitor up.
const wialonLogout = 3 * time.Second

// wialonHash is the form of an authorization hash.
var wialonHash = regexp.MustCompile(`^[0-9A-Za-z._-]{6,256}$`)

// A wialonAnswer is what core/use_auth_hash says.
type wialonAnswer struct {
	Error  *int   `json:"error"`
	EID    string `json:"eid"`
	Login  string `json:"au"` // whose password was given; he may act for another
	Person struct {
		Name string `json:"nm"`
	} `json:"user"`
}

// wialon proves by an authorization hash. Only what Wialon answers counts: the user's name in the address is anybody's word.
func (v *visit) wialon(ctx context.Context) *refusal {
	if len(v.place.Base) == 0 {
		return &refusal{outcome: NotSetUp, why: "the connection has no signOn.base"}
	}
	bad := func(why string) *refusal { return v.guessed(v.place.Key, &refusal{outcome: BadProof, why: why}) }
	hash := v.query.Get("authHash")
	if hash == "" {
		hash = v.query.Get("access_hash")
	}
	switch {
	case hash == "" && v.query.Has("sid"):
		return bad("the address brings a session's id, which is not taken: turn on Authorize hash in the app's settings")
	case !wialonHash.MatchString(hash):
		return bad("the address brings no authHash, or something that is none")
	}
	base, ok := v.base()
	if !ok {
		return bad("baseUrl is none of the addresses that signOn.base names")
	}
	mark := sha256.Sum256([]byte("wialon " + hash))
	fresh, err := v.cfg.Desk.UseProof(ctx, v.place.Conn, mark[:], v.entry.At.Add(proofKept))
	switch {
	case err != nil:
		return unavailable(err)
	case !fresh:
		return &refusal{outcome: Used, why: "the same hash came before"}
	}
	host := strings.ToLower(base[strings.Index(base, "//")+2:])
	id, ok, err := v.cfg.Desk.BeginAsk(ctx, host)
	if err != nil || !ok {
		v.forget(ctx, mark[:])
		if err != nil {
			return unavailable(err)
		}
		return &refusal{
			outcome: Slowed, status: http.StatusTooManyRequests,
			why: fmt.Sprintf("%s is asked no more for now: %d log-ins or %d failed ones within a minute, and it shuts everybody out", host, WialonAll, WialonFailed),
		}
	}
	answer, refused := v.askWialon(ctx, base, hash, mark[:])
	if refused != nil {
		return refused
	}
	if err := v.cfg.Desk.EndAsk(context.WithoutCancel(ctx), host, id); err != nil {
		v.cfg.Log.WarnContext(ctx, "a good log-in counts as a failed one", "number", v.entry.Number, "error", err)
	}
	account := soundAccount(answer.Person.Name)
	if account == "" {
		return bad("Wialon's answer names no user")
	}
	if said := v.query.Get("user"); said != "" && said != account {
		v.entry.Why = "Wialon says who it is; the address names another"
	}
	if answer.Login != "" && answer.Login != account {
		v.entry.Why = "logged in to Wialon as " + soundAccount(answer.Login)
	}
	v.proof = proof{account: account}
	return nil
}

// forget lets a proof come again that nobody was asked about.
func (v *visit) forget(ctx context.Context, mark []byte) {
	if err := v.cfg.Desk.ForgetProof(context.WithoutCancel(ctx), v.place.Conn, mark); err != nil {
		v.cfg.Log.ErrorContext(ctx, "a ticket cannot be tried again", "number", v.entry.Number, "error", err)
	}
}

// askWialon asks whose a hash is, and ends the session that this begins.
func (v *visit) askWialon(ctx context.Context, base, hash string, mark []byte) (answer wialonAnswer, refused *refusal) {
	params, err := json.Marshal(map[string]string{"authHash": hash})
	if err != nil {
		return answer, unavailable(err)
	}
	asking, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	got, err := v.cfg.OA.AskOA(asking, v.place.Conn, formRequest(base+"/wialon/ajax.html", url.Values{"svc": {"core/use_auth_hash"}, "params": {string(params)}}))
	if err != nil {
		if refusedAnswer(err, &got) != nil {
			v.forget(ctx, mark)
		}
		return answer, unasked(err)
	}
	if json.Unmarshal(got.Body, &answer) != nil {
		return answer, &refusal{outcome: Unreachable, why: "the OA answers with something that is no answer of Wialon's", status: http.StatusBadGateway}
	}
	if answer.EID != "" {
		v.leaveWialon(ctx, base, answer.EID)
	}
	if answer.Error != nil && *answer.Error != 0 {
		return answer, v.wialonError(*answer.Error)
	}
	if answer.EID == "" {
		return answer, v.guessed(v.place.Key, &refusal{outcome: BadProof, why: "Wialon's answer begins no session"})
	}
	return answer, nil
}

// wialonError tells a visitor whom Wialon does not know from a Wialon that cannot tell.
func (v *visit) wialonError(code int) *refusal {
	why := fmt.Sprintf("Wialon answers with error %d", code)
	switch code {
	case 6, 9, 10, 1003, -100, -101:
		return &refusal{outcome: Unreachable, why: why, status: http.StatusBadGateway}
	}
	return v.guessed(v.place.Key, &refusal{outcome: BadProof, why: why})
}

// leaveWialon ends a session: a user may have a hundred only. Whoever signs on has done so, whatever comes of it.
func (v *visit) leaveWialon(ctx context.Context, base, eid string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), wialonLogout)
	defer cancel()
	got, err := v.cfg.OA.AskOA(ctx, v.place.Conn, formRequest(base+"/wialon/ajax.html", url.Values{"svc": {"core/logout"}, "params": {"{}"}, "sid": {eid}}))
	if err == nil && strings.TrimSpace(string(got.Body)) != `{"error":0}` {
		err = &connector.Error{Kind: connector.Unavailable, Op: "log out of Wialon", Msg: "it does not say that it has ended the session"}
	}
	if err != nil {
		v.cfg.Log.WarnContext(ctx, "a session at Wialon is left to end by itself", "number", v.entry.Number, "error", err)
	}
}
