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
	// Kind is empty only on its way into the store: what is there stays then, and what is new is an employee.
	Kind BindingKind `json:"kind,omitempty"`
}

// BindingKind says what somebody is to the CRM.
type BindingKind string

// The kinds. Where signOn.contactsOnly is set, contact persons alone may sign on.
const (
	KindEmployee BindingKind = "employee"
	KindContact  BindingKind = "contact"
)

// Valid reports whether there is such a kind.
func (k BindingKind) Valid() bool { return k == KindEmployee || k == KindContact }

// Or is the kind, or another where it is not said.
func (k BindingKind) Or(other BindingKind) BindingKind {
	switch {
	case k != "":
		return k
	case other != "":
		return other
	}
	return KindEmployee
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
