package store

import (
	"context"
	"maps"
	"slices"
	"sync"

	"todosync/connector"
)

// faces are what lists show of connections' settings, so that they are not read again for each look.
type faces struct {
	mu sync.Mutex // guards by
	by map[int64]face
}

// A face is what a list shows of a revision's settings.
type face struct {
	N        int64  `db:"n"`
	Revision int64  `db:"revision"`
	Title    string `db:"title"`
	Preset   string `db:"preset"`
	Protocol string `db:"protocol"`
}

// of gives the faces of connections by their numbers, each with its current revision.
func (f *faces) of(q *reader, revisions map[int64]int64) (map[int64]face, error) {
	out := make(map[int64]face, len(revisions))
	var unread []int64
	f.mu.Lock()
	for n, revision := range revisions {
		if known, ok := f.by[n]; ok && known.Revision == revision {
			out[n] = known
		} else {
			unread = append(unread, n)
		}
	}
	f.mu.Unlock()
	if len(unread) == 0 {
		return out, nil
	}
	w := where{}
	w.numbers(`c.n`, unread)
	var rows []face
	err := q.Select(&rows, `SELECT c.n, c.revision, COALESCE(r.settings ->> 'title', '') AS title, COALESCE(r.settings ->> 'preset', '') AS preset,
		COALESCE(r.settings ->> 'protocol', '') AS protocol FROM connections c JOIN revisions r ON r.conn = c.n AND r.revision = c.revision `+w.text(), w.args...)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.by == nil {
		f.by = map[int64]face{}
	}
	for _, r := range rows {
		f.by[r.N], out[r.N] = r, r
	}
	return out, nil
}

// A ConnectionChoice chooses a page of connections.
type ConnectionChoice struct {
	Tenants []string // none: all
	// Chooses looks at a connection before what must be counted is; Title is there where Titled says so. Nil: all are chosen.
	Chooses func(c *ConnectionInfo) bool
	Titled  bool
	After   func(k connector.ConnectionKey) bool // whether a connection comes after what was given before; nil: all do
	Limit   int                                  // 0: none
}

// ConnectionPage lists connections by tenant and name, and says whether there are more. It reads those that it lists alone.
func (d *DB) ConnectionPage(ctx context.Context, choice ConnectionChoice) (page []ConnectionInfo, more bool, err error) {
	current := d.registry.current.Load()
	tenants := slices.Sorted(maps.Keys(current.byTenant))
	if len(choice.Tenants) > 0 {
		tenants = slices.DeleteFunc(tenants, func(t string) bool { return !slices.Contains(choice.Tenants, t) })
	}
	var slots []*slot
	for _, t := range tenants {
		for _, s := range current.byTenant[t] {
			if choice.After == nil || choice.After(s.key) {
				slots = append(slots, s)
			}
		}
	}
	titles, err := d.titles(ctx, slots, choice.Titled)
	if err != nil {
		return nil, false, err
	}
	var numbers []int64
	for _, s := range slots {
		c := ConnectionInfo{Number: s.conn, Key: s.key, Title: titles[s.conn].Title, Condition: s.state.Load().condition}
		if choice.Chooses != nil {
			if c.Problem, err = d.problem(ctx, s); err != nil {
				return nil, false, err
			}
			if !choice.Chooses(&c) {
				continue
			}
		}
		if choice.Limit > 0 && len(numbers) == choice.Limit {
			more = true
			break
		}
		numbers = append(numbers, s.conn)
	}
	if len(numbers) == 0 {
		return nil, false, nil
	}
	w := where{}
	w.numbers(`c.n`, numbers)
	page, err = d.connectionInfos(ctx, "list connections", w)
	return page, more, err
}

// titles gives the faces of slots, where they are wanted.
func (d *DB) titles(ctx context.Context, slots []*slot, wanted bool) (out map[int64]face, err error) {
	if !wanted {
		return nil, nil
	}
	revisions := make(map[int64]int64, len(slots))
	for _, s := range slots {
		revisions[s.conn] = s.state.Load().revision
	}
	err = d.reading(ctx, "list connections", func(q *reader) error {
		out, err = d.faces.of(q, revisions)
		return err
	})
	return out, err
}
