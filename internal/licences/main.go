package main

import (
	"bytes"
	"context"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime/debug"
	"slices"
	"strings"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "licences:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	f := flag.NewFlagSet("licences", flag.ContinueOnError)
	binary := f.String("binary", "bin/todosync", "the binary to look into")
	write := f.String("write", "", "write the document to this file")
	check := f.String("check", "", "fail if this file is not what -write would write")
	all := f.String("texts", "", "write all licence texts to this file")
	if err := f.Parse(args); err != nil {
		return err
	}
	modules, err := linked(ctx, *binary)
	if err != nil {
		return err
	}
	var doc bytes.Buffer
	document(&doc, modules)
	switch {
	case *check != "":
		have, err := os.ReadFile(*check)
		if err != nil {
			return err
		}
		if !bytes.Equal(have, doc.Bytes()) {
			return fmt.Errorf("%s is not up to date; run: go run ./internal/licences -binary %s -write %s", *check, *binary, *check)
		}
		return nil
	case *write != "":
		return os.WriteFile(*write, doc.Bytes(), 0o644)
	case *all != "":
		var b bytes.Buffer
		allTexts(&b, modules)
		return os.WriteFile(*all, b.Bytes(), 0o644)
	}
	_, err = doc.WriteTo(os.Stdout)
	return err
}

// A linked module of a binary.
type linkedModule struct {
	path, version     string
	names             []string // of its licences
	licences, notices []text
}

// linked lists the modules of a binary by their paths, with their licences. All that are wrong are told at once.
func linked(ctx context.Context, binary string) ([]linkedModule, error) {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return nil, fmt.Errorf("%w; build it first: make build", err)
	}
	dirs, err := folders(ctx, info.Deps)
	if err != nil {
		return nil, err
	}
	var out []linkedModule
	var errs []error
	for _, d := range info.Deps {
		m := linkedModule{path: d.Path, version: d.Version}
		if m.licences, m.notices, err = texts(dirs[d.Path]); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", d.Path, err))
			continue
		}
		for _, t := range m.licences {
			for _, n := range identify(t.content) {
				if !slices.Contains(m.names, n) {
					m.names = append(m.names, n)
				}
			}
		}
		if len(m.names) == 0 {
			errs = append(errs, fmt.Errorf("%s %s: no licence found that may be linked; look into %s", d.Path, d.Version, dirs[d.Path]))
		}
		out = append(out, m)
	}
	slices.SortFunc(out, func(a, b linkedModule) int { return strings.Compare(a.path, b.path) })
	return out, errors.Join(errs...)
}

// folders says where the go tool keeps each module.
func folders(ctx context.Context, modules []*debug.Module) (map[string]string, error) {
	args := []string{"list", "-m", "-json"}
	for _, m := range modules {
		args = append(args, m.Path)
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	dirs := map[string]string{}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var m struct{ Path, Dir string }
		switch err := d.Decode(&m); {
		case errors.Is(err, io.EOF):
			return dirs, nil
		case err != nil:
			return nil, fmt.Errorf("go list: %w", err)
		}
		dirs[m.Path] = m.Dir
	}
}

// document writes the table.
func document(w io.Writer, modules []linkedModule) {
	fmt.Fprint(w, `# Licences of what is linked

todosync is under the [Apache License 2.0](../LICENSE). Its binary holds the modules below, the Go standard library and
runtime ([BSD-3-Clause](https://go.dev/LICENSE)), and, as part of go-sqlite3, SQLite, which is
[in the public domain](https://www.sqlite.org/copyright.html). None of their code stands in this repository.

Who hands on a binary hands on the licence texts with it:

    go run ./internal/licences -binary bin/todosync -texts licences.txt

MPL-2.0 also wants to be told where the source is: behind the link. A star marks modules that have a NOTICE file.

This table is made from the binary by `+"`go run ./internal/licences -write docs/licences.md`"+`; CI compares.

| module | version | licence |
|---|---|---|
`)
	for _, m := range modules {
		star := ""
		if len(m.notices) > 0 {
			star = " *"
		}
		fmt.Fprintf(w, "| [%s](https://pkg.go.dev/%s@%s?tab=licenses) | %s | %s%s |\n",
			m.path, m.path, m.version, m.version, strings.Join(m.names, ", "), star)
	}
}

// allTexts writes every licence and notice whole.
func allTexts(w io.Writer, modules []linkedModule) {
	for _, m := range modules {
		for _, t := range slices.Concat(m.licences, m.notices) {
			fmt.Fprintf(w, "===== %s %s: %s =====\n\n%s\n\n", m.path, m.version, t.name, strings.TrimSpace(t.content))
		}
	}
}
