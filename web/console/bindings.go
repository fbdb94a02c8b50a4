package console

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"todosync/connector"
	"todosync/web/api"
)

// A bindingList is the bindings of one connection, or who is not bound there.
type bindingList struct {
	Key         connector.ConnectionKey
	Connections []api.ConnectionState // to choose from
	Text        string
	Account     string // an account that is to be bound
	OfUnbound   bool
	Found       list[boundUser]
	Unbound     list[unboundUser]
	Undo        *connector.Binding // what was just removed or replaced
	UndoAdd     string             // the user who was just bound and was not before
	Mistake     *api.Problem
	Form        connector.Binding
	Next        string                          // where to go on after somebody was bound; empty: here
	Held        map[connector.ConnectionKey]int // todos that wait for a binding, where no connection is chosen yet
	HeldMore    bool                            // these are not all
}

type boundUser struct {
	connector.Binding
	Automatic bool      `json:"automatic"`
	MadeBy    string    `json:"madeBy"`
	Updated   time.Time `json:"updatedAt"`
}

type unboundUser struct {
	User     string    `json:"crm_user_id"`
	UserName string    `json:"crm_user_name"`
	Waiting  int       `json:"waiting"`
	Newest   time.Time `json:"newest"`
	Since    time.Time `json:"since"`
}

func (c *Console) bindingRoutes() {
	c.page("GET /bindings", api.View, c.bindings)
	c.page("POST /bindings", api.Operate, c.bind)
	c.page("POST /bindings/remove", api.Operate, c.unbind)
	c.page("GET /bindings/export", api.View, func(v *visit) error {
		k := v.chosen()
		format := v.r.URL.Query().Get("format")
		if format != "xlsx" {
			format = "csv"
		}
		v.pass(apiBindings(k), url.Values{"format": {format}})
		return nil
	})
	c.importRoutes()
}

// chosen is the connection that the address or the form names.
func (v *visit) chosen() connector.ConnectionKey {
	if tenant, name, both := strings.Cut(v.r.FormValue("at"), "/"); both {
		return connector.ConnectionKey{Tenant: tenant, Name: name}
	}
	return connector.ConnectionKey{Tenant: v.r.FormValue("tenant"), Name: v.r.FormValue("connection")}
}

// apiBindings is the path of a connection's bindings in the API.
func apiBindings(k connector.ConnectionKey) string {
	return segments("tenants", k.Tenant, "connections", k.Name, "bindings")
}

// bindingsPath is the page of a connection's bindings.
func bindingsPath(k connector.ConnectionKey, pairs ...string) string {
	q := url.Values{"tenant": {k.Tenant}, "connection": {k.Name}}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	return "/bindings?" + q.Encode()
}

func (c *Console) bindings(v *visit) error {
	l, err := v.bindingList()
	if err != nil {
		return err
	}
	v.Title = l.title(v)
	return v.show(bindingsPage(v, l))
}

// title names the connection whose bindings are shown.
func (l *bindingList) title(v *visit) string {
	for i := range l.Connections {
		if keyOf(&l.Connections[i]) == l.Key {
			return v.T("Bindings of "+nameOf(&l.Connections[i]), nameOf(&l.Connections[i])+" 的人员绑定")
		}
	}
	return v.T("Bindings", "人员绑定")
}

// bindingList reads what the address asks for.
func (v *visit) bindingList() (*bindingList, error) {
	v.Active, v.Title = "bindings", v.T("Bindings", "人员绑定")
	q := v.r.URL.Query()
	l := &bindingList{Key: v.chosen(), Text: strings.TrimSpace(q.Get("q")), OfUnbound: q.Get("show") == "unbound", Account: q.Get("account")}
	var all list[api.ConnectionState]
	if err := v.api.get(v.ctx(), "/connections", url.Values{"limit": {"1000"}}, &all); err != nil {
		return nil, err
	}
	l.Connections = all.Items
	if l.Key.Name == "" && len(all.Items) == 1 {
		l.Key = connector.ConnectionKey{Tenant: all.Items[0].Tenant, Name: all.Items[0].Name}
	}
	if l.Key.Name == "" || l.Key.Tenant == "" {
		return l, v.heldUnbound(l)
	}
	l.Form = connector.Binding{Account: l.Account, User: q.Get("user"), UserName: q.Get("name")}
	if next := v.r.FormValue("next"); next != "" {
		l.Next = nextPage(next)
	}
	if u := q.Get("undo"); u != "" {
		l.Undo = &connector.Binding{User: u, UserName: q.Get("undoName"), Account: q.Get("undoAccount"), AccountName: q.Get("undoAccountName")}
	}
	l.UndoAdd = q.Get("added")
	ask := url.Values{"limit": {"50"}}
	if cursor := q.Get("cursor"); cursor != "" {
		ask.Set("cursor", cursor)
	}
	if l.OfUnbound {
		return l, v.api.get(v.ctx(), segments("tenants", l.Key.Tenant, "connections", l.Key.Name, "unbound"), ask, &l.Unbound)
	}
	if l.Text != "" {
		ask.Set("q", l.Text)
	}
	return l, v.api.get(v.ctx(), apiBindings(l.Key), ask, &l.Found)
}

// heldMost is how many records are looked through for who waits for a binding.
const heldMost = 500

