package store_test

import (
	"bytes"
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"todosync/connector"
	"todosync/internal/pgtest"
	"todosync/store"
	"todosync/store/storetest"
)

// TestDatabaseGone takes the database away in several ways: writes and reads fail as Unavailable, Health tells, and all goes on by
// itself with the same store when it is back.
func TestDatabaseGone(t *testing.T) {
	t.Parallel()
	ways := map[string]struct {
		begin, end func(t *testing.T, s *pgtest.Server, place string)
		writesOnly bool
	}{
		"crash": {
			begin: func(t *testing.T, s *pgtest.Server, _ string) { s.Crash(t) },
			end:   func(t *testing.T, s *pgtest.Server, _ string) { s.Restart(t) },
		},
		"stop": {
			begin: func(t *testing.T, s *pgtest.Server, _ string) { s.Stop(t) },
			end:   func(t *testing.T, s *pgtest.Server, _ string) { s.Restart(t) },
		},
		"read only": {
			begin: func(t *testing.T, s *pgtest.Server, place string) {
				s.Exec(t, `ALTER ROLE todosync SET default_transaction_read_only = on`)
				killConnections(t, place)
			},
			end: func(t *testing.T, _ *pgtest.Server, place string) {
				execute(t, place, `BEGIN READ WRITE; ALTER ROLE todosync RESET default_transaction_read_only; COMMIT`)
				killConnections(t, place)
			},
			writesOnly: true,
		},
	}
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := pgtest.Start(t, pgtest.Options{})
			place := s.Database(t)
			db := postgresEngine().Open(t, place, nil)
			storetest.Save(t, db, storetest.Connection("T", "oa", nil))
			storetest.Bind(t, db, "T", "oa", "a")
			conn := storetest.Number(t, db, "T", "oa")
			accept := func(seq uint64) error {
				_, err := db.Accept(t.Context(), storetest.Batch(seq-1, storetest.Start, storetest.Todo{Receivers: []string{"a"}}.Item(seq)))
				return err
			}
			if err := accept(1); err != nil {
				t.Fatal(err)
			}
			way.begin(t, s, place)
			gone := map[string]error{"accept": accept(2), "health": db.Health(t.Context())}
			_, gone["turn"] = db.Turn(t.Context(), connector.Turn{Conn: conn, Want: 1, Now: storetest.Start})
			_, gone["renew"] = db.Sharing().Renew(t.Context(), "w")
			if !way.writesOnly {
				_, gone["records"] = db.Records(t.Context(), connector.RecordFilter{}, connector.PageOf{})
			}
			for what, err := range gone {
				if connector.KindOf(err) != connector.Unavailable {
					t.Errorf("%s while it is gone: %v", what, err)
				}
				if u, _ := url.Parse(place); err != nil && u != nil {
					if secret, _ := u.User.Password(); strings.Contains(err.Error(), secret) {
						t.Errorf("%s tells the password: %v", what, err)
					}
				}
			}
			way.end(t, s, place)
			for i := 0; db.Health(t.Context()) != nil; i++ { // connections that were killed meanwhile are found one by one
				if i == 10 {
					t.Fatalf("it stays gone: %v", db.Health(t.Context()))
				}
			}
			if err := accept(2); err != nil {
				t.Errorf("accept when it is back: %v", err)
			}
			got, err := db.Turn(t.Context(), connector.Turn{Conn: conn, Want: 5, Now: storetest.Start})
			if err != nil || len(got.Work) != 1 {
				t.Errorf("turn when it is back: %d deliveries, %v", len(got.Work), err)
			}
		})
	}
}

