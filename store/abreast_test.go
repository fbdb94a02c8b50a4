package store

import (
	"errors"
	"testing"
)

// A talkSession answers each ask at the next flush, and counts how often it was flushed and sealed.
type talkSession struct {
	stillSession
	waiting         []func(r row) error
	flushed, sealed int
}

func (s *talkSession) spread(_ string, _ []any, each func(r row) error) error {
	s.waiting = append(s.waiting, each)
	return nil
}

func (s *talkSession) flush() error {
	s.flushed++
	for _, each := range s.waiting {
		if err := each(row{int64(1)}); err != nil {
			return err
		}
	}
	s.waiting = nil
	return nil
}

func (s *talkSession) seal() error { s.sealed++; return nil }

// TestAbreast has operations that ask differently often be answered together, and keeps the error and the panic of one from the others.
func TestAbreast(t *testing.T) {
	t.Parallel()
	s := &talkSession{}
	errOwn := errors.New("own")
	answers := make([]int, 4)
	ask := func(x *tx, i int, each func(row) error) error {
		if err := x.ask("", nil, func(r row) error { answers[i]++; return each(r) }); err != nil {
			return err
		}
		return x.flush()
	}
	fine := func(row) error { return nil }
	do := []func(x *tx) error{
		func(x *tx) error { return errors.Join(x.seal(), ask(x, 0, fine), ask(x, 0, fine), ask(x, 0, fine)) },
		func(x *tx) error { return errors.Join(x.seal(), ask(x, 1, fine)) },
		func(x *tx) error { return errors.Join(x.seal(), ask(x, 2, func(row) error { return errOwn })) },
		func(x *tx) error { return errors.Join(x.seal(), ask(x, 3, func(row) error { panic("own") })) },
	}
	var group []*operation
	var txs []*tx
	for i := range do {
		group = append(group, &operation{do: do[i], conn: int64(i + 1)})
		txs = append(txs, &tx{session: s})
	}
	runAbreast(s, group, txs)
	if s.flushed != 3 || s.sealed != 1 {
		t.Errorf("flushed %d times and sealed %d, want 3 and 1", s.flushed, s.sealed)
	}
	for i, want := range []int{3, 1, 1, 1} {
		if answers[i] != want {
			t.Errorf("operation %d got %d answers, want %d", i, answers[i], want)
		}
	}
	if group[0].err != nil || group[1].err != nil || !errors.Is(group[2].err, errOwn) || group[3].panic != "own" {
		t.Errorf("errors %v, %v, %v and panic %v", group[0].err, group[1].err, group[2].err, group[3].panic)
	}
}

// TestAbreastKeepsApart lets no two operations of one connection run abreast, nor any that reaches more.
func TestAbreastKeepsApart(t *testing.T) {
	t.Parallel()
	w := &writer{wide: true}
	batch := []*operation{{conn: 1}, {conn: 2}, {conn: 1}, {}, {conn: 3}}
	for from, want := range map[int]int{0: 2, 1: 2, 2: 1, 3: 1, 4: 1} {
		if got := w.abreast(batch[from:]); got != want {
			t.Errorf("from %d on %d run abreast, want %d", from, got, want)
		}
	}
	w.wide = false
	if got := w.abreast(batch); got != 1 {
		t.Errorf("%d run abreast on SQLite", got)
	}
}
