package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"todosync/connector"
)

// eraseRows is how many rows one statement of an erasure takes away at most.
const eraseRows = 200

// changedErased is what is changed of a tenant that is gone, under a name that does not give his away: see erasedName.
const changedErased = "erased"

// erasedName stands for a tenant in what outlives his data.
func erasedName(tenant string) string {
	sum := sha256.Sum256([]byte(tenant))
	return "erased " + hex.EncodeToString(sum[:])
}

// refuseErasing refuses to store anything for a tenant whose data is being erased.
func (t *tx) refuseErasing(tenant string) error {
	erasing := false
	err := t.read(`SELECT erasing FROM tenants WHERE name = ?`, []any{tenant}, func(r row) error { erasing = r.flag(0); return nil })
	if err != nil || !erasing {
		return err
	}
	return &connector.Error{
		Kind: connector.Conflict, Op: "name tenant", Msg: "the data of tenant " + tenant + " is being erased",
		Hint: "wait for the end of that job: todosync jobs list",
	}
}

// beginErase has a tenant take nothing new.
func (d *DB) beginErase(t *tx, op string, r *connector.JobRequest) error {
	found := false
	err := t.read(`SELECT 1 FROM tenants WHERE name = ?`, []any{r.Key.Tenant}, func(row) error { found = true; return nil })
	if err == nil && !found {
		err = notFound(op, "tenant "+r.Key.Tenant)
	}
	if err != nil {
		return err
	}
	if err := t.refuseErasing(r.Key.Tenant); err != nil {
		return err
	}
	return t.run(`UPDATE tenants SET erasing = TRUE WHERE name = ?`, r.Key.Tenant)
}

// eraseStep takes away some of what is kept of a tenant. Each step looks at what there is: so it does not matter after which one the process
// was killed, nor what has come in between.
func (d *DB) eraseStep(ctx context.Context, op, id string) (out connector.JobStepped, err error) {
	var wake []int64
	err = d.writer.write(ctx, op, func(t *tx) error {
		s, err := t.readJob(op, id)
		if err != nil || s.EndedMs != nil {
			return err
		}
		var q jobRequest
		if err := json.Unmarshal([]byte(s.Request), &q); err != nil {
			return err
		}
		e := erasing{db: d, tx: t, op: op, job: s, tenant: q.Key.Tenant, now: millis(d.cfg.Now()), until: time.Now().Add(jobStepTime)}
		if d.postgres() {
			e.until = e.until.Add(jobStepAway)
		}
		if err := e.run(); err != nil {
			return err
		}
		out, wake = e.out, e.wake
		return nil
	})
	if err == nil {
		d.wake(wake...)
	}
	return out, err
}

// An erasing is one step of the erasure of a tenant.
type erasing struct {
	db     *DB
	tx     *tx
	op     string
	job    *storedJob
	tenant string
	now    int64
	until  time.Time
	out    connector.JobStepped
	wake   []int64
}

func (e *erasing) run() error {
	for _, part := range []func() (done bool, err error){e.endConnections, e.landed, e.ofConnections, e.ofTenant} {
		done, err := part()
		if err != nil {
			return err
		}
		if !done {
			return e.tx.run(`UPDATE jobs SET total = total + ?, done = done + ? WHERE n = ?`, e.out.Moved, e.out.Moved, e.job.N)
		}
	}
	return e.end()
}

// over reports whether the step has had its time.
func (e *erasing) over() bool { return time.Now().After(e.until) }

// endConnections deletes the connections that there still are, with what waits in them.
func (e *erasing) endConnections() (bool, error) {
	left := e.db.registry.current.Load().byTenant[e.tenant]
	if len(left) == 0 {
		return true, nil
	}
	s := left[0] // one a step: it is taken out of what is in memory after the commit
	more, err := e.db.deleteStep(e.tx, e.op, s, Deletion{Key: s.key, Who: e.job.Who, CancelWaiting: true})
	if err != nil {
		return false, err
	}
	if !more {
		e.wake = append(e.wake, s.conn)
	}
	e.out.Moved++
	return false, nil
}

