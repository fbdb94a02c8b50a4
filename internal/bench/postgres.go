package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"todosync/internal/freeport"
)

// pgOwner is the superuser of the server's one life.
const pgOwner = "bench"

// A postgresPlan says in which empty folder a server keeps its files.
type postgresPlan struct {
	Dir string `json:"dir"`
}

// runPostgres is the process that holds a PostgreSQL server: Debian's, with its defaults, synced to disk, on loopback.
func runPostgres(ctx context.Context, plan postgresPlan, say func(any) error) (err error) {
	bin, err := postgresPrograms()
	if err != nil {
		return err
	}
	as, err := unprivileged(plan.Dir)
	if err != nil {
		return err
	}
	data := filepath.Join(plan.Dir, "data")
	// Nobody but this machine's users reaches it, for some minutes, and it holds made-up rows.
	setup := exec.CommandContext(ctx, filepath.Join(bin, "initdb"), "--pgdata="+data, "--username="+pgOwner, "--auth=trust", "--encoding=UTF8", "--locale=C") //nolint:gosec // what we found
	setup.Dir, setup.SysProcAttr = plan.Dir, as
	if out, err := setup.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	number, err := freeport.Choose()
	if err != nil {
		return err
	}
	port := strconv.Itoa(number)
	server := exec.CommandContext(ctx, filepath.Join(bin, "postgres"), "-D", data, "-h", "127.0.0.1", "-p", port, "-k", "", //nolint:gosec // as above
		"-c", "dynamic_shared_memory_type=mmap", "-c", "max_wal_size=4GB")
	server.Cancel = func() error { return server.Process.Signal(syscall.SIGINT) } // fast shutdown
	server.WaitDelay = time.Minute
	said := &tail{}
	server.Dir, server.SysProcAttr, server.Stderr = plan.Dir, as, said
	if err := server.Start(); err != nil {
		return err
	}
	dsn := "postgres://" + pgOwner + "@127.0.0.1:" + port + "/postgres?sslmode=disable"
	for start := time.Now(); ; {
		conn, err := pgx.Connect(ctx, dsn)
		if err == nil {
			if err := errors.Join(conn.Close(ctx), say(dsn)); err != nil {
				return err
			}
			break
		}
		if time.Since(start) > time.Minute || !pause(ctx, 50*time.Millisecond) {
			return fmt.Errorf("PostgreSQL does not start: %w: %s", err, said)
		}
	}
	if err := server.Wait(); err != nil && ctx.Err() == nil {
		return fmt.Errorf("PostgreSQL ended: %w: %s", err, said)
	}
	return nil
}

// errNoPostgres says that no PostgreSQL can be had here.
var errNoPostgres = errors.New("no PostgreSQL here: install Debian's package postgresql")

// postgresPrograms finds the newest folder of initdb and postgres.
func postgresPrograms() (string, error) {
	folders, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	version := func(folder string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(folder)))
		return n
	}
	slices.SortFunc(folders, func(a, b string) int { return version(b) - version(a) })
	if p, err := exec.LookPath("initdb"); err == nil {
		folders = append(folders, filepath.Dir(p))
	}
	for _, f := range folders {
		if _, err := os.Stat(filepath.Join(f, "postgres")); err == nil {
			return f, nil
		}
	}
	return "", errNoPostgres
}

// unprivileged gives a folder to the user postgres where we are root, whom PostgreSQL refuses.
func unprivileged(dir string) (*syscall.SysProcAttr, error) {
	if os.Getuid() != 0 {
		return nil, nil //nolint:nilnil // whoever we are
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, err
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, os.Chown(dir, int(uid), int(gid))
}

// A postgresTable is a table in PostgreSQL; a commit is one statement and one way there and back.
type postgresTable struct {
	conn *pgx.Conn
	n    int64
}

func openPostgres(ctx context.Context, dsn string) (*postgresTable, error) {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return nil, err
	}
	const create = `DROP TABLE IF EXISTS rows; CREATE TABLE rows (n BIGINT PRIMARY KEY, serial TEXT NOT NULL, at_ms BIGINT NOT NULL, body BYTEA NOT NULL, rest TEXT NOT NULL)`
	if _, err := conn.Exec(ctx, create); err != nil {
		return nil, errors.Join(err, conn.Close(ctx))
	}
	// The rest of a row must not be compressed away.
	if _, err := conn.Exec(ctx, `ALTER TABLE rows ALTER COLUMN rest SET STORAGE EXTERNAL`); err != nil {
		return nil, errors.Join(err, conn.Close(ctx))
	}
	return &postgresTable{conn: conn}, nil
}

