package signon

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"todosync/connector"
	"todosync/retry"
)

// Prefix stands before the path of every address of the Gateway but the old ones.
const Prefix = "/oa/"

// How long what the Gateway gives out and keeps is good.
const (
	TicketLife  = time.Minute
	ProofMemory = time.Minute // between the OA's server and the browser, where no setting says otherwise
	proofKept   = 10 * time.Minute
)

// Bounds of what a browser may bring.
const (
	maxSegment = 256
	maxProof   = 2048
	maxForm    = 16 << 10
)

// A Place is what a browser's address leads to.
type Place struct {
	Conn     int64
	Key      connector.ConnectionKey
	Settings connector.SignOnSettings
	Secrets  []string // of signed links, filled in, newest first
	Base     []string // the addresses that may be asked, filled in
	Client   Client
	Script   string   // WeLink: the address of the script that gives a page HWH5; empty: the app does
	Frames   []string // the origins whose pages may show ours in a frame, filled in
	Login    string   // the CRM's address, which gets the ticket
	Ticket   connector.TicketKind
	Shared   string // HS256: the secret shared with the CRM
	Audience string // of a JWT
	Language connector.Language
}

// A Client is what an OA knows us as.
type Client struct{ ID, Secret string }

// An Admission lets somebody in.
type Admission struct {
	Conn    int64
	Proof   []byte    // hash of what proves who he is; nil: it has been used up already
	Until   time.Time // how long the proof must not come again
	Ticket  []byte    // hash
	Expires time.Time // of the ticket
	Target  string
	Entry   Entry
}

// An Entry is a line of the sign-on log.
type Entry struct {
	Number     string
	At         time.Time
	Tenant     string
	Connection string
	Vendor     string
	Account    string
	User       string
	Outcome    string
	Why        string
	Skew       time.Duration // by how much the OA's clock was behind ours
	Address    string
}

// A Desk keeps what the Gateway must not forget. All of it holds for all workers together.
type Desk interface {
	// Place gives a connection with its sign-on. NotFound: there is no such connection, or nobody signs on there.
	Place(ctx context.Context, key connector.ConnectionKey) (Place, error)
	// SignOnVendors names the connections of a tenant where somebody may sign on.
	SignOnVendors(ctx context.Context, tenant string) (map[string]connector.SignOnVendor, error)
	UserOf(ctx context.Context, conn int64, account string) (b connector.Binding, ok bool, err error)
	// Admit keeps the ticket and the entry. fresh is false, and nothing is kept, where the proof was used before.
	Admit(ctx context.Context, a Admission) (fresh bool, err error)
	NoteSignOn(ctx context.Context, e Entry) error
	// UseProof uses a proof up. fresh is false where it came before.
	UseProof(ctx context.Context, conn int64, proof []byte, until time.Time) (fresh bool, err error)
	// KeepProof notes for whom a proof stands that was used up, so that RecallProof finds it, once.
	KeepProof(ctx context.Context, conn int64, proof []byte, account string, until time.Time) error
	// RecallProof finds what KeepProof noted, once. known: the proof came before; the account is empty where nothing is noted any more.
	RecallProof(ctx context.Context, conn int64, proof []byte) (account string, known bool, err error)
	// BeginAsk notes that a host is about to be asked for a log-in. ok is false where it takes no more for now.
	BeginAsk(ctx context.Context, host string) (id string, ok bool, err error)
	// EndAsk notes that the log-in was good.
	EndAsk(ctx context.Context, host, id string) error
	// WidgetVersion gives the version of the key by whose hash a chat widget knows a user, noting newest for one whom it does not know yet.
	WidgetVersion(ctx context.Context, key connector.ConnectionKey, user string, newest int) (int, error)
	// SignKeys gives the keys of a kind, oldest first; there is always one.
	SignKeys(ctx context.Context, kind KeyKind) ([]Key, error)
	// ForgetProof lets a proof come again that nobody could be asked about.
	ForgetProof(ctx context.Context, conn int64, proof []byte) error
}

