package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"todosync/connector"
	"todosync/testdata"
)

// The receiver whom the sample leaves unbound, where, and an account that he has in the OA: what to try next is to bind him.
const (
	newcomer           = "1010"
	newcomerAccount    = "zhengyawen"
	newcomerTenant     = "714439"
	newcomerConnection = "seeyon-hq"
)

// greet says what runs, and heads the lines that follow.
func (d *demo) greet(link string) {
	c := d.c
	fmt.Fprintln(c.stdout, c.paint(bold, c.t("todosync demo: everything is real, only the OAs are simulated. Ctrl-C ends it.", "todosync 演示：除 OA 为模拟外，一切都是真实运行的。按 Ctrl-C 结束。")))
	fmt.Fprintf(c.stdout, c.t("\n  Open the console, logged in (this link works once, for an hour):\n  %s\n\n", "\n  打开控制台，已登录（链接仅一次有效，一小时内）：\n  %s\n\n"), c.paint(bold, link))
	fmt.Fprintf(c.stdout, "  API   %s\n  NATS  %s\n", d.app.address(), d.app.nats.Addr())
	for i, s := range testdata.Simulators() {
		fmt.Fprintf(c.stdout, "  OA    %s %s\n", pad(s.Name, 10), d.sims[i].address)
	}
	fmt.Fprintf(c.stdout, c.t("  inbox %s/inbox   (choose an employee, click a todo, and be in the CRM)\n", "  待办箱 %s/inbox   （选择员工，点击待办即进入 CRM）\n"), d.pages.address)
	fmt.Fprintf(c.stdout, c.t("  log   %s\n\n", "  日志  %s\n\n"), d.logFile)
}

// watch prints each delivery as it ends, is held, or waits for another try.
func (d *demo) watch(ctx context.Context) {
	last := map[string]string{}
	each := func(raw json.RawMessage) error {
		var r connector.Record
		if err := json.Unmarshal(raw, &r); err != nil {
			return err
		}
		now := fmt.Sprint(r.State, r.Class, r.Tries)
		if last[r.ID] == now || (!r.State.Final() && r.State != connector.Held && r.State != connector.Retrying) {
			return nil
		}
		if last[r.ID] = now; r.State.Final() {
			delete(last, r.ID)
		}
		d.c.recordLine(&r)
		return nil
	}
	follower := tail{client: d.api, query: url.Values{}, each: each}
	if err := follower.run(ctx); err != nil && ctx.Err() == nil {
		fmt.Fprintln(d.c.stderr, d.c.t("The live view has ended: ", "实时显示已中断：")+err.Error())
	}
}

// playOn plays the sample at a gentle pace, says how it went and what to try, and then goes on slowly until the context ends.
func (d *demo) playOn(ctx context.Context) error {
	for round := 0; ; round++ {
		pace := demoPace
		if round > 0 {
			pace = demoRest
		}
		p, err := d.play(ctx, pace)
		if err != nil {
			return err
		}
		if round > 0 {
			continue
		}
		report, err := d.check(ctx, p)
		if err != nil {
			return err
		}
		d.summarize(report)
		d.suggest(report)
	}
}

// playOnce plays the sample as fast as it goes and fails unless all went as expected.
func (d *demo) playOnce(ctx context.Context) error {
	p, err := d.play(ctx, 0)
	if err != nil {
		return err
	}
	report, err := d.check(ctx, p)
	if err != nil {
		return err
	}
	c := d.c
	if c.output != "" && c.output != "table" {
		raw, err := json.Marshal(report)
		if err != nil {
			return err
		}
		if err := c.one([]column{{key: "published"}, {key: "accepted"}, {key: "duplicates"}, {key: "rejected"}, {key: "deliveries"}, {key: "asExpected"}}, raw, nil); err != nil {
			return err
		}
	} else {
		d.summarize(report)
	}
	if len(report.Differences) > 0 {
		return &failure{
			msg:  c.t("not all went as the sample expects:\n  ", "结果与示例预期不符：\n  ") + strings.Join(report.Differences, "\n  "),
			hint: fmt.Sprintf(c.t("The log is %s.", "日志见 %s。"), d.logFile),
		}
	}
	return nil
}

// A played is one round of the sample on its way.
type played struct {
	run       string
	sample    *sample
	sequences map[[2]string]uint64 // tenant and event id, to the place in the stream
	last      uint64
	refused   int // duplicates that JetStream itself knew
	began     time.Time
}

// play publishes the sample, with a pause after each event.
func (d *demo) play(ctx context.Context, pace time.Duration) (*played, error) {
	if err := d.script(); err != nil {
		return nil, err
	}
	now := d.c.now()
	run := newRun(now)
	p := &played{run: run, sample: loadSample(run), sequences: map[[2]string]uint64{}, began: now}
	for _, e := range p.sample.events {
		if err := d.accepted(ctx, p.last); err != nil {
			return nil, err
		}
		if err := d.settled(ctx, e.Tenant, e.Todo); err != nil {
			return nil, err
		}
		sequence, duplicate, err := d.publish(ctx, e)
		if err != nil {
			return nil, err
		}
		if duplicate {
			p.refused++
		} else {
			p.sequences[[2]string{e.Tenant, e.ID}], p.last = sequence, sequence
		}
		if pace > 0 {
			select {
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-time.After(pace):
			}
		}
	}
	return p, d.accepted(ctx, p.last)
}

