package chaos

import (
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A harm is one way in which a file comes to harm.
type harm struct {
	what string
	file func(data string) []string // those that it may befall
	do   func(b []byte, rnd *rand.Rand) []byte
	// silent: SQLite's pages carry no checksum, so that a bit inside a value can turn one text into another and nobody can tell. How often that
	// happened is counted and told, not asserted.
	silent bool
}

func harms() []harm {
	one := func(name string) func(string) []string {
		return func(data string) []string { return []string{filepath.Join(data, name)} }
	}
	blocks := func(data string) []string {
		var out []string
		_ = filepath.WalkDir(filepath.Join(data, "nats"), func(p string, _ fs.DirEntry, err error) error {
			if err == nil && strings.HasSuffix(p, ".blk") {
				out = append(out, p)
			}
			return nil
		})
		return out
	}
	flip := func(b []byte, rnd *rand.Rand) []byte {
		for range 1 + rnd.IntN(8) {
			b[rnd.IntN(len(b))] ^= 1 << rnd.IntN(8)
		}
		return b
	}
	page := func(b []byte, rnd *rand.Rand) []byte {
		at := rnd.IntN(max(1, len(b)/4096)) * 4096
		end := min(len(b), at+4096)
		for i := at; i < end; i++ {
			b[i] = byte(rnd.Uint32())
		}
		return b
	}
	half := func(b []byte, rnd *rand.Rand) []byte { return b[:rnd.IntN(len(b))] }
	return []harm{
		{what: "bits of the database", file: one("todosync.db"), do: flip, silent: true},
		{what: "a page of the database", file: one("todosync.db"), do: page},
		{what: "the database's end", file: one("todosync.db"), do: half},
		{what: "bits of the write-ahead log", file: one("todosync.db-wal"), do: flip},
		{what: "a frame of the write-ahead log", file: one("todosync.db-wal"), do: page},
		{what: "bits of a block of the stream", file: blocks, do: flip},
		{what: "the end of a block of the stream", file: blocks, do: half},
	}
}

// TestDamage harms the files of a worker that was killed at work. It either finds the harm, names it and takes no events, or it
// goes on and everything is as it should be: the harm was where nothing is. It never sends what it should not.
func TestDamage(t *testing.T) {
	t.Parallel()
	rounds := 1
	if *long {
		rounds = 30
	}
	w := newWorld(t, 71, settings{tenants: 3, connections: 1, people: 4, concurrency: 4, more: impatient})
	w.oas.set("", nature{latency: 10 * time.Millisecond})
	n := w.single()
	w.crm.speak(w.context(), 80, 0)
	until(t, time.Minute, "half of it is sent", func() bool { return len(w.oas.ledger()) > 150 })
	n.kill()
	struck := n.struck()[0]
	killed := n.dir
	// The same folder after an orderly stop, which brings what is in the write-ahead log into the database; what waits still waits.
	stopped := filepath.Join(w.dir, "stopped")
	if err := os.CopyFS(stopped, os.DirFS(killed)); err != nil {
		t.Fatal(err)
	}
	w.oas.set("", nature{hangs: true})
	n.dir, n.flags = stopped, append(n.flags, "--drain", "100ms")
	n.start()
	if code := n.stop(); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	rnd := rand.New(rand.NewPCG(w.seed, 3))
	found := map[string]int{}
	for i := range rounds * len(harms()) {
		h := harms()[i%len(harms())]
		folder := killed
		if strings.Contains(h.what, "database") {
			folder = stopped
		}
		found[h.what+": "+w.harmed(h, folder, struck, rnd)]++
		if t.Failed() {
			return
		}
	}
	for what, times := range found {
		t.Logf("%3d x %s", times, what)
	}
}

// harmed harms a copy of the folder, and says what became of it.
func (w *world) harmed(h harm, folder string, struck kill, rnd *rand.Rand) string {
	w.t.Helper()
	dir, err := os.MkdirTemp(w.dir, "harm-")
	if err != nil {
		w.t.Fatal(err)
	}
	data := filepath.Join(dir, "data")
	if err := os.CopyFS(data, os.DirFS(folder)); err != nil {
		w.t.Fatal(err)
	}
	_ = os.Remove(filepath.Join(data, "todosync.db-shm"))
	files := h.file(data)
	if len(files) == 0 {
		w.t.Fatalf("there is no file for %s", h.what)
	}
	file := files[rnd.IntN(len(files))]
	b, err := os.ReadFile(file)
	if err != nil || len(b) == 0 {
		return "nothing to harm"
	}
	if err := os.WriteFile(file, h.do(b, rnd), 0o600); err != nil {
		w.t.Fatal(err)
	}
	after := &world{t: w.t, seed: w.seed, dir: dir, settings: w.settings, oas: newOAs(w.seed)}
	defer after.oas.close()
	for _, a := range w.oas.ledger() {
		after.oas.arrivals = append(after.oas.arrivals, &a)
	}
	n := newNode(w.t, "after "+h.what, data, "--apply", after.files())
	n.kills = []kill{{at: struck.at, until: struck.until, node: "killed"}}
	after.nodes = append(after.nodes, n)
	n.launch()
	defer n.end()
	ready := false
	until(w.t, time.Minute, "it is ready, or says why not", func() bool {
		if n.ended() {
			return true
		}
		status, body := n.ready()
		ready = status == http.StatusOK
		return ready || status == http.StatusServiceUnavailable && names(body)
	})
	defer func() {
		if w.t.Failed() {
			w.t.Logf("%s (%s); it said:\n%s", h.what, file, n.log)
		}
	}()
	if !ready {
		after.onlyRepeats(n, w)
		if n.ended() {
			if code := n.cmd.ProcessState.ExitCode(); code != 1 || !names(n.log.String()) {
				w.t.Errorf("it ends with %d and does not name the damage", code)
			}
			return "refused to start, and said why"
		}
		return "took nothing, and /readyz said why"
	}
	after.listen("nats://" + n.nats)
	defer after.crm.conn.Close()
	after.crm.events = w.crm.all()
	_, unread := n.records()
	if unread == nil {
		_, unread = n.events()
	}
	if unread != nil {
		after.onlyRepeats(n, w)
		if !names(n.log.String()) {
			w.t.Errorf("it cannot tell what it has done, and does not say why: %v", unread)
		}
		return "went on, and said what it cannot read"
	}
	if after.ends(n) {
		if h.silent {
			if v := after.verdictOf(n, nil); len(v.wrong) > 0 {
				w.t.Logf("bits that nobody could tell: %s", v.wrong[0])
				return "a value has changed and nothing shows it"
			}
			return "went on, and nothing was missing"
		}
		if v := after.judge(n, nil); len(v.wrong) > 0 {
			return "went on wrongly"
		}
		return "went on, and nothing was missing"
	}
	_, body := n.ready()
	after.onlyRepeats(n, w)
	if !names(body) && !names(n.log.String()) {
		w.t.Errorf("it does not get on and does not say why: %s", body)
	}
	return "went on as far as it could, and said what is damaged"
}

// names reports whether a text names a damage.
func names(text string) bool {
	for _, word := range []string{"damage", "malformed", "not a database", "corrupt", "checksum", "lost", "disk image"} {
		if strings.Contains(strings.ToLower(text), word) {
			return true
		}
	}
	return false
}

// ends waits for rest, and gives up when nothing moves any more.
func (w *world) ends(n *node) bool {
	events, still := int64(len(w.crm.accepted())), 0
	last := figures{}
	for still < 20 {
		f, err := n.figures()
		if err == nil && f.Waiting == 0 && f.Events >= events && w.oas.inHand() == 0 {
			return true
		}
		if err != nil || f.Waiting == last.Waiting && f.Events == last.Events {
			still++
		} else {
			still = 0
		}
		last = f
		if !pause(w.t.Context(), 150*time.Millisecond) {
			return false
		}
	}
	return false
}

// onlyRepeats: what was sent since is in order, for events that the CRM said, and each lane's states never go back.
func (w *world) onlyRepeats(_ *node, before *world) {
	w.t.Helper()
	h := &history{arrivals: w.oas.ledger()}
	for _, n := range w.nodes {
		h.kills = append(h.kills, n.struck()...)
	}
	v := &verdict{}
	h.judgeOrder(v)
	said := map[string]bool{}
	for _, e := range before.crm.all() {
		said[e.tenant+" "+e.id] = true
	}
	for _, a := range h.arrivals {
		tenant, _, _ := strings.Cut(a.Connection, "/")
		if !said[tenant+" "+a.Event] {
			v.bad("%s got event %s, which the CRM never said", a.Connection, a.Event)
		}
	}
	for _, s := range append(v.wrong, w.oas.oddities()...) {
		w.t.Error(s)
	}
}
