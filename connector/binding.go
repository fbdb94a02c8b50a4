package connector

import (
	"strings"

	"todosync/mapping"
)

// A Binding joins a CRM user and an OA account inside one connection. It is one to one there.
type Binding struct {
	Connection  string `json:"connection"`
	User        string `json:"crm_user_id"`
	UserName    string `json:"crm_user_name"`
	Account     string `json:"oa_account"`
	AccountName string `json:"oa_user_name"`
}

// automaticMember is the member of an event's user that is his OA account, where the connection names none.
const automaticMember = "oaAccount"

// A WantedBinding is what an event says of a user's account.
type WantedBinding struct {
	Binding
	Ruled bool // by the connection's own rule; else it counts only for who is bound in no other connection
}

// AutoBindings are the accounts that an event names for those whom it would make this connection's: its receivers and its sender. Whether
// they are bound is the store's to say: it knows what is bound by hand and which accounts are taken.
func (p *Program) AutoBindings(e *Event) []WantedBinding {
	member, ruled := automaticMember, false
	if auto := p.Settings.Bindings.Auto; auto != nil && auto.From != "" {
		member, ruled = auto.From, true
	}
	l := planner{program: p, event: e, todo: &Todo{}}
	if !l.chosen() {
		return nil
	}
	var out []WantedBinding
	want := func(id, name string, user mapping.Value) {
		account := strings.TrimSpace(clean(user.Get(member).Text()))
		if id == "" || account == "" || len(account) > MaxID {
			return
		}
		out = append(out, WantedBinding{
			Binding: Binding{Connection: p.Key.Name, User: id, UserName: clean(name), Account: account}, Ruled: ruled,
		})
	}
	for _, r := range l.mine() {
		want(r.ID, r.Name, r.Value)
	}
	if e.Doc != nil {
		want(e.Object.SenderID, e.Object.SenderName, e.Doc.Value(string(e.Kind)).Get("sender"))
	}
	return out
}
