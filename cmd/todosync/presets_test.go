package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"todosync/connector"
	"todosync/connector/preset"
	"todosync/internal/oasim"
)

// A presetStory says what a preset is told besides the address of its OA, and how the OA behaves that it is for.
type presetStory struct {
	vendor  string
	user    string    // who may log in, where that is no secret
	secrets [2]string // the names of user and password
	app     string
	set     []string
	blind   bool // the simulator keeps no inbox

	renamed   bool // an edit, or a re-opening, is another todo for the OA
	done      oasim.State
	noRemind  bool
	repeated  connector.State // of a create whose first answer was lost
	vanished  connector.State // of a delete whose first answer was lost
	keepsDone bool            // a repeated done succeeds
}

func presetStories() map[string]presetStory {
	return map[string]presetStory{
		"seeyon": {
			vendor: oasim.Seeyon, secrets: [2]string{"seeyon-user", "seeyon-password"}, app: "3004", set: []string{"registerCode=3004"},
			renamed: true, done: oasim.StateDone, repeated: connector.Succeeded, vanished: connector.Succeeded, keepsDone: true,
		},
		"weaver": {
			vendor: oasim.Weaver, app: "crm", set: []string{"syscode=crm"},
			done: oasim.StateDone, repeated: connector.Succeeded, vanished: connector.Succeeded, keepsDone: true,
		},
		"weaver-soap": {
			vendor: oasim.Weaver, app: "crm", set: []string{"syscode=crm"},
			done: oasim.StateDone, repeated: connector.Succeeded, vanished: connector.Succeeded, keepsDone: true,
		},
		"landray": {
			vendor: oasim.Landray, secrets: [2]string{"landray-user", "landray-password"},
			done: oasim.StateDone, repeated: connector.Succeeded, vanished: connector.Failed, keepsDone: true,
		},
		"landray-rest": {
			vendor: oasim.Landray, secrets: [2]string{"landray-user", "landray-password"},
			done: oasim.StateDone, repeated: connector.Succeeded, vanished: connector.Failed, keepsDone: true,
		},
		"yunzhijia": {
			vendor: oasim.Yunzhijia, user: "500723908", secrets: [2]string{"", "yunzhijia-secret"},
			set:     []string{"appId=500723908", "headImg=https://oa.example.com/crm.png"},
			renamed: true, done: oasim.StateDone, repeated: connector.Succeeded, vanished: connector.Failed, keepsDone: true,
		},
		"welink": {
			vendor: oasim.WeLink, secrets: [2]string{"welink-client-id", "welink-client-secret"}, set: []string{"appName=CRM"},
			done: oasim.StateDeleted, repeated: connector.Succeeded, vanished: connector.Failed,
		},
		"feishu": {
			vendor: oasim.Feishu, secrets: [2]string{"feishu-app-id", "feishu-app-secret"}, app: "A-1", set: []string{"approvalCode=A-1"},
			done: oasim.StateDone, repeated: connector.Succeeded, vanished: connector.Succeeded, keepsDone: true,
		},
		"dingtalk": {
			vendor: oasim.DingTalk, secrets: [2]string{"dingtalk-app-key", "dingtalk-app-secret"}, noRemind: true,
			renamed: true, done: oasim.StateDone, repeated: connector.Succeeded, vanished: connector.Succeeded, keepsDone: true,
		},
		"wecom": {
			vendor: oasim.WeCom, secrets: [2]string{"wecom-corp-id", "wecom-secret"}, app: "1000002", set: []string{"agentId=1000002"},
			renamed: true, done: oasim.StateDeleted, repeated: connector.Failed, vanished: connector.Succeeded,
		},
		"rest":       {vendor: oasim.Generic, blind: true},
		"webservice": {vendor: oasim.Generic, blind: true},
		"form":       {vendor: oasim.Generic, blind: true},
	}
}