// An OA answers questions about who somebody is.
type OA interface {
	// AskOA sends one request with the connection's certificates, proxy and time limits.
	AskOA(ctx context.Context, conn int64, r retry.Request) (retry.Receipt, error)
	// AskAsApp is AskOA with the connection's token.
	AskAsApp(ctx context.Context, conn int64, r retry.Request) (retry.Receipt, error)
	// VerifyTicket sends the request of the connection's own verifier.
	VerifyTicket(ctx context.Context, conn int64, ticket string) (retry.Receipt, error)
}

// A Visit is one browser's request that is over, to be counted. Of an address that leads nowhere tenant and connection are empty: anybody
// may make such addresses up.
type Visit struct {
	Key     connector.ConnectionKey
	Outcome Outcome
	Took    time.Duration
}

// A Config is what a Gateway needs. All of it is required but Note and Now.
type Config struct {
	Desk   Desk
	OA     OA
	Log    *slog.Logger
	Public string                     // where browsers reach the server
	Client func(*http.Request) string // the browser's address
	Note   func(Visit)                // told of each visit
	Now    func() time.Time           // time.Now by default
}

// A Gateway answers the addresses that todos in an OA lead to.
type Gateway struct {
	cfg       Config
	slows     *guesses
	pages     *template.Template
	ring      keyring
	oidcs     providers
	crossSite *http.CrossOriginProtection
}

// New makes a Gateway.
func New(cfg Config) (*Gateway, error) {
	if cfg.Desk == nil || cfg.OA == nil || cfg.Log == nil || cfg.Client == nil {
		return nil, errors.New("make the sign-on gateway: Desk, OA, Log and Client are needed")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Note == nil {
		cfg.Note = func(Visit) {}
	}
	pages, err := template.ParseFS(pages, "*.html", "*.css")
	if err != nil {
		return nil, fmt.Errorf("make the sign-on gateway: %w", err)
	}
	g := &Gateway{cfg: cfg, slows: newGuesses(), pages: pages, crossSite: http.NewCrossOriginProtection()}
	if u, err := url.Parse(cfg.Public); err == nil && u.Host != "" { // a proxy in front of us may name us otherwise
		if err := g.crossSite.AddTrustedOrigin(u.Scheme + "://" + u.Host); err != nil {
			return nil, fmt.Errorf("make the sign-on gateway: %w", err)
		}
	}
	return g, nil
}

// A visit is one browser's request under way.
type visit struct {
	*Gateway
	w      http.ResponseWriter
	r      *http.Request
	query  url.Values
	place  Place
	home   bool
	target string
	entry  Entry
	proof  proof

	callback bool // a provider hands the browser back
	asData   bool // a page of ours asks, and wants no redirect
}

// A proof is who the OA says somebody is.
type proof struct {
	account string
	hash    []byte // to be used up with the ticket; nil: it is already
	until   time.Time
	uniform bool // that nobody is bound to the account must not be told from a wrong signature
}

// ServeHTTP answers one browser.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == KeysPath {
		g.ServeKeys(w, r)
		return
	}
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	switch {
	case r.Method == http.MethodHead || prefetches(r):
		w.WriteHeader(http.StatusNoContent) // it wants to look, and would use a ticket up
		return
	case r.Method != http.MethodGet && r.Method != http.MethodPost:
		notAllowed(w, http.MethodGet)
		return
	}
	v := &visit{Gateway: g, w: w, r: r}
	v.entry = Entry{Number: newNumber(), At: g.cfg.Now(), Address: g.cfg.Client(r)}
	if err := v.admit(r.Context()); err != nil {
		v.refuse(context.WithoutCancel(r.Context()), err) // a browser that went away is noted all the same
	}
	if v.entry.Outcome != "" {
		g.cfg.Note(Visit{Key: v.place.Key, Outcome: Outcome(v.entry.Outcome), Took: g.cfg.Now().Sub(v.entry.At)})
	}
}

func notAllowed(w http.ResponseWriter, allow string) {
	w.Header().Set("Allow", allow)
	w.WriteHeader(http.StatusMethodNotAllowed)
}

// prefetches reports whether a program looks ahead for somebody who has not clicked.
func prefetches(r *http.Request) bool {
	for _, name := range []string{"Sec-Purpose", "Purpose", "X-Purpose", "X-Moz"} {
		if v := strings.ToLower(r.Header.Get(name)); strings.Contains(v, "prefetch") || strings.Contains(v, "preview") {
			return true
		}
	}
	return false
}

