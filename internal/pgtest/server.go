package pgtest

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"todosync/internal/freeport"
)

// owner is the database's superuser; patience is how long a server may take to start or to end.
const (
	owner    = "todosync"
	patience = 60 * time.Second
)

// errMissing says that no PostgreSQL can be had here.
var errMissing = errors.New("no PostgreSQL server: initdb and postgres are neither in PATH nor under /usr/lib/postgresql; install Debian's package postgresql, or set TEST_PG_DSN")

// A Server is one PostgreSQL server of this process's tests.
type Server struct {
	mu       sync.Mutex // guards the pipe to the keeper
	dir      string
	port     int
	password string
	address  string // with TEST_PG_DSN; else empty
	keeper   io.Writer
	answers  *bufio.Reader
}

// keeper is the shell process that holds a server. It reads one word a line and answers each with one line; at the end of its input it
// kills the server and removes the folder.
const keeper = `
dir=$1; shift
running=
children() {
	for stat in /proc/[0-9]*/stat; do
		read -r pid name state parent rest <"$stat" && [ "$parent" = "$running" ] && echo "$pid"
	done 2>/dev/null
}
while read -r word; do
	case $word in
	start) "$@" >>"$dir/log" 2>&1 & running=$! ;;
	crash)
		# The postmaster first: it would take the death of the others for a crash that it can mend.
		kill -KILL "$running" $(children); wait "$running"; running= ;;
	stop) kill -INT "$running"; wait "$running"; running= ;;
	freeze) kill -STOP "$running" $(children) ;;
	thaw) kill -CONT $(children) "$running" ;;
	esac
	echo "$running"
done
if [ -n "$running" ]; then
	kill -CONT $(children) "$running"
	kill -QUIT "$running"
	wait "$running"
fi 2>/dev/null
cd /
rm -rf "$dir"
`

// Options are settings of the server that a test may want otherwise. The zero value is for speed: what is committed survives
// a crash of the server, and need not survive one of the machine.
type Options struct {
	Durable bool // sync to disk, as in production
}

// Start starts a server of the test's own. It ends with the test.
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	s, err := start(o)
	if err != nil {
		unavailable(t, err)
	}
	t.Cleanup(func() { _ = s.close() })
	return s
}

// unavailable skips the test, or fails it where PostgreSQL must be there.
func unavailable(t testing.TB, err error) {
	t.Helper()
	if errors.Is(err, errMissing) && os.Getenv("CI") != "true" {
		t.Skipf("NOT TESTED on PostgreSQL: %v", err)
	}
	t.Fatalf("start PostgreSQL: %v", err)
}

// start makes a folder with a fresh database cluster and starts a server on it.
func start(o Options) (*Server, error) {
	bin, err := programs()
	if err != nil {
		return nil, err
	}
	who, err := unprivileged()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "pgtest-")
	if err != nil {
		return nil, err
	}
	s := &Server{dir: dir, password: rand.Text()}
	if err := s.begin(bin, who, o); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *Server) begin(bin string, who *syscall.Credential, o Options) error {
	if who != nil {
		if err := os.Chown(s.dir, int(who.Uid), int(who.Gid)); err != nil {
			return err
		}
	}
	if err := s.initialise(bin, who); err != nil {
		return err
	}
	for attempt := 1; ; attempt++ {
		port, err := freeport.Choose()
		if err != nil {
			return err
		}
		s.port = port
		if err := s.hold(bin, who, o); err != nil {
			return err
		}
		// Another process may have taken the port since.
		if err = s.run(); err == nil || attempt == 5 {
			return err
		}
	}
}

// initialise makes the cluster.
func (s *Server) initialise(bin string, who *syscall.Credential) error {
	secret := filepath.Join(s.dir, "password")
	if err := os.WriteFile(secret, []byte(s.password+"\n"), 0o600); err != nil {
		return err
	}
	if who != nil {
		if err := os.Chown(secret, int(who.Uid), int(who.Gid)); err != nil {
			return err
		}
	}
	c := command(who, filepath.Join(bin, "initdb"), "--pgdata="+filepath.Join(s.dir, "data"), "--username="+owner, "--pwfile="+secret,
		"--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions")
	c.Dir = s.dir
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return nil
}

// hold starts the keeper.
func (s *Server) hold(bin string, who *syscall.Credential, o Options) error {
	_ = s.release()
	args := []string{
		"-c", keeper, "keeper", s.dir, filepath.Join(bin, "postgres"), "-D", filepath.Join(s.dir, "data"),
		"-h", "127.0.0.1", "-p", strconv.Itoa(s.port), "-k", "", "-N", "300", "-B", "32MB",
		// Shared memory that is no file: nothing is left behind by a server that is killed.
		"-c", "dynamic_shared_memory_type=mmap", "-c", "max_wal_size=512MB", "-c", "autovacuum_naptime=10s", "-c", "log_statement=none",
	}
	if !o.Durable {
		args = append(args, "-F", "-c", "full_page_writes=off")
	}
	c := command(who, "sh", args...)
	c.Dir = s.dir
	// A group of its own: what a terminal sends to the tests is not for it. Closing its input is.
	c.SysProcAttr.Setpgid = true
	in, err := c.StdinPipe()
	if err != nil {
		return err
	}
	out, err := c.StdoutPipe()
	if err != nil {
		return err
	}
	if err := c.Start(); err != nil {
		return err
	}
	s.keeper, s.answers = in, bufio.NewReader(out)
	return nil
}

