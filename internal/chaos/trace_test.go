package chaos

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// traced are the system calls that change files, as strace is to write them down: all threads, times, whole strings in hex.
func traced(file string) []string {
	return []string{
		"strace", "-f", "--seccomp-bpf", "-ttt", "-T", "-y", "-xx", "-s", "8388608", "-o", file, "-e", "signal=none", "-e",
		"trace=openat,open,creat,close,dup,dup2,dup3,lseek,write,pwrite64,writev,pwritev,pwritev2,ftruncate,truncate,fallocate,fsync,fdatasync," +
			"sync_file_range,msync,rename,renameat,renameat2,unlink,unlinkat,rmdir,mkdir,mkdirat,link,linkat,symlink,symlinkat,copy_file_range,sendfile,mmap",
	}
}

// A call is one system call of a trace.
type call struct {
	begin, end time.Time
	name       string
	args       []string
	ret        int64
}

// A trace is what a process did to the files below a folder.
type trace struct {
	root  string
	calls []call
	// last are changes that the kill interrupted: nobody was told whether they took place.
	last []call
}

// readTrace reads strace's file. A call that another thread interrupted stands on two lines.
func readTrace(file, root string) (*trace, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	t := &trace{root: root}
	head := regexp.MustCompile(`^(\d+) +(\d+)\.(\d{6}) `)
	result := regexp.MustCompile(`^(-?\d+|0x[0-9a-f]+|\?)(?:<[^>]*>)?(?: [A-Z]+ \(.*\))?(?: <(\d+\.\d+)>)?$`)
	open := map[string]string{}
	openAt := map[string]time.Time{}
	r := bufio.NewReaderSize(f, 1<<20)
	for n := 1; ; n++ {
		line, err := r.ReadString('\n')
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		m := head.FindStringSubmatch(line[:min(len(line), 60)])
		if m == nil {
			return nil, fmt.Errorf("line %d is not understood: %.100s", n, line)
		}
		s, _ := strconv.ParseInt(m[2], 10, 64)
		us, _ := strconv.ParseInt(m[3], 10, 64)
		begin, pid, text := time.Unix(s, us*1000), m[1], strings.TrimSuffix(line[len(m[0]):], "\n")
		if strings.HasPrefix(text, "+++") || strings.HasPrefix(text, "---") {
			continue
		}
		if before, ok := strings.CutSuffix(text, " <unfinished ...>"); ok {
			if !strings.HasPrefix(before, "<... ") {
				open[pid], openAt[pid] = before, begin
			}
			continue
		}
		resumed := time.Time{}
		if strings.HasPrefix(text, "<... ") {
			_, rest, _ := strings.Cut(text, " resumed>")
			text, resumed, begin = open[pid]+rest, begin, openAt[pid]
			delete(open, pid)
		}
		if _, ok := open[pid]; ok {
			return nil, fmt.Errorf("line %d: thread %s goes on after a call that has no result", n, pid)
		}
		at := strings.LastIndex(text, " = ")
		if at < 0 {
			// Killed between the call and its result. strace ends such a line with "<detached ...>", or with nothing where the thread
			// went while another's line was written. A thread that goes on nevertheless is caught above.
			open[pid], openAt[pid] = strings.TrimSuffix(text, " <detached ...>"), begin
			continue
		}
		if m = result.FindStringSubmatch(text[at+3:]); m == nil {
			return nil, fmt.Errorf("the result of line %d is not understood: %.200s", n, text[at:])
		}
		name, args, _ := strings.Cut(strings.TrimSuffix(strings.TrimRight(text[:at], " "), ")"), "(")
		c := call{begin: begin, end: resumed, name: name}
		if m[1] == "?" {
			t.interrupted(name, args)
		}
		if c.ret, err = strconv.ParseInt(m[1], 0, 64); err != nil || c.ret < 0 {
			continue // it failed, or the process ended in it
		}
		if resumed.IsZero() {
			took, _ := strconv.ParseFloat(m[2], 64)
			c.end = begin.Add(time.Duration(took * float64(time.Second)))
		}
		c.args = strings.Split(args, ", ")
		t.calls = append(t.calls, c)
	}
	for _, text := range open {
		name, args, _ := strings.Cut(text, "(")
		t.interrupted(name, args)
	}
	return t, nil
}

