package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"

	"todosync/testdata"
)

// A sample is what the demo plays: events, and what should become of each.
type sample struct {
	events []sampleEvent
	want   []testdata.Expectation
}

// A sampleEvent is one event of the sample as it is published.
type sampleEvent struct {
	testdata.Event
	duplicate bool // an event with this id came before
}

// loadSample reads the sample and gives all its ids a suffix, so that the same folder can play it again and again.
func loadSample(run string) *sample {
	s := &sample{want: testdata.Expected()}
	seen := map[[2]string]bool{}
	for _, e := range testdata.Events() {
		key := [2]string{e.Tenant, e.ID}
		e.ID, e.Todo, e.Raw = e.ID+run, e.Todo+run, withSuffix(e.Raw, run)
		s.events = append(s.events, sampleEvent{Event: e, duplicate: seen[key]})
		seen[key] = true
	}
	for i := range s.want {
		s.want[i].ID += run
	}
	return s
}

// newRun makes the suffix of this run's ids. It begins with "_": the simulators' scripts know a todo by what stands before that.
func newRun(now time.Time) string {
	return "_" + strconv.FormatInt(now.UnixMilli()/100%(36*36*36*36*36), 36)
}

// withSuffix adds a suffix to the ids of an event and of what it is about, and leaves every other byte as it is.
func withSuffix(raw []byte, suffix string) []byte {
	ids := []string{".id", ".todo.id", ".reminder.id", ".message.id", ".data.todo.id"}
	var ends []int // behind the last byte of each id's text
	dec := json.NewDecoder(bytes.NewReader(raw))
	var walk func(path string) bool
	walk = func(path string) bool {
		token, err := dec.Token()
		if err != nil {
			return false
		}
		switch v := token.(type) {
		case json.Delim:
			for dec.More() {
				inner := path + "[]"
				if v == '{' {
					name, err := dec.Token()
					if err != nil {
						return false
					}
					inner = fmt.Sprintf("%s.%s", path, name)
				}
				if !walk(inner) {
					return false
				}
			}
			_, err := dec.Token()
			return err == nil
		case string:
			if slices.Contains(ids, path) {
				ends = append(ends, int(dec.InputOffset())-1)
			}
		}
		return true
	}
	walk("")
	out := slices.Clone(raw)
	for _, at := range slices.Backward(ends) {
		out = slices.Insert(out, at, []byte(suffix)...)
	}
	return out
}

// settingsFiles are the sample's tenants and connections, with the simulators' addresses as they are in this run.
func settingsFiles(moved map[string]string) ([]settingsFile, error) {
	var out []settingsFile
	demo := testdata.Demo()
	err := fs.WalkDir(demo, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, ".yaml") {
			return err
		}
		raw, err := fs.ReadFile(demo, name)
		if err != nil {
			return err
		}
		text := string(raw)
		for from, to := range moved {
			text = strings.ReplaceAll(text, "http://"+from, to)
		}
		out = append(out, settingsFile{Name: name, Content: text})
		return nil
	})
	return out, err
}
