package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// jobColumns are the columns of a list of jobs.
var jobColumns = [...]column{
	{key: "id", en: "id", zh: "编号"},
	{key: "createdAt", en: "created", zh: "创建时间"},
	{key: "name", en: "name", zh: "名称", max: 30},
	{key: "kind", en: "kind", zh: "类别"},
	{key: "state", en: "state", zh: "状态"},
	{key: "total", en: "total", zh: "总数"},
	{key: "done", en: "done", zh: "完成"},
	{key: "skipped", en: "skipped", zh: "跳过"},
	{key: "waiting", en: "waiting", zh: "等待"},
	{key: "who", en: "who", zh: "操作人", max: 20},
	{key: "error", en: "error", zh: "错误", max: 40},
	{key: "endedAt", hidden: true},
	{key: "complete", hidden: true},
	{key: "connection", hidden: true},
	{key: "rendering", hidden: true},
}

// A jobState is a job as the server tells of it.
type jobState struct {
	ID       string           `json:"id"`
	Name     string           `json:"name"`
	Kind     string           `json:"kind"`
	State    string           `json:"state"`
	Who      string           `json:"who"`
	Total    int64            `json:"total"`
	Complete bool             `json:"complete"`
	Done     int64            `json:"done"`
	Skipped  int64            `json:"skipped"`
	Waiting  int64            `json:"waiting"`
	Reasons  map[string]int64 `json:"reasons"`
	Error    string           `json:"error"`
	Created  time.Time        `json:"createdAt"`
	Ended    *time.Time       `json:"endedAt"`
}

func (j *jobState) ended() bool { return j.Ended != nil }

// manyFlags are those of commands that start a job.
type manyFlags struct {
	dryRun, noWait bool
	name           string
}

func (c *cli) manyFlags(cmd *cobra.Command, m *manyFlags) {
	f := cmd.Flags()
	f.BoolVar(&m.dryRun, "dry-run", false, c.t("with a filter: only say how many there are", "用筛选条件时：只统计数量"))
	f.BoolVar(&m.noWait, "no-wait", false, c.t("with a filter: do not wait for the end of the job", "用筛选条件时：不等待任务结束"))
	f.StringVar(&m.name, "name", "", c.t("with a filter: a name for the job", "用筛选条件时：任务名称"))
}

// many starts a job over all records that match, after a look at how many there are where a person can be asked.
func (c *cli) many(cmd *cobra.Command, a *client, at string, q url.Values, body map[string]any, yes bool, m *manyFlags) error {
	body["dryRun"], body["name"] = true, m.name
	ask := !yes && terminal(c.stdin)
	if m.dryRun || ask {
		var raw json.RawMessage
		if err := a.do(cmd.Context(), call{method: http.MethodPost, path: at, query: q, body: body}, &raw); err != nil {
			return err
		}
		var j jobState
		if err := json.Unmarshal(raw, &j); err != nil {
			return fmt.Errorf("read the answer: %w", err)
		}
		count := fmt.Sprint(j.Total)
		if !j.Complete {
			count = fmt.Sprintf(c.t("more than %d", "超过 %d"), j.Total)
		}
		if m.dryRun {
			return c.one(jobColumns[:], raw, func() error {
				_, err := fmt.Fprintf(c.stdout, c.t("%s records match\n", "符合条件的记录：%s 条\n"), count)
				return err
			})
		}
		ok, err := c.confirm(fmt.Sprintf(c.t("%s records match. Go on?", "符合条件的记录：%s 条，继续吗？"), count))
		if err != nil || !ok {
			return errors.Join(err, errTold)
		}
	}
	body["dryRun"] = false
	return c.startJob(cmd.Context(), a, call{method: http.MethodPost, path: at, query: q, body: body}, m.noWait)
}

// startJob starts a job, waits for its end unless told not to, and prints it.
func (c *cli) startJob(ctx context.Context, a *client, start call, noWait bool) error {
	var raw json.RawMessage
	if err := a.do(ctx, start, &raw); err != nil {
		return err
	}
	var j jobState
	if err := json.Unmarshal(raw, &j); err != nil {
		return fmt.Errorf("read the job: %w", err)
	}
	if noWait {
		return c.printJob(raw)
	}
	last, err := c.followJob(ctx, a, &j)
	if err != nil {
		fmt.Fprintf(c.stderr, c.t("The job goes on: todosync jobs show %s\n", "任务仍在继续：todosync jobs show %s\n"), j.ID)
		return err
	}
	if err := c.printJob(last); err != nil {
		return err
	}
	if err := json.Unmarshal(last, &j); err == nil && j.State != "done" {
		return errTold
	}
	return nil
}

func (c *cli) printJob(raw json.RawMessage) error {
	return c.one(jobColumns[:], raw, func() error {
		if err := c.list(jobColumns[:], []json.RawMessage{raw}); err != nil {
			return err
		}
		var j jobState
		if err := json.Unmarshal(raw, &j); err != nil {
			return fmt.Errorf("read the job: %w", err)
		}
		for why, n := range j.Reasons {
			fmt.Fprintf(c.stdout, c.t("skipped: %6d  %s\n", "跳过：%6d  %s\n"), n, oneLine(why))
		}
		return nil
	})
}

