package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"todosync/connector/file"
)

// changesShown is how many changed members a list of revisions names.
const changesShown = 3

// revisionColumns are the columns of a list of revisions.
func (c *cli) revisionColumns() []column {
	return []column{
		{key: "revision", en: "revision", zh: "版本"},
		{key: "savedAt", en: "when", zh: "时间"},
		{key: "savedBy", en: "who", zh: "保存者", max: 30},
		{key: "how", en: "how", zh: "方式"},
		{key: "changed", en: "changed", zh: "改动", max: 80, text: c.changes},
	}
}

// changes says in a few words what a revision changed.
func (c *cli) changes(row map[string]any) string {
	if cell(row["revision"], true) == "1" {
		return c.t("made", "新建")
	}
	members, _ := row["changed"].([]any)
	more := len(members) - changesShown
	if more <= 1 { // the last one is as short as a number
		return strings.ReplaceAll(cell(members, true), ",", ", ")
	}
	return fmt.Sprintf(c.t("%s and %d more", "%s 等，另有 %d 处"), strings.ReplaceAll(cell(members[:changesShown], true), ",", ", "), more)
}

// A comparing holds the flags of `connections revisions`.
type comparing struct {
	tenant string
	diff   bool
	with   int64
}

// A revised says whose revisions a command is about, and where the API has them.
type revised func(cmd *cobra.Command, o *comparing, arg string) (at []string, err error)

// revisedConnection is the connection that an argument names.
func (c *cli) revisedConnection(cmd *cobra.Command, o *comparing, arg string) ([]string, error) {
	t, name, err := c.connectionName(cmd, o.tenant, arg)
	return []string{"tenants", t, "connections", name, "revisions"}, err
}

// revisedTenant is the tenant that an argument names.
func (c *cli) revisedTenant(_ *cobra.Command, _ *comparing, arg string) ([]string, error) {
	return []string{"tenants", arg, "revisions"}, nil
}

func (c *cli) tenantRevisionsCmd(s *server) *cobra.Command {
	return c.revisionsCmd(s, &comparing{}, &cobra.Command{
		Use: "revisions TENANT [REVISION]", Short: c.t("All that was saved of a tenant's own settings: who, when, what changed", "租户自身设置的历史版本：谁、何时、改了什么"),
		Long: c.t(`Lists all that was saved of a tenant's own settings, newest first. With a revision's number it prints the file as it was then, which apply
takes; with --diff what that revision changed.`,
			`列出租户自身设置保存过的所有版本，最新的在前。给出版本号时输出当时的文件（可用 apply 加载）；加 --diff 则输出该版本改动了什么。`),
		Example: "  todosync tenants revisions 714439\n  todosync tenants revisions 714439 3 --diff", Args: c.args(1, 2, "TENANT"),
	}, c.revisedTenant)
}

func (c *cli) tenantRestoreCmd(s *server) *cobra.Command {
	return c.restoreRevisionCmd(s, &comparing{}, &cobra.Command{
		Use: "restore TENANT REVISION", Short: c.t("Make a tenant's own settings what they were: a new revision with what an older one holds", "把租户自身设置恢复为某个历史版本：内容相同的新版本"),
		Example: "  todosync tenants restore 714439 3", Args: c.args(2, 2, "TENANT REVISION"),
	}, c.revisedTenant)
}

func (c *cli) connectionRevisionsCmd(s *server) *cobra.Command {
	cmd := &cobra.Command{
		Use: "revisions NAME [REVISION]", Short: c.t("All that was saved of a connection: who, when, what changed", "连接的历史版本：谁、何时、改了什么"),
		Long: c.t(`Lists all that was saved of a connection, newest first. With a revision's number it prints the file as it was then, which apply takes;
with --diff what that revision changed.`,
			`列出连接保存过的所有版本，最新的在前。给出版本号时输出当时的文件（可用 apply 加载）；加 --diff 则输出该版本改动了什么。`),
		Example: "  todosync connections revisions seeyon-hq --tenant 714439\n  todosync connections revisions seeyon-hq 3 --diff --tenant 714439",
		Args:    c.args(1, 2, "NAME"),
	}
	o := &comparing{}
	cmd.Flags().StringVar(&o.tenant, "tenant", "", c.t("its tenant; or write TENANT/NAME", "所属租户；也可写作 租户/名称"))
	return c.revisionsCmd(s, o, cmd, c.revisedConnection)
}