// TestPresets takes each preset from `connections new` to a todo's end, with the real worker and a simulated OA that speaks the
// vendor's own format: create, edit with a token that has died, done, re-opening, delete, a reminder, and answers that were lost.
func TestPresets(t *testing.T) {
	t.Parallel()
	p := newProcess(t)
	p.start("--public-url", "https://todo.example.com")
	stories := presetStories()
	t.Run("all", func(t *testing.T) {
		for _, name := range preset.Names() {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				if name == "wialon" {
					return // no todos go there
				}
				story, ok := stories[name]
				if !ok {
					t.Fatal("no story of this preset")
				}
				playPreset(t, p, name, &story)
			})
		}
	})
}

// A presetStage is one preset's connection and its OA.
type presetStage struct {
	t      *testing.T
	p      *process
	a      *client
	story  *presetStory
	sim    *oasim.Sim
	tenant string
	file   string // its settings
	events int
}

func playPreset(t *testing.T, p *process, name string, story *presetStory) {
	s := openPreset(t, p, name, story)
	if story.blind {
		for _, action := range []string{"create", "edit", "done", "delete"} {
			s.send("a", action, "合同 A")
		}
		s.remind("r", "合同到期")
		if got := len(s.sim.Calls()); got != 5 {
			t.Errorf("the OA got %d calls, want 5", got)
		}
		return
	}
	s.send("a", "create", "合同 A & <B>")
	first := s.open("hanmeimei", "合同 A & <B>")

	s.sim.ExpireTokens()
	s.send("a", "edit", "合同 B")
	second := s.open("hanmeimei", "合同 B")
	asked := len(slices.DeleteFunc(s.sim.Calls(), func(c oasim.Call) bool { return c.Op != oasim.OpToken }))
	if asked != 0 && asked != 2 {
		t.Errorf("the OA was asked for a token %d times, want twice: at first, and once when that had died", asked)
	}
	if story.renamed != (first.ID != second.ID) && name != "wecom" && name != "dingtalk" {
		t.Errorf("after an edit the OA knows the todo as %s, before as %s", second.ID, first.ID)
	}

	s.send("a", "done", "合同 B")
	s.closed("hanmeimei", second.ID, story.done)
	s.send("a", "create", "合同 C")
	third := s.open("hanmeimei", "合同 C")
	if renamed := third.ID != second.ID; renamed != story.renamed {
		t.Errorf("re-opened, the OA knows the todo as %s, before as %s", third.ID, second.ID)
	}
	s.send("a", "delete", "合同 C")
	s.closed("hanmeimei", third.ID, oasim.StateDeleted)

	s.remind("r", "合同到期")
	if notices := s.todos("hanmeimei", func(x oasim.Todo) bool { return x.Message && strings.Contains(x.Title, "合同到期") }); len(notices) != 1 && !story.noRemind {
		t.Errorf("the inbox holds %d notices", len(notices))
	}
	s.bare()
	s.lost()
	switch name {
	case "wecom":
		s.cards()
	case "weaver", "weaver-soap":
		s.matched()
	case "landray", "landray-rest":
		s.once()
	case "yunzhijia":
		s.partly()
	}
}

// matched plays Weaver's trap: it finds what is done by the title, the node and the workflow that it was last told of.
func (s *presetStage) matched() {
	s.send("w", "create", "合同 T1")
	s.send("w", "edit", "合同 T2")
	src, err := os.ReadFile(s.file)
	if err != nil {
		s.t.Fatal(err)
	}
	changed := s.file + ".other.yaml"
	write(s.t, changed, strings.Replace(string(src), "variables:\n", "variables:\n  workflowName: 另一个流程\n", 1))
	s.p.cli("apply", "-f", changed)
	made := s.event("todo", "edit", map[string]any{
		"id": "w", "status": "approved", "title": "合同 T3", "workflow": map[string]any{"node": "总经理审批"},
		"receivers": []any{map[string]any{"id": "1002"}},
	})
	done := s.todos("hanmeimei", func(x oasim.Todo) bool { return strings.HasPrefix(x.ID, "w_") })
	if len(made) != 1 || made[0].State != connector.Succeeded || len(done) != 1 {
		s.t.Fatalf("done: %+v, in the OA %+v", made, done)
	}
	if x := done[0]; x.State != oasim.StateDone || x.Title != "合同 T2" || x.Node != "部门经理审批" || x.Workflow != "CRM" {
		s.t.Errorf("the done told %s, %s, %s and left it %s", x.Title, x.Node, x.Workflow, x.State)
	}
	s.send("x", "create", "合同 T4")
	if x := s.todos("hanmeimei", func(x oasim.Todo) bool { return strings.HasPrefix(x.ID, "x_") }); x[0].Workflow != "另一个流程" {
		s.t.Errorf("a later create told workflow %s", x[0].Workflow)
	}
}

