package main

import (
	"context"
	"errors"
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
	dir := b.folder("drain")
	if err := copyTree(base, dir); err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := b.oa.reset(ctx, l.plan()); err != nil {
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
	oaBefore := b.oa.processor()
	p, err := b.serve(ctx, dir, args...)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	return b.drained(ctx, p, drainStart{load: l, oa: oaBefore, broker: broker})
}

// A drainStart is what was before a drain.
type drainStart struct {
	load   load
	oa     time.Duration
	broker *part
}

// drained waits for the end of a drain and gives its figures.
func (b *bench) drained(ctx context.Context, p *product, s drainStart) (r result, err error) {
	brokerBefore := time.Duration(0)
	if s.broker != nil {
		brokerBefore = s.broker.processor()
	}
	if err := b.oa.wait(ctx, s.load.Events, patience, func() {}); err != nil {
		return r, errors.Join(err, b.ledger(ctx, &r))
	}
	if err := p.settled(ctx, s.load.Events); err != nil {
		return r, err
	}
	used := (p.processor() - p.before).Seconds()
	oaUsed := b.oa.processor() - s.oa
	withNATS := used
	if s.broker != nil {
		withNATS += (s.broker.processor() - brokerBefore).Seconds()
	}
	at, err := b.oa.receipts(ctx)
	if err != nil {
		return r, err
	}
	took := span(at)
	_, most := p.memory()
	r.set("rate", float64(s.load.Events)/took.Seconds())
	r.set("cpu", per10000(used, s.load.Events))
	r.set("cpuWithNATS", per10000(withNATS, s.load.Events))
	r.set("cpuAll", per10000(withNATS+oaUsed.Seconds(), s.load.Events))
	r.set("memoryMiB", most)
	return r, b.judge(ctx, &r, oaUsed, took, true)
}

// ledger takes the ledger's word of a run that has failed.
func (b *bench) ledger(ctx context.Context, r *result) error {
	rep, err := b.oa.report(ctx)
	r.Faults = rep.Faults
	return err
}