// revisionsCmd has a command list revisions, print one, or compare two.
func (c *cli) revisionsCmd(s *server, o *comparing, cmd *cobra.Command, of revised) *cobra.Command {
	page := c.pagingFlags(cmd)
	f := cmd.Flags()
	f.BoolVar(&o.diff, "diff", false, c.t("what the revision changed", "输出该版本的改动"))
	f.Int64Var(&o.with, "with", 0, c.t("compare with this revision, not with the one before; means --diff", "与该版本比较，而不是与前一版本比较；即 --diff"))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		at, err := of(cmd, o, args[0])
		if err != nil {
			return err
		}
		o.diff = o.diff || cmd.Flags().Changed("with")
		if len(args) == 1 && o.diff {
			return &usageError{c.t("--diff needs a revision: NAME REVISION --diff", "--diff 需要版本号：名称 版本号 --diff"), c.helpHint(cmd)}
		}
		revision := int64(0)
		if len(args) == 2 {
			if revision, err = c.revisionNumber(args[1]); err != nil {
				return err
			}
		}
		if cmd.Flags().Changed("with") && o.with < 1 {
			return &usageError{c.notARevision("--with " + strconv.FormatInt(o.with, 10)), ""}
		}
		a, err := c.connect(s)
		if err != nil {
			return err
		}
		one := append(at, strconv.FormatInt(revision, 10))
		switch {
		case o.diff:
			return a.revisionDiff(cmd.Context(), path(append(one, "diff")...), o.with)
		case revision > 0:
			return a.revision(cmd.Context(), path(one...))
		}
		items, err := a.pages(cmd.Context(), path(at...), url.Values{}, page)
		if err != nil {
			return err
		}
		return c.list(c.revisionColumns(), items)
	}
	return cmd
}

// revisionNumber reads a revision's number.
func (c *cli) revisionNumber(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 1 {
		return 0, &usageError{c.notARevision(s), c.t("The command revisions without a number lists them.", "不带版本号的 revisions 命令会列出所有版本。")}
	}
	return n, nil
}

func (c *cli) notARevision(what string) string {
	return fmt.Sprintf(c.t("%s: a revision is a number such as 3", "%s：版本号应为数字，例如 3"), what)
}

// revision prints the file that a revision was saved from.
func (a *client) revision(ctx context.Context, path string) error {
	c := a.cli
	var raw json.RawMessage
	if err := a.do(ctx, call{method: http.MethodGet, path: path}, &raw); err != nil {
		return err
	}
	return c.one(c.revisionColumns(), raw, func() error {
		var r struct {
			Source json.RawMessage `json:"source"`
		}
		if err := json.Unmarshal(raw, &r); err != nil {
			return fmt.Errorf("read the server's answer: %w", err)
		}
		text, err := file.Marshal(r.Source)
		if err != nil {
			return err
		}
		_, err = fmt.Fprint(c.stdout, shown(string(text)))
		return err
	})
}

// diffColumns are the columns of a difference in CSV.
var diffColumns = [...]column{{key: "revision"}, {key: "with"}, {key: "changed"}, {key: "diff"}}

// revisionDiff prints by what a revision differs from another, 0: from the one before.
func (a *client) revisionDiff(ctx context.Context, path string, with int64) error {
	c := a.cli
	q := url.Values{}
	if with > 0 {
		q.Set("with", strconv.FormatInt(with, 10))
	}
	var raw json.RawMessage
	if err := a.do(ctx, call{method: http.MethodGet, path: path, query: q}, &raw); err != nil {
		return err
	}
	return c.one(diffColumns[:], raw, func() error {
		var d struct {
			Diff string `json:"diff"`
		}
		if err := json.Unmarshal(raw, &d); err != nil {
			return fmt.Errorf("read the server's answer: %w", err)
		}
		if d.Diff == "" {
			fmt.Fprintln(c.stderr, c.t("Nothing differs.", "没有差异。"))
		}
		_, err := fmt.Fprint(c.stdout, shown(d.Diff))
		return err
	})
}

func (c *cli) connectionRestoreCmd(s *server) *cobra.Command {
	cmd := &cobra.Command{
		Use: "restore NAME REVISION", Short: c.t("Make a connection what it was: a new revision with what an older one holds", "把连接恢复为某个历史版本：内容相同的新版本"),
		Example: "  todosync connections restore seeyon-hq 3 --tenant 714439", Args: c.args(2, 2, "NAME REVISION"),
	}
	o := &comparing{}
	cmd.Flags().StringVar(&o.tenant, "tenant", "", c.t("its tenant; or write TENANT/NAME", "所属租户；也可写作 租户/名称"))
	return c.restoreRevisionCmd(s, o, cmd, c.revisedConnection)
}

// restoreRevisionCmd has a command make an older revision the newest.
func (c *cli) restoreRevisionCmd(s *server, o *comparing, cmd *cobra.Command, of revised) *cobra.Command {
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		at, err := of(cmd, o, args[0])
		if err != nil {
			return err
		}
		revision, err := c.revisionNumber(args[1])
		if err != nil {
			return err
		}
		a, err := c.connect(s)
		if err != nil {
			return err
		}
		var r saved
		where := path(append(at, strconv.FormatInt(revision, 10), "restore")...)
		if err := a.do(cmd.Context(), call{method: http.MethodPost, path: where}, &r); err != nil {
			return err
		}
		r.Result = savedResult(r.Changed)
		return c.tellSaved([]saved{r})
	}
	return cmd
}