// release ends the keeper's input and waits until the server is gone.
func (s *Server) release() error {
	if s.keeper == nil {
		return nil
	}
	err := s.keeper.(io.Closer).Close()
	_, _ = io.Copy(io.Discard, s.answers) // until the keeper has ended
	s.keeper = nil
	return err
}

// close ends the server for good.
func (s *Server) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(s.release(), os.RemoveAll(s.dir))
}

// tell gives the keeper a word and waits for its answer, the server's process id.
func (s *Server) tell(word string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.keeper == nil {
		return "", errors.New("the server is not held")
	}
	if _, err := io.WriteString(s.keeper, word+"\n"); err != nil {
		return "", err
	}
	answer, err := s.answers.ReadString('\n')
	return strings.TrimSpace(answer), err
}

// run starts the server and waits until it takes connections.
func (s *Server) run() error {
	pid, err := s.tell("start")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		err := s.exec(ctx, `SELECT 1`)
		if err == nil {
			return nil
		}
		if !alive(pid) || ctx.Err() != nil {
			log, _ := os.ReadFile(filepath.Join(s.dir, "log"))
			return fmt.Errorf("the server does not start: %w\n%s", err, log[max(0, len(log)-4000):])
		}
		select {
		case <-ctx.Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// alive reports whether a process is there and has not ended.
func alive(pid string) bool {
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		_, missing := os.Stat("/proc/self")
		return missing != nil // without /proc, who knows
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(rest, "Z")
}

// Crash kills the server as kill -9 does: no more than what was committed is there when it is started again.
func (s *Server) Crash(t testing.TB) { s.must(t, "crash") }

// Stop ends the server in order; connections break.
func (s *Server) Stop(t testing.TB) { s.must(t, "stop") }

// Freeze stops all of the server's processes where they stand; connections stay open and say nothing. Thaw lets them go on.
func (s *Server) Freeze(t testing.TB) { s.must(t, "freeze") }

// Thaw ends Freeze.
func (s *Server) Thaw(t testing.TB) { s.must(t, "thaw") }

// Restart starts the server again after Crash or Stop, at the same address.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	var err error
	// What a killed server had begun holds its memory for a moment.
	for until := time.Now().Add(patience); ; {
		if err = s.run(); err == nil {
			return
		}
		if time.Now().After(until) || !strings.Contains(err.Error(), "still in use") {
			t.Fatalf("restart PostgreSQL: %v", err)
		}
	}
}

func (s *Server) must(t testing.TB, word string) {
	t.Helper()
	if _, err := s.tell(word); err != nil {
		t.Fatalf("%s PostgreSQL: %v", word, err)
	}
}

// programs finds the folder of initdb and postgres, the newest where there are several.
func programs() (string, error) {
	folders, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	slices.SortFunc(folders, func(a, b string) int { return version(b) - version(a) })
	folders = append(folders, "/usr/pgsql/bin", "/usr/local/pgsql/bin")
	if p, err := exec.LookPath("initdb"); err == nil {
		if real, err := filepath.EvalSymlinks(p); err == nil {
			folders = append(folders, filepath.Dir(real))
		}
	}
	for _, f := range folders {
		_, noInit := os.Stat(filepath.Join(f, "initdb"))
		_, noServer := os.Stat(filepath.Join(f, "postgres"))
		if noInit == nil && noServer == nil {
			return f, nil
		}
	}
	return "", errMissing
}

// version is the version in a folder such as /usr/lib/postgresql/15/bin.
func version(folder string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(folder)))
	return n
}

// unprivileged is whom the server runs as: nil for whoever runs the tests, who must not be root.
func unprivileged() (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil //nolint:nilnil // nobody else
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		if err != nil {
			return nil, err
		}
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		if err != nil {
			return nil, err
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, errors.New("PostgreSQL does not run as root, and there is neither a user postgres nor nobody")
}

// command is a command as somebody, with an environment that no setting of the caller's disturbs.
func command(who *syscall.Credential, name string, args ...string) *exec.Cmd {
	c := exec.Command(name, args...) //nolint:noctx // it outlives the test that starts it; the keeper ends it
	c.Env = []string{"PATH=" + os.Getenv("PATH") + ":/usr/bin:/bin", "LC_ALL=C", "TZ=UTC"}
	c.SysProcAttr = &syscall.SysProcAttr{Credential: who}
	return c
}
