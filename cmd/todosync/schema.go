package main

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"todosync/connector/file"
)

// eventSchema describes an event for editors and checks; connector.ParseEvent is what decides.
//
//go:embed event.schema.json
var eventSchema []byte

func (c *cli) schemaCmd() *cobra.Command {
	kinds := []string{"event", "connection", "tenant"}
	return &cobra.Command{
		Use: "schema event|connection|tenant", Short: c.t("Print a JSON Schema, for editors and checks", "输出 JSON Schema，供编辑器和校验使用"),
		Args: c.args(1, 1, "event, connection or tenant"), ValidArgs: kinds,
		RunE: func(_ *cobra.Command, args []string) error {
			var schema []byte
			var err error
			switch args[0] {
			case "event":
				schema = eventSchema
			case "connection", "tenant":
				schema, err = file.Schema(args[0])
			default:
				hint := ""
				if near := nearest(args[0], kinds); near != "" {
					hint = fmt.Sprintf(c.t("Did you mean %s?", "是不是要用 %s?"), near)
				}
				return &usageError{fmt.Sprintf(c.t("there is no schema %q: want event, connection or tenant", "没有 %q 的 Schema：只有 event、connection、tenant"), args[0]), hint}
			}
			if err != nil {
				return fmt.Errorf("make the schema: %w", err)
			}
			if c.output == "yaml" {
				return c.yaml(json.RawMessage(schema))
			}
			_, err = fmt.Fprintf(c.stdout, "%s\n", bytes.TrimSpace(schema))
			return err
		},
	}
}
