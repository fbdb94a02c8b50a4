package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// delayMeasures are loads that come whatever becomes of them.
func delayMeasures() []measure {
	var list []measure
	for _, rate := range []float64{500, 2000} {
		list = append(list, measure{key: fmt.Sprintf("delay at %.0f/s", rate), run: func(ctx context.Context, b *bench) (result, error) {
			return b.delay(ctx, openLoop{rate: rate, seconds: b.sizes.OpenSeconds, hang: -1})
		}})
	}
	return append(list,
		measure{key: "memory idle", once: true, run: func(ctx context.Context, b *bench) (result, error) { return b.idle(ctx) }},
		measure{key: "OA takes 50 ms", run: func(ctx context.Context, b *bench) (result, error) { return b.slow(ctx) }},
		measure{key: "open loop, none hangs", once: true, run: func(ctx context.Context, b *bench) (result, error) {
			return b.delay(ctx, openLoop{rate: hangRate, seconds: hangLead + b.sizes.HangSeconds, hang: -1})
		}},
		measure{key: "open loop, one hangs", once: true, run: func(ctx context.Context, b *bench) (result, error) {
			return b.delay(ctx, openLoop{rate: hangRate, seconds: hangLead + b.sizes.HangSeconds, hang: hanging, hangSeconds: b.sizes.HangSeconds})
		}},
		measure{key: "drain, one hangs", once: true, run: func(ctx context.Context, b *bench) (result, error) { return b.hang(ctx) }},
	)
}

const (
	hangRate = 1000.0 // events a second, of all connections together
	hangLead = 2.0    // seconds of load before the OA hangs
	hanging  = 1      // the connection whose OA hangs

	slowAnswer = 50 // ms
	slowAtOnce = 64
)

// An openLoop is a load at a fixed rate. hang names the connection whose OA hangs for a time after hangLead; -1: none.
type openLoop struct {
	rate, seconds float64
	hang          int
	hangSeconds   float64
}

// base gives a data folder with connections and no events. It is made once.
func (b *bench) base(ctx context.Context) (string, error) {
	dir := b.folder("base")
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	n := b.sizes.Connections
	return dir, b.prepare(ctx, dir, storeSpec{connections: n, bound: n, connectionSpec: connectionSpec{oa: b.oa.OA}})
}

// fresh starts todosync on a copy of the folder of base, with the NATS that it embeds.
func (b *bench) fresh(ctx context.Context) (*product, func() error, error) {
	base, err := b.base(ctx)
	if err != nil {
		return nil, nil, err
	}
	dir := b.folder("fresh")
	if err := copyTree(base, dir); err != nil {
		return nil, nil, err
	}
	p, err := b.serve(ctx, dir)
	if err != nil {
		return nil, nil, errors.Join(err, os.RemoveAll(dir))
	}
	return p, func() error { return errors.Join(p.stop(), os.RemoveAll(dir)) }, nil
}

// delay publishes at a fixed rate, asynchronously, and tells how long after JetStream's acknowledgement the OA has each event. What
// the generator was late counts as delay; what JetStream took to acknowledge does not.
func (b *bench) delay(ctx context.Context, o openLoop) (r result, err error) {
	p, end, err := b.fresh(ctx)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, end()) }()
	l := load{Events: int(o.rate * o.seconds), Tenants: b.sizes.Connections}
	plan := l.plan()
	if o.hang >= 0 {
		plan.HangPath, plan.HangFor = o.hang, int64(o.hangSeconds*float64(time.Second))
		plan.HangFrom = time.Now().Add(time.Duration(hangLead * float64(time.Second))).UnixNano()
	}
	if err := b.oa.reset(ctx, plan); err != nil {
		return r, err
	}
	w, times := b.window(nil), b.folder("times")
	sent, err := b.publish(ctx, publishPlan{NATS: p.nats, Load: l, Rate: o.rate, Times: times})
	if err != nil {
		return r, err
	}
	if err := b.oa.wait(ctx, l.Events, patience, func() {}); err != nil {
		return r, errors.Join(err, b.stuck(ctx, p, &r))
	}
	used := w.close()
	if err := p.settled(ctx, l.Events); err != nil {
		return r, err
	}
	columns, err := readTimes(times, 3, l.Events)
	if err != nil {
		return r, err
	}
	at, err := b.oa.receipts(ctx)
	if err != nil {
		return r, err
	}
	tellDelays(&r, delays{load: l, due: columns[0], sent: columns[1], acked: columns[2], received: at, without: o.hang})
	used.tell(&r, (p.processor() - p.before).Seconds(), l.Events)
	r.set("lateP99", sent.LateP99)
	r.set("generatorCPU", sent.CPU)
	if sent.LateP99 > b.sizes.MaxLateMillis {
		r.Void = append(r.Void, fmt.Sprintf("the generator was late by %.1f ms (p99)", sent.LateP99))
	}
	return r, b.judge(ctx, &r, used, true)
}

