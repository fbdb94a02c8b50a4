package chaos

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// A sample is what a process uses at one moment.
type sample struct {
	at         time.Time
	resident   int64         // bytes
	cpu        time.Duration // since its start
	threads    int
	handles    int
	goroutines int   // 0 where /metrics does not tell
	disk       int64 // bytes of the stream and of the store's write-ahead log: what must not grow with the records
	lines      int   // of its log
}

// sample looks at the process from outside.
func (n *node) sample() sample {
	s := sample{at: time.Now(), lines: n.log.count()}
	proc := fmt.Sprintf("/proc/%d", n.cmd.Process.Pid)
	if b, err := os.ReadFile(proc + "/stat"); err == nil {
		_, rest, _ := strings.Cut(string(b), ") ")
		f := strings.Fields(rest)
		ticks := func(i int) int64 { v, _ := strconv.ParseInt(f[i], 10, 64); return v }
		s.cpu = time.Duration(ticks(11)+ticks(12)) * 10 * time.Millisecond // a tick is 10 ms on Linux
		s.threads = int(ticks(17))
		s.resident = ticks(21) * int64(os.Getpagesize())
	}
	if fds, err := os.ReadDir(proc + "/fd"); err == nil {
		s.handles = len(fds)
	}
	s.disk = sizeOf(filepath.Join(n.dir, "nats")) + sizeOf(filepath.Join(n.dir, "todosync.db-wal"))
	return s
}
