package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"todosync/web/api"
)

const (
	expiresSoon  = 14 * 24 * time.Hour   // a certificate that ends within is warned of
	slowSync     = 50 * time.Millisecond // a sync to disk that takes longer slows everything down
	probesAtOnce = 16                    // connections that are looked at at the same time
	examineLimit = 90 * time.Second      // for all of it
)

// examine looks at all that this server needs and speaks to.
func (a *app) examine(ctx context.Context, ask api.DoctorAsk) []api.Check {
	ctx, cancel := context.WithTimeout(ctx, examineLimit)
	defer cancel()
	var out []api.Check
	for _, p := range a.health(ctx) {
		c := api.Check{Part: p.Name, State: p.State, Detail: p.Detail}
		if c.Detail == "" {
			c.Detail = "well"
		}
		out = append(out, c)
	}
	if h := a.reader.Health(ctx); h.Last > 0 || h.MaxBytes > 0 {
		out = append(out, api.Check{
			Part: "stream", Name: h.Stream, State: api.PartOK,
			Detail: fmt.Sprintf("planned up to %d of %d, %d MiB of %d MiB used", h.Position, h.Last, h.Bytes>>20, h.MaxBytes>>20),
		})
	}
	out = append(out, examineSync(a.cfg.dataDir), examineKey(a.cfg.key()))
	kept, found := a.store.Examine(ctx)
	out = append(out, storeChecks(&kept, found)...)
	out = append(out, a.examineDigests(ctx)...)
	connections, clocks := a.examineConnections(ctx, ask.Tokens)
	if kept.Clocked {
		out = append(out, clockCheck("postgresql", kept.Ahead, "PostgreSQL's clock"))
	}
	out = append(out, a.started.check(time.Now()))
	if ahead, ok := median(clocks); ok {
		out = append(out, clockCheck("oa", ahead, fmt.Sprintf("the clock of %s, in the middle,", plural(len(clocks), "1 OA", "%d OAs"))))
	}
	return append(out, connections...)
}

// examineSync measures a sync to disk where the store is.
func examineSync(dir string) api.Check {
	c := api.Check{Part: "disk", Name: "sync", State: api.PartOK}
	f, err := os.CreateTemp(dir, ".doctor-*")
	if err != nil {
		c.State, c.Detail, c.Hint = api.PartDown, "cannot write to "+dir, "make it writable for the user who runs todosync"
		return c
	}
	defer func() { _ = f.Close(); _ = os.Remove(f.Name()) }()
	began := time.Now()
	const rounds = 5
	for range rounds {
		_, err := f.Write(make([]byte, 4096))
		if err == nil {
			err = f.Sync()
		}
		if err != nil {
			c.State, c.Detail, c.Hint = api.PartDown, "a sync to disk fails: "+err.Error(), "check the disk"
			return c
		}
	}
	took := time.Since(began) / rounds
	c.Detail = "a sync takes " + took.Round(10*time.Microsecond).String()
	if took > slowSync {
		c.State, c.Hint = api.PartWarning, "every commit waits for one: give the data folder a faster disk"
	}
	return c
}

// examineKey looks at the file with the key of secrets.
func examineKey(path string) api.Check {
	c := api.Check{Part: "key", State: api.PartOK, Detail: path}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		c.State, c.Detail, c.Hint = api.PartDown, path+" cannot be read", "bring it back: without it no secret in the store can be read"
	case info.Mode().Perm()&0o077 != 0:
		c.State, c.Detail, c.Hint = api.PartWarning, fmt.Sprintf("%s can be read by others (%s)", path, info.Mode().Perm()), "chmod 600 "+path
	}
	return c
}