// delays are the times of each event, in Unix nanoseconds; without leaves one connection out.
type delays struct {
	load                       load
	due, sent, acked, received []int64
	without                    int
}

// tellDelays sets percentiles in milliseconds, and the share of what was due that had come in the second after the last was due.
func tellDelays(r *result, d delays) {
	var ack, whole, publish []float64
	end, inTime := d.due[len(d.due)-1]+int64(time.Second), 0
	for i := range d.due {
		if i%d.load.Tenants == d.without {
			continue
		}
		ack = append(ack, float64(d.received[i]-d.acked[i]+d.sent[i]-d.due[i])/1e6)
		whole = append(whole, float64(d.received[i]-d.due[i])/1e6)
		publish = append(publish, float64(d.acked[i]-d.sent[i])/1e6)
		if d.received[i] <= end {
			inTime++
		}
	}
	for name, v := range map[string][]float64{"ack": ack, "due": whole, "publish": publish} {
		r.set(name+"P50", percentile(v, 0.5))
		r.set(name+"P99", percentile(v, 0.99))
	}
	seconds := float64(d.due[len(d.due)-1]-d.due[0]) / 1e9
	r.set("rate", float64(inTime)/max(seconds, 1e-3))
}

// idle is the memory of a todosync that has nothing to do, some seconds after its start.
func (b *bench) idle(ctx context.Context) (r result, err error) {
	p, end, err := b.fresh(ctx)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, end()) }()
	before, start := p.processor(), time.Now()
	if !pause(ctx, time.Duration(b.sizes.OpenSeconds/3*float64(time.Second))) {
		return r, ctx.Err()
	}
	now, most := p.memory()
	r.set("memoryMiB", now)
	r.set("mostMiB", most)
	r.set("cpuShare", (p.processor()-before).Seconds()/time.Since(start).Seconds())
	return r, nil
}

// slow drains through one connection to an OA that takes its time and lets 64 in at once.
func (b *bench) slow(ctx context.Context) (r result, err error) {
	l := load{Events: b.sizes.SlowEvents, Tenants: 1}
	base := b.folder("slow-base")
	if _, err := os.Stat(base); err != nil {
		spec := storeSpec{connections: 1, bound: 1, connectionSpec: connectionSpec{oa: b.oa.OA, concurrency: slowAtOnce}, load: l}
		if err := b.prepare(ctx, base, spec); err != nil {
			return r, err
		}
	}
	plan := l.plan()
	plan.AnswerMs = slowAnswer
	r, err = b.drainOf(ctx, base, l, plan, false)
	r.set("ofPossible", r.Values["rate"]/(slowAtOnce/(slowAnswer/1000.0)))
	if r.Values["atOnce"] > slowAtOnce {
		r.Void = append(r.Void, fmt.Sprintf("%.0f requests at once, %d are allowed", r.Values["atOnce"], slowAtOnce))
	}
	return r, err
}

// hang drains while the OA of one connection hangs, and tells the rate of the others.
func (b *bench) hang(ctx context.Context) (r result, err error) {
	l := load{Events: b.sizes.Events, Tenants: b.sizes.Connections}
	base, err := b.waiting(ctx, l)
	if err != nil {
		return r, err
	}
	plan := l.plan()
	plan.HangPath, plan.HangFrom, plan.HangFor = hanging, time.Now().UnixNano(), int64(b.sizes.HangSeconds*float64(time.Second))
	if r, err = b.drainOf(ctx, base, l, plan, false); err != nil {
		return r, err
	}
	at, err := b.oa.receipts(ctx)
	if err != nil {
		return r, err
	}
	others := at[:0:0]
	for i, t := range at {
		if i%l.Tenants != hanging {
			others = append(others, t)
		}
	}
	// As all connections would have it at this rate, so that it can be compared with a drain.
	r.set("rate", float64(l.Events)/span(others).Seconds())
	return r, nil
}
