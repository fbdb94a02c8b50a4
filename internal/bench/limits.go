package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// limitMeasures are L0 to L4 and the rows a second of the stores.
func limitMeasures() []measure {
	list := []measure{
		{key: "L0 waiting", run: func(ctx context.Context, b *bench) (result, error) { return b.synced(ctx, true) }},
		{key: "L0 asynchronous", run: func(ctx context.Context, b *bench) (result, error) { return b.synced(ctx, false) }},
	}
	for level := barePost; level <= stored; level++ {
		list = append(list, measure{key: fmt.Sprintf("L%d", level), run: func(ctx context.Context, b *bench) (result, error) {
			return b.loop(ctx, level, "")
		}})
	}
	for _, n := range []int{1, 10, 100, 1000} {
		list = append(list, measure{key: fmt.Sprintf("SQLite rows %d", n), once: true, run: func(ctx context.Context, b *bench) (result, error) {
			return b.rows(ctx, n, b.folder(fmt.Sprintf("rows-%d.db", n)))
		}})
	}
	return list
}

// synced publishes to a JetStream that syncs every message before its acknowledgement.
func (b *bench) synced(ctx context.Context, wait bool) (r result, err error) {
	dir := b.folder("synced")
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	n, address, err := b.startNATS(ctx, natsPlan{Dir: dir})
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, n.stop()) }()
	l := load{Events: b.sizes.Published, Tenants: b.sizes.Connections}
	if wait {
		l.Events /= 10
	}
	p, err := b.publish(ctx, publishPlan{NATS: address, Load: l, Wait: wait, Make: true})
	if err != nil {
		return r, err
	}
	r.Values = map[string]float64{"rate": float64(l.Events) / p.Seconds}
	return r, nil
}

// loop runs one of L1 to L4 over as many events as a drain has.
func (b *bench) loop(ctx context.Context, level int, store string) (r result, err error) {
	l := load{Events: b.sizes.Events, Tenants: b.sizes.Connections}
	plan := loopPlan{Level: level, OA: b.oa.OA, Load: l, Store: store}
	if level == stored && store == "" {
		plan.Store = b.folder("loop.db")
		defer func() {
			for _, suffix := range []string{"", "-wal", "-shm"} {
				_ = os.Remove(plan.Store + suffix)
			}
		}()
	}
	var broker *part
	if level > barePost {
		base, err := b.waiting(ctx, l)
		if err != nil {
			return r, err
		}
		dir := b.folder("loop-nats")
		if err := copyTree(filepath.Join(base, streamFolder), dir); err != nil {
			return r, err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
		if broker, plan.NATS, err = b.startNATS(ctx, natsPlan{Dir: dir}); err != nil {
			return r, err
		}
		defer func() { err = errors.Join(err, broker.stop()) }()
	}
	if err := b.oa.reset(ctx, l.plan()); err != nil {
		return r, err
	}
	w := b.window(broker)
	p, err := b.start(ctx, "loop", plan)
	if err != nil {
		return r, err
	}
	var done loopReport
	if err := p.hear(&done); err != nil {
		return r, err
	}
	used := w.close()
	if err := p.stop(); err != nil {
		return r, err
	}
	r.set("rate", float64(l.Events)/done.Seconds)
	used.tell(&r, done.CPU, l.Events)
	return r, b.judge(ctx, &r, used, false)
}

// judge takes the ledger's word and the fake OA's share of the machine into a result.
func (b *bench) judge(ctx context.Context, r *result, u usage, ordered bool) error {
	rep, err := b.oa.report(ctx)
	if err != nil {
		return err
	}
	r.Faults = rep.Faults
	if !ordered {
		r.Faults.Disordered = 0
	}
	share := u.oa / u.span / float64(runtime.NumCPU())
	r.set("oaBusy", share)
	r.set("opened", float64(rep.Opened))
	r.set("open", float64(rep.Open))
	r.set("atOnce", float64(rep.AtOnce))
	if share > b.sizes.MaxBusyOA {
		r.Void = append(r.Void, fmt.Sprintf("the fake OA took %.0f %% of the machine", 100*share))
	}
	return nil
}

// rows writes rows for a while, so many a commit.
func (b *bench) rows(ctx context.Context, perCommit int, store string) (r result, err error) {
	p, err := b.start(ctx, "rows", rowsPlan{Store: store, PerCommit: perCommit, Seconds: b.sizes.RowSeconds})
	if err != nil {
		return r, err
	}
	var done rowsReport
	if err := p.hear(&done); err != nil {
		return r, err
	}
	r.set("rate", float64(done.Rows)/done.Seconds)
	_ = os.Remove(store)
	return r, p.stop()
}

// waiting gives a data folder whose stream holds the events of a load, for 20 connections to the fake OA. It is made once.
func (b *bench) waiting(ctx context.Context, l load) (string, error) {
	dir := b.folder(fmt.Sprintf("waiting-%d", l.Events))
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	b.say("    putting %d events into a stream", l.Events)
	return dir, b.prepare(ctx, dir, storeSpec{
		connections: l.Tenants, bound: l.Tenants, connectionSpec: connectionSpec{oa: b.oa.OA}, load: l,
	})
}

// set keeps a value.
func (r *result) set(name string, v float64) {
	if r.Values == nil {
		r.Values = map[string]float64{}
	}
	r.Values[name] = v
}
