package signon

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"

	"todosync/connector"
	"todosync/retry"
)

// An Outcome says in one word what became of a sign-on.
type Outcome string

// The outcomes.
const (
	SignedOn    Outcome = "signed_on"
	Greeted     Outcome = "greeted"     // the OA's server has brought a ticket; its browser is to come
	BadAddress  Outcome = "bad_address" // no address of the gateway
	Unknown     Outcome = "unknown"     // no such connection or vendor
	NotSetUp    Outcome = "not_set_up"  // the settings say not enough
	BadProof    Outcome = "bad_proof"   // a wrong signature, or the OA does not know the ticket
	TooOld      Outcome = "too_old"     // a link outside of its time
	Used        Outcome = "used"        // a link or ticket that came before
	NoBinding   Outcome = "no_binding"
	Unreachable Outcome = "oa_unreachable"
	TooSlow     Outcome = "oa_too_slow"
	Slowed      Outcome = "slowed" // too many failures
	StoreAway   Outcome = "store_away"
)

// Outcomes are all outcomes.
func Outcomes() []Outcome {
	return []Outcome{
		SignedOn, Greeted, BadAddress, Unknown, NotSetUp, BadProof, TooOld, Used, NoBinding, Unreachable, TooSlow, Slowed, StoreAway,
	}
}

// A refusal says why somebody is not let in. why is for the log alone.
type refusal struct {
	outcome Outcome
	why     string
	status  int  // 403 where 0
	uniform bool // from outside it looks like a wrong proof
	nobody  bool // no tenant's log is concerned
	plain   string
	err     error
}

// unavailable is a refusal because our own store does not answer.
func unavailable(err error) *refusal {
	return &refusal{outcome: StoreAway, why: "the store does not answer", status: http.StatusServiceUnavailable, nobody: true, err: err}
}

// unasked is a refusal because the OA could not be asked.
func unasked(err error) *refusal {
	if errors.Is(err, context.DeadlineExceeded) {
		return &refusal{outcome: TooSlow, why: "the OA gave no answer in time", status: http.StatusGatewayTimeout}
	}
	if err != nil && connector.KindOf(err) == connector.Invalid {
		return &refusal{outcome: NotSetUp, why: "the connection's settings say not enough", err: err}
	}
	if e, ok := errors.AsType[*retry.Error](err); ok {
		if e.Class == retry.Timeout {
			return &refusal{outcome: TooSlow, why: "the OA gave no answer in time", status: http.StatusGatewayTimeout}
		}
		return &refusal{outcome: Unreachable, why: "the OA could not be asked: " + e.Msg, status: http.StatusBadGateway}
	}
	return &refusal{outcome: Unreachable, why: "the OA could not be asked", status: http.StatusBadGateway, err: err}
}

// guessed counts a failure that may be a guess.
func (v *visit) guessed(key connector.ConnectionKey, r *refusal) *refusal {
	v.slows.count(v.entry.Address, key, v.entry.At)
	return r
}

// numberLetters are easy to say on the phone.
const numberLetters = "23456789ABCDEFGHJKMNPQRSTVWXYZ"

// newNumber makes the number under which a visitor's story can be found.
func newNumber() string {
	b := make([]byte, 8)
	_, _ = rand.Read(b) // never fails
	for i := range b {
		b[i] = numberLetters[int(b[i])%len(numberLetters)]
	}
	return string(b)
}

// refuse notes a refusal and shows its page.
func (v *visit) refuse(ctx context.Context, r *refusal) {
	v.entry.Outcome, v.entry.Why = string(r.outcome), r.why
	log := v.cfg.Log.InfoContext
	if r.err != nil {
		log = v.cfg.Log.ErrorContext
	}
	log(ctx, "sign-on refused", "number", v.entry.Number, "tenant", v.entry.Tenant, "connection", v.entry.Connection, "vendor", v.entry.Vendor,
		"outcome", v.entry.Outcome, "why", r.why, "error", r.err)
	if !r.nobody {
		if err := v.cfg.Desk.NoteSignOn(ctx, v.entry); err != nil {
			v.cfg.Log.ErrorContext(ctx, "sign-on not noted", "number", v.entry.Number, "error", err)
		}
	}
	status := r.status
	if status == 0 {
		status = http.StatusForbidden
	}
	if status == http.StatusTooManyRequests {
		v.w.Header().Set("Retry-After", "60")
	}
	if r.plain != "" {
		v.w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		v.w.WriteHeader(http.StatusOK) // the OA's server reads the text, and no status
		_, _ = v.w.Write([]byte(r.plain))
		return
	}
	shown := r.outcome
	if r.uniform {
		shown = BadProof
	}
	v.page(ctx, shown, status)
}
