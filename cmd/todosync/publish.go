package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"todosync/connector"
)

// An outgoing is an event of a file before it is sent.
type outgoing struct {
	place string // FILE:LINE
	id    string
	body  []byte
}

// publishColumns are the columns of the list of what was published.
var publishColumns = [...]column{
	{key: "place", en: "file", zh: "文件"},
	{key: "id", en: "event", zh: "事件"},
	{key: "sequence", en: "sequence", zh: "序号"},
	{key: "duplicate", en: "duplicate", zh: "重复"},
}

func (c *cli) publishCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use: "publish FILE...", Short: c.t("Emit events from files: JSON, a JSON array, or one JSON text a line", "从文件发出事件：JSON、JSON 数组，或每行一个 JSON"),
		Long: c.t(`Emits events through the server's API. Each event carries tenant, kind and action beside its todo, reminder or message; flags
fill in what is missing. All files are read and checked before the first event leaves. A file named - is standard input.`,
			`通过服务器 API 发出事件。每个事件除 todo、reminder 或 message 外还带有 tenant、kind、action；缺少的可用选项补上。
所有文件读取并检查无误后才会发出第一个事件。文件名 - 表示标准输入。`),
		Args: c.args(1, -1, "FILE..."),
	}
	s := c.serverFlags(cmd)
	f := cmd.Flags()
	tenant := f.String("tenant", "", c.t("tenant of events that name none", "事件未写明时的租户"))
	kind := f.String("kind", "", c.t("kind of events that name none: todo, reminder, message (default: the member that is there)", "事件未写明时的类别：todo、reminder、message（默认按内容判断）"))
	action := f.String("action", "", c.t("action of events that name none: create, edit, delete", "事件未写明时的动作：create、edit、delete"))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var outgoings []outgoing
		var wrong []string
		for _, name := range args {
			found, err := c.readEvents(name, members{*tenant, *kind, *action})
			if err != nil {
				wrong = append(wrong, err.Error())
			}
			outgoings = append(outgoings, found...)
		}
		if len(wrong) > 0 {
			return &failure{msg: c.t("nothing was published:\n", "未发出任何事件：\n") + strings.Join(wrong, "\n")}
		}
		a, err := c.connect(s)
		if err != nil {
			return err
		}
		return c.publish(cmd, a, outgoings)
	}
	return cmd
}

// publish sends the events one after another: their order in the stream is their order in the files.
func (c *cli) publish(cmd *cobra.Command, a *client, outgoings []outgoing) error {
	var items []json.RawMessage
	duplicates := 0
	for i, d := range outgoings {
		var answer struct {
			Place     string      `json:"place"`
			ID        string      `json:"id"`
			Sequence  json.Number `json:"sequence"`
			Duplicate bool        `json:"duplicate"`
		}
		r := call{method: http.MethodPost, path: path("events"), body: bytes.NewReader(d.body), media: "application/json"}
		if err := a.do(cmd.Context(), r, &answer); err != nil {
			fmt.Fprintf(c.stderr, c.t("Published before this one: %d of %d.\n", "此前已发出 %d/%d 个事件。\n"), i, len(outgoings))
			return fmt.Errorf("%s: %w", d.place, err)
		}
		answer.Place, answer.ID = d.place, d.id
		if answer.Duplicate {
			duplicates++
		}
		raw, err := json.Marshal(answer)
		if err != nil {
			return err
		}
		items = append(items, raw)
		if terminal(c.stderr) && i%20 == 0 {
			fmt.Fprintf(c.stderr, "\r%d/%d", i+1, len(outgoings))
		}
	}
	if terminal(c.stderr) {
		fmt.Fprint(c.stderr, "\r\x1b[K")
	}
	if c.output == "" {
		n := len(outgoings)
		_, err := fmt.Fprintln(c.stdout, c.t(plural(n, "1 event", "%d events")+fmt.Sprintf(" published, %d of them known already", duplicates),
			fmt.Sprintf("已发出 %d 个事件，其中 %d 个是重复的", n, duplicates)))
		return err
	}
	return c.list(publishColumns[:], items)
}

// members are those that POST /events wants beside the payload.
type members struct{ tenant, kind, action string }