// landed waits for what is on its way: it ends as it ends, and is erased then.
func (e *erasing) landed() (bool, error) {
	flying := false
	const query = `SELECT 1 FROM sending s JOIN connections c ON c.n = s.conn WHERE c.tenant = ? LIMIT 1`
	err := e.tx.read(query, []any{e.tenant}, func(row) error { flying = true; return nil })
	return !flying, err
}

// ofConnections takes away what the connections have, the deleted ones too.
func (e *erasing) ofConnections() (bool, error) {
	for !e.over() {
		conn := int64(-1)
		err := e.tx.read(`SELECT n FROM connections WHERE tenant = ? ORDER BY n LIMIT 1`, []any{e.tenant}, func(r row) error { conn = r.num(0); return nil })
		if err != nil || conn < 0 {
			return err == nil, err
		}
		more, err := e.deliveries(conn)
		if err != nil || more {
			return false, err
		}
		for _, table := range erasedOfConnections {
			const query = `DELETE FROM %[1]s WHERE (%[2]s) IN (SELECT %[2]s FROM %[1]s WHERE %[3]s = ? LIMIT ?)`
			if more, err := e.rows(fmt.Sprintf(query, table.name, table.key, table.conn), conn); err != nil || more {
				return false, err
			}
		}
		if err := e.tx.run(`DELETE FROM connections WHERE n = ?`, conn); err != nil {
			return false, err
		}
		e.out.Moved++
	}
	return false, nil
}

// A connTable is a table whose rows are a connection's.
type connTable struct{ name, key, conn string }

// erasedOfConnections are the tables that hold a connection's rows, beside its deliveries and what goes with them.
var erasedOfConnections = [...]connTable{
	{"resent", "n", "conn"},
	{"lanes", "conn, kind, todo, receiver", "conn"},
	{"todos", "conn, kind, todo", "conn"},
	{"tallies", "conn, at_ms, what", "conn"},
	{"unbound_told", "conn, receiver, day", "conn"},
	{"sign_on_marks", "conn, hash", "conn"},
	{"causes", "conn, at_ms, what, class, code", "conn"},
	{"queues", "conn, at_ms", "conn"},
	{"standings", "conn, state", "conn"},
	{"tokens", "conn", "conn"},
	{"seats", "seat", "seat"},
	{"bindings", "conn, crm_user", "conn"},
	{"revisions", "conn, revision", "conn"},
}

// A tenantTable is a table whose rows are a tenant's.
type tenantTable struct{ name, key, tenant string }

// erasedOfTenants are the tables that hold a tenant's rows, in an order that no row refers to one that is gone.
var erasedOfTenants = [...]tenantTable{
	{"events", "n", "tenant"},
	{"failures", "n", "tenant"},
	{"failing", "tenant", "tenant"},
	{"digest_sends", "digest, channel", "tenant"},
	{"digests", "n", "tenant"},
	{"sign_ons", "n", "tenant"},
	{"tickets", "hash", "tenant"},
	{"secrets", "tenant, name", "tenant"},
	{"arrivals", "tenant, at_ms, what", "tenant"},
	{"widget_users", "tenant, connection, user_id", "tenant"},
	{"tenant_revisions", "tenant, revision", "tenant"},
	{"audit", "n", "tenant"},
}

// rows takes some rows away and says whether there may be more than the step has time for.
func (e *erasing) rows(query string, of any) (more bool, err error) {
	for {
		gone := 0
		if err := e.tx.change(query+` RETURNING 1`, []any{of, eraseRows}, func(row) error { gone++; return nil }); err != nil {
			return false, err
		}
		if e.out.Moved += gone; gone < eraseRows {
			return false, nil
		}
		if e.over() {
			return true, nil
		}
	}
}