// followJob shows a job's progress, on a terminal only, until it has ended.
func (c *cli) followJob(ctx context.Context, a *client, j *jobState) (json.RawMessage, error) {
	on := terminal(c.stderr)
	defer func() {
		if on {
			fmt.Fprint(c.stderr, "\r\x1b[K")
		}
	}()
	t := time.NewTicker(250 * time.Millisecond)
	defer t.Stop()
	for {
		var raw json.RawMessage
		if err := a.do(ctx, call{method: http.MethodGet, path: path("jobs", j.ID)}, &raw); err != nil {
			return nil, err
		}
		if err := json.Unmarshal(raw, j); err != nil {
			return nil, fmt.Errorf("read the job: %w", err)
		}
		if j.ended() {
			return raw, nil
		}
		if on {
			fmt.Fprint(c.stderr, "\r"+c.bar(j)+"\x1b[K")
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-t.C:
		}
	}
}

// bar is a job's progress in one line.
func (c *cli) bar(j *jobState) string {
	if !j.Complete {
		return fmt.Sprintf(c.t("%s: %d found", "%s：已找到 %d 条"), j.Name, j.Total)
	}
	const width = 30
	gone := j.Done + j.Skipped
	full := 0
	if j.Total > 0 {
		full = int(gone * width / j.Total)
	}
	return fmt.Sprintf(c.t("%s [%s%s] %d of %d, %d skipped, %d on their way", "%s [%s%s] %d / %d，跳过 %d，在途 %d"), shown(j.Name), strings.Repeat("#", full),
		strings.Repeat(".", width-full), gone, j.Total, j.Skipped, j.Waiting)
}

func (c *cli) jobsCmd() *cobra.Command {
	cmd := &cobra.Command{Use: "jobs", Short: c.t("Jobs: retries, cancels and backfills of many; alone it lists them", "任务：批量重发、取消与补发；不带子命令时列出")}
	s := c.serverFlags(cmd)
	list := &cobra.Command{Use: "list", Short: c.t("List jobs, newest first", "列出任务，最新的在前"), Args: c.args(0, 0, "")}
	page := c.pagingFlags(list)
	list.RunE = func(cmd *cobra.Command, _ []string) error { return c.listJobs(cmd, s, page) }
	show := &cobra.Command{Use: "show ID", Short: c.t("Show one job", "查看一个任务"), Args: c.args(1, 1, "ID")}
	wait := show.Flags().Bool("wait", false, c.t("wait for its end and show its progress", "等待结束并显示进度"))
	show.RunE = func(cmd *cobra.Command, args []string) error {
		a, err := c.connect(s)
		if err != nil {
			return err
		}
		if *wait {
			raw, err := c.followJob(cmd.Context(), a, &jobState{ID: args[0]})
			if err != nil {
				return err
			}
			return c.printJob(raw)
		}
		return c.jobCall(cmd, a, call{method: http.MethodGet, path: path("jobs", args[0])})
	}
	stop := &cobra.Command{
		Use: "stop ID", Short: c.t("Stop a job; what it has let go goes on", "停止任务；已发出的继续进行"), Args: c.args(1, 1, "ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := c.connect(s)
			if err != nil {
				return err
			}
			return c.jobCall(cmd, a, call{method: http.MethodPost, path: path("jobs", args[0], "stop")})
		},
	}
	c.group(cmd, list, show, stop)
	alone := c.pagingFlags(cmd)
	other := cmd.RunE // what it says to a word that is no command

	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return other(cmd, args)
		}
		return c.listJobs(cmd, s, alone)
	}
	return cmd
}

func (c *cli) listJobs(cmd *cobra.Command, s *server, page *paging) error {
	a, err := c.connect(s)
	if err != nil {
		return err
	}
	items, err := a.pages(cmd.Context(), path("jobs"), url.Values{}, page)
	if err != nil {
		return err
	}
	return c.list(jobColumns[:], items)
}

func (c *cli) jobCall(cmd *cobra.Command, a *client, r call) error {
	var raw json.RawMessage
	if err := a.do(cmd.Context(), r, &raw); err != nil {
		return err
	}
	return c.printJob(raw)
}

func (c *cli) connectionBackfillCmd(s *server) *cobra.Command {
	cmd := &cobra.Command{
		Use: "backfill NAME", Short: c.t("Send a connection the newest state of every pending todo", "向某连接补发所有未完成待办的最新状态"), Args: c.args(1, 1, "NAME"),
		Long: c.t(`Sends every todo whose newest accepted event is pending to one connection, as a job: for a connection that was made after the events
came, or one whose OA lost its data (--lost).`,
			`把所有最新状态为未完成的待办补发到一个连接，作为任务运行：用于新建的连接，或 OA 数据丢失的情况（--lost）。`),
		Example: "  todosync connections backfill seeyon-hq --tenant 714439 --from 2024-11-01",
	}
	f := cmd.Flags()
	tenant := f.String("tenant", "", c.t("its tenant; or write TENANT/NAME", "所属租户；也可写作 租户/名称"))
	from := f.String("from", "", c.t("todos whose newest event came then or later: a date or RFC 3339 (default: all that are kept)", "最新事件不早于该时间的待办：日期或 RFC 3339（默认全部）"))
	lost := f.Bool("lost", false, c.t("the OA has lost its data: send all as creates", "OA 数据已丢失：全部按新建推送"))
	noWait := f.Bool("no-wait", false, c.t("do not wait for the end of the job", "不等待任务结束"))
	name := f.String("name", "", c.t("a name for the job", "任务名称"))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		t, conn, err := c.connectionName(cmd, *tenant, args[0])
		if err != nil {
			return err
		}
		a, err := c.connect(s)
		if err != nil {
			return err
		}
		body := map[string]any{"from": *from, "lost": *lost, "name": *name}
		return c.startJob(cmd.Context(), a, call{method: http.MethodPost, path: path("tenants", t, "connections", conn, "backfill"), body: body}, *noWait)
	}
	return cmd
}
