package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// patience is how long nothing may come to the OA before a run is given up.
const patience = 60 * time.Second

// drainMeasures are drains of events that wait in the stream.
func drainMeasures() []measure {
	return []measure{
		{key: "drain", run: func(ctx context.Context, b *bench) (result, error) { return b.drain(ctx, false) }},
		{key: "drain, NATS apart", run: func(ctx context.Context, b *bench) (result, error) { return b.drain(ctx, true) }},
	}
}

// drain starts todosync on a stream with waiting events and has it work until nothing waits. With apart, NATS is a process of
// its own, as in the loops: so the processor time of the worker alone can be told.
func (b *bench) drain(ctx context.Context, apart bool) (r result, err error) {
	l := load{Events: b.sizes.Events, Tenants: b.sizes.Connections}
	base, err := b.waiting(ctx, l)
	if err != nil {
		return r, err
	}
	return b.drainOf(ctx, base, l, l.plan(), apart)
}

// drainOf drains a copy of a data folder while the OA follows a plan.
func (b *bench) drainOf(ctx context.Context, base string, l load, plan oaPlan, apart bool) (r result, err error) {
	dir := b.folder("drain")
	if err := copyTree(base, dir); err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := b.oa.reset(ctx, plan); err != nil {
		return r, err
	}
	var broker *part
	var args []string
	if apart {
		var address string
		if broker, address, err = b.startNATS(ctx, natsPlan{Dir: filepath.Join(dir, streamFolder)}); err != nil {
			return r, err
		}
		defer func() { err = errors.Join(err, broker.stop()) }()
		args = []string{"--nats", address}
	}
	p, err := b.serve(ctx, dir, args...)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	return b.drained(ctx, p, b.window(broker), l)
}

// drained waits for the end of a drain and gives its figures.
func (b *bench) drained(ctx context.Context, p *product, w *window, l load) (r result, err error) {
	if err := b.oa.wait(ctx, l.Events, patience, func() {}); err != nil {
		return r, errors.Join(err, b.stuck(ctx, p, &r))
	}
	if err := p.settled(ctx, l.Events); err != nil {
		return r, err
	}
	used := w.close()
	at, err := b.oa.receipts(ctx)
	if err != nil {
		return r, err
	}
	_, most := p.memory()
	r.set("rate", float64(l.Events)/span(at).Seconds())
	r.set("memoryMiB", most)
	used.tell(&r, (p.processor() - p.before).Seconds(), l.Events)
	return r, b.judge(ctx, &r, used, true)
}

// stuck takes the ledger's word of a run that has failed, and tells what todosync says of what did not come.
func (b *bench) stuck(ctx context.Context, p *product, r *result) error {
	rep, err := b.oa.report(ctx)
	r.Faults = rep.Faults
	var s stats
	if err := errors.Join(err, p.get(ctx, "/api/v1/stats", &s)); err != nil {
		return err
	}
	return fmt.Errorf("todosync has %d events, %d deliveries wait, states %v", s.Events, s.Waiting, s.States)
}
