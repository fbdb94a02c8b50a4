package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"todosync/connector/file"
	"todosync/connector/preset"
)

// A newConnection holds what `connections new` was told, and what it asked for.
type newConnection struct {
	preset, tenant, name, title string
	out                         string // "-" is standard output
	set, secret                 []string
	readme                      bool

	asked     preset.Asked
	variables map[string]string
	secrets   map[string]string // values to be set at the server; they never reach the file
}

// newColumns are the columns of what was written.
var newColumns = [...]column{
	{key: "file", en: "file", zh: "文件"},
	{key: "tenant", en: "tenant", zh: "租户"},
	{key: "name", en: "name", zh: "名称"},
	{key: "preset", en: "preset", zh: "预置"},
	{key: "secretsMissing", en: "secrets to set", zh: "待设置的密钥", text: func(row map[string]any) string {
		list, _ := row["secretsMissing"].([]any)
		out := make([]string, len(list))
		for i, v := range list {
			out[i] = fmt.Sprint(v)
		}
		return strings.Join(out, ",")
	}},
}

func (c *cli) connectionNewCmd(s *server) *cobra.Command {
	n := &newConnection{}
	cmd := &cobra.Command{
		Use: "new --preset PRESET --tenant TENANT --name NAME", Args: c.args(0, 0, ""),
		Short: c.t("Write the file of a new connection from a preset, without a server", "用预置生成新连接的文件，无需服务器"),
		Long: c.t(`Writes a connection file from a preset. On a terminal it asks for what it needs; else flags say it, and all that is missing is told at once.
A preset's variables go into the file. Its secrets never do: they are set at the server, at once where --server is given, else by the
commands that are printed.`,
			`用预置生成连接文件。在终端上会逐项询问；否则由选项给出，缺少的内容会一次全部列出。
预置的变量写入文件，密钥绝不写入文件：给出 --server 时直接在服务器上设置，否则输出设置命令。`),
		Example: "  todosync connections new --preset seeyon --tenant 714439 --name seeyon-hq --set base=http://oa.example.com --set registerCode=3004",
	}
	f := cmd.Flags()
	f.StringVar(&n.preset, "preset", "", c.t("the OA: ", "OA 种类：")+strings.Join(preset.Names(), ", "))
	f.StringVar(&n.tenant, "tenant", "", c.t("the tenant (ei)", "租户（企业 ei）"))
	f.StringVar(&n.name, "name", "", c.t("the connection's name: a-z, 0-9 and -", "连接名称：a-z、0-9 和 -"))
	f.StringVar(&n.title, "title", "", c.t("what people call it", "供人阅读的标题"))
	f.StringArrayVar(&n.set, "set", nil, c.t("a variable of the preset, NAME=VALUE; again for more", "预置的变量，名称=值；可重复"))
	f.StringArrayVar(&n.secret, "secret", nil, c.t("a secret to set at the server, NAME=VALUE; others on this machine can see it", "要在服务器上设置的密钥，名称=值；本机其他用户可能看到"))
	f.StringVar(&n.out, "out", "", c.t("the file; NAME.yaml by default, - is standard output", "输出文件；默认为 名称.yaml，- 表示标准输出"))
	f.BoolVar(&n.readme, "readme", false, c.t("print what to ask the OA's administrator for, and do nothing else", "只输出需要向 OA 管理员索取的内容"))
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if !slices.Contains([]string{"", "table", "json", "yaml", "csv"}, c.output) {
			n.out, c.output = c.output, "" // -o FILE, as people write it
		}
		return c.newConnection(cmd, s, n)
	}
	return cmd
}

func (c *cli) newConnection(cmd *cobra.Command, s *server, n *newConnection) error {
	ctx, ask := cmd.Context(), c.asker()
	given := cmd.Flags().Changed("server") || cmd.Flags().Changed("data-dir")
	if n.preset == "" && ask != nil {
		fmt.Fprintf(c.stderr, c.t("Presets: %s\n", "预置：%s\n"), strings.Join(preset.Names(), ", "))
		if err := ask.line(ctx, c.t("Preset", "预置"), "", &n.preset); err != nil {
			return err
		}
	}
	if n.preset == "" {
		return c.incomplete(cmd, n, nil)
	}
	if err := c.findPreset(n); err != nil {
		return err
	}
	if n.readme {
		text, err := preset.Readme(n.preset)
		if err == nil {
			_, err = c.stdout.Write(text)
		}
		return err
	}
	if err := c.readAnswers(n); err != nil {
		return err
	}
	if len(n.secrets) > 0 && !given {
		return &usageError{
			c.t("--secret sets secrets at a server, and no --server is given", "--secret 会在服务器上设置密钥，但没有给出 --server"),
			c.t("Give --server, or leave --secret out: the commands that set them are printed.", "请给出 --server；或不用 --secret，命令会列出设置方法。"),
		}
	}
	if ask != nil {
		if err := c.askAll(ctx, ask, n, given); err != nil {
			return err
		}
	}
	if err := c.incomplete(cmd, n, n.missing()); err != nil {
		return err
	}
	return c.writeConnection(ctx, s, n)
}

