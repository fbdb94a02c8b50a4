package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"math"
	"os"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"todosync/internal/natsserver"
)

// streamName is the stream's name in the program.
const streamName = "CRM"

// A natsPlan says how a NATS server runs.
type natsPlan struct {
	Dir   string `json:"dir"`
	Loose bool   `json:"loose"` // no sync per message: for filling streams
}

// runNATS is the process of a NATS server: the one that todosync embeds, on a port of its own.
func runNATS(ctx context.Context, plan natsPlan, say func(any) error) error {
	cfg := natsserver.Config{StoreDir: plan.Dir, Listen: "127.0.0.1:0", Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))}
	if plan.Loose {
		cfg.SyncInterval = time.Minute
	}
	s, err := natsserver.Start(ctx, cfg)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := say(s.Addr()); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// A publishPlan says what a generator sends.
type publishPlan struct {
	NATS string `json:"nats"`
	Load load   `json:"load"`
	// Rate is how many a second are due, from the start on, whatever became of those before (open loop). 0: as fast as it goes.
	Rate float64 `json:"rate"`
	// Wait waits for each acknowledgement before the next is sent.
	Wait bool `json:"wait"`
	// Insist sends what is not acknowledged again, under the same id, as a CRM does: for filling streams, where nobody measures.
	Insist bool `json:"insist"`
	// Times is the file for when each was due, sent and acknowledged, in Unix nanoseconds; empty: none.
	Times string `json:"times"`
	// Make makes the stream first.
	Make bool `json:"make"`
}

// A publishReport says how it went.
type publishReport struct {
	Seconds float64 `json:"seconds"`   // from the first that was sent to the last acknowledgement
	LateP99 float64 `json:"lateP99Ms"` // how much later than due events were sent
	LateMax float64 `json:"lateMaxMs"`
	CPU     float64 `json:"cpu"` // seconds
}

const (
	pendingAcks = 4000
	// How long a generator that insists waits for one acknowledgement, and for a stream that takes nothing at all.
	insistAck = 10 * time.Second
	insistAll = 5 * time.Minute
)

// insist publishes until the stream has it.
func insist(ctx context.Context, js jetstream.JetStream, msg *nats.Msg) error {
	for until := time.Now().Add(insistAll); ; {
		one, cancel := context.WithTimeout(ctx, insistAck)
		_, err := js.PublishMsg(one, msg)
		cancel()
		if err == nil || time.Now().After(until) || !pause(ctx, 250*time.Millisecond) {
			return err
		}
	}
}

// runPublish is the process of a generator.
func runPublish(ctx context.Context, plan publishPlan, say func(any) error) error {
	nc, err := nats.Connect(plan.NATS, nats.MaxReconnects(-1))
	if err != nil {
		return err
	}
	defer nc.Close()
	pending := pendingAcks
	if plan.Rate > 0 {
		pending = plan.Load.Events // an open loop never waits for acknowledgements
	}
	options := []jetstream.JetStreamOpt{jetstream.WithPublishAsyncMaxPending(pending)}
	if plan.Insist { // a server that was stopped meanwhile never answers
		options = append(options, jetstream.WithPublishAsyncTimeout(insistAck))
	}
	js, err := jetstream.New(nc, options...)
	if err != nil {
		return err
	}
	if plan.Make {
		if _, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: streamName, Subjects: []string{"crm.>"}, AllowDirect: true}); err != nil {
			return err
		}
	}
	n := plan.Load.Events
	due, sent, acked := make([]int64, n), make([]int64, n), make([]int64, n)
	acks := make(chan jetstream.PubAckFuture, n)
	var collector sync.WaitGroup
	var refused error
	var again []*nats.Msg
	collector.Go(func() {
		i := 0
		for f := range acks { // JetStream answers in order
			select {
			case <-f.Ok():
			case err := <-f.Err():
				if plan.Insist {
					again = append(again, f.Msg())
				} else {
					refused = err
				}
			case <-ctx.Done():
				refused = ctx.Err()
			}
			acked[i] = time.Now().UnixNano()
			i++
		}
	})
	before, start := ownProcessor(), time.Now()
	for i := range n {
		msg := message(plan.Load, plan.Load.First+i)
		at := time.Now()
		due[i] = at.UnixNano()
		if plan.Rate > 0 {
			when := start.Add(time.Duration(float64(i) / plan.Rate * float64(time.Second)))
			due[i] = when.UnixNano()
			if d := when.Sub(at); d > 0 && !pause(ctx, d) {
				break
			}
		}
		sent[i] = time.Now().UnixNano()
		if plan.Wait {
			if _, err := js.PublishMsg(ctx, msg); err != nil {
				return err
			}
			acked[i] = time.Now().UnixNano()
			continue
		}
		f, err := js.PublishMsgAsync(msg, jetstream.WithStallWait(time.Minute))
		switch {
		case err == nil:
			acks <- f
		case !plan.Insist:
			return err
		default:
			if err := insist(ctx, js, msg); err != nil {
				return fmt.Errorf("publish: %w", err)
			}
		}
	}
	close(acks)
	collector.Wait()
	for _, msg := range again {
		if err := insist(ctx, js, msg); err != nil {
			return fmt.Errorf("publish what was not acknowledged: %w", err)
		}
	}
	if refused != nil {
		return fmt.Errorf("publish: %w", refused)
	}
	r := publishReport{Seconds: time.Since(start).Seconds(), CPU: (ownProcessor() - before).Seconds()}
	late := make([]float64, n)
	for i := range late {
		late[i] = float64(sent[i]-due[i]) / 1e6
	}
	r.LateP99, r.LateMax = percentile(late, 0.99), percentile(late, 1)
	if plan.Times != "" {
		if err := writeTimes(plan.Times, due, sent, acked); err != nil {
			return err
		}
	}
	return say(r)
}

func message(l load, serial int) *nats.Msg {
	subject, id, payload := l.event(serial)
	return &nats.Msg{Subject: subject, Data: payload, Header: nats.Header{jetstream.MsgIDHeader: {l.tenant(serial) + "/" + id}}}
}

// pause waits; false: ctx has ended.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func writeTimes(name string, columns ...[]int64) (err error) {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := f.Close(); err == nil {
			err = cerr
		}
	}()
	for _, c := range columns {
		if err := binary.Write(f, binary.LittleEndian, c); err != nil {
			return err
		}
	}
	return nil
}

// readTimes reads what writeTimes wrote.
func readTimes(name string, columns, n int) ([][]int64, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	out := make([][]int64, columns)
	for i := range out {
		out[i] = make([]int64, n)
		if err := binary.Read(f, binary.LittleEndian, out[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// percentile gives the value that a share of values does not exceed; it sorts a copy.
func percentile(values []float64, share float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	v := sorted(values)
	return v[min(len(v)-1, max(0, int(math.Ceil(share*float64(len(v))))-1))]
}