// admit does all of a visit that ends well.
func (v *visit) admit(ctx context.Context) *refusal {
	to, err := v.read()
	if err != nil {
		return err
	}
	key := to.key
	v.entry.Tenant, v.entry.Connection, v.entry.Vendor = key.Tenant, key.Name, string(to.vendors[0])
	if refused := v.slowed(key); refused != nil {
		return refused
	}
	if key.Name == "" { // an old address that leaves it to us
		if key.Name, err = v.only(ctx, to); err != nil {
			return err
		}
		v.entry.Connection = key.Name
		if refused := v.slowed(key); refused != nil {
			return refused
		}
	}
	place, perr := v.cfg.Desk.Place(ctx, key)
	switch {
	case connector.KindOf(perr) == connector.NotFound && perr != nil:
		why := "no such connection, or it has no sign-on"
		if e, ok := errors.AsType[*connector.Error](perr); ok && e.Msg != "" {
			why = e.Msg
		}
		return v.guessed(key, &refusal{outcome: Unknown, why: why})
	case perr != nil:
		return unavailable(perr)
	case !slices.Contains(to.vendors, place.Settings.Vendor):
		return v.guessed(key, &refusal{outcome: Unknown, why: "the connection's sign-on is of another vendor: " + string(place.Settings.Vendor)})
	case place.Login == "":
		v.place = place
		return &refusal{outcome: NotSetUp, why: "the tenant has no signOn.crmLoginUrl"}
	case v.callback && place.Settings.Vendor != connector.VendorOIDC && place.Settings.Vendor != connector.VendorWeaver:
		return badAddress("nobody is handed back to this connection")
	}
	v.place, v.entry.Vendor = place, string(place.Settings.Vendor)
	switch posted := v.r.Method == http.MethodPost; {
	case posted && !v.clicked() && place.Settings.Vendor != connector.VendorWeLink:
		notAllowed(v.w, http.MethodGet)
		return nil
	case !posted && v.clicked():
		v.askClick(ctx)
		return nil
	}
	done, refused := v.prove(ctx)
	if refused != nil || done {
		return refused
	}
	return v.letIn(ctx)
}

// slowed refuses who tries too often.
func (v *visit) slowed(key connector.ConnectionKey) *refusal {
	if !v.slows.over(v.entry.Address, key, v.entry.At) {
		return nil
	}
	return &refusal{
		outcome: Slowed, why: "too many failed tries from this address or at this connection within a minute", status: http.StatusTooManyRequests,
		nobody: !v.slows.tell(key, v.entry.At),
	}
}

// A way is what an address says of where it leads to.
type way struct {
	key     connector.ConnectionKey  // an old address may leave the name out
	vendors []connector.SignOnVendor // the connection's is one of them
}

// badAddress refuses what is no address of the gateway.
func badAddress(why string) *refusal { return &refusal{outcome: BadAddress, why: why, nobody: true} }

// read reads the address: vendor, tenant, connection, and what the CRM is to show.
func (v *visit) read() (to way, refused *refusal) {
	path, prefix := v.r.URL.EscapedPath(), Prefix
	if IsOld(path) {
		prefix = oldPrefix
	}
	var parts []string
	for s := range strings.SplitSeq(strings.TrimPrefix(path, prefix), "/") {
		p, err := url.PathUnescape(s)
		if err != nil || p == "" || p == "." || p == ".." || len(p) > maxSegment || strings.ContainsFunc(p, unicode.IsControl) {
			return to, badAddress("a part of the path is empty, too long or unreadable")
		}
		parts = append(parts, p)
	}
	if refused = v.readQuery(); refused != nil {
		return to, refused
	}
	mobile := v.query.Get("device") == "mobile"
	switch {
	case prefix == oldPrefix:
		if to, mobile, refused = v.readOld(parts); refused != nil {
			return to, refused
		}
	case len(parts) == 4 && parts[3] == "home":
		v.goHome()
		to = way{connector.ConnectionKey{Tenant: parts[1], Name: parts[2]}, []connector.SignOnVendor{connector.SignOnVendor(parts[0])}}
	case len(parts) == 4 && parts[3] == "callback":
		v.callback, mobile = true, false
		to = way{connector.ConnectionKey{Tenant: parts[1], Name: parts[2]}, []connector.SignOnVendor{connector.SignOnVendor(parts[0])}}
	case len(parts) == 6 && parts[3] == "todo":
		v.goTo(parts[4], parts[5])
		to = way{connector.ConnectionKey{Tenant: parts[1], Name: parts[2]}, []connector.SignOnVendor{connector.SignOnVendor(parts[0])}}
	default:
		return to, badAddress("no address of the gateway")
	}
	if !connector.ValidTenant(to.key.Tenant) {
		return to, badAddress("no tenant's name")
	}
	if mobile {
		v.target += "?device=mobile"
	}
	return to, nil
}

