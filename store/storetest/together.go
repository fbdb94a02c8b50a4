package storetest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"todosync/connector"
)

// testTogether claims and settles at several connections while more of the same todos is accepted, all at once, so that they
// share commits in every order: at the end nothing waits that nobody will ever take.
func testTogether(t *testing.T, e Engine) {
	p := play(t, e, nil)
	conns := []int64{p.conn}
	for i := range 5 {
		name := fmt.Sprintf("oa%d", i)
		Save(t, p.db, Connection("T", name, nil))
		Bind(t, p.db, "T", name, "a")
		conns = append(conns, Number(t, p.db, "T", name))
	}
	const todos, steps = 1, 300
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range uint64(todos * steps) {
			todo := Todo{Todo: fmt.Sprint(i % todos), Receivers: []string{"a"}}
			if i >= todos {
				todo.Action = connector.ActionEdit
			}
			if _, err := p.db.Accept(ctx, Batch(i, Start, todo.Item(i+1))); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for _, conn := range conns {
		wg.Go(func() {
			settled := 0
			var changes []connector.Change
			for settled < todos*steps {
				got, err := p.db.Turn(ctx, connector.Turn{Conn: conn, Changes: changes, Want: 8, Now: Start})
				if err != nil {
					t.Errorf("%d of %d deliveries of connection %d were settled; do the others wait and are never due? %v", settled, todos*steps, conn, err)
					return
				}
				settled += len(changes)
				changes = nil
				for i := range got.Work {
					changes = append(changes, succeed(&got.Work[i]))
				}
			}
		})
	}
	wg.Wait()
}
