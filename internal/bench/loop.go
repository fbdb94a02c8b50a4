package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"todosync/mapping"
)

// The levels of the loops.
const (
	barePost     = 1 // L1
	consumed     = 2 // L2: and fed by a pull consumer
	rendered     = 3 // L3: and the body rendered
	stored       = 4 // L4: and a row committed before the acknowledgement
	loopSenders  = 64
	pullBatch    = 1000
	rowGather    = 5 * time.Millisecond
	maxRowCommit = 2000
)

// A loopPlan says what a loop does.
type loopPlan struct {
	Level int    `json:"level"`
	OA    string `json:"oa"` // host:port
	NATS  string `json:"nats"`
	Store string `json:"store"` // file of SQLite, or postgres://...
	Load  load   `json:"load"`
}

// A loopReport says how it went.
type loopReport struct {
	Seconds float64 `json:"seconds"`
	CPU     float64 `json:"cpu"` // seconds
}

// A loop is one of L1 to L4: as little as the work can be done with.
type loop struct {
	plan   loopPlan
	client *http.Client
	body   *mapping.Template
	rows   chan row
}

// A row is a delivery on its way to the table, with the message to acknowledge after the commit.
type row struct {
	serial string
	body   []byte
	msg    jetstream.Msg
}

// runLoop is the process of a loop.
func runLoop(ctx context.Context, plan loopPlan, say func(any) error) error {
	l := &loop{plan: plan, rows: make(chan row, pullBatch), client: &http.Client{Transport: &http.Transport{
		MaxIdleConnsPerHost: loopSenders, MaxIdleConns: loopSenders, DisableCompression: true,
	}}}
	fields, err := mapping.ParseFields(map[string]mapping.Field{"F201": {Path: "todo.ext.serial"}}, time.FixedZone("CST", 8*60*60), "yyyy-MM-dd HH:mm:ss")
	if err != nil {
		return err
	}
	if l.body, err = mapping.Compile(bodyTemplate, mapping.Options{Place: mapping.Body, Fields: fields}); err != nil {
		return err
	}
	before, start := ownProcessor(), time.Now()
	if plan.Level == barePost {
		err = l.post(ctx)
	} else {
		err = l.consume(ctx)
	}
	if err != nil {
		return err
	}
	return say(loopReport{Seconds: time.Since(start).Seconds(), CPU: (ownProcessor() - before).Seconds()})
}

// post is L1.
func (l *loop) post(ctx context.Context) error {
	var next atomic.Int64
	return together(loopSenders, func() error {
		for {
			i := int(next.Add(1)) - 1
			if i >= l.plan.Load.Events {
				return nil
			}
			if err := l.send(ctx, plainBody(l.plan.Load.First+i)); err != nil {
				return err
			}
		}
	})
}

// send posts one body and reads the answer to its end.
func (l *loop) send(ctx context.Context, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+l.plan.OA+"/c/0", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json;charset=UTF-8")
	res, err := l.client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return errors.New(res.Status)
	}
	return nil
}

// consume is L2 to L4.
func (l *loop) consume(ctx context.Context) error {
	nc, err := nats.Connect(l.plan.NATS)
	if err != nil {
		return err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	consumer, err := js.CreateConsumer(ctx, streamName, jetstream.ConsumerConfig{AckPolicy: jetstream.AckExplicitPolicy, MaxAckPending: 8 * pullBatch})
	if err != nil {
		return err
	}
	msgs := make(chan jetstream.Msg, pullBatch)
	consuming, err := consumer.Consume(func(m jetstream.Msg) { msgs <- m }, jetstream.PullMaxMessages(pullBatch))
	if err != nil {
		return err
	}
	defer consuming.Stop()
	var left atomic.Int64
	left.Store(int64(l.plan.Load.Events))
	var writer sync.WaitGroup
	var written error
	if l.plan.Level == stored {
		table, err := openTable(ctx, l.plan.Store)
		if err != nil {
			return err
		}
		defer func() { _ = table.Close() }()
		writer.Go(func() { written = gather(ctx, table, l.rows) })
	}
	err = together(loopSenders, func() error {
		for left.Add(-1) >= 0 {
			select {
			case m := <-msgs:
				if err := l.deliver(ctx, m); err != nil {
					return err
				}
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	close(l.rows)
	writer.Wait()
	return errors.Join(err, written, nc.FlushTimeout(10*time.Second))
}

// deliver sends what one message leads to and acknowledges it, at L4 after its row is committed.
func (l *loop) deliver(ctx context.Context, m jetstream.Msg) error {
	serial, ok := number(m.Data(), serialMark)
	if !ok {
		return errors.New("an event without a serial number")
	}
	body := []byte(nil)
	if l.plan.Level == consumed {
		body = plainBody(serial)
	} else {
		var err error
		if body, err = l.render(m); err != nil {
			return err
		}
	}
	if err := l.send(ctx, body); err != nil {
		return err
	}
	if l.plan.Level < stored {
		return m.Ack()
	}
	l.rows <- row{serial: fmt.Sprint(serial), body: body, msg: m}
	return nil
}

// render makes the body of an event.
func (l *loop) render(m jetstream.Msg) ([]byte, error) {
	doc, err := mapping.ParseDoc(m.Data())
	if err != nil {
		return nil, err
	}
	receiver := doc.Value("todo.receivers.0.id").Text()
	tenant, _, _ := strings.Cut(strings.TrimPrefix(m.Subject(), "crm."), ".")
	return l.body.Append(make([]byte, 0, 1024), &mapping.Scope{
		Event: doc, Object: "todo", Tenant: tenant, Connection: "oa", Scene: "create",
		Sender:    mapping.Person{ID: doc.Value("todo.sender.id").Text(), Name: doc.Value("todo.sender.name").Text()},
		Receivers: []mapping.Person{{ID: receiver, Name: doc.Value("todo.receivers.0.name").Text(), Account: "account" + receiver}},
	}, mapping.Wire)
}

// gather commits rows together: those that come within 5 ms of the first.
func gather(ctx context.Context, t table, rows <-chan row) error {
	batch := make([]row, 0, maxRowCommit)
	timer := time.NewTimer(rowGather)
	defer timer.Stop()
	for first := range rows {
		batch = append(batch[:0], first)
		timer.Reset(rowGather)
		open := true
		for open && len(batch) < maxRowCommit {
			select {
			case r, ok := <-rows:
				if open = ok; ok {
					batch = append(batch, r)
				}
			case <-timer.C:
				open = false
			}
		}
		if err := t.commit(ctx, batch); err != nil {
			for range rows {
				continue // the senders must not wait for what will not be written
			}
			return err
		}
		for _, r := range batch {
			if err := r.msg.Ack(); err != nil {
				return err
			}
		}
	}
	return nil
}

// together runs f n times at once and gives the errors.
func together(n int, f func() error) error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { errs[i] = f() })
	}
	wg.Wait()
	return errors.Join(errs...)
}