// together is an event about a todo of two receivers.
func (s *presetStage) together(todo, action, title string, receivers ...string) []connector.Record {
	s.t.Helper()
	status := "pending"
	if action == "done" {
		action, status = "edit", "approved"
	}
	object := map[string]any{"id": todo, "status": status, "title": title, "object": map[string]any{"apiName": "QuoteObj", "dataId": "6729aa"}}
	var list []any
	for _, id := range receivers {
		list = append(list, map[string]any{"id": id})
	}
	object["receivers"] = list
	return s.event("todo", action, object)
}

// once plays a todo of two: Landray changes its text for all at once, and ends it for each.
func (s *presetStage) once() {
	calls := func(op oasim.Op) int {
		return len(slices.DeleteFunc(s.sim.Calls(), func(c oasim.Call) bool { return c.Todo != "y" || c.Op != op }))
	}
	for _, action := range []string{"create", "edit", "edit", "done"} {
		for _, r := range s.together("y", action, "合同 Y "+action, "1002", "1001") {
			if r.State != connector.Succeeded {
				s.t.Errorf("%s: %s of %s ends %s %s %q", action, r.Scene, r.Receiver, r.State, r.Code, r.Message)
			}
		}
	}
	for op, want := range map[oasim.Op]int{oasim.OpCreate: 2, oasim.OpUpdate: 2, oasim.OpDone: 2} {
		if got := calls(op); got != want {
			s.t.Errorf("the OA got %d calls to %s the todo, want %d", got, op, want)
		}
	}
	for _, account := range []string{"hanmeimei", "lilei"} {
		if x := s.todos(account, func(x oasim.Todo) bool { return x.ID == "y" }); len(x) != 1 || x[0].State != oasim.StateDone || x[0].Title != "合同 Y edit" {
			s.t.Errorf("%s has %+v", account, x)
		}
	}
}

// partly plays a list of which the OA takes a part: who got it is done, who did not fails alone, with the OA's word.
func (s *presetStage) partly() {
	byReceiver := func(made []connector.Record) map[string]connector.Record {
		out := map[string]connector.Record{}
		for _, r := range made {
			out[r.Receiver] = r
		}
		return out
	}
	made := byReceiver(s.together("p", "create", "合同 P", "1002", "1003"))
	taken, refused := made["1002"], made["1003"]
	if len(made) != 2 || taken.State != connector.Succeeded || refused.State != connector.Failed || refused.SplitFrom != taken.ID ||
		refused.Code != "505" && refused.Code != "501" || refused.Message == "" {
		s.t.Errorf("of two receivers one is not known: %+v", made)
	}
	if got := s.todos("hanmeimei", func(x oasim.Todo) bool { return x.ID == "p" && x.State == oasim.StateTodo }); len(got) != 1 {
		s.t.Errorf("who is known has %+v", got)
	}
	all := byReceiver(s.together("q", "create", "合同 Q", "1003"))
	if r := all["1003"]; len(all) != 1 || r.State != connector.Failed || r.Code != "505" {
		s.t.Errorf("nobody is known: %+v", all)
	}
	ended := byReceiver(s.together("p", "done", "合同 P", "1002", "1003"))
	if r := ended["1002"]; r.State != connector.Succeeded {
		s.t.Errorf("done for who has it: %+v", ended)
	}
	if left := s.todos("hanmeimei", func(x oasim.Todo) bool { return x.ID == "p" && x.State == oasim.StateTodo }); len(left) > 0 {
		s.t.Errorf("still in the inbox: %+v", left)
	}
}

