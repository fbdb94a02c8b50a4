package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// An oaProcess is the fake OA as the conductor sees it.
type oaProcess struct {
	*part
	oaAddress
}

func (b *bench) startOA(ctx context.Context) (*oaProcess, error) {
	p, err := b.start(ctx, "oa", nil)
	if err != nil {
		return nil, err
	}
	o := &oaProcess{part: p}
	return o, p.hear(&o.oaAddress)
}

func (o *oaProcess) ask(ctx context.Context, method, path string, body any) ([]byte, error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, method, o.Control+path, bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	res, err := (&http.Client{}).Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("the fake OA: %s: %s", res.Status, answer)
	}
	return answer, err
}

// reset begins a ledger.
func (o *oaProcess) reset(ctx context.Context, p oaPlan) error {
	_, err := o.ask(ctx, http.MethodPost, "/plan", p)
	return err
}

// plan is a plan for the events of a load, answered at once.
func (l load) plan() oaPlan { return oaPlan{First: l.First, Events: l.Events, HangPath: -1} }

// arrived is how many requests have come.
func (o *oaProcess) arrived(ctx context.Context) (int, error) {
	answer, err := o.ask(ctx, http.MethodGet, "/arrived", nil)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(string(answer))
}

// wait returns when n requests have come; watch is called meanwhile. It gives up when none comes for a long time.
func (o *oaProcess) wait(ctx context.Context, n int, patience time.Duration, watch func()) error {
	last, since := -1, time.Now()
	for {
		came, err := o.arrived(ctx)
		switch {
		case err != nil:
			return err
		case came >= n:
			return nil
		case came > last:
			last, since = came, time.Now()
		case time.Since(since) > patience:
			return fmt.Errorf("nothing comes any more: %d of %d requests", came, n)
		}
		watch()
		if !pause(ctx, 20*time.Millisecond) {
			return ctx.Err()
		}
	}
}

func (o *oaProcess) report(ctx context.Context) (r oaReport, err error) {
	answer, err := o.ask(ctx, http.MethodGet, "/report", nil)
	if err != nil {
		return r, err
	}
	return r, json.Unmarshal(answer, &r)
}

// receipts are when each event came, in Unix nanoseconds.
func (o *oaProcess) receipts(ctx context.Context) ([]int64, error) {
	answer, err := o.ask(ctx, http.MethodGet, "/receipts", nil)
	if err != nil {
		return nil, err
	}
	at := make([]int64, len(answer)/8)
	return at, binary.Read(bytes.NewReader(answer), binary.LittleEndian, at)
}

// span is the time from the first receipt to the last.
func span(at []int64) time.Duration {
	first, last := int64(0), int64(0)
	for _, t := range at {
		if t == 0 {
			continue
		}
		if first == 0 || t < first {
			first = t
		}
		last = max(last, t)
	}
	return time.Duration(last - first)
}
