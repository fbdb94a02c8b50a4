package store

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"
	"unicode/utf8"

	"todosync/connector"
	"todosync/notify"
	"todosync/retry"
)

// How much of a failure's texts is kept for digests, in bytes: the record holds them whole.
const (
	failureMessageMost = 1000
	failureCodeMost    = 200
)

// A failure is one thing that a tenant's admins are to be told.
type failure struct {
	what     notify.Kind
	tenant   string
	conn     int64
	subject  int64 // the number of the delivery, or of the rejected event; 0: neither
	scene    connector.Scene
	class    retry.Class // of failed ones; others bear their kind
	code     string
	message  string
	receiver string
	tries    int
	since    time.Time // of what concerns the OA: since when it is, or was, so
	waited   int64     // of the same: how many deliveries wait, or waited, for it
}

// noteFailures writes failures down in the transaction that made them. It comes after all that the transaction takes numbers for: the row of
// theirs is held until the commit, by one process at a time.
func (d *DB) noteFailures(t *tx, now int64, all []failure) error {
	if len(all) == 0 {
		return nil
	}
	n, err := t.numbers("failures", len(all))
	if err != nil {
		return err
	}
	const insert = `INSERT INTO failures (n, tenant, at_ms, what, conn, subject, scene, class, code, message, receiver, tries, since_ms, waited)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	for i := range all {
		f := &all[i]
		class := string(f.class)
		if f.what != notify.Failed {
			class = string(f.what)
		}
		err := t.spread(insert, n+int64(i), f.tenant, now, string(f.what), f.conn, f.subject, string(f.scene), class, cutText(f.code, failureCodeMost),
			cutText(f.message, failureMessageMost), f.receiver, f.tries, millisOrNull(f.since), f.waited)
		if err != nil {
			return err
		}
	}
	const mark = `INSERT INTO failing (tenant, since_ms) VALUES (?, ?) ON CONFLICT DO NOTHING`
	var tenants []string
	for i := range all {
		if slices.Contains(tenants, all[i].tenant) {
			continue
		}
		tenants = append(tenants, all[i].tenant)
		if err := t.spread(mark, all[i].tenant, now); err != nil {
			return err
		}
	}
	t.done(d.failing)
	t.doubted(d.failing)
	return nil
}

// failing tells that there is something for a digest.
func (d *DB) failing() {
	if d.cfg.Failing != nil {
		d.cfg.Failing()
	}
}

// cutText shortens a text to so many bytes, at the end of a character.
func cutText(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most]
}

// told gives the tenant of a connection, and whether what fails there is told. What cannot be read is told.
func (d *DB) told(t *tx, conn int64) (tenant string, told bool, err error) {
	s := d.registry.current.Load().byNumber[conn]
	if s == nil {
		return "", false, nil // it was deleted: what it leaves is canceled
	}
	st, err := d.registry.state(s, t.settings)
	if err != nil {
		return "", false, err
	}
	return s.key.Tenant, st.planning == nil || st.planning.Settings.Notify.Enabled, nil
}

// noteDeliveries writes down what has failed, or has come to wait for a binding, at one connection.
func (d *DB) noteDeliveries(t *tx, conn, now int64, failed []failure, waits []unboundDelivery) error {
	if len(failed)+len(waits) == 0 {
		return nil
	}
	tenant, told, err := d.told(t, conn)
	if err != nil || !told {
		return err
	}
	for i := range failed {
		failed[i].what, failed[i].tenant, failed[i].conn = notify.Failed, tenant, conn
	}
	fresh, err := d.newlyUnbound(t, tenant, conn, now, waits)
	if err != nil {
		return err
	}
	return d.noteFailures(t, now, append(failed, fresh...))
}

// An unboundDelivery is held because nobody knows the accounts of some receivers.
type unboundDelivery struct {
	n       int64
	scene   connector.Scene
	message string
	users   []string
}

// newlyUnbound gives the failures of receivers of whom it was not told today that they have no account. All that plans and settles
// deliveries of a connection does so one after the other, so that nobody else tells it meanwhile.
func (d *DB) newlyUnbound(t *tx, tenant string, conn, now int64, waits []unboundDelivery) ([]failure, error) {
	if len(waits) == 0 {
		return nil, nil
	}
	_, zone, err := t.notifySettings(tenant)
	if err != nil {
		return nil, err
	}
	y, m, dd := instant(now).In(zone).Date()
	day := int64(y)*10_000 + int64(m)*100 + int64(dd)
	const known = `SELECT 1 FROM unbound_told WHERE conn = ? AND receiver = ? AND day = ?`
	told := map[string]bool{}
	for i := range waits {
		for _, user := range waits[i].users {
			if _, asked := told[user]; asked {
				continue
			}
			told[user] = false
			if err := t.ask(known, []any{conn, user, day}, func(row) error { told[user] = true; return nil }); err != nil {
				return nil, err
			}
		}
	}
	if err := t.flush(); err != nil {
		return nil, err
	}
	var out []failure
	for i := range waits {
		w := &waits[i]
		for _, user := range w.users {
			if told[user] {
				continue
			}
			told[user] = true
			const tell = `INSERT INTO unbound_told (conn, receiver, day) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`
			if err := t.spread(tell, conn, user, day); err != nil {
				return nil, err
			}
			out = append(out, failure{
				what: notify.Unbound, tenant: tenant, conn: conn, subject: w.n, scene: w.scene, message: w.message, receiver: user,
			})
		}
	}
	return out, nil
}

// notifySettings are a tenant's settings for digests, and its zone.
func (t *tx) notifySettings(tenant string) (n connector.NotifySettings, zone *time.Location, err error) {
	var settings []byte
	err = t.read(`SELECT settings FROM tenants WHERE name = ?`, []any{tenant}, func(r row) error { settings = r.blob(0); return nil })
	if err != nil {
		return n, nil, err
	}
	return notifyOf(settings)
}

// notifyOf reads stored settings of a tenant, which may have none.
func notifyOf(settings []byte) (connector.NotifySettings, *time.Location, error) {
	s, err := tenantOfSettings(settings)
	if err != nil {
		return s.Notify, nil, err
	}
	zone, err := time.LoadLocation(s.TimeZone)
	if err != nil {
		zone = time.UTC // it was checked when it was saved; another machine may know less
	}
	return s.Notify, zone, nil
}

func tenantOfSettings(settings []byte) (connector.Tenant, error) {
	s := connector.DefaultTenant()
	if len(settings) == 0 {
		return s, nil
	}
	s.Notify.Channels = nil
	return s, json.Unmarshal(settings, &s)
}

// noteDelivery keeps a delivery that planning made failed, or has wait for a binding, for writeFailures.
func (a *acceptance) noteDelivery(d *connector.Delivery) {
	switch {
	case d.State == connector.Failed:
		if a.failed == nil {
			a.failed = map[int64][]failure{}
		}
		a.failed[d.Conn] = append(a.failed[d.Conn], failure{subject: d.N, scene: d.Scene, class: d.Class, code: d.Code, message: d.Message})
	case d.State == connector.Held && d.Class == connector.ReasonUnbound:
		w := unboundDelivery{n: d.N, scene: d.Scene, message: d.Message}
		for _, r := range d.Recipients {
			if _, ok := a.known.Bindings[connector.UserKey{Conn: d.Conn, User: r.ID}]; !ok {
				w.users = append(w.users, r.ID)
			}
		}
		if a.unbound == nil {
			a.unbound = map[int64][]unboundDelivery{}
		}
		a.unbound[d.Conn] = append(a.unbound[d.Conn], w)
	}
}

// writeFailures writes down what the part has led to that people are to be told.
func (a *acceptance) writeFailures() error {
	if len(a.failed)+len(a.unbound)+len(a.refused) == 0 {
		return nil
	}
	now := millis(a.batch.Now)
	conns := slices.Collect(maps.Keys(a.failed))
	for conn := range a.unbound {
		if a.failed[conn] == nil {
			conns = append(conns, conn)
		}
	}
	slices.Sort(conns)
	for _, conn := range conns {
		if err := a.db.noteDeliveries(a.tx, conn, now, a.failed[conn], a.unbound[conn]); err != nil {
			return err
		}
	}
	return a.db.noteFailures(a.tx, now, a.refused)
}

// waitingMost is up to how many deliveries are counted that wait for an OA.
const waitingMost = 1_000_000

// waitingIn counts what waits at a connection.
func (d *DB) waitingIn(ctx context.Context, op string, conn int64) (n int64, err error) {
	const query = `SELECT COUNT(*) FROM (SELECT 1 FROM deliveries WHERE conn = ? AND due_ms IS NOT NULL LIMIT ?) AS counted`
	err = d.reading(ctx, op, func(q *reader) error { return q.Get(&n, query, conn, waitingMost) })
	return n, err
}

// noteCondition writes down what a new condition of a connection makes known: its OA has gone down or is back, or gives no token.
func (d *DB) noteCondition(t *tx, conn, waiting int64, c connector.Condition) error {
	tenant, told, err := d.told(t, conn)
	if err != nil || !told {
		return err
	}
	var down, refused time.Time
	const query = `SELECT down_since_ms, token_refused_ms FROM connections WHERE n = ?`
	if err := t.read(query, []any{conn}, func(r row) error { down, refused = r.time(0), r.time(1); return nil }); err != nil {
		return err
	}
	var all []failure
	note := func(what notify.Kind, message string, since time.Time) {
		all = append(all, failure{what: what, tenant: tenant, conn: conn, message: message, since: since, waited: waiting})
	}
	switch {
	case down.IsZero() && !c.DownSince.IsZero():
		note(notify.Down, c.Message, c.DownSince)
	case !down.IsZero() && c.DownSince.IsZero():
		note(notify.Back, "", down)
	}
	if refused.IsZero() && !c.TokenRefused.IsZero() {
		note(notify.TokenRefused, c.Message, c.TokenRefused)
	}
	return d.noteFailures(t, millis(d.cfg.Now()), all)
}
