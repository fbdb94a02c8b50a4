package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	pathpkg "path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"todosync/connector"
	"todosync/connector/draft"
	"todosync/connector/file"
)

// The bounds of what a WSDL may have fetched, where that is allowed at all.
const (
	fetchLimit = 4 << 20 // bytes of one document
	fetchTime  = 20 * time.Second
)

// A drafting holds the flags of `draft`.
type drafting struct {
	from                           []string
	tenant, name, scene, operation string
	links                          string
	explain, fetch                 bool
}

// guessColumns are the columns of guesses in CSV.
var guessColumns = [...]column{
	{key: "scene"}, {key: "place"}, {key: "field"}, {key: "sample"}, {key: "right"}, {key: "kind"}, {key: "label"}, {key: "sureness"}, {key: "reason"},
}

func (c *cli) draftCmd() *cobra.Command {
	d := &drafting{}
	cmd := &cobra.Command{
		Use: "draft --from FILE", Short: c.t("Propose a connection from a sample request, a curl line or a WSDL", "根据样例请求、curl 命令或 WSDL 起草连接"),
		Long: c.t(`Proposes a connection from what an OA's manual shows: a body in JSON, XML or as a form, a request with its headers, curl commands, or a WSDL.
The left side is kept; the right side of each field is what it most likely stands for, each with its reason. Nothing is stored and nobody is called.

Several --from make one connection with a scene each; a JSON sample after a WSDL goes into the text that the operation takes.`,
			`根据 OA 接口文档中的内容起草连接：JSON、XML 或表单请求体，带请求头的完整请求，curl 命令，或 WSDL。
左侧保持原样；右侧填入每个字段最可能的含义，并附理由。不保存，也不访问任何地址。

多个 --from 生成一个连接，每个样例一个场景；WSDL 之后的 JSON 样例会放入该操作的文本参数。`),
		Args: c.args(0, 0, ""),
		Example: `  todosync draft --from sample.json --tenant 714439 --name oa-hq > oa-hq.yaml
  todosync draft --from service.wsdl --operation sendTodo --explain`,
	}
	f := cmd.Flags()
	f.StringSliceVar(&d.from, "from", nil, c.t("file with the sample, again for more; - is standard input", "样例文件，可重复；- 表示标准输入"))
	f.StringVar(&d.tenant, "tenant", "", c.t("the connection's tenant", "连接所属租户"))
	f.StringVar(&d.name, "name", "oa", c.t("the connection's name", "连接名称"))
	f.StringVar(&d.scene, "scene", "", c.t("scene of the first sample; by default what its address says", "第一个样例的场景；默认按地址判断"))
	f.StringVar(&d.operation, "operation", "", c.t("operation of a WSDL that has several", "WSDL 含多个操作时指定操作"))
	f.StringVar(&d.links, "links", "sign-on", c.t("where links of todos lead: sign-on (#F117, #F118) or crm (#F109, #F110)", "待办链接指向：sign-on(#F117、#F118)或 crm(#F109、#F110)"))
	f.BoolVar(&d.explain, "explain", false, c.t("also a table of fields: right side, reason", "附上字段表：右侧内容与理由"))
	f.BoolVar(&d.fetch, "fetch", false, c.t("fetch what a WSDL imports from http addresses", "允许下载 WSDL 从 http 地址导入的文件"))
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if len(d.from) == 0 {
			return c.missing(cmd, "--from FILE")
		}
		if d.scene != "" && !slices.Contains(connector.Scenes(), connector.Scene(d.scene)) {
			return &usageError{fmt.Sprintf(c.t("--scene %s: want create, edit, done, delete, remind or message", "--scene %s：只能是 create、edit、done、delete、remind 或 message"), d.scene), ""}
		}
		if d.links != "sign-on" && d.links != "crm" {
			return &usageError{fmt.Sprintf(c.t("--links %s: want sign-on or crm", "--links %s：只能是 sign-on 或 crm"), d.links), ""}
		}
		if !file.ValidName(d.name) {
			return &usageError{fmt.Sprintf(c.t("--name %s: want 1 to 63 of a-z 0-9 -", "--name %s：应为 1 至 63 个 a-z 0-9 - 字符"), d.name), ""}
		}
		if d.tenant != "" && !connector.ValidTenant(d.tenant) {
			return &usageError{fmt.Sprintf(c.t("--tenant %s: want 1 to 64 of A-Z a-z 0-9 _ -", "--tenant %s：应为 1 至 64 个 A-Z a-z 0-9 _ - 字符"), d.tenant), ""}
		}
		return c.draft(cmd.Context(), d)
	}
	return cmd
}

