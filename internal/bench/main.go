package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdin, os.Stdout)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run is the program: a part where the first argument names one, else the conductor.
func run(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	if len(args) == 2 {
		if f, ok := parts()[args[0]]; ok {
			return runPart(ctx, in, func(ctx context.Context) error {
				return f(ctx, []byte(args[1]), func(v any) error { return json.NewEncoder(out).Encode(v) })
			})
		}
	}
	return conduct(ctx, args, out)
}

// runPart runs a part until it has ended, or its input has: then the conductor is gone or wants it so.
func runPart(ctx context.Context, in io.Reader, f func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, in)
		cancel()
	}()
	return f(ctx)
}

// A partFunc runs a part with its plan.
type partFunc func(ctx context.Context, plan []byte, say func(any) error) error

// parts are the processes beside the conductor.
func parts() map[string]partFunc {
	return map[string]partFunc{
		"oa":       func(ctx context.Context, _ []byte, say func(any) error) error { return runOA(ctx, say) },
		"nats":     planned(runNATS),
		"publish":  planned(runPublish),
		"loop":     planned(runLoop),
		"rows":     planned(runRows),
		"records":  planned(runRecords),
		"postgres": planned(runPostgres),

		"bare sign-on": planned(runBareSignOn),
		"links":        planned(runLinks),
	}
}

// planned reads the plan of a part.
func planned[P any](f func(context.Context, P, func(any) error) error) partFunc {
	return func(ctx context.Context, raw []byte, say func(any) error) error {
		var plan P
		if err := json.Unmarshal(raw, &plan); err != nil {
			return err
		}
		return f(ctx, plan, say)
	}
}