// cards plays what WeCom's cards allow: one change each, or to be taken back.
func (s *presetStage) cards() {
	s.send("e", "create", "合同 G")
	card := s.todos("hanmeimei", func(x oasim.Todo) bool { return x.Title == "合同 G" })
	s.send("e", "done", "合同 G")
	if now := s.todos("hanmeimei", func(x oasim.Todo) bool { return x.ID == card[0].ID }); now[0].State != oasim.StateDone || now[0].Result != "已处理" {
		s.t.Errorf("a card that is done is %+v", now)
	}
	s.send("f", "create", "合同 H")
	s.send("f", "edit", "合同 I")
	s.send("f", "edit", "合同 J")
	if cards := s.todos("hanmeimei", func(x oasim.Todo) bool { return x.Title == "合同 I" || x.Title == "合同 J" }); len(cards) != 2 {
		s.t.Errorf("a card that was edited twice: %+v, want the first changed and a new one", cards)
	}
	s.send("f", "done", "合同 J")
	if card := s.todos("hanmeimei", func(x oasim.Todo) bool { return x.Title == "合同 J" }); card[0].Result != "已处理" {
		s.t.Errorf("the new card is %+v, want it done: its own code was not spent", card[0])
	}
}

// bare plays events that say no more than they must.
func (s *presetStage) bare() {
	whole := map[string]any{
		"id": "m", "title": "合同 M", "itemTitle": "合同 M", "object": map[string]any{"apiName": "QuoteObj", "dataId": "6729aa", "name": "合同 M"},
		"receivers": []any{map[string]any{"id": "1002"}},
	}
	for _, end := range []struct {
		action string
		object map[string]any
	}{{"edit", map[string]any{"id": "m", "status": "approved"}}, {"delete", map[string]any{"id": "n"}}} {
		whole["id"] = end.object["id"]
		for _, made := range [][]connector.Record{s.event("todo", "create", whole), s.event("todo", end.action, end.object)} {
			if len(made) != 1 || made[0].State != connector.Succeeded {
				s.t.Errorf("a whole create and a bare %s: %+v", end.action, made)
			}
		}
	}
	made := s.event("todo", "create", map[string]any{"id": "o", "title": "合同 O", "receivers": []any{map[string]any{"id": "1002"}}})
	made = append(made, s.event("todo", "delete", map[string]any{"id": "o"})...)
	if len(made) != 2 || made[0].State != connector.Succeeded || made[1].State != connector.Succeeded {
		s.t.Errorf("a bare create and delete: %+v", made)
	}
	if left := s.todos("hanmeimei", func(x oasim.Todo) bool { return !x.Message && x.State == oasim.StateTodo }); len(left) > 0 {
		s.t.Errorf("still in the inbox: %+v", left)
	}
}