// interrupted notes a change in which the process ended.
func (t *trace) interrupted(name, args string) {
	c := call{name: name, args: strings.Split(strings.TrimRight(args, " )"), ", ")}
	least := map[string]int{
		"write": 3, "pwrite64": 4, "ftruncate": 2, "rename": 2, "renameat": 4, "renameat2": 4, "unlink": 1, "unlinkat": 2, "openat": 3, "mkdirat": 3,
	}
	n, changes := least[name]
	if !changes || len(c.args) < n {
		return
	}
	switch name {
	case "write", "pwrite64":
		c.ret = c.number(2)
	case "openat":
		c.ret = 1 << 30 // a descriptor that nobody was told
	}
	t.last = append(t.last, c)
}

// faults compares the whole trace with the real files. A change that the kill interrupted may have taken place or not.
func (t *trace) faults() (whole *disk, bad []string) {
	whole = t.cut(time.Now(), survivesAll, nil)
	without := whole.differs()
	if len(without) == 0 || len(t.last) == 0 {
		return whole, without
	}
	more := &trace{root: t.root, calls: slices.Clone(t.calls)}
	for _, c := range t.last {
		c.begin, c.end = time.Now(), time.Now()
		more.calls = append(more.calls, c)
	}
	file := func(fault string) string { path, _, _ := strings.Cut(fault, ": "); return path }
	for _, fault := range more.cut(time.Now(), survivesAll, nil).differs() {
		if slices.ContainsFunc(without, func(other string) bool { return file(other) == file(fault) }) {
			bad = append(bad, fault)
		}
	}
	return whole, bad
}

// path decodes the path of a string argument, relative to the folder that stands before it.
func (c *call) path(at int) string {
	p := string(text(c.args[at]))
	if filepath.IsAbs(p) || at == 0 {
		return filepath.Clean(p)
	}
	_, dir, _ := strings.Cut(strings.TrimSuffix(c.args[at-1], ">"), "<")
	return filepath.Join(string(text(dir)), p)
}

func (c *call) fd() int {
	n, _, _ := strings.Cut(c.args[0], "<")
	fd, _ := strconv.Atoi(n)
	return fd
}

func (c *call) number(at int) int64 {
	n, _ := strconv.ParseInt(c.args[at], 0, 64)
	return n
}

// text decodes a string of \x.. only.
func text(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(strings.Trim(s, `"`), `\x`, ""))
	if err != nil {
		panic(fmt.Sprintf("%.60q: %v", s, err))
	}
	return b
}

// A file is an inode: what is on the disk, and what would be lost.
type file struct {
	disk    []byte
	pending []change
}

// A change is a write, or with no data a new length.
type change struct {
	at   int64
	data []byte
	size int64
}

func (c *change) apply(b []byte) []byte {
	if c.data == nil {
		return resize(b, c.size)
	}
	if end := c.at + int64(len(c.data)); end > int64(len(b)) {
		b = resize(b, end)
	}
	copy(b[c.at:], c.data)
	return b
}

func resize(b []byte, n int64) []byte {
	if n <= int64(len(b)) {
		return b[:n:n]
	}
	return append(b, make([]byte, n-int64(len(b)))...)
}

// now is the file as the process sees it.
func (f *file) now() []byte {
	b := bytes.Clone(f.disk)
	for i := range f.pending {
		b = f.pending[i].apply(b)
	}
	return b
}

// A handle is an open file.
type handle struct {
	file   *file
	pos    int64
	append bool
	sync   bool
}

// How much survives besides what was synced.
const (
	survivesNames  = iota // names change at once, data only by a sync: what LazyFS does
	survivesNone          // names too only by a sync, of whatever file: a journal that is committed by it, as that of ext4
	survivesSome          // names at once; of the data that was not synced some writes are there, and one of them in part
	survivesAll           // everything: not a power cut at all, but the check that the trace tells the truth
	survivesCounts        // how many there are
)

// A disk is the folder as it is rebuilt.
type disk struct {
	trace   *trace
	names   map[string]*file
	folders map[string]bool
	synced  map[string]*file // names as of the last sync
	handles map[int]*handle
	marks   map[int]mark // by the place of the call: what a sync that has begun covers
	strange []string

	syncs, writes, lost int
}

