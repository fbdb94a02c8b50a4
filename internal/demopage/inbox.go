package demopage

import (
	"cmp"
	"errors"
	"html/template"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"todosync/internal/oasim"
)

// An OA is one simulated OA whose inboxes are shown.
type OA struct {
	Name  string // in the address
	Title string
	Sim   *oasim.Sim
	Names map[string]string // of accounts, as people call them
	Base  string            // where browsers reach the simulator
}

// An Inbox plays the todo inboxes of OAs. It serves the path that it is mounted at, and open below that.
type Inbox struct {
	oas   []OA
	pages *template.Template
}

// NewInbox makes an Inbox of at least one OA.
func NewInbox(oas ...OA) (*Inbox, error) {
	if len(oas) == 0 {
		return nil, errors.New("make the inbox page: there is no OA")
	}
	pages, err := parse()
	if err != nil {
		return nil, err
	}
	return &Inbox{oas: oas, pages: pages}, nil
}

// shownTodos is how many todos of an account are listed.
const shownTodos = 200

// An employee is somebody with an inbox.
type employee struct {
	Account, Name, Link string
	Open                int
	Chosen              bool
}

// A line is one todo of the list.
type line struct {
	Title, Sender, Created, Where, State, Link, Mobile string
	Open, Notice                                       bool
}

// A tab leads to another list.
type tab struct {
	Name, Link string
	Count      int
	Chosen     bool
}

// ServeHTTP shows an inbox, or plays a click in it.
func (i *Inbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method != http.MethodGet:
		w.Header().Set("Allow", http.MethodGet)
		w.WriteHeader(http.StatusMethodNotAllowed)
	case strings.HasSuffix(r.URL.Path, "/open"):
		i.open(w, r)
	default:
		i.list(w, r)
	}
}

// chosen is the OA that the address names, the first by default.
func (i *Inbox) chosen(r *http.Request) *OA {
	name := r.URL.Query().Get("oa")
	for n := range i.oas {
		if i.oas[n].Name == name {
			return &i.oas[n]
		}
	}
	return &i.oas[0]
}

func (o *OA) name(account string) string {
	if n := o.Names[account]; n != "" {
		return n
	}
	return account
}

func open(t *oasim.Todo) bool { return t.State == oasim.StateTodo || t.State == oasim.StateCC }

// list shows the todos of one employee.
func (i *Inbox) list(w http.ResponseWriter, r *http.Request) {
	l, oa := langOf(r), i.chosen(r)
	todos := oa.Sim.All()
	counts, order := map[string]int{}, []string{}
	for n := range todos {
		if _, known := counts[todos[n].Account]; !known {
			order = append(order, todos[n].Account)
			counts[todos[n].Account] = 0
		}
		if open(&todos[n]) {
			counts[todos[n].Account]++
		}
	}
	slices.SortStableFunc(order, func(a, b string) int { return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b)) })
	account := r.URL.Query().Get("account")
	if _, known := counts[account]; !known && len(order) > 0 {
		account = order[0]
	}
	here := url.Values{"oa": {oa.Name}, "lang": {string(l)}}
	to := func(name, value string) string {
		q := url.Values{}
		maps.Copy(q, here)
		q.Set(name, value)
		return "?" + q.Encode()
	}
	var people []employee
	for _, a := range order {
		people = append(people, employee{Account: a, Name: oa.name(a), Link: to("account", a), Open: counts[a], Chosen: a == account})
	}
	here.Set("account", account)
	ended := r.URL.Query().Get("show") == "ended"
	var lines []line
	total := map[bool]int{}
	for n := len(todos) - 1; n >= 0; n-- {
		t := &todos[n]
		if t.Account != account {
			continue
		}
		total[open(t)]++
		if open(t) == ended || len(lines) == shownTodos {
			continue
		}
		lines = append(lines, lineOf(l, oa, t))
	}
	var oas []tab
	for n := range i.oas {
		oas = append(oas, tab{Name: i.oas[n].Title, Link: "?" + url.Values{"oa": {i.oas[n].Name}, "lang": {string(l)}}.Encode(), Chosen: i.oas[n].Name == oa.Name})
	}
	show(w, i.pages, "inbox.html", http.StatusOK, map[string]any{
		"Lang": string(l), "Title": l.t("OA inbox", "OA 待办箱"), "Simulated": l.t("simulated", "模拟"), "OAs": oas, "OA": oa.Title, "People": people,
		"PeopleLabel": l.t("Employees", "员工"), "You": oa.name(account), "Account": account,
		"Tabs": []tab{
			{Name: l.t("To do", "待办"), Link: to("show", "open"), Count: total[true], Chosen: !ended},
			{Name: l.t("Done or withdrawn", "已办或撤回"), Link: to("show", "ended"), Count: total[false], Chosen: ended},
		},
		"Lines": lines, "Empty": l.t("Nothing here.", "这里没有待办。"), "Nobody": l.t("No todo has come yet.", "还没有收到待办。"),
		"Phone": l.t("phone page", "手机页面"), "NoLink": l.t("no link", "无链接"), "Notice": l.t("notice", "提醒"),
		"Other": l.t("中文", "English"), "OtherLang": l.t("zh-CN", "en"), "OtherLink": with(r, "lang", l.t("zh", "en")),
		"Foot": l.t("Whoever looks at this page may be any employee. A click leads through todosync's sign-on gateway into the CRM.",
			"本页可以扮演任何员工。点击待办会经过 todosync 的单点登录网关进入 CRM。"),
	})
}

func lineOf(l lang, oa *OA, t *oasim.Todo) line {
	state := map[oasim.State]string{
		oasim.StateTodo: l.t("to do", "待办"), oasim.StateDone: l.t("done", "已办"), oasim.StateOver: l.t("closed", "办结"),
		oasim.StateCC: l.t("to read", "待阅"), oasim.StateDeleted: l.t("withdrawn", "已撤回"),
	}[t.State]
	click := func(link, device string) string {
		u, err := url.Parse(link)
		if err != nil || u.Host == "" {
			return ""
		}
		return "open?" + url.Values{"oa": {oa.Name}, "account": {t.Account}, "app": {t.App}, "todo": {t.ID}, "device": {device}}.Encode()
	}
	out := line{
		Title: t.Title, Sender: t.Sender, Created: t.Created, Where: strings.Trim(t.Workflow+" · "+t.Node, " ·"), State: state, Open: open(t), Notice: t.Message,
		Link: click(t.URL, ""),
	}
	if t.MobileURL != "" && t.MobileURL != t.URL {
		out.Mobile = click(t.MobileURL, "mobile")
	}
	return out
}

// open plays a click: the OA makes what it sends along, and the browser goes there.
func (i *Inbox) open(w http.ResponseWriter, r *http.Request) {
	q, oa := r.URL.Query(), i.chosen(r)
	at := ""
	for _, t := range oa.Sim.Todos(q.Get("account")) {
		if t.ID == q.Get("todo") && t.App == q.Get("app") {
			if at = t.URL; q.Get("device") == "mobile" {
				at = t.MobileURL
			}
		}
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "no-referrer")
	if at == "" {
		http.Error(w, "there is no such todo", http.StatusNotFound)
		return
	}
	to, err := oa.Sim.Click(r.Context(), oasim.Click{Account: q.Get("account"), Link: at, Base: oa.Base})
	if err != nil {
		http.Error(w, "the OA cannot open this: "+err.Error(), http.StatusBadGateway)
		return
	}
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusSeeOther)
}