// lost plays calls whose answers are lost: the OA has carried them out, and gets them again.
func (s *presetStage) lost() {
	s.sim.When(oasim.Match{}.Matches, oasim.Just(oasim.DoLost))
	made := s.publish("b", "create", "合同 D")
	for _, r := range made {
		if r.State != s.story.repeated || !r.PossiblySentTwice {
			s.t.Errorf("a create whose answer was lost: %s %s %q, twice %t; want %s", r.State, r.Code, r.Message, r.PossiblySentTwice, s.story.repeated)
		}
	}
	if all := s.todos("hanmeimei", func(x oasim.Todo) bool { return !x.Message && x.State == oasim.StateTodo }); len(all) != 1 {
		s.t.Errorf("a create that came twice made %d todos", len(all))
	}
	if s.story.repeated == connector.Succeeded {
		// Also where the OA's id stood in the answer that was lost.
		s.send("b", "edit", "合同 D2")
		s.send("b", "done", "合同 D2")
		if left := s.todos("hanmeimei", func(x oasim.Todo) bool { return !x.Message && x.State == oasim.StateTodo }); len(left) > 0 {
			s.t.Errorf("still in the inbox: %+v", left)
		}
	}
	// A todo that was done and is open again is another one for some OAs: the id of the first must not be taken for its own.
	s.send("z", "create", "合同 Z1")
	s.send("z", "done", "合同 Z1")
	if s.story.repeated == connector.Succeeded {
		s.sim.When(oasim.Match{}.Matches, oasim.Just(oasim.DoLost))
		s.send("z", "create", "合同 Z2")
		s.open("hanmeimei", "合同 Z2")
		s.send("z", "delete", "合同 Z2")
		if left := s.todos("hanmeimei", func(x oasim.Todo) bool { return !x.Message && x.State == oasim.StateTodo }); len(left) > 0 {
			s.t.Errorf("still in the inbox: %+v", left)
		}
	}
	s.send("c", "create", "合同 E")
	s.sim.When(oasim.Match{}.Matches, oasim.Just(oasim.DoLost))
	for _, r := range s.publish("c", "delete", "合同 E") {
		if r.State != s.story.vanished {
			s.t.Errorf("a delete whose answer was lost: %s %s %q, want %s", r.State, r.Code, r.Message, s.story.vanished)
		}
	}
	if !s.story.keepsDone {
		return
	}
	s.send("d", "create", "合同 F")
	s.sim.When(oasim.Match{}.Matches, oasim.Just(oasim.DoLost))
	s.send("d", "done", "合同 F")
}

// openPreset starts an OA and makes a connection to it with the commands that an integrator uses.
func openPreset(t *testing.T, p *process, name string, story *presetStory) *presetStage {
	t.Helper()
	user := story.user
	if user == "" && story.secrets[0] != "" {
		user = "crm-account"
	}
	conf := oasim.Config{Users: []string{"hanmeimei", "lilei"}, User: user}
	if user != "" {
		conf.Password = "a-plain-password"
	}
	if story.app != "" {
		conf.Apps = []string{story.app}
	}
	sim, err := oasim.New(story.vendor, conf)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	t.Cleanup(sim.Close)
	s := &presetStage{t: t, p: p, a: p.client(), story: story, sim: sim, tenant: "t-" + name}
	out := filepath.Join(t.TempDir(), "new.yaml")
	args := []string{"connections", "new", "--preset", name, "--tenant", s.tenant, "--name", "oa", "--out", out, "--set", "base=" + server.URL}
	for _, v := range story.set {
		args = append(args, "--set", v)
	}
	for i, secret := range story.secrets {
		if secret != "" {
			args = append(args, "--secret", secret+"="+[]string{user, conf.Password}[i])
		}
	}
	p.cli(args...)
	quick := out + ".yaml"
	src, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	write(t, quick, string(src)+"retry: {schedule: [50ms, 50ms, 50ms]}\n") // for a person it may take longer
	s.file = quick
	p.cli("apply", "-f", quick)
	for id, account := range map[string]string{"1001": "lilei", "1002": "hanmeimei", "1003": "lintao"} {
		p.cli("bindings", "set", id, account, "--tenant", s.tenant, "--connection", "oa")
	}
	return s
}

// send publishes an event whose deliveries must all succeed.
func (s *presetStage) send(todo, action, title string) {
	s.t.Helper()
	for _, r := range s.publish(todo, action, title) {
		if r.State != connector.Succeeded {
			s.t.Fatalf("%s of %s: %s ends %s %s %s %q", action, todo, r.Scene, r.State, r.Class, r.Code, r.Message)
		}
	}
}

// publish sends an event about a todo and gives its deliveries when they are at rest.
func (s *presetStage) publish(todo, action, title string) []connector.Record {
	s.t.Helper()
	status := "pending"
	if action == "done" {
		action, status = "edit", "approved"
	}
	return s.event("todo", action, map[string]any{
		"id": todo, "type": "approval", "status": status, "title": title, "itemTitle": title, "content": "金额 10,000.00",
		"createdAt": "2024-11-05T09:29:58+08:00", "object": map[string]any{"apiName": "QuoteObj", "dataId": "6729aa", "name": title},
		"workflow": map[string]any{"name": "报价审批", "node": "部门经理审批"}, "sender": map[string]any{"id": "1001", "name": "李雷"},
		"receivers": []any{map[string]any{"id": "1002", "name": "韩梅梅"}},
	})
}