// findPreset reads the preset's questions.
func (c *cli) findPreset(n *newConnection) (err error) {
	if !slices.Contains(preset.Names(), n.preset) {
		hint := fmt.Sprintf(c.t("There are %s.", "可用：%s。"), strings.Join(preset.Names(), ", "))
		if near := nearest(n.preset, preset.Names()); near != "" {
			hint = fmt.Sprintf(c.t("Did you mean %s? ", "是不是要用 %s? "), near) + hint
		}
		return &usageError{fmt.Sprintf(c.t("--preset %s: there is no such preset", "--preset %s：没有这个预置"), n.preset), hint}
	}
	n.asked, err = preset.Settings(n.preset)
	return err
}

// readAnswers reads --set and --secret.
func (c *cli) readAnswers(n *newConnection) error {
	known := make([]string, 0, len(n.asked.Variables))
	for _, v := range n.asked.Variables {
		known = append(known, v.Name)
	}
	further, err := file.PresetVariables(n.preset)
	if err != nil {
		return err
	}
	for _, name := range further {
		if !slices.Contains(known, name) {
			known = append(known, name)
		}
	}
	var secrets []string
	for _, v := range n.asked.Secrets {
		secrets = append(secrets, v.Name)
	}
	if n.variables, err = c.pairs("--set", n.set, known); err != nil {
		return err
	}
	n.secrets, err = c.pairs("--secret", n.secret, secrets)
	if err == nil && len(n.secrets) > 0 {
		fmt.Fprintln(c.stderr, c.t("warning: a value on the command line can be seen by others and stays in the shell's history",
			"警告：命令行中的值会被本机其他人看到，并留在 shell 历史中"))
	}
	return err
}

// pairs reads flags of the form NAME=VALUE. The value of one that is wrong is never repeated: it may be a secret.
func (c *cli) pairs(flag string, given, known []string) (map[string]string, error) {
	out := map[string]string{}
	for _, text := range given {
		name, value, ok := strings.Cut(text, "=")
		if !ok || name == "" {
			return nil, &usageError{fmt.Sprintf(c.t("%s: want NAME=VALUE", "%s：应写成 名称=值"), flag), ""}
		}
		if !slices.Contains(known, name) {
			hint := c.t("This preset has none.", "该预置没有此类内容。")
			if len(known) > 0 {
				hint = fmt.Sprintf(c.t("There are %s.", "可用：%s。"), strings.Join(known, ", "))
			}
			if near := nearest(name, known); near != "" {
				hint = fmt.Sprintf(c.t("Did you mean %s? ", "是不是要用 %s? "), near) + hint
			}
			return nil, &usageError{fmt.Sprintf(c.t("%s %s: the preset does not ask for this", "%s %s：该预置没有这一项"), flag, name), hint}
		}
		out[name] = value
	}
	return out, nil
}

// askAll asks for what the flags have left open. A preset's secrets are asked for only where there is a server to take them.
func (c *cli) askAll(ctx context.Context, ask *asker, n *newConnection, server bool) error {
	for _, q := range []struct {
		about string
		into  *string
	}{{c.t("Tenant (ei)", "租户（企业 ei）"), &n.tenant}, {c.t("Name of the connection (a-z, 0-9, -)", "连接名称（a-z、0-9、-）"), &n.name}} {
		if *q.into == "" {
			if err := ask.line(ctx, q.about, "", q.into); err != nil {
				return err
			}
		}
	}
	for _, v := range n.asked.Variables {
		if _, ok := n.variables[v.Name]; ok {
			continue
		}
		value := ""
		if err := ask.line(ctx, v.Name+": "+v.About.In(string(c.lang)), v.Default, &value); err != nil {
			return err
		}
		if value != "" && value != v.Default {
			n.variables[v.Name] = value
		}
	}
	if !server {
		return nil
	}
	for _, s := range n.asked.Secrets {
		if _, ok := n.secrets[s.Name]; ok {
			continue
		}
		value, err := ask.hidden(ctx, s.Name+": "+s.About.In(string(c.lang))+c.t(" (not shown; Enter: later)", "（不回显；直接回车：以后设置）"))
		if err != nil {
			return err
		}
		if value != "" {
			n.secrets[s.Name] = value
		}
	}
	return nil
}