type mark struct {
	file  *file
	n     int
	names map[string]*file
}

// cut rebuilds the folder as a power cut at a moment would leave it.
func (t *trace) cut(at time.Time, survives int, rnd *rand.Rand) *disk {
	d := &disk{trace: t, names: map[string]*file{}, folders: map[string]bool{}, synced: map[string]*file{}, handles: map[int]*handle{}, marks: map[int]mark{}}
	type step struct {
		at    time.Time
		call  int
		begin bool
	}
	var steps []step
	for i, c := range t.calls {
		steps = append(steps, step{c.end, i, false})
		if strings.HasSuffix(c.name, "sync") {
			steps = append(steps, step{c.begin, i, true})
		}
	}
	slices.SortStableFunc(steps, func(a, b step) int { return a.at.Compare(b.at) })
	for _, s := range steps {
		if s.at.After(at) {
			break
		}
		if s.begin {
			d.beginSync(s.call)
			continue
		}
		d.play(s.call)
	}
	names := d.names
	if survives == survivesNone {
		names = d.synced
	}
	d.names = names
	for _, f := range names {
		for i := range f.pending {
			c := &f.pending[i]
			switch {
			case survives == survivesAll || survives == survivesSome && rnd.IntN(2) == 0:
				f.disk = c.apply(f.disk)
			case survives == survivesSome && len(c.data) > 512 && rnd.IntN(4) == 0:
				torn := change{at: c.at, data: c.data[:512*(1+rnd.IntN((len(c.data)-1)/512))]}
				f.disk = torn.apply(f.disk)
			default:
				d.lost++
			}
		}
		f.pending = nil
	}
	return d
}

func (d *disk) mine(path string) bool { return strings.HasPrefix(path, d.trace.root+"/") }

func (d *disk) beginSync(i int) {
	if h := d.handles[d.trace.calls[i].fd()]; h != nil {
		d.marks[i] = mark{file: h.file, n: len(h.file.pending), names: maps.Clone(d.names)}
	} else if d.folders[d.folderOf(i)] {
		d.marks[i] = mark{names: maps.Clone(d.names)}
	}
}

// folderOf is the path that stands behind a descriptor.
func (d *disk) folderOf(i int) string {
	_, p, _ := strings.Cut(strings.TrimSuffix(d.trace.calls[i].args[0], ">"), "<")
	if !strings.HasPrefix(p, `\x`) {
		return ""
	}
	return string(text(p))
}

func (d *disk) play(i int) {
	c := &d.trace.calls[i]
	switch c.name {
	case "openat", "open", "creat":
		d.open(c)
	case "close":
		delete(d.handles, c.fd())
	case "mkdirat", "mkdir":
		if p := c.path(len(c.args) - 2); d.mine(p) || p == d.trace.root {
			d.folders[p] = true
		}
	case "rename", "renameat", "renameat2":
		if c.name == "rename" {
			d.rename(string(text(c.args[0])), string(text(c.args[1])))
			return
		}
		d.rename(c.path(1), c.path(3))
	case "unlink", "rmdir":
		d.remove(c.path(0))
	case "unlinkat":
		d.remove(c.path(1))
	case "mmap":
		if len(c.args) > 4 && strings.Contains(c.args[2], "PROT_WRITE") && strings.Contains(c.args[3], "MAP_SHARED") && !strings.HasPrefix(c.args[4], "-1") {
			c.args[0] = c.args[4]
			if p := d.folderOf(i); d.mine(p) && !strings.HasSuffix(p, "-shm") {
				d.strange = append(d.strange, "a shared mapping of "+p)
			}
		}
	case "fsync", "fdatasync":
		d.sync(i)
	default:
		d.change(c)
	}
}

func (d *disk) open(c *call) {
	at := 1
	if c.name != "openat" {
		at = 0
	}
	p := c.path(at)
	flags := ""
	if len(c.args) > at+1 {
		flags = c.args[at+1]
	}
	delete(d.handles, int(c.ret))
	if !d.mine(p) || strings.Contains(flags, "O_DIRECTORY") || d.folders[p] {
		return
	}
	f := d.names[p]
	if f == nil {
		f = &file{}
		d.names[p] = f
	}
	h := &handle{file: f, append: strings.Contains(flags, "O_APPEND"), sync: strings.Contains(flags, "O_SYNC") || strings.Contains(flags, "O_DSYNC")}
	if strings.Contains(flags, "O_TRUNC") {
		f.pending = append(f.pending, change{size: 0})
	}
	d.handles[int(c.ret)] = h
}