// remind sends a reminder.
func (s *presetStage) remind(id, title string) {
	s.t.Helper()
	made := s.event("reminder", "create", map[string]any{
		"id": id, "title": title, "createdAt": "2024-11-05T09:29:58+08:00", "sender": map[string]any{"id": "1001", "name": "李雷"},
		"receivers": []any{map[string]any{"id": "1002", "name": "韩梅梅"}},
	})
	if s.story.noRemind {
		if len(made) != 0 {
			s.t.Errorf("a reminder led to %d deliveries", len(made))
		}
		return
	}
	if len(made) != 1 || made[0].State != connector.Succeeded {
		s.t.Errorf("a reminder: %+v", made)
	}
}

func (s *presetStage) event(kind, action string, object map[string]any) []connector.Record {
	s.t.Helper()
	s.events++
	id := fmt.Sprintf("%s-%d", s.tenant, s.events)
	body := map[string]any{"tenant": s.tenant, "kind": kind, "action": action, "id": id, kind: object}
	if err := s.a.do(s.t.Context(), call{method: http.MethodPost, path: path("events"), body: body}, nil); err != nil {
		s.t.Fatal(err)
	}
	q := url.Values{"tenant": {s.tenant}, "id": {id}}
	eventually(s.t, 30*time.Second, "event "+id+" is planned", func() bool {
		var answer struct{ Items []json.RawMessage }
		return s.a.do(s.t.Context(), call{method: http.MethodGet, path: path("events"), query: q}, &answer) == nil && len(answer.Items) == 1
	})
	var page connector.Page[connector.Record]
	eventually(s.t, 30*time.Second, "the deliveries of "+id+" are at rest", func() bool {
		page = connector.Page[connector.Record]{}
		q := url.Values{"tenant": {s.tenant}, "event": {id}}
		if err := s.a.do(s.t.Context(), call{method: http.MethodGet, path: path("records"), query: q}, &page); err != nil {
			s.t.Fatal(err)
		}
		return !slices.ContainsFunc(page.Items, func(r connector.Record) bool { return !r.State.Final() })
	})
	return page.Items
}

// todos are the entries of an account's inbox that are wanted.
func (s *presetStage) todos(account string, wanted func(oasim.Todo) bool) []oasim.Todo {
	return slices.DeleteFunc(s.sim.Todos(account), func(x oasim.Todo) bool { return !wanted(x) })
}

// open is the one todo that stands in an account's inbox.
func (s *presetStage) open(account, title string) oasim.Todo {
	s.t.Helper()
	found := s.todos(account, func(x oasim.Todo) bool { return !x.Message && x.State == oasim.StateTodo })
	if len(found) != 1 || !strings.Contains(found[0].Title, title) {
		s.t.Fatalf("in the inbox of %s there is %+v, want one todo %q", account, found, title)
	}
	if found[0].URL == "" || !strings.HasPrefix(found[0].URL, "https://todo.example.com/oa/") {
		s.t.Errorf("its link is %q", found[0].URL)
	}
	return found[0]
}

// closed checks how a todo has ended.
func (s *presetStage) closed(account, id string, state oasim.State) {
	s.t.Helper()
	found := s.todos(account, func(x oasim.Todo) bool { return x.ID == id && !x.Message })
	if len(found) != 1 || found[0].State != state {
		s.t.Errorf("todo %s of %s is %+v, want it %s", id, account, found, state)
	}
	if left := s.todos(account, func(x oasim.Todo) bool { return !x.Message && x.State == oasim.StateTodo }); len(left) > 0 {
		s.t.Errorf("still in the inbox of %s: %+v", account, left)
	}
}
