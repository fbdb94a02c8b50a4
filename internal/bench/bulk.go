package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// bulkMeasures are what is done to very many records at once, and what others see meanwhile.
func bulkMeasures() []measure {
	return []measure{{
		key: "bulk", once: true, when: func(s sizes) bool { return s.PageRecords > 0 && s.EveryRow },
		run: func(ctx context.Context, b *bench) (result, error) { return b.bulk(ctx) },
	}}
}

// bulk exports all records, then has all that failed or were superseded sent again, and asks for lists and numbers all the while.
func (b *bench) bulk(ctx context.Context) (r result, err error) {
	dir := b.folder("bulk")
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := b.prepareRecords(ctx, dir, b.oa.OA, b.sizes.PageRecords); err != nil {
		return r, err
	}
	p, err := b.serve(ctx, dir)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	start := time.Now()
	var rows int
	beside, err := p.beside(ctx, func() error {
		var err error
		rows, err = p.export(ctx)
		return err
	})
	if err != nil {
		return r, err
	}
	r.set("exportPerSecond", float64(rows)/time.Since(start).Seconds())
	r.set("exported", float64(rows))
	r.set("besideExport", median(beside))
	_, most := p.memory()
	r.set("mostMiB", most)
	if rows != b.sizes.PageRecords {
		r.Void = append(r.Void, fmt.Sprintf("the export has %d records of %d", rows, b.sizes.PageRecords))
	}
	start = time.Now()
	var job struct {
		ID      string `json:"id"`
		State   string `json:"state"`
		Total   int    `json:"total"`
		Skipped int    `json:"skipped"`
	}
	beside, err = p.beside(ctx, func() error {
		if err := p.call(ctx, http.MethodPost, "/api/v1/records/retry", []byte(`{"state":"failed"}`), &job); err != nil {
			return err
		}
		for job.State == "collecting" || job.State == "running" || job.State == "" {
			if !pause(ctx, 100*time.Millisecond) {
				return ctx.Err()
			}
			if err := p.get(ctx, "/api/v1/jobs/"+job.ID, &job); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return r, err
	}
	if job.State != "done" {
		r.Void = append(r.Void, "the job is "+job.State)
	}
	r.set("retried", float64(job.Total))
	r.set("retriedPerSecond", float64(job.Total)/time.Since(start).Seconds())
	r.set("besideRetry", median(beside))
	r.set("besideRetryP99", percentile(beside, 0.99))
	return r, nil
}

// beside runs f and gives how many milliseconds lists and numbers take meanwhile.
func (p *product) beside(ctx context.Context, f func() error) ([]float64, error) {
	done := make(chan error, 1)
	go func() { done <- f() }()
	paths := []string{"/api/v1/records", "/api/v1/records?state=failed", "/api/v1/stats?from=" + daysAgo(1), "/api/v1/connections", "/api/v1/jobs"}
	var took []float64
	for i := 0; ; i++ {
		start := time.Now()
		err := p.get(ctx, paths[i%len(paths)], nil)
		took = append(took, time.Since(start).Seconds()*1000)
		select {
		case ended := <-done:
			return took, errors.Join(ended, err)
		default:
		}
		if err != nil || !pause(ctx, 20*time.Millisecond) {
			return took, errors.Join(err, ctx.Err(), <-done)
		}
	}
}

// export reads all records and counts them.
func (p *product) export(ctx context.Context) (rows int, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.api+"/api/v1/records/export", nil)
	if err != nil {
		return 0, err
	}
	token, err := os.ReadFile(filepath.Join(p.dir, tokenFile))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	res, err := (&http.Client{}).Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	for lines := json.NewDecoder(res.Body); ; rows++ {
		var one json.RawMessage
		if err := lines.Decode(&one); errors.Is(err, io.EOF) {
			return rows, nil
		} else if err != nil {
			return rows, err
		}
	}
}
