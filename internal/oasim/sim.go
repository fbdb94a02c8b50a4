package oasim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// The vendors that New knows.
const (
	Seeyon    = "seeyon"
	Weaver    = "weaver"
	Landray   = "landray"
	Yunzhijia = "yunzhijia"
	WeLink    = "welink"
	Feishu    = "feishu"
	DingTalk  = "dingtalk"
	WeCom     = "wecom"
	Generic   = "generic"

	// Only sign-on.
	OIDC       = "oidc"
	CAS        = "cas"
	Wialon     = "wialon"
	HelpCrunch = "helpcrunch"
)

// maxBody is how much of a request is taken, in bytes; more is answered with 413.
const maxBody = 8 << 20

// Vendors names the vendors that New knows, in the order in which they are shown.
func Vendors() []string {
	return []string{Seeyon, Weaver, Landray, Yunzhijia, WeLink, Generic, Feishu, DingTalk, WeCom, OIDC, CAS, Wialon, HelpCrunch}
}

// Config says what a simulated OA knows and how it behaves. The zero value is an OA that knows everybody, takes any
// credentials that are not empty, answers at once and never fails.
type Config struct {
	Users    []string      // accounts that exist in the OA; empty: everyone does
	User     string        // who may log in, see the package comment; empty: anybody
	Password string        // his password, plain
	Apps     []string      // registrations that exist (register codes, syscodes, appIds); empty: all
	TokenTTL time.Duration // how long a token lives; 0: as the vendor says
	Style    Style         // how a web service writes its answers

	SignOnSecret string         // weaver, landray, cas: of signed links; empty: tickets and codes
	SeeyonV8     bool           // seeyon: the cloud line, whose ticket is restored
	Issuer       string         // oidc: its name, which is where it is reached
	Claims       map[string]any // oidc: written over those of the ID token, for tests

	Now func() time.Time

	Latency  time.Duration // each call waits so long before it is handled
	FailRate float64       // share of todo calls, 0 to 1, that fail by dice; not for tests
	Seed     uint64        // of the dice

	KeepCalls int        // calls kept in the ledger, the newest; 0: 10,000; negative: none
	KeepTodos int        // todos kept, finished ones go first; 0: 100,000
	Log       func(Call) // called once per call when it is over, from the call's goroutine
}

// Style is how a web service writes the text inside its answers: clients must read them all alike.
type Style string

// The styles of a web service's answers.
const (
	StyleEscaped Style = ""      // <ns1:out>{&quot;operResult&quot;...
	StyleCDATA   Style = "cdata" // <ns1:out><![CDATA[{"operResult"...
	StyleBare    Style = "bare"  // <out xmlns="...">: no prefix, quotes as they are
)

// validate gives all mistakes at once, each with the member's name.
func (c *Config) validate() error {
	var errs []error
	if c.FailRate < 0 || c.FailRate > 1 {
		errs = append(errs, fmt.Errorf("FailRate: %v is not a share between 0 and 1", c.FailRate))
	}
	if c.Latency < 0 {
		errs = append(errs, fmt.Errorf("Latency: %v is negative", c.Latency))
	}
	if c.TokenTTL < 0 {
		errs = append(errs, fmt.Errorf("TokenTTL: %v is negative", c.TokenTTL))
	}
	if c.KeepTodos < 0 {
		errs = append(errs, fmt.Errorf("KeepTodos: %d is negative", c.KeepTodos))
	}
	if !slices.Contains([]Style{StyleEscaped, StyleCDATA, StyleBare}, c.Style) {
		errs = append(errs, fmt.Errorf("Style: %q is not one of \"\", cdata, bare", c.Style))
	}
	return errors.Join(errs...)
}

// A Sim is one simulated OA system. It is safe for use by many goroutines.
type Sim struct {
	vendor string
	config Config
	read   func(*Call) request
	closed chan struct{} // closed by Close: ends what hangs

	mu     sync.Mutex // guards all below, and whatever a request's run touches
	over   bool       // closed is closed
	inbox  inbox
	tokens tokens
	script script
	ledger ledger
	grants grants
	users  map[string]bool // nil: everyone
	dice   *rand.Rand
}

// A request is a call that has been read: how the OA handles it, and how it would refuse it or break down, in the format
// that the caller expects. The functions are called with the lock held, one of them at most once.
type request struct {
	run    func() reply
	refuse func(code, message string) reply
	fault  func(message string) reply
}

