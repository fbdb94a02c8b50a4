package store

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"todosync/connector"
)

// A registry keeps what is asked for all the time: which connections there are, what holds them, and their compiled
// programs. Reading takes no lock. It is changed only after commits and compiles a connection when it is first asked
// for, so that thousands of idle ones cost little.
type registry struct {
	compile connector.CompileOptions
	log     *slog.Logger
	current atomic.Pointer[connections]
	mu      sync.Mutex // held by whoever makes a new snapshot or changes a slot
}

// connections is one snapshot; its maps are never changed.
type connections struct {
	byNumber map[int64]*slot
	byTenant map[string][]*slot // sorted by name
}

// A slot is one connection that is not deleted.
type slot struct {
	conn  int64
	key   connector.ConnectionKey
	state atomic.Pointer[slotState]
}

// slotState is replaced whole.
type slotState struct {
	revision  int64
	condition connector.Condition
	program   *connector.Program // nil until asked for, and while err is there
	err       error              // why it does not compile
	checked   bool               // it compiled, and its program was not kept
	planning  *connector.Program // what events are planned with, also while it does not compile as a whole
}

func newRegistry(o connector.CompileOptions, log *slog.Logger) *registry {
	r := &registry{compile: o, log: log}
	r.current.Store(&connections{byNumber: map[int64]*slot{}, byTenant: map[string][]*slot{}})
	return r
}

// connectionState is what the registry takes from a row of connections.
const connectionState = `n, tenant, name, enabled, paused, down_since_ms, token_refused_ms, condition_message, revision, hold_until_ms,
	held_ms, held_since_ms, leaving`

// slotOf makes a slot of a row that begins with connectionState.
func slotOf(r row) *slot {
	s := &slot{conn: r.num(0), key: connector.ConnectionKey{Tenant: r.text(1), Name: r.text(2)}}
	s.state.Store(&slotState{
		revision: r.num(8),
		condition: connector.Condition{
			Disabled: !r.flag(3), Paused: r.flag(4), DownSince: r.time(5), TokenRefused: r.time(6), Message: r.text(7),
			HoldUntil: r.time(9), HeldFor: time.Duration(r.num(10)) * time.Millisecond, HeldSince: r.time(11),
			Leaving: r.flag(12),
		},
	})
	return s
}

// load reads all connections.
func (r *registry) load(ctx context.Context, d *DB) error {
	var slots []*slot
	err := d.writer.within(ctx, "read connections", func() reach { return reach{} }, func(t *tx) error {
		slots = nil
		return t.read(`SELECT `+connectionState+` FROM connections WHERE deleted_ms IS NULL`, nil, func(r row) error {
			slots = append(slots, slotOf(r))
			return nil
		})
	})
	if err == nil {
		r.put(slots, nil)
	}
	return err
}

// put adds slots, or replaces those of the same numbers, and takes others away.
func (r *registry) put(slots []*slot, gone []int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	old := r.current.Load()
	next := &connections{byNumber: maps.Clone(old.byNumber), byTenant: maps.Clone(old.byTenant)}
	touched := map[string]bool{}
	for _, n := range gone {
		if s := next.byNumber[n]; s != nil {
			touched[s.key.Tenant] = true
			delete(next.byNumber, n)
		}
	}
	for _, s := range slots {
		touched[s.key.Tenant] = true
		next.byNumber[s.conn] = s
	}
	for tenant := range touched {
		next.byTenant[tenant] = nil
	}
	for _, s := range next.byNumber {
		if touched[s.key.Tenant] {
			next.byTenant[s.key.Tenant] = append(next.byTenant[s.key.Tenant], s)
		}
	}
	for tenant := range touched {
		slices.SortFunc(next.byTenant[tenant], func(a, b *slot) int { return strings.Compare(a.key.Name, b.key.Name) })
		if len(next.byTenant[tenant]) == 0 {
			delete(next.byTenant, tenant)
		}
	}
	r.current.Store(next)
}

// change replaces the state of a slot by what f makes of it. A program follows its condition.
func (r *registry) change(conn int64, f func(s *slotState)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	slot := r.current.Load().byNumber[conn]
	if slot == nil {
		return
	}
	next := *slot.state.Load()
	before := next.condition
	f(&next)
	if next.condition != before {
		if next.program != nil {
			next.program = next.program.WithCondition(next.condition)
		}
		if next.planning != nil {
			next.planning = next.planning.WithCondition(next.condition)
		}
	}
	slot.state.Store(&next)
}

// renew has a connection compiled anew: its tenant's fields or secrets have changed.
func (r *registry) renew(tenant string) {
	for _, s := range r.current.Load().byTenant[tenant] {
		r.change(s.conn, func(s *slotState) { s.program, s.planning, s.err, s.checked = nil, nil, nil, false })
	}
}

// A source gives the stored settings of one connection and of its tenant; the latter nil where it has none.
type source func(conn int64) (settings, tenant []byte, revision int64, err error)