func killConnections(t *testing.T, place string) {
	t.Helper()
	execute(t, place, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`)
}

// TestConnectionsKilled kills the store's connections between and during its work.
func TestConnectionsKilled(t *testing.T) {
	t.Parallel()
	e := postgresEngine()
	place := e.Place(t)
	db := e.Open(t, place, nil)
	storetest.Save(t, db, storetest.Connection("T", "oa", nil))
	failed := 0
	for seq := uint64(1); seq <= 20; {
		if seq%3 == 0 && failed < int(seq) {
			killConnections(t, place)
		}
		batch := storetest.Batch(seq-1, storetest.Start, storetest.Todo{Receivers: []string{"a"}}.Item(seq))
		_, err := db.Accept(t.Context(), batch)
		switch connector.KindOf(err) {
		case connector.Unavailable:
			failed++
			if failed > 100 {
				t.Fatalf("it does not come back: %v", err)
			}
			continue
		default:
			if err != nil {
				t.Fatal(err)
			}
		}
		seq++
	}
	if failed == 0 {
		t.Error("no connection was killed under its work")
	}
}

// A cutter stands between a store and its database and can break the connection at a commit: before the database has got it, or after,
// before its answer has come back.
type cutter struct {
	listener net.Listener
	to       string

	mu   sync.Mutex // guards mode
	mode string     // "", "before", "after"
}

// between starts a cutter and gives the address through it.
func between(t *testing.T, place string) (*cutter, string) {
	t.Helper()
	u, err := url.Parse(place)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cutter{listener: l, to: u.Host}
	u.Host = l.Addr().String()
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { c.serve(client) })
		}
	})
	t.Cleanup(func() { l.Close(); wg.Wait() })
	return c, u.String()
}

func (c *cutter) set(mode string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mode = mode
}

// take gives the mode, once.
func (c *cutter) take() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	mode := c.mode
	c.mode = ""
	return mode
}

func (c *cutter) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", c.to)
	if err != nil {
		return
	}
	defer server.Close()
	var mu sync.Mutex
	deaf := false // what the server says is thrown away
	done := make(chan struct{})
	go func() {
		defer close(done)
		b := make([]byte, 64<<10)
		for {
			n, err := server.Read(b)
			mu.Lock()
			lost := deaf
			mu.Unlock()
			if lost {
				client.Close()
				return
			}
			if err != nil {
				client.Close()
				return
			}
			if _, err := client.Write(b[:n]); err != nil {
				return
			}
		}
	}()
	var commit []byte // how a commit looks here
	b := make([]byte, 1<<20)
	for {
		n, err := client.Read(b)
		if err != nil {
			break
		}
		if i := bytes.Index(b[:n], []byte("\x00COMMIT\x00")); i >= 0 {
			name := b[bytes.LastIndexByte(b[:i], 's'):i]
			commit = append(append([]byte{0}, name...), 0)
		} else if commit != nil && bytes.Contains(b[:n], commit) {
			switch c.take() {
			case "before":
				client.Close()
				continue // the next read ends it
			case "after":
				mu.Lock()
				deaf = true
				mu.Unlock()
			}
		}
		if _, err := server.Write(b[:n]); err != nil {
			break
		}
	}
	if deaf {
		<-done // the database shall end what it has got
	}
	server.Close()
	_, _ = io.Copy(io.Discard, server)
	<-done
}

// TestCommitInDoubt breaks the connection at a commit. The caller gets an error, and whether or not the commit took place, what it does
// next leads to the same: each outcome once, nothing claimed that nobody sends, no event twice.
func TestCommitInDoubt(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"before", "after"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			e := postgresEngine()
			cut, place := between(t, e.Place(t))
			var woken []int64
			db := e.Open(t, place, func(c *store.Config) { c.Wake = func(conns []int64) { woken = append(woken, conns...) } })
			storetest.Save(t, db, storetest.Connection("T", "oa", nil))
			storetest.Bind(t, db, "T", "oa", "a")
			conn := storetest.Number(t, db, "T", "oa")

			// Accept: the position tells.
			batch := storetest.Batch(0, storetest.Start, storetest.Todo{Todo: "1", Receivers: []string{"a"}}.Item(1),
				storetest.Todo{Todo: "2", Receivers: []string{"a"}}.Item(2), storetest.Todo{Todo: "3", Receivers: []string{"a"}}.Item(3))
			woken = nil
			cut.set(mode)
			if _, err := db.Accept(t.Context(), batch); connector.KindOf(err) != connector.Unavailable {
				t.Fatalf("accept with a cut: %v", err)
			}
			if len(woken) != 3 || woken[0] != conn {
				t.Errorf("woken are %v: what was accepted without an answer would wait for others", woken)
			}
			_, err := db.Accept(t.Context(), batch)
			if want := mode == "after"; (connector.KindOf(err) == connector.Conflict && err != nil) != want {
				t.Errorf("accept again: %v", err)
			}
			if at, err := db.Position(t.Context(), storetest.Stream); at != 3 || err != nil {
				t.Errorf("position %d, %v", at, err)
			}

			// Turn: settles two, claims the third.
			turn := connector.Turn{Conn: conn, Want: 2, Now: storetest.Start}
			got, err := db.Turn(t.Context(), turn)
			if err != nil || len(got.Work) != 2 {
				t.Fatalf("claimed %d, %v", len(got.Work), err)
			}
			turn.Changes = outcomes(got.Work, "body")
			cut.set(mode)
			if _, err := db.Turn(t.Context(), turn); connector.KindOf(err) != connector.Unavailable {
				t.Fatalf("turn with a cut: %v", err)
			}
			got, err = db.Turn(t.Context(), turn)
			if err != nil || len(got.Work) != 1 {
				t.Fatalf("the turn again claims %d, want the one that nobody sends: %v", len(got.Work), err)
			}
			if want := map[string]int{"before": 0, "after": 2}[mode]; len(got.Lost) != want {
				t.Errorf("lost are %v, want %d", got.Lost, want)
			}
			if got.Work[0].SentTwice || got.Work[0].Attempts != 0 {
				t.Errorf("what was never sent is marked: %+v", got.Work[0].Delivery)
			}
			turn.Changes = outcomes(got.Work, "body")
			if got, err := db.Turn(t.Context(), turn); err != nil || len(got.Lost)+len(got.Work) != 0 {
				t.Errorf("the last outcome: %+v, %v", got, err)
			}
			page, err := db.Records(t.Context(), connector.RecordFilter{}, connector.PageOf{})
			if err != nil || len(page.Items) != 3 {
				t.Fatalf("%d records, %v", len(page.Items), err)
			}
			for _, r := range page.Items {
				one, err := db.Record(t.Context(), r.ID)
				if err != nil || one.State != connector.Succeeded || len(one.Attempts) != 1 || one.PossiblySentTwice {
					t.Errorf("record of todo %s: %s, %d attempts, %v", r.Todo, one.State, len(one.Attempts), err)
				}
			}

			// A save: the version tells, whatever this process thinks.
			cut.set(mode)
			_, err = db.Save(t.Context(), []store.SaveItem{storetest.Connection("T", "late", nil)}, store.By{Who: "me", How: store.ByAPI})
			if connector.KindOf(err) != connector.Unavailable {
				t.Fatalf("save with a cut: %v", err)
			}
			if err := db.Refresh(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, err := db.Lookup(connector.ConnectionKey{Tenant: "T", Name: "late"}); (err == nil) != (mode == "after") {
				t.Errorf("the connection is there: %v", err == nil)
			}
		})
	}
}

// TestSettledAndDue breaks the connection at the commit of a turn that settles a delivery which is due again at once: its outcome is
// stored once, and it is not taken for one that nobody has sent.
func TestSettledAndDue(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"before", "after"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			e := postgresEngine()
			cut, place := between(t, e.Place(t))
			db := e.Open(t, place, nil)
			storetest.Save(t, db, storetest.Connection("T", "oa", nil))
			storetest.Bind(t, db, "T", "oa", "a")
			conn := storetest.Number(t, db, "T", "oa")
			_, err := db.Accept(t.Context(), storetest.Batch(0, storetest.Start, storetest.Todo{Receivers: []string{"a"}}.Item(1)))
			if err != nil {
				t.Fatal(err)
			}
			turn := connector.Turn{Conn: conn, Want: 1, Now: storetest.Start}
			got, err := db.Turn(t.Context(), turn)
			if err != nil || len(got.Work) != 1 {
				t.Fatalf("claimed %d, %v", len(got.Work), err)
			}
			turn.Changes = outcomes(got.Work, "body")
			turn.Changes[0].To, turn.Changes[0].Unanswered, turn.Changes[0].SentTwice = connector.Pending, true, true
			cut.set(mode)
			if _, err := db.Turn(t.Context(), turn); connector.KindOf(err) != connector.Unavailable {
				t.Fatalf("turn with a cut: %v", err)
			}
			got, err = db.Turn(t.Context(), turn)
			if err != nil {
				t.Fatal(err)
			}
			for len(got.Work) == 0 {
				if got.Next.IsZero() {
					t.Fatal("it is never due")
				}
				if got, err = db.Turn(t.Context(), connector.Turn{Conn: conn, Want: 1, Now: storetest.Start}); err != nil {
					t.Fatal(err)
				}
			}
			if w := &got.Work[0]; w.Attempts != 1 || !w.SentTwice {
				t.Errorf("it goes again with %d attempts, sent twice %v: its first request is forgotten", w.Attempts, w.SentTwice)
			}
		})
	}
}

// TestForeignDefaults opens a database whose operator has set defaults that a queue cannot work under.
func TestForeignDefaults(t *testing.T) {
	t.Parallel()
	e := postgresEngine()
	place := e.Place(t)
	for _, set := range []string{
		"default_transaction_isolation = 'serializable'", "statement_timeout = '150ms'", "lock_timeout = '150ms'",
		"idle_in_transaction_session_timeout = '100ms'", "DateStyle = 'German'", "bytea_output = 'escape'",
	} {
		execute(t, place, `DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET `+strings.ReplaceAll(set, "'", "''")+`', current_database()); END $$`)
	}
	db := e.Open(t, place, nil)
	storetest.Save(t, db, storetest.Connection("T", "oa", nil))

	// Whoever waits for a lock waits as long as the store says.
	conn, err := pgx.Connect(t.Context(), place)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	if _, err := conn.Exec(t.Context(), `SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0; SELECT pg_advisory_lock(28880, 0)`); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := db.Accept(t.Context(), storetest.Batch(0, storetest.Start, storetest.Todo{Receivers: []string{"a"}}.Item(1)))
		done <- err
	}()
	if _, err := conn.Exec(t.Context(), `SELECT pg_sleep(0.5); SELECT pg_advisory_unlock(28880, 0)`); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Errorf("who waits for a lock: %v", err)
	}

	// A pooler between may leave a session with whatever was set before.
	if _, err := db.Written(t.Context(), `SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE`); err != nil {
		t.Fatal(err)
	}
	if got, err := db.Written(t.Context(), `SELECT current_setting('transaction_isolation')`); got != "read committed" || err != nil {
		t.Errorf("transactions are %q, %v: what waited for a lock would see what was before", got, err)
	}
}