func (t *postgresTable) commit(ctx context.Context, rows []row) error {
	now := time.Now().UnixMilli()
	if len(rows) == 1 {
		t.n++
		_, err := t.conn.Exec(ctx, `INSERT INTO rows (n, serial, at_ms, body, rest) VALUES ($1, $2, $3, $4, $5)`, t.n, rows[0].serial, now, rows[0].body, filler(len(rows[0].body)))
		return err
	}
	_, err := t.conn.CopyFrom(ctx, pgx.Identifier{"rows"}, []string{"n", "serial", "at_ms", "body", "rest"}, pgx.CopyFromSlice(len(rows), func(i int) ([]any, error) {
		t.n++
		return []any{t.n, rows[i].serial, now, rows[i].body, filler(len(rows[i].body))}, nil
	}))
	return err
}

// Close ends the connection.
func (t *postgresTable) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return t.conn.Close(ctx)
}

// postgres gives the address of the server of this run, which is started when the first asks for it.
func (b *bench) postgres(ctx context.Context) (string, error) {
	if b.pg != "" {
		return b.pg, nil
	}
	// Not in the folder of this run, which is closed to the user as whom PostgreSQL runs.
	dir, err := os.MkdirTemp(b.scratch, "todosync-bench-pg-")
	if err != nil {
		return "", err
	}
	p, err := b.start(ctx, "postgres", postgresPlan{Dir: dir})
	if err != nil {
		return "", errors.Join(err, os.RemoveAll(dir))
	}
	if err := p.hear(&b.pg); err != nil {
		return "", errors.Join(err, os.RemoveAll(dir))
	}
	b.ends = append(b.ends, func() error { return errors.Join(p.stop(), os.RemoveAll(dir)) })
	return b.pg, nil
}

// postgresMeasures are the limits and the drain on PostgreSQL. They are left out where there is none.
func postgresMeasures() []measure {
	there := func(sizes) bool {
		_, err := postgresPrograms()
		return err == nil
	}
	list := []measure{{key: "L4 on PostgreSQL", when: there, run: func(ctx context.Context, b *bench) (result, error) {
		dsn, err := b.postgres(ctx)
		if err != nil {
			return result{}, err
		}
		return b.loop(ctx, stored, dsn)
	}}}
	for _, n := range []int{1, 10, 100, 1000} {
		list = append(list, measure{key: fmt.Sprintf("PostgreSQL rows %d", n), once: true, when: there, run: func(ctx context.Context, b *bench) (result, error) {
			dsn, err := b.postgres(ctx)
			if err != nil {
				return result{}, err
			}
			return b.rows(ctx, n, dsn)
		}})
	}
	return append(list, measure{key: "drain on PostgreSQL", when: there, run: func(ctx context.Context, b *bench) (result, error) { return b.drainPostgres(ctx) }})
}

// drainPostgres drains with two workers that share a database and a NATS server.
func (b *bench) drainPostgres(ctx context.Context) (r result, err error) {
	dsn, err := b.postgres(ctx)
	if err != nil {
		return r, err
	}
	l := load{Events: b.sizes.Events, Tenants: b.sizes.Connections}
	base, err := b.waiting(ctx, l)
	if err != nil {
		return r, err
	}
	store, err := freshDatabase(ctx, dsn)
	if err != nil {
		return r, err
	}
	dirs := []string{b.folder("pg-worker-1"), b.folder("pg-worker-2")}
	events := b.folder("pg-nats")
	defer func() {
		for _, dir := range append(dirs, events) {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}()
	args := []string{"--store", store, "--key-file", filepath.Join(dirs[0], "key")}
	if err := b.prepare(ctx, dirs[0], storeSpec{connections: l.Tenants, bound: l.Tenants, connectionSpec: connectionSpec{oa: b.oa.OA}, args: args}); err != nil {
		return r, err
	}
	if err := errors.Join(os.Mkdir(dirs[1], 0o700), copyTree(filepath.Join(base, streamFolder), events), b.oa.reset(ctx, l.plan())); err != nil {
		return r, err
	}
	broker, address, err := b.startNATS(ctx, natsPlan{Dir: events})
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, broker.stop()) }()
	args = append(args, "--nats", address)
	w := b.window(broker)
	var workers []*product
	for _, dir := range dirs {
		p, err := b.serve(ctx, dir, args...)
		if err != nil {
			return r, err
		}
		defer func() { _ = p.stop() }()
		workers = append(workers, p)
	}
	r, err = b.drained(ctx, workers[0], w, l)
	if err == nil {
		other := (workers[1].processor() - workers[1].before).Seconds() / float64(l.Events) * 10_000
		for _, name := range []string{"cpu", "cpuWithNATS", "cpuAll"} {
			r.set(name, r.Values[name]+other)
		}
	}
	return r, err
}

// freshDatabase makes an empty database and gives its address.
func freshDatabase(ctx context.Context, dsn string) (string, error) {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return "", err
	}
	name := "bench_" + strconv.FormatInt(time.Now().UnixNano(), 36)
	if _, err := conn.Exec(ctx, `CREATE DATABASE `+name); err != nil {
		return "", errors.Join(err, conn.Close(ctx))
	}
	address := fmt.Sprintf("postgres://%s@127.0.0.1:%d/%s?sslmode=disable", pgOwner, conn.Config().Port, name)
	return address, conn.Close(ctx)
}