// state gives a slot's state with its programs, compiled at the first call. The error is that of reading.
func (r *registry) state(s *slot, read source) (*slotState, error) {
	st := s.state.Load()
	if st.program != nil || st.err != nil {
		return st, nil
	}
	settings, tenant, revision, err := read(s.conn)
	if err != nil {
		return nil, err
	}
	program, planning, err := r.make(s, settings, tenant, revision)
	r.mu.Lock()
	defer r.mu.Unlock()
	now := *s.state.Load()
	if now.program != nil || now.err != nil {
		return &now, nil
	}
	now.err = err
	if program != nil {
		now.program = program.WithCondition(now.condition)
	}
	if planning != nil {
		now.planning = planning.WithCondition(now.condition)
	}
	if now.revision == revision { // else it was saved meanwhile, and a new slot follows in a moment
		s.state.Store(&now)
	}
	return &now, nil
}

// make compiles a connection. One that needs what the server was started with, and it no longer is, still plans its events:
// they wait for its return.
func (r *registry) make(s *slot, settings, tenant []byte, revision int64) (program, planning *connector.Program, err error) {
	c, t, err := settingsOf(settings, tenant)
	if err != nil {
		return nil, nil, err
	}
	if program, err = connector.Compile(s.conn, revision, c, t, r.compile); err == nil {
		return program, program, nil
	}
	r.log.Error("connection cannot be used", "connection", s.key.String(), "error", err)
	any := connector.CompileOptions{
		Env:       func(string) (string, bool) { return "unknown", true },
		PublicURL: "http://localhost",
	}
	planning, lenient := connector.Compile(s.conn, revision, c, t, any)
	if lenient != nil {
		return nil, nil, err
	}
	return nil, planning, err
}

// settingsOf reads stored settings.
func settingsOf(settings, tenant []byte) (*connector.Connection, *connector.Tenant, error) {
	c := new(connector.Connection)
	if err := json.Unmarshal(settings, c); err != nil {
		return nil, nil, fmt.Errorf("read stored connection: %w", err)
	}
	if len(tenant) == 0 {
		return c, nil, nil
	}
	t := new(connector.Tenant)
	if err := json.Unmarshal(tenant, t); err != nil {
		return nil, nil, fmt.Errorf("read stored tenant: %w", err)
	}
	return c, t, nil
}

// selectSettings gives settings, tenant's settings and revision of one connection.
const selectSettings = `SELECT r.settings, t.settings AS tenant, c.revision
	FROM connections c JOIN tenants t ON t.name = c.tenant JOIN revisions r ON r.conn = c.n AND r.revision = c.revision
	WHERE c.n = ?`

// settings is a source within a write.
func (t *tx) settings(conn int64) (settings, tenant []byte, revision int64, err error) {
	err = t.read(selectSettings, []any{conn}, func(r row) error {
		settings, tenant, revision = r.blob(0), r.blob(1), r.num(2)
		return nil
	})
	if err == nil && settings == nil {
		err = notFound("read connection", fmt.Sprintf("connection number %d", conn))
	}
	return settings, tenant, revision, err
}

// Program implements connector.Registry.
func (d *DB) Program(ctx context.Context, conn int64) (*connector.Program, error) {
	const op = "read connection"
	s := d.registry.current.Load().byNumber[conn]
	if s == nil {
		return nil, notFound(op, fmt.Sprintf("connection number %d", conn))
	}
	if st := s.state.Load(); st.program != nil {
		return st.program, nil
	}
	st, err := d.registry.state(s, func(conn int64) ([]byte, []byte, int64, error) { return d.source(ctx, conn) })
	if err != nil {
		return nil, failed(op, err)
	}
	return st.program, failed(op, st.err)
}

// source reads outside of a write.
func (d *DB) source(ctx context.Context, conn int64) (settings, tenant []byte, revision int64, err error) {
	var rows []struct {
		Settings []byte `db:"settings"`
		Tenant   []byte `db:"tenant"`
		Revision int64  `db:"revision"`
	}
	err = d.reading(ctx, "read connection", func(q *reader) error {
		rows = rows[:0]
		return q.Select(&rows, selectSettings, conn)
	})
	if err == nil && len(rows) == 0 {
		err = notFound("read connection", fmt.Sprintf("connection number %d", conn))
	}
	if err != nil {
		return nil, nil, 0, err
	}
	return rows[0].Settings, rows[0].Tenant, rows[0].Revision, nil
}

// connection is the slot of a named connection.
func (d *DB) connection(op string, key connector.ConnectionKey) (*slot, error) {
	for _, s := range d.registry.current.Load().byTenant[key.Tenant] {
		if s.key.Name == key.Name {
			return s, nil
		}
	}
	return nil, notFound(op, "connection "+key.String())
}

// Lookup gives the store's number of a connection, which Program and a Worker's Wake take.
func (d *DB) Lookup(key connector.ConnectionKey) (int64, error) {
	s, err := d.connection("read connection", key)
	if err != nil {
		return 0, err
	}
	return s.conn, nil
}

// Waiting implements connector.Ledger.
func (d *DB) Waiting(ctx context.Context) ([]int64, error) {
	const query = `SELECT n FROM connections c
		WHERE deleted_ms IS NULL AND EXISTS (SELECT 1 FROM deliveries WHERE conn = c.n AND ` + claimable + `)`
	var out []int64
	err := d.reading(ctx, "read what waits", func(q *reader) error {
		out = out[:0]
		return q.Select(&out, query)
	})
	return out, err
}

// milli is t as it would be read back.
func milli(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return instant(millis(t))
}
