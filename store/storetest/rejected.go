package storetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"todosync/connector"
	"todosync/store"
)

// testRejectedSearch finds rejects by what stands in them, each once, also where the search stops on the way.
func testRejectedSearch(t *testing.T, e Engine) {
	p := play(t, e, nil)
	p.take(
		Message(1, "crm.T.todo.create", []byte(`{"todo":{"id":"8847"}}`)),
		Message(2, "crm.T.todo.create", []byte(`{"todo":{"id":"18847","title":"a_b"}`)),
		Message(3, "crm.U.todo.create", []byte(`{"todo":{"id":8847}}`)),
		Message(4, "crm.T.todo.create", []byte(`{"todo":{"id":"9","title":"\u5ba1\u6279"}}`)),
		Message(5, "crm.T.todo.create", []byte(`{"todo":{"id":"10","title":"审批"}}`)),
		Message(6, "crm.T.todo.create", []byte("\xff 8847 \x00")),
	)
	find := func(f store.RejectFilter, limit int) (sequences []uint64) {
		t.Helper()
		for cursor := ""; ; {
			page, err := p.db.Rejected(t.Context(), f, connector.PageOf{Limit: limit, Cursor: cursor})
			if err != nil || len(page.Items) > limit {
				t.Fatalf("%+v: %d items, %v", f, len(page.Items), err)
			}
			for _, r := range page.Items {
				sequences = append(sequences, r.Sequence)
			}
			if !page.SearchedTo.IsZero() && page.Next == "" {
				t.Errorf("%+v: stopped early, and there is nothing to go on from", f)
			}
			if cursor = page.Next; cursor == "" {
				return sequences
			}
		}
	}
	for _, c := range []struct {
		text    string
		tenants []string
		want    []uint64
	}{
		{"8847", nil, []uint64{6, 3, 1}},
		{" 8847 ", []string{"T"}, []uint64{6, 1}},
		{"8847", []string{"other"}, nil},
		{"884", nil, nil},
		{"a_b", nil, []uint64{2}},
		{"a%b", nil, nil},
		{"审批", nil, []uint64{5, 4}},
		{"crm.u.todo.create", nil, []uint64{3}},
		{"nothing", nil, nil},
		{"", []string{"U"}, []uint64{3}},
	} {
		for _, limit := range []int{1, 2, 100} {
			if got := find(store.RejectFilter{Tenants: c.tenants, Text: c.text}, limit); !slices.Equal(got, c.want) {
				t.Errorf("%q of %v by %d: got %v, want %v", c.text, c.tenants, limit, got, c.want)
			}
		}
	}
	var many []connector.Item
	for i := range 6000 {
		many = append(many, Message(uint64(7+i), "crm.T.todo.create", fmt.Appendf(nil, `{"todo":{"id":"n%d"%s}`, i, strings.Repeat(" ", i%7))))
	}
	p.take(many...)
	page, err := p.db.Rejected(t.Context(), store.RejectFilter{Text: "8847"}, connector.PageOf{})
	if err != nil || len(page.Items) != 0 || page.Next == "" || page.SearchedTo.IsZero() {
		t.Errorf("a search beyond its limit: %+v, %v", page, err)
	}
	if got := find(store.RejectFilter{Text: "8847"}, 2); !slices.Equal(got, []uint64{6, 3, 1}) {
		t.Errorf("going on finds %v", got)
	}
	if got := find(store.RejectFilter{Text: "n5999"}, 2); !slices.Equal(got, []uint64{6006}) {
		t.Errorf("the newest is %v", got)
	}
}