// New makes a simulated OA of one of the Vendors.
func New(vendor string, c Config) (*Sim, error) {
	if err := c.validate(); err != nil {
		return nil, fmt.Errorf("simulate %s: %w", vendor, err)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	s := &Sim{
		vendor: vendor,
		config: c,
		closed: make(chan struct{}),
		inbox:  newInbox(c.KeepTodos),
		ledger: newLedger(c.KeepCalls),
		dice:   rand.New(rand.NewPCG(c.Seed, 0)),
	}
	if len(c.Users) > 0 {
		s.users = make(map[string]bool, len(c.Users))
		for _, u := range c.Users {
			s.users[u] = true
		}
	}
	life := time.Duration(0)
	switch vendor {
	case Seeyon:
		s.read, life = (&seeyon{s}).read, seeyonTokenLife
	case Weaver:
		s.read = (&weaver{s}).read
	case Landray:
		s.read = (&landray{s}).read
	case Yunzhijia:
		s.read, life = newYunzhijia(s).read, yunzhijiaTokenLife
	case WeLink:
		s.read, life = (&welink{sim: s}).read, welinkTokenLife
	case Feishu:
		s.read, life = (&feishu{sim: s, newest: map[string]int64{}, sent: map[string]bool{}}).read, feishuTokenLife
	case DingTalk:
		s.read, life = (&dingtalk{sim: s, sources: map[string]string{}}).read, dingtalkTokenLife
	case WeCom:
		s.read, life = newWecom(s).read, wecomTokenLife
	case Generic:
		s.read = (&generic{s}).read
	case OIDC, CAS, Wialon, HelpCrunch:
		s.read, life = onlySignOn, ticketLife
	default:
		return nil, fmt.Errorf("simulate %q: no such vendor; there are %s", vendor, strings.Join(Vendors(), ", "))
	}
	if c.TokenTTL > 0 {
		life = c.TokenTTL
	}
	s.tokens = tokens{life: life, idle: vendor == Seeyon, now: c.Now}
	s.grants.now = c.Now
	return s, nil
}

// Vendor is the name that the simulator was made with.
func (s *Sim) Vendor() string { return s.vendor }

// Close ends the calls that hang, and lets no later one hang. It is called before the server is shut down.
func (s *Sim) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.over {
		s.over = true
		close(s.closed)
	}
}

// ServeHTTP takes one call: it is entered in the ledger, then the script or the vendor's rules answer it.
func (s *Sim) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/_sim/") {
		s.control(w, r)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		if _, big := errors.AsType[*http.MaxBytesError](err); big {
			http.Error(w, "request entity too large", http.StatusRequestEntityTooLarge)
			return
		}
		panic(http.ErrAbortHandler) // the caller went away in mid-request: nothing has arrived
	}
	c := &Call{
		Time:           s.config.Now(),
		Method:         r.Method,
		Path:           r.URL.Path,
		Query:          r.URL.RawQuery,
		Header:         r.Header.Clone(),
		Body:           string(body),
		IdempotencyKey: r.Header.Get("Idempotency-Key"),
	}
	// Reading changes nothing, so it needs no lock; what it finds out is what rules and ledger go by.
	req, asked := s.readSignOn(c)
	if !asked {
		req = s.read(c)
	}
	step := s.arrive(c)
	if !s.wait(r.Context(), s.config.Latency) {
		s.end(c, reply{})
		panic(http.ErrAbortHandler)
	}
	s.play(w, r, exchange{call: c, request: req, step: step})
}

// arrive enters the call in the ledger and says which step answers it.
func (s *Sim) arrive(c *Call) Step {
	s.mu.Lock()
	defer s.mu.Unlock()
	step, scripted := s.script.next(c)
	if !scripted && c.Op != OpToken && c.Op != OpSignOn && s.config.FailRate > 0 && s.dice.Float64() < s.config.FailRate {
		step = badDay(s.dice.IntN(4))
	}
	c.Step = step.Do
	s.ledger.add(c)
	return step
}

// act lets the OA handle the call.
func (s *Sim) act(f func() reply) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	return f()
}

// end writes the answer into the ledger and tells the log.
func (s *Sim) end(c *Call, a reply) {
	s.mu.Lock()
	c.Status, c.Answer, c.Over = a.status, string(a.body), true
	c.Duration = s.config.Now().Sub(c.Time)
	done := *c
	s.mu.Unlock()
	if s.config.Log != nil {
		s.config.Log(done)
	}
}

// wait lasts d, or less when the caller goes away (false) or the simulator is closed (true: it answers at once).
func (s *Sim) wait(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-s.closed:
		return true
	case <-ctx.Done():
		return false
	}
}

// Todos gives what stands and stood in one account's inbox, oldest first; State says which is which.
func (s *Sim) Todos(account string) []Todo {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.inbox.list(func(t *Todo) bool { return t.Account == account })
}

// All gives the todos of all accounts, oldest first.
func (s *Sim) All() []Todo {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.inbox.list(func(*Todo) bool { return true })
}

// Calls gives the calls that the ledger still holds, in the order of their arrival, also those not yet answered.
func (s *Sim) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ledger.list(0)
}

// Arrived counts the calls so far, calls for tokens and sign-ons apart, also those that the ledger no longer holds.
func (s *Sim) Arrived() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ledger.arrived
}

// Wait returns when n calls have arrived, calls for tokens and sign-ons apart, or with ctx's error. It spares tests a sleep.
func (s *Sim) Wait(ctx context.Context, n int) error {
	for {
		s.mu.Lock()
		enough, more := s.ledger.arrived >= n, s.ledger.changed()
		s.mu.Unlock()
		if enough {
			return nil
		}
		select {
		case <-more:
		case <-ctx.Done():
			return fmt.Errorf("wait for %d calls, %d arrived: %w", n, s.Arrived(), ctx.Err())
		}
	}
}

// ExpireTokens makes every token that was handed out invalid, as a restart of the OA does.
func (s *Sim) ExpireTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens.forget()
}

// knows says whether the account exists. The lock is held.
func (s *Sim) knows(account string) bool {
	return s.users == nil || s.users[account]
}

// registered says whether the app exists.
func (s *Sim) registered(app string) bool {
	return app != "" && (len(s.config.Apps) == 0 || slices.Contains(s.config.Apps, app))
}

// admits says whether the credentials let the caller in.
func (s *Sim) admits(user, password string) bool {
	if s.config.User == "" {
		return user != "" && password != ""
	}
	return user == s.config.User && password == s.config.Password
}
