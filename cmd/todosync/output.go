package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// A column is one column of a list: a member of its items, by a dotted path.
type column struct {
	key    string
	en, zh string
	max    int                             // a table cuts it at so many columns of the screen; 0: not
	hidden bool                            // shown in CSV only
	text   func(row map[string]any) string // makes the cell of a table in place of the member; optional
}

// list prints items in the form that --output asks for. Items are JSON objects as the server gave them, so that json and yaml
// print all of their members and lose nothing.
func (c *cli) list(cols []column, items []json.RawMessage) error {
	if items == nil {
		items = []json.RawMessage{}
	}
	switch c.output {
	case "json":
		return c.json(items)
	case "yaml":
		return c.yaml(items)
	}
	rows := make([]map[string]any, len(items))
	for i, it := range items {
		d := json.NewDecoder(bytes.NewReader(it))
		d.UseNumber()
		if err := d.Decode(&rows[i]); err != nil {
			return fmt.Errorf("read the server's answer: %w", err)
		}
	}
	if c.output == "csv" {
		return csvRows(c.stdout, cols, rows)
	}
	return c.table(cols, rows)
}

// one prints a single object: as JSON or YAML whole, as CSV by its columns, and else as human does.
func (c *cli) one(cols []column, item json.RawMessage, human func() error) error {
	switch c.output {
	case "json":
		return c.json(item)
	case "yaml":
		return c.yaml(item)
	case "csv":
		return c.list(cols, []json.RawMessage{item})
	}
	return human()
}

// json prints v indented, with characters as they are, those apart that a terminal would obey.
func (c *cli) json(v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return err
	}
	// Outside of its strings JSON has none of them, and within they may be written so.
	_, err := c.stdout.Write(escapeControls(b.Bytes()))
	return err
}

// yaml prints the JSON form of v as YAML, members in their order.
func (c *cli) yaml(v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	out, err := yamlOf(b)
	if err != nil {
		return fmt.Errorf("write YAML: %w", err)
	}
	_, err = c.stdout.Write(out)
	return err
}

func (c *cli) table(cols []column, rows []map[string]any) error {
	head := table.Row{}
	for _, col := range cols {
		if !col.hidden {
			head = append(head, c.t(strings.ToUpper(col.en), col.zh))
		}
	}
	t := c.newTable()
	t.AppendHeader(head)
	for _, r := range rows {
		line := table.Row{}
		for _, col := range cols {
			if !col.hidden {
				value := cell(member(r, col.key), true)
				if col.text != nil {
					value = col.text(r)
				}
				line = append(line, cut(oneLine(value), col.max))
			}
		}
		t.AppendRow(line)
	}
	_, err := fmt.Fprintln(c.stdout, t.Render())
	if err == nil && len(rows) == 0 && terminal(c.stderr) {
		fmt.Fprintln(c.stderr, c.t("Nothing found.", "没有找到。"))
	}
	return err
}

// newTable is an empty table in the house's look: no frame, two blanks between columns, so that it also reads well in a pipe.
func (c *cli) newTable() table.Writer {
	t := table.NewWriter()
	style := table.StyleDefault
	style.Name = "todosync"
	style.Options = table.OptionsNoBordersAndSeparators
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	style.Format.Header = text.FormatDefault
	if terminal(c.stdout) {
		style.Size.WidthMax = c.columns()
	}
	t.SetStyle(style)
	t.SuppressTrailingSpaces()
	return t
}

func csvRows(w io.Writer, cols []column, rows []map[string]any) error {
	cw := csv.NewWriter(w)
	line := make([]string, len(cols))
	for i, col := range cols {
		line[i] = col.key
	}
	if err := cw.Write(line); err != nil {
		return err
	}
	for _, r := range rows {
		for i, col := range cols {
			line[i] = cell(member(r, col.key), false)
		}
		if err := cw.Write(line); err != nil {
			return err
		}
	}
	cw.Flush()
	return cw.Error()
}

// member finds a value by its dotted path, nil where there is none.
func member(row map[string]any, path string) any {
	var v any = row
	for name := range strings.SplitSeq(path, ".") {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[name]
	}
	return v
}

// cell writes a value into one cell. A time is shown to people on the local clock and without its zone.
func cell(v any, person bool) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		if t, err := time.Parse(time.RFC3339Nano, v); person && err == nil && len(v) >= len("2006-01-02T15:04:05Z") {
			return t.Local().Format("2006-01-02 15:04:05")
		}
		return v
	case bool:
		if person && !v {
			return ""
		}
		return fmt.Sprint(v)
	case json.Number:
		return v.String()
	case []any:
		parts := make([]string, len(v))
		for i, e := range v {
			parts[i] = cell(e, person)
		}
		return strings.Join(parts, ",")
	default:
		b, err := json.Marshal(v)
		if err != nil {
			return ""
		}
		return string(b)
	}
}

// cut shortens a text to so many columns of a screen, on which a Chinese character takes two.
func cut(s string, columns int) string {
	if columns == 0 || text.StringWidthWithoutEscSequences(s) <= columns {
		return s
	}
	var b strings.Builder
	left := columns - 1
	for _, r := range s {
		if left -= text.RuneWidth(r); left < 0 {
			break
		}
		b.WriteRune(r)
	}
	return b.String() + "…"
}

// pad cuts or fills a text with blanks to exactly so many columns of a screen.
func pad(s string, columns int) string {
	s = cut(s, columns)
	return s + strings.Repeat(" ", max(0, columns-text.StringWidthWithoutEscSequences(s)))
}