// readEvents reads the events of one file and checks each as the server will.
func (c *cli) readEvents(name string, fill members) ([]outgoing, error) {
	src, err := c.readFile(name)
	if err != nil {
		return nil, err
	}
	src = bytes.TrimPrefix(src, []byte("\xef\xbb\xbf"))
	var out []outgoing
	var wrong []error
	add := func(raw []byte, at int) {
		d, err := prepareEvent(raw, fill)
		d.place = fmt.Sprintf("%s:%d", name, at)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %w", d.place, err))
		}
		out = append(out, d)
	}
	dec := json.NewDecoder(bytes.NewReader(src))
	// Lines are counted on from where the last event stood: files have hundreds of thousands of them.
	at, number := 0, 1
	line := func(offset int64) int {
		to := max(at, min(int(offset), len(src)))
		number += bytes.Count(src[at:to], []byte("\n"))
		at = to
		return number
	}
	for {
		var raw json.RawMessage
		err := dec.Decode(&raw)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			at := dec.InputOffset()
			if e, ok := errors.AsType[*json.SyntaxError](err); ok {
				at = max(at, e.Offset)
			} else if errors.Is(err, io.ErrUnexpectedEOF) {
				at = int64(len(bytes.TrimRight(src, " \t\r\n")))
			}
			wrong = append(wrong, fmt.Errorf("%s:%d: %s", name, line(at), fmt.Sprintf(c.t("not JSON: %v", "不是 JSON:%v"), err)))
			break
		}
		start := dec.InputOffset() - int64(len(raw))
		if raw[0] != '[' {
			add(raw, line(start))
			continue
		}
		var list []json.RawMessage
		if err := json.Unmarshal(raw, &list); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		from := 0
		for _, e := range list {
			if i := bytes.Index(raw[from:], e); i >= 0 {
				from += i
			}
			add(e, line(start+int64(from)))
			from += len(e)
		}
	}
	if len(out) == 0 && len(wrong) == 0 {
		wrong = append(wrong, fmt.Errorf("%s: %s", name, c.t("holds no event", "没有事件")))
	}
	return out, errors.Join(wrong...)
}

// prepareEvent completes an event and finds what the server would refuse.
func prepareEvent(raw []byte, fill members) (outgoing, error) {
	var m map[string]json.RawMessage
	if err := json.Unmarshal(raw, &m); err != nil || m == nil {
		return outgoing{}, errors.New("an event is a JSON object")
	}
	text := func(name string) string {
		var s string
		_ = json.Unmarshal(m[name], &s) // what is no text is judged by ParseEvent
		return s
	}
	if fill.kind == "" {
		var data map[string]json.RawMessage // of a CloudEvent
		_ = json.Unmarshal(m["data"], &data)
		for _, k := range []connector.Kind{connector.KindTodo, connector.KindReminder, connector.KindMessage} {
			if m[string(k)] != nil || data[string(k)] != nil {
				fill.kind = string(k)
			}
		}
	}
	changed := false
	for name, value := range map[string]string{"tenant": fill.tenant, "kind": fill.kind, "action": fill.action} {
		if text(name) != "" {
			continue
		}
		if value == "" {
			return outgoing{}, fmt.Errorf("the event has no %q, and no --%s is given", name, name)
		}
		b, err := json.Marshal(value)
		if err != nil {
			return outgoing{}, err
		}
		m[name], changed = b, true
	}
	d := outgoing{id: text("id"), body: raw}
	if changed {
		var err error
		if d.body, err = json.Marshal(m); err != nil {
			return d, err
		}
	}
	in := connector.Incoming{Subject: "crm." + text("tenant") + "." + text("kind") + "." + text("action"), Data: d.body}
	if _, rejected := connector.ParseEvent(in, ""); rejected != nil {
		return d, errors.New(strings.TrimPrefix(rejected.Path+": "+rejected.Reason, ": "))
	}
	return d, nil
}

// readFile reads a file, or standard input for a dash.
func (c *cli) readFile(name string) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(c.stdin)
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, &failure{msg: fmt.Sprintf(c.t("cannot read %s", "无法读取 %s"), name), err: rootCause(err)}
	}
	return b, nil
}
