package storetest

import (
	"strings"
	"testing"

	"todosync/connector"
	"todosync/store"
)

// naming is a todo's event whose receivers carry their accounts: user, a member's path within him, the account.
func naming(action connector.Action, id string, receivers ...string) connector.Item {
	body := `{"id":"` + id + `","todo":{"id":"todo","title":"title","status":"pending","receivers":[` + strings.Join(receivers, ",") + `]}}`
	return Message(0, "crm.T.todo."+string(action), []byte(body))
}

// testAutomatic binds users by what events say of them.
func testAutomatic(t *testing.T, e Engine) {
	p := play(t, e, nil)
	bindings := func() map[string]string {
		t.Helper()
		page, err := p.db.Bindings(t.Context(), store.BindingFilter{Tenant: "T"}, connector.PageOf{Limit: 1000})
		if err != nil {
			t.Fatal(err)
		}
		out := map[string]string{}
		for _, b := range page.Items {
			mark := ""
			if b.Automatic {
				mark = " automatic"
			}
			out[b.User] = b.Account + mark
		}
		return out
	}
	p.take(naming("create", "n1", `{"id":"x","name":"X","oaAccount":" ox "}`, `{"id":"a","oaAccount":"other"}`, `{"id":"y","oaAccount":"oa-b"}`, `{"id":"z","oaAccount":"oz"}`, `{"id":"zz","oaAccount":"oz"}`))
	got := bindings()
	if got["x"] != "ox automatic" || got["z"] != "oz automatic" {
		t.Errorf("bound %v", got)
	}
	if got["a"] != "oa-a" {
		t.Errorf("what was bound by hand became %q", got["a"])
	}
	if _, taken := got["y"]; taken || got["zz"] != "" {
		t.Errorf("an account that is taken was given away: %v", got)
	}
	work := p.claim()
	if len(work) != 3 {
		t.Fatalf("claimed %v", scenes(work))
	}
	for _, r := range p.records(connector.RecordFilter{Receivers: []string{"y"}}) {
		if r.State != connector.Held || !strings.Contains(r.Message, "oa-b") || !strings.Contains(r.Message, "user b") {
			t.Errorf("who has no account: %s %q", r.State, r.Message)
		}
	}
	changes := make([]connector.Change, len(work))
	for i := range work {
		changes[i] = succeed(&work[i])
	}
	p.turn(0, changes...)
	// The events' word changes what was theirs; the open todo moves to the new inbox, and a held one goes.
	p.take(naming("edit", "n2", `{"id":"x","oaAccount":"ox2"}`, `{"id":"a","oaAccount":"other"}`, `{"id":"y","oaAccount":"oy"}`, `{"id":"z"}`, `{"id":"zz"}`))
	if got := bindings(); got["x"] != "ox2 automatic" || got["y"] != "oy automatic" || got["z"] != "oz automatic" || got["a"] != "oa-a" {
		t.Errorf("bound %v", got)
	}
	var x []connector.Scene
	for _, w := range p.drain() {
		if w.Lane == "x" {
			x = append(x, w.Scene)
		}
	}
	if len(x) != 3 || x[0] != connector.SceneDelete || x[1] != connector.SceneCreate || x[2] != connector.SceneEdit {
		t.Errorf("x got %v", x)
	}
	// A connection's rule names another member, and does not care who is bound elsewhere.
	Save(t, p.db, Connection("T", "second", func(c *connector.Connection) {
		c.Bindings.Auto = &connector.AutoBinding{From: "ext.employeeNo"}
	}), Connection("T", "third", nil))
	p.take(naming("edit", "n3", `{"id":"x","oaAccount":"ignored","ext":{"employeeNo":77}}`))
	page, err := p.db.Bindings(t.Context(), store.BindingFilter{Tenant: "T", Users: []string{"x"}}, connector.PageOf{})
	if err != nil || len(page.Items) != 2 || page.Items[1].Connection != "second" || page.Items[1].Account != "77" {
		t.Errorf("by rule: %+v, %v", page.Items, err)
	}
}
