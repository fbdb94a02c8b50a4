package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"todosync/connector"
)

// A SaveKind says what a SaveItem is, in the words of the files.
type SaveKind string

// The kinds of what is saved.
const (
	SaveConnection SaveKind = "Connection"
	SaveTenant     SaveKind = "Tenant"
)

// A SaveItem is one connection or tenant to be saved.
type SaveItem struct {
	Kind     SaveKind
	Tenant   string
	Name     string // of the connection
	Source   []byte // the file as it was written, for people; may be empty
	Settings []byte // JSON of a connector.Connection or connector.Tenant, preset and defaults filled in
}

func (i *SaveItem) what() string {
	if i.Kind == SaveTenant {
		return "tenant " + i.Tenant
	}
	return "connection " + i.Tenant + "/" + i.Name
}

// SavedHow says by which way something was saved.
type SavedHow string

// The ways of saving. ByServe is `serve --apply`: it is kept as ByApply, and leaves alone what people changed by another way.
const (
	ByApply   SavedHow = "apply"
	ByServe   SavedHow = "serve"
	ByConsole SavedHow = "console"
	ByAPI     SavedHow = "api"
)

// By says who saves, and under which condition.
type By struct {
	Who     string
	How     SavedHow
	Force   bool  // with ByServe: also what was last saved by another way
	IfMatch int64 // of a single item: the revision that it must have now; 0: any; below: it must have none
	// Restores is the revision that a single item makes be again; 0: none. The audit tells it.
	Restores int64
}

// A SaveResult says what became of one item.
type SaveResult struct {
	Changed  bool
	Revision int64
	Warning  string // why it was left alone, or which secrets are not set
}

// errUnsaved takes a dry run back.
var errUnsaved = errors.New("dry run")

// Save stores connections and tenants, all or none, each as a new revision where it differs from the one it has. Whatever does not
// compile is refused. Results are in the order of items.
func (d *DB) Save(ctx context.Context, items []SaveItem, by By) ([]SaveResult, error) {
	return d.save(ctx, items, by, false)
}

// TrySave says what Save would do, and changes nothing.
func (d *DB) TrySave(ctx context.Context, items []SaveItem, by By) ([]SaveResult, error) {
	return d.save(ctx, items, by, true)
}

