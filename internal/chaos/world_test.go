package chaos

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

var (
	long    = flag.Bool("long", false, "the long form of every scenario: minutes instead of seconds")
	seedOf  = flag.Uint64("seed", 0, "plays the faults of this seed; 0: the scenario's own")
	killsOf = flag.Int("kills", 0, "how many kills the kill scenario makes; 0: 12, and 1,000 in the long form")
	minutes = flag.Float64("minutes", 0, "how long a soak lasts; 0: a few seconds, and 30 minutes in the long form")
	program = flag.String("binary", "", "the program to test; empty: built from this tree")
)

// folder holds what the tests share: the program.
var folder = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "todosync-chaos-") })

// built is the program, built as these tests are: with the race detector where they have it.
var built = sync.OnceValues(func() (string, error) {
	if *program != "" {
		return filepath.Abs(*program)
	}
	dir, err := folder()
	if err != nil {
		return "", err
	}
	name := filepath.Join(dir, "todosync")
	args := []string{"build", "-o", name}
	if withRace {
		args = append(args, "-race")
	}
	out, err := exec.Command("go", append(args, "../../cmd/todosync")...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return name, nil
})

func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	if dir, err := folder(); err == nil {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

// binary is the program.
func binary(t testing.TB) string {
	t.Helper()
	name, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// A world is a CRM, OAs and workers of one scenario.
type world struct {
	t        *testing.T
	seed     uint64
	dir      string
	oas      *oas
	crm      *crm
	nodes    []*node
	settings settings
	verdict  *verdict
}

// settings are the connections of a world: so many tenants, each with so many connections.
type settings struct {
	tenants, connections int
	people               int
	concurrency          int
	more                 string // further lines of each connection's file
	variant              string // stands in a header and in the body of each request
}

func (s settings) tenant(i int) string { return fmt.Sprintf("t%d", i) }

func (s settings) names() []string {
	out := make([]string, s.connections)
	for i := range out {
		out[i] = fmt.Sprintf("oa%d", i)
	}
	return out
}

// newWorld makes the OAs and a folder that a failed test keeps. The seed is the flag's, or the scenario's own.
func newWorld(t *testing.T, seed uint64, s settings) *world {
	t.Helper()
	if *seedOf != 0 {
		seed = *seedOf
	}
	dir, err := os.MkdirTemp("", "todosync-"+strings.ReplaceAll(t.Name(), "/", "-")+"-") //nolint:usetesting // a failed test keeps it
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, seed: seed, dir: dir, oas: newOAs(seed), settings: s}
	t.Cleanup(func() {
		w.oas.close()
		for _, n := range w.nodes {
			n.end()
		}
		if !t.Failed() {
			_ = os.RemoveAll(dir)
			return
		}
		for _, n := range w.nodes {
			t.Logf("%s said last:\n%s", n.name, n.log.end())
		}
		w.keepLedger()
		t.Logf("seed %d; all is kept in %s; to play it again:\n\tgo test -count=1 -v -timeout 0 ./internal/chaos -run '^%s$' -args -seed=%d%s",
			seed, dir, t.Name(), seed, form())
	})
	return w
}

// form is what the command that plays a scenario again needs besides the seed.
func form() string {
	out := ""
	flag.Visit(func(f *flag.Flag) {
		switch f.Name {
		case "long", "kills", "minutes":
			out += fmt.Sprintf(" -%s=%s", f.Name, f.Value)
		}
	})
	return out
}

func (w *world) keepLedger() {
	b, err := json.MarshalIndent(w.oas.ledger(), "", " ")
	if err == nil {
		err = os.WriteFile(filepath.Join(w.dir, "ledger.json"), b, 0o600)
	}
	if err != nil {
		w.t.Logf("the ledger is not kept: %v", err)
	}
}

// files writes the connections.
func (w *world) files() string {
	w.t.Helper()
	var b strings.Builder
	for i := range w.settings.tenants {
		for _, name := range w.settings.names() {
			tenant := w.settings.tenant(i)
			fmt.Fprintf(&b, "apiVersion: todosync/v1\nkind: Connection\ntenant: %q\nname: %s\nvariables: {base: %q}\n"+
				"headers: {Content-Type: application/json, X-Variant: %q}\nresult: {codeName: code, msgName: message, successCode: \"0\"}\n"+
				"limits: {concurrency: %d}\n%sscenes:\n", tenant, name, w.oas.server.URL+"/"+tenant+"/"+name, w.settings.variant, w.settings.concurrency, w.settings.more)
			for _, scene := range []string{"create", "edit", "done", "delete"} {
				fmt.Fprintf(&b, "  %s:\n    address: ${base}\n    body: '{\"id\":\"#F012\",\"event\":\"#F114\",\"scene\":\"#F121\",\"receiver\":\"#F001\",\"title\":\"#F055\",\"variant\":\"%s\"}'\n", scene, w.settings.variant)
			}
			b.WriteString("---\n")
		}
	}
	name := filepath.Join(w.dir, "connections.yaml")
	if err := os.WriteFile(name, []byte(b.String()), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return name
}

// bind gives every receiver an account of the same name.
func (w *world) bind(n *node) {
	w.t.Helper()
	for i := range w.settings.tenants {
		var b strings.Builder
		b.WriteString("connection,crm_user_id,crm_user_name,oa_account,oa_user_name\n")
		for _, c := range w.settings.names() {
			for p := range w.settings.people {
				fmt.Fprintf(&b, "%s,u%d,,u%d,\n", c, p, p)
			}
		}
		name := filepath.Join(w.dir, "bindings.csv")
		if err := os.WriteFile(name, []byte(b.String()), 0o600); err != nil {
			w.t.Fatal(err)
		}
		n.cli("bindings", "import", name, "--tenant", w.settings.tenant(i))
	}
}

// stories are the tenants' events by the seed.
func (w *world) stories() []*story {
	out := make([]*story, w.settings.tenants)
	for i := range out {
		out[i] = newStory(w.seed, w.settings.tenant(i), w.settings.people)
	}
	return out
}

// single starts one worker with everything embedded, its connections and bindings, and a CRM that speaks to it.
func (w *world) single(flags ...string) *node {
	w.t.Helper()
	n := newNode(w.t, "worker", filepath.Join(w.dir, "data"), append([]string{"--apply", w.files()}, flags...)...)
	w.nodes = append(w.nodes, n)
	n.start()
	w.bind(n)
	w.listen("nats://" + n.nats)
	return n
}

// listen connects the CRM.
func (w *world) listen(urls string) {
	w.t.Helper()
	var err error
	if w.crm, err = newCRM(urls, w.stories()); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(w.crm.conn.Close)
}

// rest waits until the program has taken every event and nothing waits any more.
func (w *world) rest(n *node, limit time.Duration) {
	w.t.Helper()
	want, unsure := int64(len(w.crm.accepted())), int64(w.crm.unsure())
	last := time.Now()
	var before figures
	w.t.Cleanup(func() {
		if w.verdict == nil {
			w.t.Logf("seen last: %+v, %d events confirmed and %d unsure, %d requests in hand", before, want, unsure, w.oas.inHand())
		}
	})
	until(w.t, limit, "all has come to its end", func() bool {
		if time.Since(last) < 50*time.Millisecond {
			return false
		}
		last = time.Now()
		f, err := n.figures()
		quiet := err == nil && f.Events >= want && f.Events <= want+unsure && f.Waiting == 0 && f.Events == before.Events
		before = f
		return quiet && w.oas.inHand() == 0
	})
}

// judge asks the program for its account and has the oracle judge it.
func (w *world) judge(n *node, change func(*history)) *verdict {
	w.t.Helper()
	w.verdict = w.verdictOf(n, change)
	for i, s := range w.verdict.wrong {
		if i == 20 {
			w.t.Errorf("and %d more", len(w.verdict.wrong)-i)
			break
		}
		w.t.Error(s)
	}
	w.t.Logf("seed %d: %s", w.seed, w.verdict)
	return w.verdict
}

// verdictOf is judge without a word.
func (w *world) verdictOf(n *node, change func(*history)) *verdict {
	w.t.Helper()
	h := &history{
		events: w.crm.accepted(), unsure: w.crm.unsure(), connections: map[string][]string{},
		arrivals: w.oas.ledger(), concurrency: w.settings.concurrency,
	}
	for i := range w.settings.tenants {
		h.connections[w.settings.tenant(i)] = w.settings.names()
	}
	for _, n := range w.nodes {
		h.kills = append(h.kills, n.struck()...)
	}
	var err error
	if h.records, err = n.records(); err != nil {
		w.t.Fatal(err)
	}
	if h.accounts, err = n.events(); err != nil {
		w.t.Fatal(err)
	}
	if change != nil {
		change(h)
	}
	v := judge(h)
	for _, s := range w.oas.oddities() {
		v.bad("strange: %s", s)
	}
	return v
}

// context is one that ends with the test, a minute or an hour from now.
func (w *world) context() context.Context {
	limit := 5 * time.Minute
	if *long {
		limit = 4 * time.Hour
	}
	ctx, cancel := context.WithTimeout(w.t.Context(), limit)
	w.t.Cleanup(cancel)
	return ctx
}
