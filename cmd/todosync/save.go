package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// save copies what a server sends to a file, which is there whole or not at all, or to standard output. On a terminal it shows how
// far it is.
func (c *cli) save(name string, from io.Reader) error {
	if name == "" {
		_, err := io.Copy(c.stdout, from)
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".todosync-*")
	if err != nil {
		return &failure{msg: fmt.Sprintf(c.t("cannot write %s", "无法写入 %s"), name), err: err}
	}
	p := c.progress(c.t("written", "已写入"))
	n, err := io.Copy(io.MultiWriter(f, p), from)
	p.end()
	err = errors.Join(err, f.Chmod(0o644), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(&failure{msg: fmt.Sprintf(c.t("cannot write %s", "无法写入 %s"), name), err: err}, os.Remove(f.Name()))
	}
	fmt.Fprintf(c.stderr, c.t("%s: %d bytes\n", "%s：%d 字节\n"), name, n)
	return nil
}

// A progress counts bytes and shows them a few times a second, on a terminal only.
type progress struct {
	c     *cli
	what  string
	on    bool
	n     int64
	shown time.Time
}

func (c *cli) progress(what string) *progress {
	return &progress{c: c, what: what, on: terminal(c.stderr)}
}

// Write counts what went by.
func (p *progress) Write(b []byte) (int, error) {
	p.n += int64(len(b))
	if !p.on {
		return len(b), nil
	}
	if now := p.c.now(); now.Sub(p.shown) > 200*time.Millisecond {
		p.shown = now
		fmt.Fprintf(p.c.stderr, "\r%s %.1f MiB ", p.what, float64(p.n)/(1<<20))
	}
	return len(b), nil
}

// of shows how much of how many is done.
func (p *progress) of(done, total int) {
	if !p.on || total == 0 {
		return
	}
	const width = 30
	full := min(done*width/total, width)
	fmt.Fprintf(p.c.stderr, "\r[%s%s] %d/%d %s ", strings.Repeat("#", full), strings.Repeat(" ", width-full), done, total, p.what)
}

// end takes the line away again.
func (p *progress) end() {
	if p.on {
		fmt.Fprint(p.c.stderr, "\r\x1b[K")
	}
}