func (v *visit) goHome() { v.home, v.target = true, "/home" }

func (v *visit) goTo(apiName, dataID string) {
	v.target = "/todo/" + url.PathEscape(apiName) + "/" + url.PathEscape(dataID)
}

// readQuery reads the parameters: those of the address, and of a form that was sent.
func (v *visit) readQuery() *refusal {
	query, err := url.ParseQuery(v.r.URL.RawQuery)
	if err != nil {
		return badAddress("the query is unreadable")
	}
	if v.r.Method == http.MethodPost {
		v.r.Body = http.MaxBytesReader(v.w, v.r.Body, maxForm)
		if err := v.r.ParseForm(); err != nil {
			return badAddress("the form is unreadable")
		}
		for name, values := range v.r.PostForm { //nolint:forbidigo // the form of a request to us, not http.PostForm
			query[name] = append(query[name], values...)
		}
	}
	for _, values := range query {
		if len(values) > 1 || len(values[0]) > maxProof {
			return badAddress("a parameter is given twice, or is too long")
		}
	}
	v.query = query
	return nil
}

// letIn sends who has proved himself to the CRM.
func (v *visit) letIn(ctx context.Context) *refusal {
	v.entry.Account = v.proof.account
	b, bound, err := v.cfg.Desk.UserOf(ctx, v.place.Conn, v.proof.account)
	if err != nil {
		return unavailable(err)
	}
	if !bound {
		return &refusal{outcome: NoBinding, why: "nobody of the CRM is bound to this account", uniform: v.proof.uniform}
	}
	if v.place.Settings.ContactsOnly && b.Kind != connector.KindContact {
		return &refusal{outcome: NoBinding, why: "only contact persons may sign on here, and the binding is an employee's", uniform: v.proof.uniform}
	}
	v.entry.User, v.entry.Outcome = b.User, string(SignedOn)
	ticket, refused := v.newTicket(ctx)
	if refused != nil {
		v.entry.User = ""
		return refused
	}
	fresh, err := v.cfg.Desk.Admit(ctx, Admission{
		Conn: v.place.Conn, Proof: v.proof.hash, Until: v.proof.until, Ticket: HashOf(ticket), Expires: v.entry.At.Add(TicketLife), Target: v.target, Entry: v.entry,
	})
	switch {
	case err != nil:
		return unavailable(err)
	case !fresh:
		v.entry.User = ""
		return &refusal{outcome: Used, why: "the same proof came before"}
	}
	login, err := url.Parse(v.place.Login)
	if err != nil {
		return &refusal{outcome: NotSetUp, why: "signOn.crmLoginUrl is no address"}
	}
	add := url.Values{"ticket": {ticket}, "target": {v.target}}.Encode()
	if login.RawQuery != "" {
		add = login.RawQuery + "&" + add
	}
	login.RawQuery = add
	if v.asData {
		v.data(http.StatusOK, map[string]string{"location": login.String()})
	} else {
		v.w.Header().Set("Location", login.String())
		v.w.WriteHeader(http.StatusSeeOther)
	}
	v.cfg.Log.InfoContext(ctx, "signed on", "number", v.entry.Number, "tenant", v.entry.Tenant, "connection", v.entry.Connection,
		"user", v.entry.User, "skew", v.entry.Skew)
	return nil
}

// HashOf is how a ticket is kept.
func HashOf(ticket string) []byte {
	sum := sha256.Sum256([]byte(ticket))
	return sum[:]
}
