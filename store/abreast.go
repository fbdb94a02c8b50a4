package store

import (
	"iter"
	"slices"
)

// abreastMost is how many operations run abreast at most.
const abreastMost = 64

// An abreast is an operation that runs abreast with others: whenever it asks for something, the others run on until they ask too, and
// then all are answered at once. One runs at a time, so what they share in memory needs no lock.
type abreast struct {
	tx   *tx
	err  error                       // of the last answer
	next func() (wants, goesOn bool) // runs it until it waits, and says whether for rows
	stop func()
}

// abreast says how many of the operations that come next may run abreast: neither reaches what another one does.
func (w *writer) abreast(batch []*operation) int {
	if !w.wide || batch[0].conn == 0 {
		return 1
	}
	for i, o := range batch {
		if i == abreastMost || o.conn == 0 || slices.ContainsFunc(batch[:i], func(b *operation) bool { return b.conn == o.conn }) {
			return i
		}
	}
	return len(batch)
}

// runAbreast runs operations of which none reaches what another one does.
func runAbreast(s session, group []*operation, txs []*tx) {
	all := make([]*abreast, 0, len(group))
	for i, o := range group {
		a := &abreast{tx: txs[i]}
		a.next, a.stop = iter.Pull(func(yield func(bool) bool) {
			a.tx.wait = func(rows bool) error {
				if !yield(rows) {
					return errClosed
				}
				if a.tx.cry != nil {
					panic(a.tx.cry)
				}
				return a.err
			}
			o.err = o.guarded(a.tx)
			a.tx.wait = nil
		})
		all = append(all, a)
	}
	defer func() {
		for _, a := range all {
			a.stop()
		}
	}()
	for going := all; len(going) > 0; {
		rows := false
		var still []*abreast
		for _, a := range going {
			wants, goesOn := a.next()
			if goesOn {
				still = append(still, a)
				rows = rows || wants
			}
		}
		going = still
		var err error
		switch {
		case len(going) == 0:
		case rows:
			err = s.flush()
		default:
			err = s.seal()
		}
		for _, a := range going {
			a.err = err
			if err == nil {
				a.err, a.tx.own = a.tx.own, nil
			}
		}
	}
}
