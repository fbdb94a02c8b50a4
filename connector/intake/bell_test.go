package intake_test

import (
	"context"
	"slices"
	"sync"
	"testing"

	"todosync/connector/intake"
)

// An ear remembers what a worker heard.
type ear struct {
	mu       sync.Mutex // guards what follows
	conns    []int64
	records  []int64
	settings int
	from     []string
	lost     []uint64 // the rings that said so
}

func (e *ear) hear(_ context.Context, r intake.Ring) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.conns, e.records, e.from = append(e.conns, r.Conns...), append(e.records, r.Records...), append(e.from, r.From)
	if r.Settings {
		e.settings++
	}
	if r.Lost {
		e.lost = append(e.lost, r.Number)
	}
}

func (e *ear) knows(conns, records []int64) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	has := func(all, some []int64) bool {
		return !slices.ContainsFunc(some, func(n int64) bool { return !slices.Contains(all, n) })
	}
	return has(e.conns, conns) && has(e.records, records)
}

// ring starts a worker's bell.
func (r *rig) ring(name, stream string) (*intake.Bell, *ear) {
	r.t.Helper()
	e := &ear{}
	b, err := intake.NewBell(intake.BellConfig{Conn: r.connect(), Log: discard(), Name: name, Stream: stream, Rung: e.hear})
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	r.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			r.t.Errorf("Run: %v", err)
		}
	})
	return b, e
}

func TestBell(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a, heardByA := r.ring("a", "")
	b, heardByB := r.ring("b", "")
	_, elsewhere := r.ring("c", "OTHER")
	// Until both listen, what is rung may be lost.
	eventually(t, "both to hear each other", func() bool {
		a.Ring(intake.Ring{Conns: []int64{1}})
		b.Ring(intake.Ring{Conns: []int64{2}})
		return heardByB.knows([]int64{1}, nil) && heardByA.knows([]int64{2}, nil)
	})
	var conns []int64
	for i := range int64(25_000) {
		conns = append(conns, i+10)
	}
	a.Ring(intake.Ring{Conns: conns, Settings: true})
	for i := range int64(5000) {
		a.Ring(intake.Ring{Records: []int64{i}})
	}
	eventually(t, "all to be heard", func() bool { return heardByB.knows(conns, []int64{0, 4999}) })
	heardByB.mu.Lock()
	defer heardByB.mu.Unlock()
	if heardByB.settings != 1 {
		t.Errorf("want it told once that settings have changed, got %d", heardByB.settings)
	}
	if rings := len(heardByB.from); rings > 1000 {
		t.Errorf("want what comes together told together, got %d messages", rings)
	}
	heardByA.mu.Lock()
	defer heardByA.mu.Unlock()
	if slices.Contains(heardByA.from, "a") {
		t.Error("a worker hears itself")
	}
	elsewhere.mu.Lock()
	defer elsewhere.mu.Unlock()
	if len(elsewhere.from) > 0 {
		t.Error("a worker of another stream hears it")
	}
}

// Who misses a ring of another worker, or is not told all, knows that he does.
func TestBellLoses(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a, _ := r.ring("a", "")
	_, heard := r.ring("b", "")
	eventually(t, "both to listen", func() bool {
		a.Ring(intake.Ring{Conns: []int64{1}})
		return heard.knows([]int64{1}, nil)
	})
	lost := func() []uint64 {
		heard.mu.Lock()
		defer heard.mu.Unlock()
		return slices.Clone(heard.lost)
	}
	if got := lost(); len(got) > 0 {
		t.Fatalf("lost %v before anything was", got)
	}
	nc := r.connect()
	for _, text := range []string{`{"from":"x","number":7}`, `{"from":"x","number":8}`, `{"from":"x","number":10,"records":[77]}`, `{"from":"x","number":11,"records":[78]}`} {
		if err := nc.Publish("todosync.CRM.bell", []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the rings of x", func() bool { return heard.knows(nil, []int64{77, 78}) })
	if got := lost(); !slices.Equal(got, []uint64{10}) {
		t.Errorf("lost before %v, want before 10 alone", got)
	}
	many := make([]int64, 10_001)
	for i := range many {
		many[i] = int64(i)
	}
	a.Ring(intake.Ring{Records: many})
	eventually(t, "word that not all is told", func() bool { return len(lost()) == 2 })
}