func (d *disk) rename(from, to string) {
	if !d.mine(from) && !d.mine(to) {
		return
	}
	if d.folders[from] {
		d.folders[to] = true
		delete(d.folders, from)
		for p, f := range d.names {
			if rest, ok := strings.CutPrefix(p, from+"/"); ok {
				delete(d.names, p)
				d.names[to+"/"+rest] = f
			}
		}
		return
	}
	d.names[to] = d.names[from]
	delete(d.names, from)
}

func (d *disk) remove(p string) {
	delete(d.names, p)
	delete(d.folders, p)
}

func (d *disk) sync(i int) {
	m, ok := d.marks[i]
	if !ok {
		return
	}
	d.syncs++
	d.synced = m.names
	if m.file != nil {
		for j := range m.file.pending[:m.n] {
			m.file.disk = m.file.pending[j].apply(m.file.disk)
		}
		m.file.pending = slices.Clone(m.file.pending[m.n:])
		for j, other := range d.marks { // a sync of the same file that goes on covers less now
			if j != i && other.file == m.file {
				other.n = max(0, other.n-m.n)
				d.marks[j] = other
			}
		}
	}
	delete(d.marks, i)
}

// change plays what changes an open file's content.
func (d *disk) change(c *call) {
	h := d.handles[c.fd()]
	if h == nil {
		return
	}
	switch c.name {
	case "lseek":
		h.pos = c.ret
	case "write", "pwrite64":
		data := text(c.args[1])
		if int64(len(data)) < c.ret || strings.HasSuffix(c.args[1], "...") {
			d.strange = append(d.strange, fmt.Sprintf("%s of %d bytes is cut in the trace", c.name, c.ret))
			return
		}
		at := h.pos
		switch {
		case c.name == "pwrite64":
			at = c.number(3)
		case h.append:
			at = int64(len(h.file.now()))
		}
		if c.name == "write" {
			h.pos = at + c.ret
		}
		h.file.pending = append(h.file.pending, change{at: at, data: data[:c.ret]})
		d.writes++
	case "ftruncate":
		h.file.pending = append(h.file.pending, change{size: c.number(1)})
	default:
		d.strange = append(d.strange, c.name+" is not understood")
	}
	if h.sync {
		for i := range h.file.pending {
			h.file.disk = h.file.pending[i].apply(h.file.disk)
		}
		h.file.pending = nil
		d.syncs++
		d.synced = maps.Clone(d.names)
	}
}

// store writes the rebuilt folder to another place.
func (d *disk) store(to string) error {
	for p := range d.folders {
		rest := strings.TrimPrefix(p, d.trace.root)
		if err := os.MkdirAll(filepath.Join(to, rest), 0o700); err != nil {
			return err
		}
	}
	for p, f := range d.names {
		if strings.HasSuffix(p, "-shm") {
			continue // SQLite makes it anew; no power cut keeps what is mapped
		}
		name := filepath.Join(to, strings.TrimPrefix(p, d.trace.root))
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(name, f.disk, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// differs names the files that are not as the process left them.
func (d *disk) differs() []string {
	bad := slices.Clone(d.strange)
	seen := map[string]bool{}
	_ = filepath.WalkDir(d.trace.root, func(p string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() || strings.HasSuffix(p, "-shm") {
			return err
		}
		seen[p] = true
		b, err := os.ReadFile(p)
		if f := d.names[p]; err != nil || f == nil || !bytes.Equal(b, f.disk) {
			have := -1
			if f != nil {
				have = len(f.disk)
			}
			bad = append(bad, fmt.Sprintf("%s: %d bytes on the disk, %d in the trace", p, len(b), have))
		}
		return nil
	})
	for p := range d.names {
		if !seen[p] && !strings.HasSuffix(p, "-shm") {
			bad = append(bad, p+": in the trace alone")
		}
	}
	return bad
}
