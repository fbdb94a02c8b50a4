package oasim

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Do is what a step makes of a call.
type Do string

// What a step may do. Only those that say so let the OA handle the call; Delay comes before all but DoLate.
const (
	DoNormal    Do = "normal"    // the OA handles the call as if there were no script
	DoAnswer    Do = "answer"    // Status, Header and Body are the answer
	DoRefuse    Do = "refuse"    // a business refusal in the vendor's format, with Code and Message
	DoFault     Do = "fault"     // the OA breaks down over the call: a SOAP fault, or status 500 with an HTML page
	DoHang      Do = "hang"      // no answer until the caller gives up
	DoReset     Do = "reset"     // the connection is reset, the call had no effect
	DoLost      Do = "lost"      // the OA handles the call, then the connection is reset: the answer is lost
	DoLate      Do = "late"      // the OA handles the call, and answers after Delay
	DoCut       Do = "cut"       // the OA handles the call; the connection breaks in the middle of the answer's body
	DoGarbage   Do = "garbage"   // status 200 with a body that is neither JSON nor XML
	DoLoginPage Do = "loginPage" // status 200 with the OA's HTML log-in page
	DoGBKPage   Do = "gbkPage"   // Status (else 500) with an HTML page in GBK
	DoHuge      Do = "huge"      // status 200 with Size bytes (else 10 MiB) of JSON
	DoEmpty     Do = "empty"     // status 204
	DoExpire    Do = "expire"    // all tokens become invalid, then the OA handles the call
)

// A Step is how one call is answered. It is data, so that tests, files and other processes script alike.
type Step struct {
	Do      Do                `json:"do"` // left out beside a Status: DoAnswer
	Status  int               `json:"status,omitempty"`
	Header  map[string]string `json:"header,omitempty"`
	Body    string            `json:"body,omitempty"`
	Code    string            `json:"code,omitempty"`    // of a refusal, where the vendor has codes
	Message string            `json:"message,omitempty"` // of a refusal or a fault
	DelayMS int               `json:"delayMs,omitempty"`
	Size    int               `json:"size,omitempty"`
}

// Status is a step that answers with an HTTP status and an HTML page, as a proxy or an application server does.
func Status(code int) Step { return Step{Do: DoAnswer, Status: code} }

// RetryAfter is a step that answers 429 or 503 and asks to come back after whole seconds.
func RetryAfter(code, seconds int) Step {
	return Step{Do: DoAnswer, Status: code, Header: map[string]string{"Retry-After": fmt.Sprint(seconds)}}
}

// Refuse is a step that answers with a business refusal in the vendor's format.
func Refuse(message string) Step { return Step{Do: DoRefuse, Message: message} }

// Late is a step whose answer, of a call that had its effect, comes after d.
func Late(d time.Duration) Step { return Step{Do: DoLate, DelayMS: int(d.Milliseconds())} }

// Just is a step that needs no more than its Do, such as Just(DoHang).
func Just(do Do) Step { return Step{Do: do} }

// check fills in a Do that was left out and refuses what no simulator can play.
func (s *Step) check() error {
	if s.Do == "" {
		s.Do = DoNormal
		if s.Status != 0 {
			s.Do = DoAnswer
		}
	}
	switch s.Do {
	case DoNormal, DoRefuse, DoFault, DoHang, DoReset, DoLost, DoLate, DoCut, DoGarbage, DoLoginPage, DoGBKPage, DoHuge,
		DoEmpty, DoExpire:
	case DoAnswer:
		if s.Status == 0 {
			s.Status = 200
		}
	default:
		return fmt.Errorf("do: %q is no step; there are normal, answer, refuse, fault, hang, reset, lost, late, cut, garbage, "+
			"loginPage, gbkPage, huge, empty, expire", s.Do)
	}
	if s.Status != 0 && (s.Status < 200 || s.Status > 599) {
		return fmt.Errorf("status: %d is not a final HTTP status between 200 and 599", s.Status)
	}
	if s.DelayMS < 0 || s.Size < 0 {
		return errors.New("delayMs, size: must not be negative")
	}
	return nil
}

// delay is DelayMS as a duration.
func (s *Step) delay() time.Duration { return time.Duration(s.DelayMS) * time.Millisecond }

