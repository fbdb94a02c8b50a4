package identity

import (
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"todosync/connector"
)

// A Role says what a user may do. Each may do what the ones before it may.
type Role string

// The roles.
const (
	Viewer     Role = "viewer"     // sees sync records
	Operator   Role = "operator"   // retries, binds
	Integrator Role = "integrator" // edits connections
	Admin      Role = "admin"      // users, tokens, secrets
)

// Roles are all roles, the one that may least first.
func Roles() []Role { return []Role{Viewer, Operator, Integrator, Admin} }

// A User is a person who may use the console and the API.
type User struct {
	ID       string
	Name     string // what he logs in with; upper and lower case are the same
	Email    string
	Mobile   string
	Role     Role
	Tenants  []string // whose data he may see; empty: all
	Disabled bool
	Language connector.Language // of his pages; empty: what his browser asks for
	Subject  Subject            // who he is at the OIDC provider
	ByRule   bool               // his role and tenants come from the provider's claims at each log-in

	HasPassword bool
	Who         string // made him
	Created     time.Time
	Updated     time.Time
	LoggedIn    time.Time // last; zero: never
	Locked      time.Time // until when his log-ins wait because somebody guessed; zero: they don't
}

// A Subject is somebody at an OIDC provider.
type Subject struct {
	Issuer string
	ID     string // the claim sub
}

// Whole reports whether the user is an admin of all tenants.
func (u *User) Whole() bool { return u.Role == Admin && len(u.Tenants) == 0 }

// Within reports whether all that the user may see is among the tenants; none stand for all.
func (u *User) Within(tenants []string) bool {
	if len(tenants) == 0 {
		return true
	}
	return len(u.Tenants) > 0 && !slices.ContainsFunc(u.Tenants, func(t string) bool { return !slices.Contains(tenants, t) })
}

// A Change says what becomes different about a user; nil leaves a member as it is.
type Change struct {
	Name     *string
	Email    *string
	Mobile   *string
	Role     *Role
	Tenants  *[]string
	Disabled *bool
	Language *connector.Language
	Password *string // in the clear on its way to the Door, hashed from there on; empty: he can't log in with one
	Subject  *Subject
	ByRule   *bool
}

// A By says who changes something, and whose users he may change.
type By struct {
	Who     string
	Tenants []string // empty: all
	// It is the OIDC provider's word. It makes nobody's role one that is given by hand, is followed whoever is the last admin, and makes no more
	// than MostWaiting users who wait.
	Provider bool
}

// Bounds of what is said about a user.
const (
	maxName  = 100 // characters
	maxEmail = 254
)

// A session's or user's id, as ids of the store look: no name may be taken for one.
var idShape = regexp.MustCompile(`^[0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{26}$`)

var (
	emailShape  = regexp.MustCompile(`^[^@\s<>"(),;:]+@[^@\s<>"(),;:]+$`)
	mobileShape = regexp.MustCompile(`^\+?[0-9][0-9 -]{3,30}$`)
)

// reserved are the names under which the program itself stands in the audit.
var reserved = []string{"admin-token", "todosync", "events", "token", "system", "oidc"}

// NameKey is a name as names are compared.
func NameKey(name string) string { return strings.ToLower(strings.TrimSpace(name)) }

// check finds all that is wrong with what is said about a user.
func (c *Change) check() error {
	var wrong []connector.Detail
	add := func(path, message string) { wrong = append(wrong, connector.Detail{Path: path, Message: message}) }
	if c.Name != nil {
		if why := nameProblem(*c.Name); why != "" {
			add("name", why)
		}
	}
	if c.Email != nil && *c.Email != "" && (len(*c.Email) > maxEmail || !emailShape.MatchString(*c.Email)) {
		add("email", "want an address such as vera@example.com")
	}
	if c.Mobile != nil && *c.Mobile != "" && !mobileShape.MatchString(*c.Mobile) {
		add("mobile", "want a number such as +86 138 0013 8000")
	}
	if c.Role != nil && !slices.Contains(Roles(), *c.Role) {
		add("role", "want viewer, operator, integrator or admin")
	}
	if c.Language != nil && *c.Language != "" && *c.Language != connector.Chinese && *c.Language != connector.English {
		add("language", "want zh, en or nothing")
	}
	if c.Tenants != nil && slices.ContainsFunc(*c.Tenants, func(t string) bool { return !connector.ValidTenant(t) }) {
		add("tenants", "a tenant is 1 to 64 of A-Z a-z 0-9 _ -")
	}
	if s := c.Subject; s != nil && (s.Issuer == "") != (s.ID == "") {
		add("subject", "issuer and subject go together")
	}
	return invalid("check user", wrong)
}

func invalid(op string, wrong []connector.Detail) error {
	if len(wrong) == 0 {
		return nil
	}
	msg := wrong[0].Message
	if len(wrong) > 1 {
		msg = "the request is not right"
	}
	return &connector.Error{Kind: connector.Invalid, Op: op, Msg: msg, Details: wrong}
}

func nameProblem(name string) string {
	switch {
	case name == "" || utf8.RuneCountInString(name) > maxName || !utf8.ValidString(name):
		return "want 1 to 100 characters"
	case strings.ContainsFunc(name, func(r rune) bool {
		return unicode.IsSpace(r) || !unicode.IsPrint(r) || strings.ContainsRune(`,/\?#%"<>`, r)
	}):
		return `want no blanks and none of , / \ ? # % " < >`
	case slices.Contains(reserved, NameKey(name)) || idShape.MatchString(name):
		return "this name is taken by the program itself; choose another"
	}
	return ""
}