// deliveries takes away a connection's deliveries with their attempts and receivers.
func (e *erasing) deliveries(conn int64) (more bool, err error) {
	low, high := span(conn)
	for {
		var some []sweptRecord
		const query = `SELECT n, CASE WHEN receiver = '' THEN receivers ELSE '' END, attempts FROM deliveries WHERE n >= ? AND n < ? ORDER BY n LIMIT ?`
		err := e.tx.read(query, []any{low, high, eraseRows / 4}, func(r row) error {
			some = append(some, sweptRecord{N: r.num(0), Receivers: r.text(1), Attempts: r.num(2)})
			return nil
		})
		if err != nil || len(some) == 0 {
			return false, err
		}
		for i := range some {
			if err := e.delivery(&some[i]); err != nil {
				return false, err
			}
		}
		if e.out.Moved += len(some); e.over() {
			return true, nil
		}
	}
}

func (e *erasing) delivery(r *sweptRecord) error {
	e.db.hot.forget(r.N)
	if err := e.tx.run(`DELETE FROM attempts WHERE at >= ? AND at < ?`, attemptKey(r.N, 0), attemptKey(r.N+1, 0)); err != nil {
		return err
	}
	who, err := recipientsOf(r.Receivers)
	if err != nil {
		return err
	}
	for _, p := range who {
		if err := e.tx.run(`DELETE FROM delivery_receivers WHERE receiver = ? AND delivery_n = ?`, p.ID, r.N); err != nil {
			return err
		}
	}
	return e.tx.run(`DELETE FROM deliveries WHERE n = ?`, r.N)
}

// ofTenant takes away what the tenant has beside connections.
func (e *erasing) ofTenant() (bool, error) {
	if more, err := e.rejected(); err != nil || more {
		return false, err
	}
	for _, table := range erasedOfTenants {
		const query = `DELETE FROM %[1]s WHERE (%[2]s) IN (SELECT %[2]s FROM %[1]s WHERE %[3]s = ? LIMIT ?)`
		before := e.out.Moved
		more, err := e.rows(fmt.Sprintf(query, table.name, table.key, table.tenant), e.tenant)
		if gone := e.out.Moved - before; table.name == "events" && gone > 0 && err == nil {
			err = e.tx.run(`UPDATE numbers SET last = last + ? WHERE name = 'events removed'`, gone) // else they would count as kept
		}
		if err != nil || more {
			return false, err
		}
	}
	return e.jobs()
}

// rejected takes away rejected messages, and keeps the count of their bytes.
func (e *erasing) rejected() (more bool, err error) {
	for {
		gone, size := 0, int64(0)
		const query = `DELETE FROM rejected WHERE n IN (SELECT n FROM rejected WHERE tenant = ? LIMIT ?) RETURNING size`
		err := e.tx.change(query, []any{e.tenant, eraseRows / 4}, func(r row) error { gone++; size += r.num(0); return nil })
		if err == nil && size > 0 {
			err = e.tx.rejectedBytes(-size)
		}
		if e.out.Moved += gone; err != nil || gone < eraseRows/4 {
			return false, err
		}
		if e.over() {
			return true, nil
		}
	}
}

// jobs takes away jobs that name the tenant, this one apart, with their items.
func (e *erasing) jobs() (bool, error) {
	var its []int64
	err := e.tx.read(`SELECT n, tenants, request FROM jobs WHERE n <> ?`, []any{e.job.N}, func(r row) error {
		var tenants []string
		var q jobRequest
		if err := json.Unmarshal(r.blob(1), &tenants); err != nil {
			return err
		}
		if err := json.Unmarshal(r.blob(2), &q); err != nil {
			return err
		}
		if slices.Contains(tenants, e.tenant) || q.Key.Tenant == e.tenant || slices.Contains(q.Filter.Tenants, e.tenant) {
			its = append(its, r.num(0))
		}
		return nil
	})
	if err != nil {
		return false, err
	}
	for _, n := range its {
		const query = `DELETE FROM job_items WHERE job = ? AND n IN (SELECT n FROM job_items WHERE job = ? LIMIT ?)`
		for gone := eraseRows; gone == eraseRows; {
			gone = 0
			if err := e.tx.change(query+` RETURNING 1`, []any{n, n, eraseRows}, func(row) error { gone++; return nil }); err != nil {
				return false, err
			}
			if e.out.Moved += gone; e.over() {
				return false, nil
			}
		}
		if err := e.tx.run(`DELETE FROM jobs WHERE n = ?`, n); err != nil {
			return false, err
		}
		e.out.Moved++
	}
	return true, nil
}