func (c *cli) draft(ctx context.Context, d *drafting) error {
	var sources []draft.Source
	for _, name := range d.from {
		src, err := c.readFile(name)
		if err != nil {
			return err
		}
		sources = append(sources, draft.Source{Name: name, Text: src})
	}
	got, err := draft.From(sources, draft.Options{
		Tenant: d.tenant, Name: d.name, Scene: d.scene, Operation: d.operation, CRMLinks: d.links == "crm", Lang: string(c.lang),
		Open: func(name string) ([]byte, error) { return c.beside(ctx, d, name) },
	})
	if e, ok := errors.AsType[*draft.Error](err); ok {
		return &failure{msg: e.Error(), hint: e.Hint}
	}
	if err != nil {
		return err
	}
	_, problems := file.Parse("draft", []byte(got.File), c.fileOptions("https://todosync.example.com"))
	c.tellProblems(c.stderr, problems)
	if err := c.printDraft(got, d.explain); err != nil {
		return err
	}
	if problems.Err() != nil {
		return errTold
	}
	return nil
}

func (c *cli) printDraft(d *draft.Draft, explain bool) error {
	switch c.output {
	case "json", "yaml":
		raw, err := json.Marshal(d)
		if err != nil {
			return err
		}
		return c.one(nil, raw, nil)
	case "csv":
		items := make([]json.RawMessage, len(d.Guesses))
		for i, g := range d.Guesses {
			raw, err := json.Marshal(g)
			if err != nil {
				return err
			}
			items[i] = raw
		}
		return c.list(guessColumns[:], items)
	}
	text := d.File
	if terminal(c.stdout) {
		text = shown(text)
	}
	fmt.Fprint(c.stdout, text)
	if !explain {
		return nil
	}
	t := c.newTable()
	t.AppendHeader(table.Row{c.t("SCENE", "场景"), c.t("FIELD", "字段"), c.t("SAMPLE", "样例"), c.t("RIGHT SIDE", "右侧"), c.t("LABEL", "名称"), c.t("REASON", "理由")})
	for _, g := range d.Guesses {
		right := g.Right
		if g.Kind == "decision" {
			right = c.t("(decide) ", "（待确认）") + right
		}
		t.AppendRow(table.Row{g.Scene, g.Field, cut(oneLine(g.Sample), 30), cut(oneLine(right), 40), g.Label, oneLine(g.Reason)})
	}
	// As comments, so that what is redirected into a file is still one.
	for line := range strings.SplitSeq("\n"+t.Render(), "\n") {
		fmt.Fprintln(c.stdout, strings.TrimSpace("# "+line))
	}
	return nil
}

// beside opens what a source names: a file in the folder of one of the sources, or below it, whatever path is written. An address is
// fetched only where that is asked for.
func (c *cli) beside(ctx context.Context, d *drafting, name string) ([]byte, error) {
	remote := strings.HasPrefix(name, "http://") || strings.HasPrefix(name, "https://")
	local := filepath.FromSlash(strings.TrimPrefix(name, "./"))
	if remote {
		local = pathpkg.Base(strings.SplitN(name, "?", 2)[0])
	}
	for _, from := range d.from {
		folder := "."
		if from != "-" {
			folder = filepath.Dir(from)
		}
		for _, at := range []string{local, filepath.Base(local)} {
			if src, err := readWithin(folder, at); err == nil {
				return src, nil
			} else if !errors.Is(err, fs.ErrNotExist) && at == local && filepath.IsLocal(at) {
				return nil, err
			}
		}
	}
	switch {
	case remote && d.fetch:
		return fetch(ctx, name)
	case remote:
		return nil, errors.New(c.t("it is not fetched: save it beside the WSDL as "+local+", or allow --fetch", "未下载：请将其存为 WSDL 旁的 "+local+"，或使用 --fetch"))
	}
	return nil, errors.New(c.t("no such file beside the sample", "样例旁没有该文件"))
}

// readWithin reads a file that is in a folder; a path or a link out of it is refused.
func readWithin(folder, name string) ([]byte, error) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }()
	f, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, fetchLimit+1))
}

// fetch downloads a document that a WSDL imports.
func fetch(ctx context.Context, address string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	client := &http.Client{}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("HTTP status %d", resp.StatusCode)
	}
	return io.ReadAll(io.LimitReader(resp.Body, fetchLimit+1))
}