// heldUnbound counts what waits for a binding, by connection, so that who does not know where somebody is missing finds out.
func (v *visit) heldUnbound(l *bindingList) error {
	var found list[connector.Record]
	ask := url.Values{"state": {string(connector.Held)}, "class": {"unbound"}, "limit": {strconv.Itoa(heldMost)}}
	if err := v.api.get(v.ctx(), "/records", ask, &found); err != nil {
		return err
	}
	l.Held, l.HeldMore = map[connector.ConnectionKey]int{}, found.Next != ""
	for i := range found.Items {
		l.Held[connector.ConnectionKey{Tenant: found.Items[i].Tenant, Name: found.Items[i].Connection}]++
	}
	// Where somebody is missing comes first; the others stay in their order.
	slices.SortStableFunc(l.Connections, func(a, b api.ConnectionState) int { return l.Held[keyOf(&b)] - l.Held[keyOf(&a)] })
	if words := l.Text; words != "" {
		l.Connections = slices.DeleteFunc(l.Connections, func(s api.ConnectionState) bool {
			return !strings.Contains(strings.ToLower(s.Tenant+" "+s.Name+" "+s.Title), strings.ToLower(words))
		})
	}
	return nil
}

// bind makes or changes a binding. Where the API refuses it, the form comes again with what was written.
func (c *Console) bind(v *visit) error {
	k := v.chosen()
	b := connector.Binding{
		User: strings.TrimSpace(v.r.PostFormValue("user")), UserName: strings.TrimSpace(v.r.PostFormValue("userName")),
		Account: strings.TrimSpace(v.r.PostFormValue("account")), AccountName: strings.TrimSpace(v.r.PostFormValue("accountName")),
	}
	before, err := v.bindingOf(k, b.User)
	if err != nil {
		return err
	}
	body := map[string]string{"crm_user_id": b.User, "crm_user_name": b.UserName, "oa_account": b.Account, "oa_user_name": b.AccountName}
	err = v.api.do(v.ctx(), request{method: http.MethodPut, path: apiBindings(k), body: body}, nil)
	if problem, ok := errors.AsType[*api.Problem](err); ok && problem.Status < 500 && problem.Status != http.StatusNotFound {
		l, err := v.bindingList()
		if err != nil {
			return err
		}
		l.Mistake, l.Form, v.Status = problem, b, problem.Status
		return v.show(bindingsPage(v, l))
	}
	if err != nil {
		return err
	}
	show := v.r.PostFormValue("show")
	if next := v.r.PostFormValue("next"); next != "" {
		return v.done(nextPage(next), v.T(b.User+" is bound to "+b.Account+". What waited for it goes out now.", b.User+" 已绑定到 "+b.Account+"，等待的待办现在发送。"))
	}
	switch {
	case before == nil && v.r.PostFormValue("undoing") != "":
		return v.done(bindingsPath(k, "show", show), v.T("The binding of "+b.User+" is back.", b.User+" 的绑定已恢复。"))
	case before == nil:
		return v.done(bindingsPath(k, "show", show, "added", b.User), v.T(b.User+" is bound to "+b.Account+". What waited for it goes out now.", b.User+" 已绑定到 "+b.Account+"，等待的待办现在发送。"))
	case before.Account == b.Account:
		return v.done(bindingsPath(k, "show", show), v.T("The binding of "+b.User+" is saved.", b.User+" 的绑定已保存。"))
	}
	return v.done(bindingsPath(k, append([]string{"show", show}, undo(before)...)...), v.T(b.User+" is bound to "+b.Account+" now, and was to "+before.Account+".", b.User+" 现在绑定到 "+b.Account+"，之前是 "+before.Account+"。"))
}

// bindingOf is a user's binding; nil: he has none.
func (v *visit) bindingOf(k connector.ConnectionKey, user string) (*connector.Binding, error) {
	if user == "" || strings.Contains(user, ",") {
		return nil, nil
	}
	var found list[boundUser]
	if err := v.api.get(v.ctx(), apiBindings(k), url.Values{"user": {user}, "limit": {"1"}}, &found); err != nil || len(found.Items) == 0 {
		return nil, err
	}
	return &found.Items[0].Binding, nil
}

// undo are the parameters by which the next page offers to bring a binding back.
func undo(b *connector.Binding) []string {
	return []string{"undo", b.User, "undoName", b.UserName, "undoAccount", b.Account, "undoAccountName", b.AccountName}
}

func (c *Console) unbind(v *visit) error {
	k, user := v.chosen(), v.r.PostFormValue("user")
	before, err := v.bindingOf(k, user)
	if err != nil {
		return err
	}
	if err := v.api.do(v.ctx(), request{method: http.MethodDelete, path: apiBindings(k), query: url.Values{"user": {user}}}, nil); err != nil {
		return err
	}
	to := bindingsPath(k, "q", v.r.PostFormValue("q"))
	if before != nil && v.r.PostFormValue("undoing") == "" {
		to = bindingsPath(k, append([]string{"q", v.r.PostFormValue("q")}, undo(before)...)...)
	}
	return v.done(to, v.T(user+" is not bound any more. His open todos are taken out of that account's inbox.", user+" 的绑定已删除，其未办待办会从该账号的收件箱撤回。"))
}

// tenantsIn are the tenants of connections, each once.
func tenantsIn(all []api.ConnectionState) []string {
	var out []string
	for i := range all {
		if !slices.Contains(out, all[i].Tenant) {
			out = append(out, all[i].Tenant)
		}
	}
	return out
}