// end takes the last traces away and ends the job, in the transaction that has found nothing else.
func (e *erasing) end() error {
	if err := e.grants("api_tokens", `DELETE FROM api_tokens WHERE n = ?`); err != nil {
		return err
	}
	err := e.grants("users", `DELETE FROM access_links WHERE user_id = (SELECT id FROM users WHERE n = ?)`, `DELETE FROM invitations WHERE user_id = (SELECT id FROM users WHERE n = ?)`, `DELETE FROM sessions WHERE user_n = ?`, `DELETE FROM users WHERE n = ?`)
	if err != nil {
		return err
	}
	// Other processes must hear of it all the same.
	if err := e.db.changed(e.tx, erasedName(e.tenant), changedErased); err != nil {
		return err
	}
	for _, query := range [...]string{`DELETE FROM changes WHERE tenant = ?`, `DELETE FROM tenants WHERE name = ?`} {
		if err := e.tx.run(query, e.tenant); err != nil {
			return err
		}
	}
	e.tx.done(func() { e.db.secrets.forget() })
	request, err := json.Marshal(&jobRequest{Name: fmt.Sprintf("%s-%d", connector.JobErase, e.job.N)})
	if err != nil {
		return err
	}
	// What several tenants had in common stays, without him.
	const common = `UPDATE audit SET detail = '' WHERE tenant = '' AND (target = ? OR detail LIKE ? ESCAPE '\')`
	if err := e.tx.run(common, e.tenant, likeText(strconv.Quote(e.tenant))); err != nil {
		return err
	}
	const over = `UPDATE jobs SET state = ?, tenants = '[]', request = ?, total = total + ?, done = done + ?, ended_ms = ? WHERE n = ?`
	if err := e.tx.run(over, string(connector.JobDone), string(request), e.out.Moved, e.out.Moved, e.now, e.job.N); err != nil {
		return err
	}
	e.out.Ended = true
	return e.tx.audit(e.now, e.job.Who, "tenant erased", e.tenant, e.tenant, fmt.Sprintf("job %s: %d rows", e.job.ID, e.job.Done+int64(e.out.Moved)))
}

// grants takes the tenant out of what is granted for some tenants, and that away which is granted for him alone: with an empty list it would be
// for all.
func (e *erasing) grants(table string, remove ...string) error {
	type grant struct {
		n       int64
		tenants []string
	}
	var all []grant
	err := e.tx.read(`SELECT n, tenants FROM `+table, nil, func(r row) error {
		g := grant{n: r.num(0)}
		if err := json.Unmarshal(r.blob(1), &g.tenants); err != nil {
			return err
		}
		if slices.Contains(g.tenants, e.tenant) {
			all = append(all, g)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, g := range all {
		left := slices.DeleteFunc(g.tenants, func(t string) bool { return t == e.tenant })
		if len(left) > 0 {
			b, err := json.Marshal(left)
			if err != nil {
				return err
			}
			if err := e.tx.run(`UPDATE `+table+` SET tenants = ? WHERE n = ?`, string(b), g.n); err != nil {
				return err
			}
			continue
		}
		for _, query := range remove {
			if err := e.tx.run(query, g.n); err != nil {
				return err
			}
		}
	}
	return nil
}
