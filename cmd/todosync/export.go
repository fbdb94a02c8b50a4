package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"
)

func (c *cli) exportCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use: "export", Short: c.t("Print connection and tenant files back, secrets as names", "输出连接文件和租户文件，密钥只输出名称"), Args: c.args(0, 0, ""),
		Example: "  todosync export --tenant 714439 > 714439.yaml",
	}
	s := c.serverFlags(cmd)
	tenant := cmd.Flags().String("tenant", "", c.t("only of this tenant", "只输出该租户"))
	connection := cmd.Flags().String("connection", "", c.t("only this connection", "只输出该连接"))
	to := cmd.Flags().StringP("file", "f", "", c.t("file to write to (default: standard output)", "写入的文件（默认标准输出）"))
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if c.output == "csv" || c.output == "table" {
			return &usageError{fmt.Sprintf(c.t("export prints yaml or json, not %s", "export 只能输出 yaml 或 json，不支持 %s"), c.output), ""}
		}
		q := url.Values{}
		if *tenant != "" {
			q.Set("tenant", *tenant)
		}
		if *connection != "" {
			q.Set("connection", *connection)
		}
		a, err := c.connect(s)
		if err != nil {
			return err
		}
		resp, err := a.open(cmd.Context(), call{method: http.MethodGet, path: path("export"), query: q})
		if err != nil {
			return err
		}
		defer func() { _ = resp.Body.Close() }()
		if c.output != "json" {
			return c.save(*to, resp.Body)
		}
		docs, err := yamlToJSON(resp.Body)
		if err != nil {
			return err
		}
		return c.save(*to, bytes.NewReader(docs))
	}
	return cmd
}

// yamlToJSON turns YAML documents into one JSON array, members in their order.
func yamlToJSON(r io.Reader) ([]byte, error) {
	src, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	var docs []json.RawMessage
	for part := range strings.SplitSeq("\n"+string(src), "\n---") {
		if strings.TrimSpace(part) == "" {
			continue
		}
		raw, err := yaml.YAMLToJSON([]byte(part))
		if err != nil {
			return nil, fmt.Errorf("read the server's YAML: %w", err)
		}
		docs = append(docs, raw)
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err = e.Encode(docs)
	return out.Bytes(), err
}