// A Match chooses calls. Members that are left out choose all; calls for tokens are chosen only by op token.
type Match struct {
	Op      Op     `json:"op,omitempty"`
	Todo    string `json:"todo,omitempty"`    // the id in the OA is this, or begins with this and "_"
	Account string `json:"account,omitempty"` // is among those whom the call names
	Path    string `json:"path,omitempty"`    // is in the path
	Body    string `json:"body,omitempty"`    // is in the body
}

// Matches says whether the call is one of those chosen.
func (m Match) Matches(c *Call) bool {
	if m.Op == "" && c.Op == OpToken || m.Op != "" && m.Op != c.Op {
		return false
	}
	if m.Todo != "" && c.Todo != m.Todo && !strings.HasPrefix(c.Todo, m.Todo+"_") {
		return false
	}
	found := m.Account == ""
	for _, a := range c.Accounts {
		found = found || a == m.Account
	}
	return found && strings.Contains(c.Path, m.Path) && strings.Contains(c.Body, m.Body)
}

// A Rule answers the calls that match: one step a call until they are used up, or with Always the one step for ever.
type Rule struct {
	Match  Match  `json:"match"`
	Steps  []Step `json:"steps"`
	Always bool   `json:"always,omitempty"`
}

// A rule in force. Its steps have been checked.
type rule struct {
	matches func(*Call) bool
	steps   []Step
	always  bool
}

// A script is the rules in force, in the order in which they were given. The first that matches answers.
type script []*rule

// next gives the step that answers a call and uses it up; false: the OA answers by its own rules.
func (s *script) next(c *Call) (Step, bool) {
	for i, r := range *s {
		if !r.matches(c) {
			continue
		}
		step := r.steps[0]
		if !r.always {
			if r.steps = r.steps[1:]; len(r.steps) == 0 {
				*s = append((*s)[:i:i], (*s)[i+1:]...)
			}
		}
		return step, true
	}
	return Step{}, false
}

// Reply answers the next calls, one step each, calls for tokens apart; then the OA is itself again. It panics on a step
// that cannot be played: that is a mistake in the test.
func (s *Sim) Reply(steps ...Step) { s.When(Match{}.Matches, steps...) }

// When answers the calls that match, one step each, until the steps are used up. match sees a call that has been read but
// not handled; it is called with the simulator's lock held and must not call it.
func (s *Sim) When(match func(*Call) bool, steps ...Step) { s.must(rule{matches: match, steps: steps}) }

// Always answers every call that matches in the same way, until Unscript.
func (s *Sim) Always(match func(*Call) bool, step Step) {
	s.must(rule{matches: match, steps: []Step{step}, always: true})
}

// Script takes rules as data. None of them is in force when one is refused.
func (s *Sim) Script(rules ...Rule) error {
	ready := make([]*rule, len(rules))
	for i, r := range rules {
		if r.Always && len(r.Steps) != 1 {
			return fmt.Errorf("rule %d: with always there is exactly one step, not %d", i+1, len(r.Steps))
		}
		ready[i] = &rule{matches: r.Match.Matches, steps: append([]Step(nil), r.Steps...), always: r.Always}
		if err := ready[i].check(); err != nil {
			return fmt.Errorf("rule %d: %w", i+1, err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script = append(s.script, ready...)
	return nil
}

// Unscript forgets what is left of the script: the OA is itself again.
func (s *Sim) Unscript() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script = nil
}

// must puts a rule of a test in force.
func (s *Sim) must(r rule) {
	r.steps = append([]Step(nil), r.steps...)
	if err := r.check(); err != nil {
		panic("oasim: " + err.Error())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script = append(s.script, &r)
}

// check fills in and checks all steps of a rule.
func (r *rule) check() error {
	if len(r.steps) == 0 {
		return errors.New("steps: there is none")
	}
	for i := range r.steps {
		if err := r.steps[i].check(); err != nil {
			return fmt.Errorf("step %d: %w", i+1, err)
		}
	}
	return nil
}

// badDay is what FailRate makes of a call: troubles from which an OA recovers by itself.
func badDay(n int) Step {
	return [...]Step{Status(503), Status(504), Just(DoReset), Just(DoLost)}[n]
}