func (d *DB) save(ctx context.Context, items []SaveItem, by By, dry bool) ([]SaveResult, error) {
	const op = "save"
	if by.IfMatch != 0 && len(items) != 1 {
		return nil, &connector.Error{Kind: connector.Invalid, Op: op, Msg: "If-Match is for one connection or tenant"}
	}
	var out []SaveResult
	var conns []int64
	err := d.writer.write(ctx, op, func(t *tx) error {
		s := saving{db: d, tx: t, by: by, now: millis(d.cfg.Now()), tenants: map[string]bool{}}
		out = make([]SaveResult, len(items))
		// Tenants first: their fields are part of how their connections compile.
		for _, kind := range []SaveKind{SaveTenant, SaveConnection} {
			for i := range items {
				if items[i].Kind != kind {
					continue
				}
				var err error
				if out[i], err = s.item(&items[i]); err != nil {
					return fmt.Errorf("save %s: %w", items[i].what(), err)
				}
			}
		}
		for i := range items {
			if k := items[i].Kind; k != SaveTenant && k != SaveConnection {
				return &connector.Error{Kind: connector.Invalid, Op: op, Msg: fmt.Sprintf("%q is neither Connection nor Tenant", k)}
			}
		}
		if err := s.compile(); err != nil {
			return err
		}
		if dry {
			return errUnsaved
		}
		conns = s.conns
		if err := s.tell(); err != nil {
			return err
		}
		t.done(func() {
			d.registry.put(s.slots, nil)
			for tenant := range s.tenants {
				d.registry.renew(tenant)
			}
		})
		return nil
	})
	if errors.Is(err, errUnsaved) {
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	d.wake(conns...)
	return out, nil
}

// A saving is one call of Save under way.
type saving struct {
	db      *DB
	tx      *tx
	by      By
	now     int64
	tenants map[string]bool // whose own settings changed
	saved   []int64         // connections that changed
	slots   []*slot
	conns   []int64 // to be woken
}

// A saved is what is there of an item before it is saved.
type saved struct {
	conn     int64
	revision int64
	how      string
	source   string
	settings string
}

func (s *saving) item(i *SaveItem) (SaveResult, error) {
	if err := s.check(i); err != nil {
		return SaveResult{}, err
	}
	if err := s.tx.nameTenant(i.Tenant, s.now); err != nil {
		return SaveResult{}, err
	}
	before, err := s.before(i)
	if err != nil {
		return SaveResult{}, err
	}
	if m := s.by.IfMatch; m != 0 && max(m, 0) != before.revision {
		return SaveResult{}, notRevision("save "+i.what(), before.revision, max(m, 0))
	}
	out := SaveResult{Revision: before.revision}
	switch {
	case before.revision > 0 && before.settings == string(i.Settings) && before.source == clean(string(i.Source)):
	case before.revision > 0 && s.by.How == ByServe && !s.by.Force && before.how != string(ByApply):
		out.Warning = fmt.Sprintf("%s was last saved by %s and is left as it is; --apply-force would overwrite it", i.what(), before.how)
	default:
		out.Changed, out.Revision = true, before.revision+1
		if err := s.store(i, &before, out.Revision); err != nil {
			return out, err
		}
	}
	if i.Kind == SaveConnection && out.Warning == "" {
		if out.Warning, err = s.missingSecrets(i); err != nil {
			return out, err
		}
	}
	return out, nil
}

// check refuses settings that are not what the item says they are.
func (s *saving) check(i *SaveItem) error {
	bad := func(format string, args ...any) error {
		return &connector.Error{Kind: connector.Invalid, Op: "save " + i.what(), Msg: fmt.Sprintf(format, args...)}
	}
	if i.Tenant == "" {
		return bad("a tenant is needed")
	}
	if i.Kind == SaveTenant {
		var t connector.Tenant
		if err := json.Unmarshal(i.Settings, &t); err != nil {
			return bad("the settings cannot be read: %v", err)
		}
		if t.Tenant != i.Tenant {
			return bad("the settings are those of tenant %q", t.Tenant)
		}
		return nil
	}
	var c connector.Connection
	if err := json.Unmarshal(i.Settings, &c); err != nil {
		return bad("the settings cannot be read: %v", err)
	}
	if i.Name == "" || c.Tenant != i.Tenant || c.Name != i.Name {
		return bad("the settings are those of connection %q", c.Key().String())
	}
	return nil
}

// nameTenant makes a tenant that something names.
func (t *tx) nameTenant(tenant string, now int64) error {
	if err := t.refuseErasing(tenant); err != nil {
		return err
	}
	return t.run(`INSERT INTO tenants (name, created_ms, updated_ms) VALUES (?, ?, ?) ON CONFLICT (name) DO NOTHING`,
		tenant, now, now)
}

func (s *saving) before(i *SaveItem) (saved, error) {
	var b saved
	if i.Kind == SaveTenant {
		err := s.tx.read(`SELECT revision, saved_how, source, settings FROM tenants WHERE name = ?`, []any{i.Tenant},
			func(r row) error {
				b = saved{revision: r.num(0), how: r.text(1), source: r.text(2), settings: r.text(3)}
				return nil
			})
		return b, err
	}
	const query = `SELECT c.n, c.revision, c.saved_how, r.source, r.settings FROM connections c
		JOIN revisions r ON r.conn = c.n AND r.revision = c.revision
		WHERE c.tenant = ? AND c.name = ? AND c.deleted_ms IS NULL`
	err := s.tx.read(query, []any{i.Tenant, i.Name}, func(r row) error {
		b = saved{conn: r.num(0), revision: r.num(1), how: r.text(2), source: r.text(3), settings: r.text(4)}
		return nil
	})
	return b, err
}

// store writes a new revision.
func (s *saving) store(i *SaveItem, before *saved, revision int64) error {
	how := s.by.How
	if how == ByServe {
		how = ByApply
	}
	detail := fmt.Sprintf("revision %d by %s", revision, s.by.How)
	if s.by.Restores != 0 {
		detail += fmt.Sprintf(", restored from revision %d", s.by.Restores)
	}
	if i.Kind == SaveTenant {
		s.tenants[i.Tenant] = true
		if err := s.tx.run(`UPDATE tenants SET source = ?, settings = ?, revision = ?, saved_how = ?, updated_ms = ? WHERE name = ?`,
			string(i.Source), string(i.Settings), revision, string(how), s.now, i.Tenant); err != nil {
			return err
		}
		if err := s.tx.run(`INSERT INTO tenant_revisions (tenant, revision, source, settings, who, how, saved_ms)
			VALUES (?, ?, ?, ?, ?, ?, ?)`, i.Tenant, revision, string(i.Source), string(i.Settings), s.by.Who, string(how), s.now); err != nil {
			return err
		}
		return s.tx.audit(s.now, s.by.Who, "tenant saved", i.Tenant, i.Tenant, detail)
	}
	var c connector.Connection
	if err := json.Unmarshal(i.Settings, &c); err != nil {
		return err
	}
	conn := before.conn
	if conn == 0 {
		var err error
		if conn, err = s.tx.numbers("connections", 1); err != nil {
			return err
		}
		if conn > connMost {
			return &connector.Error{
				Kind: connector.Unavailable, Op: "save " + i.what(), Msg: "the store has had as many connections as it can number",
				Hint: "begin a new data folder",
			}
		}
		if err := s.tx.run(`INSERT INTO connections (n, tenant, name, enabled, revision, saved_how, created_ms)
			VALUES (?, ?, ?, ?, ?, ?, ?)`, conn, i.Tenant, i.Name, c.Enabled, revision, string(how), s.now); err != nil {
			return err
		}
	} else if err := s.tx.run(`UPDATE connections SET enabled = ?, revision = ?, saved_how = ? WHERE n = ?`,
		c.Enabled, revision, string(how), conn); err != nil {
		return err
	}
	if err := s.tx.heldByPeople(conn, s.now, func(time.Duration, time.Time) {}); err != nil {
		return err
	}
	if err := s.tx.run(`INSERT INTO revisions (conn, revision, source, settings, who, how, saved_ms) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		conn, revision, string(i.Source), string(i.Settings), s.by.Who, string(how), s.now); err != nil {
		return err
	}
	if before.conn != 0 {
		if err := s.rekey(conn, c.Bindings.IgnoreCase); err != nil {
			return err
		}
	}
	s.saved = append(s.saved, conn)
	return s.tx.audit(s.now, s.by.Who, "connection saved", i.Tenant, i.Name, detail)
}

// rekey brings the keys of the bindings' accounts in line with whether case counts.
func (s *saving) rekey(conn int64, ignoreCase bool) error {
	const query = `SELECT crm_user, account, account_key FROM bindings WHERE conn = ?`
	type change struct{ user, key string }
	var changes []change
	users := map[string]string{} // by key
	var clash []string
	err := s.tx.read(query, []any{conn}, func(r row) error {
		key := accountKey(r.text(1), ignoreCase)
		if other, ok := users[key]; ok {
			clash = append(clash, fmt.Sprintf("%s and %s", other, r.text(0)))
		}
		users[key] = r.text(0)
		if key != r.text(2) {
			changes = append(changes, change{r.text(0), key})
		}
		return nil
	})
	if err != nil {
		return err
	}
	if len(clash) > 0 {
		return &connector.Error{
			Kind: connector.Conflict, Op: "save connection", Msg: "without regard to case, users share an account: " + strings.Join(clash, "; "),
			Hint: "correct their bindings first, or leave bindings.ignoreCase off",
		}
	}
	for _, c := range changes {
		if err := s.tx.run(`UPDATE bindings SET account_key = ? WHERE conn = ? AND crm_user = ?`, c.key, conn, c.user); err != nil {
			return err
		}
	}
	return nil
}

// tell has other processes take over what was saved.
func (s *saving) tell() error {
	tenants := maps.Clone(s.tenants)
	for _, slot := range s.slots {
		if _, ok := tenants[slot.key.Tenant]; !ok {
			tenants[slot.key.Tenant] = false
		}
	}
	for tenant, itself := range tenants {
		what := changedConnections
		if itself {
			what = changedTenant
		}
		if err := s.db.changed(s.tx, tenant, what); err != nil {
			return err
		}
	}
	return nil
}

// missingSecrets warns of secrets that the connection names and nobody has set.
func (s *saving) missingSecrets(i *SaveItem) (string, error) {
	var missing []string
	for _, name := range secretNames(i.Settings) {
		found := false
		err := s.tx.read(`SELECT 1 FROM secrets WHERE tenant = ? AND name = ?`, []any{i.Tenant, name}, func(row) error {
			found = true
			return nil
		})
		if err != nil {
			return "", err
		}
		if !found {
			missing = append(missing, name)
		}
	}
	if len(missing) == 0 {
		return "", nil
	}
	return fmt.Sprintf("%s names secrets that are not set: %s; set each with: todosync secret set NAME --tenant %s",
		i.what(), strings.Join(missing, ", "), i.Tenant), nil
}