// summarize prints what came, what was sent, and what failed and why.
func (d *demo) summarize(r *report) {
	c := d.c
	fmt.Fprintf(c.stdout, "\n%s\n", c.paint(bold, c.t("What came of the sample", "示例的结果")))
	fmt.Fprintf(c.stdout, c.t("%d events published: %d accepted, %d known already, %d rejected\n\n", "发出 %d 个事件：接收 %d，重复 %d，拒收 %d\n\n"), r.Published, r.Accepted, r.Duplicates, r.Rejected)
	t := c.newTable()
	head := table.Row{c.t("TENANT", "租户"), c.t("CONNECTION", "连接"), c.t("DELIVERIES", "发送")}
	for _, s := range shownStates() {
		head = append(head, string(s))
	}
	t.AppendHeader(head)
	for _, l := range r.Deliveries {
		row := table.Row{l.Tenant, l.Connection, l.All}
		for _, s := range shownStates() {
			row = append(row, c.paint(stateColour(s), count(l.States[s])))
		}
		t.AppendRow(row)
	}
	fmt.Fprintf(c.stdout, "%s\n\n", t.Render())
	for _, title := range []struct {
		state connector.State
		text  string
	}{
		{connector.Failed, c.t("Failed, and why:", "失败及原因：")},
		{connector.Held, c.t("Held until somebody acts:", "暂留，等待处理：")},
	} {
		t := c.newTable()
		for _, x := range r.Told {
			if x.State == title.state {
				t.AppendRow(table.Row{" ", x.Tenant, x.Connection, x.Scene, cut(oneLine(x.Title), 40), x.Receiver, x.Class, cut(oneLine(strings.TrimSpace(x.Code+" "+x.Message)), 70)})
			}
		}
		if t.Length() > 0 {
			fmt.Fprintf(c.stdout, "%s\n%s\n\n", title.text, t.Render())
		}
	}
	for _, x := range r.Rejects {
		fmt.Fprintf(c.stdout, c.t("Rejected: %s: %s\n", "拒收：%s:%s\n"), x.Subject, oneLine(strings.TrimPrefix(x.Path+": "+x.Reason, ": ")))
	}
	if len(r.SignOns) > 0 {
		t := c.newTable()
		for _, x := range r.SignOns {
			t.AppendRow(table.Row{" ", x.Tenant, x.Connection, x.Account, x.Outcome, x.User, x.Page, c.t("again: ", "再次打开：") + x.Again})
		}
		fmt.Fprintf(c.stdout, "%s\n%s\n\n", c.t("A todo clicked in the OA: who arrived in the CRM, and where:", "在 OA 点击待办：谁进入了 CRM 的哪一页："), t.Render())
	}
	if len(r.Differences) == 0 {
		fmt.Fprintln(c.stdout, c.paint(green, c.t("All of it as the sample expects.", "全部符合示例预期。")))
		return
	}
	fmt.Fprintln(c.stdout, c.paint(red, c.t(plural(len(r.Differences), "1 difference", "%d differences")+" from what the sample expects.",
		fmt.Sprintf("与示例预期有 %d 处不同。", len(r.Differences)))))
}

// shownStates are the states that stand in the summary, in the order in which a reader asks for them.
func shownStates() []connector.State {
	return []connector.State{connector.Succeeded, connector.Failed, connector.Held, connector.Skipped, connector.Superseded}
}

func count(n int) string {
	if n == 0 {
		return "."
	}
	return fmt.Sprint(n)
}

// suggest says what to try next, with the addresses and ids of this run.
func (d *demo) suggest(r *report) {
	c := d.c
	self, err := os.Executable()
	if wd, werr := os.Getwd(); err == nil && werr == nil {
		if rel, err := filepath.Rel(wd, self); err == nil && !strings.HasPrefix(rel, "..") {
			self = "./" + rel
		}
	}
	say := func(en, zh, command string) {
		fmt.Fprintf(c.stdout, "  %s\n      %s\n", c.paint(grey, "# "+c.t(en, zh)), command)
	}
	fmt.Fprintf(c.stdout, "\n%s\n", c.paint(bold, c.t("Try next, in another terminal:", "接下来可以在另一个终端里试试：")))
	say("where the commands find this server", "让命令找到本服务器", fmt.Sprintf("export TODOSYNC_SERVER=%s TODOSYNC_DATA_DIR=%s", d.app.address(), d.dataDir))
	say("what failed", "哪些失败了", self+" records list --state failed")
	for _, x := range r.Told {
		if x.State == connector.Failed {
			say("one of them, with each request and answer", "其中一条的完整请求与应答", self+" records show "+x.ID)
			break
		}
	}
	say("bind the receiver whose todo is held; it goes at once", "绑定被暂留的接收人，其待办随即发送",
		fmt.Sprintf("%s bindings set %s %s --tenant %s --connection %s", self, newcomer, newcomerAccount, newcomerTenant, newcomerConnection))
	say("what was no acceptable event", "哪些消息被拒收", self+" rejected list")
	say("what became of each event", "每个事件的处理结果", self+" events --tenant "+newcomerTenant)
	say("an employee's inbox in a browser: a click leads into the CRM", "在浏览器中打开员工的待办箱：点击待办即进入 CRM", d.pages.address+"/inbox")
	fmt.Fprintf(c.stdout, c.t("\nThe sample goes on, one event every %s. Ctrl-C ends it.\n\n", "\n示例继续播放，每 %s 一个事件。按 Ctrl-C 结束。\n\n"), demoRest)
}