// missing are the flags that have to be given yet, each with what it is.
func (n *newConnection) missing() []missingFlag {
	var out []missingFlag
	if n.tenant == "" {
		out = append(out, missingFlag{flag: "--tenant TENANT"})
	}
	if n.name == "" {
		out = append(out, missingFlag{flag: "--name NAME"})
	}
	for _, v := range n.asked.Variables {
		if v.Required && n.variables[v.Name] == "" {
			out = append(out, missingFlag{flag: "--set " + v.Name + "=...", about: v.About})
		}
	}
	return out
}

// A missingFlag is a flag that has to be given.
type missingFlag struct {
	flag  string
	about preset.Text
}

// incomplete tells all that is missing at once; nil where nothing is.
func (c *cli) incomplete(cmd *cobra.Command, n *newConnection, missing []missingFlag) error {
	if n.preset == "" {
		missing = []missingFlag{{flag: "--preset PRESET", about: preset.Text{
			EN: "one of " + strings.Join(preset.Names(), ", "), ZH: "可用：" + strings.Join(preset.Names(), ", "),
		}}}
		missing = append(missing, n.missing()...)
	}
	if len(missing) == 0 {
		return nil
	}
	var text strings.Builder
	fmt.Fprintf(&text, c.t("%s needs", "%s 缺少"), cmd.CommandPath())
	for _, m := range missing {
		text.WriteString("\n  " + m.flag)
		if about := m.about.In(string(c.lang)); about != "" {
			text.WriteString("   " + about)
		}
	}
	return &usageError{text.String(), c.helpHint(cmd)}
}

// writeConnection checks the file that comes out as `validate` does, writes it where nothing is yet, and sees to the secrets.
func (c *cli) writeConnection(ctx context.Context, s *server, n *newConnection) error {
	out := n.out
	if out == "" {
		out = filepath.Base(n.name) + ".yaml" // a name with a slash is told below, not followed
	}
	src, err := file.FromPreset(file.Start{Preset: n.preset, Tenant: n.tenant, Name: n.name, Title: n.title, Variables: n.variables, Lang: string(c.lang)})
	if err != nil {
		return err
	}
	_, problems := file.Parse(filepath.Base(out), src, c.fileOptions("https://todosync.example.com"))
	if problems.Err() != nil {
		return problems
	}
	if out == "-" {
		if _, err := c.stdout.Write(src); err != nil {
			return err
		}
	} else if err := c.writeNew(out, src); err != nil {
		return err
	}
	left, err := c.setSecrets(ctx, s, n)
	if out != "-" {
		if terr := c.tellNew(n, out, left); err == nil {
			err = terr
		}
	}
	return err
}

// writeNew writes a file that is not there yet.
func (c *cli) writeNew(name string, src []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return &failure{
			msg:  fmt.Sprintf(c.t("%s is there already, and nothing is overwritten", "%s 已存在，不会覆盖"), name),
			hint: c.t("Name another file with --out.", "请用 --out 指定其他文件。"),
		}
	}
	if err != nil {
		return &failure{msg: fmt.Sprintf(c.t("cannot write %s", "无法写入 %s"), name), err: rootCause(err)}
	}
	_, err = f.Write(src)
	return errors.Join(err, f.Close())
}

// setSecrets sets the secrets whose values are known at the server, and gives the names of the others.
func (c *cli) setSecrets(ctx context.Context, s *server, n *newConnection) (left []string, err error) {
	var a *client
	if len(n.secrets) > 0 {
		a, err = c.connect(s)
	}
	for _, one := range n.asked.Secrets {
		value, known := n.secrets[one.Name]
		if known && err == nil {
			body := map[string]string{"tenant": n.tenant, "name": one.Name, "value": value}
			if err = a.do(ctx, call{method: http.MethodPut, path: path("secrets"), body: body}, nil); err == nil {
				continue
			}
		}
		left = append(left, one.Name)
	}
	return left, err
}

// tellNew says what was written and what to do next.
func (c *cli) tellNew(n *newConnection, out string, left []string) error {
	if c.output != "" && c.output != "table" {
		raw, err := json.Marshal(map[string]any{
			"file": out, "tenant": n.tenant, "name": n.name, "preset": n.preset, "secretsMissing": append([]string{}, left...),
		})
		if err != nil {
			return err
		}
		return c.list(newColumns[:], []json.RawMessage{raw})
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, c.t("%s is written. Next:\n", "已写入 %s。接下来：\n"), out)
	for _, name := range left {
		fmt.Fprintf(&b, "  todosync secret set %s --tenant %s\n", name, n.tenant)
	}
	fmt.Fprintf(&b, "  todosync validate -f %s\n  todosync apply -f %s\n", out, out)
	fmt.Fprintf(&b, c.t("What to ask the OA's administrator for: todosync connections new --preset %s --readme\n",
		"需要向 OA 管理员索取的内容：todosync connections new --preset %s --readme\n"), n.preset)
	_, err := c.stdout.Write(b.Bytes())
	return err
}
