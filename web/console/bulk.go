package console

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"todosync/connector"
	"todosync/web/api"
)

// A bulk is something that is to be done to many sync records: to those that are named, or to all of a filter.
type bulk struct {
	Do      string // retry or cancel
	All     bool
	IDs     []string
	Filter  recordFilter
	Back    string
	Counted api.JobView // with All: what a job would take

	Able   []connector.Record // of IDs
	Unable []connector.Record
	Gone   int
}

// bulkMost is how many records can be named at once.
const bulkMost = 200

// bulkOf reads what is wanted of a form.
func (v *visit) bulkOf(form url.Values) (*bulk, error) {
	b := &bulk{Do: form.Get("do"), All: form.Get("scope") == "all", Filter: v.recordFilter(form), Back: "/records"}
	if back := form.Get("back"); strings.HasPrefix(back, "/records") {
		b.Back = nextPage(back)
	}
	if b.Do != "retry" && b.Do != "cancel" {
		return nil, &api.Problem{Status: http.StatusUnprocessableEntity, Detail: v.T("Nothing was asked for.", "没有指定操作。"), Hint: v.T("Choose rows, then Retry or Cancel.", "请先选中记录，再点击重发或取消。")}
	}
	for _, id := range form["id"] {
		if id != "" && !slices.Contains(b.IDs, id) {
			b.IDs = append(b.IDs, id)
		}
	}
	if !b.All && len(b.IDs) == 0 {
		return nil, &api.Problem{Status: http.StatusUnprocessableEntity, Detail: v.T("No record is chosen.", "没有选中任何记录。"), Hint: v.T("Tick the boxes of some rows, or choose all that match.", "请勾选记录，或选择符合条件的全部记录。")}
	}
	if len(b.IDs) > bulkMost {
		b.IDs = b.IDs[:bulkMost]
	}
	return b, nil
}

// able reports whether something can be done to a record that is in a state. A retry of what has succeeded must be confirmed.
func (b *bulk) able(s connector.State) bool {
	kind := connector.JobRetry
	if b.Do == "cancel" {
		kind = connector.JobCancel
	}
	return slices.Contains(kind.States(connector.ResendOptions{Confirmed: true}), string(s))
}

// succeeded reports whether there are records among the chosen that have succeeded, or may be.
func (b *bulk) succeeded() bool {
	if b.All {
		return strings.Contains(b.Filter.Get("state"), string(connector.Succeeded))
	}
	return slices.ContainsFunc(b.Able, func(r connector.Record) bool { return r.State == connector.Succeeded })
}

// askBulk says what would happen.
func (c *Console) askBulk(v *visit) error {
	v.Active = "records"
	b, err := v.bulkOf(v.r.URL.Query())
	if err != nil {
		return err
	}
	if v.Title = v.T("Retry records", "重发记录"); b.Do == "cancel" {
		v.Title = v.T("Cancel records", "取消记录")
	}
	v.Scripts = append(v.Scripts, "records.js")
	if b.All {
		body := b.body()
		body["dryRun"] = true
		if b.Do == "retry" && b.succeeded() {
			body["confirmSucceeded"] = true
		}
		if err := v.api.post(v.ctx(), "/records/"+b.Do, body, &b.Counted); err != nil {
			return err
		}
		return v.show(bulkPage(v, b))
	}
	for _, id := range b.IDs {
		var r connector.Record
		switch err := v.api.get(v.ctx(), "/records/"+url.PathEscape(id), nil, &r); {
		case isNotFound(err):
			b.Gone++
		case err != nil:
			return err
		case b.able(r.State):
			b.Able = append(b.Able, r)
		default:
			b.Unable = append(b.Unable, r)
		}
	}
	return v.show(bulkPage(v, b))
}

// body is the filter as the API takes it.
func (b *bulk) body() map[string]any {
	out := map[string]any{}
	for name := range b.Filter.Values {
		out[name] = b.Filter.Get(name)
	}
	return out
}

// bulk does it: to all of a filter as a job, to named ones at once, the oldest first.
func (c *Console) bulk(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return err
	}
	b, err := v.bulkOf(v.r.PostForm)
	if err != nil {
		return err
	}
	options := map[string]any{}
	if b.Do == "retry" {
		options["rendering"] = "new"
		if v.r.PostForm.Get("rendering") == "old" {
			options["rendering"] = "old"
		}
		options["confirmSucceeded"] = v.r.PostForm.Get("confirm") != ""
	}
	if b.All {
		body := b.body()
		maps.Copy(body, options)
		if name := strings.TrimSpace(v.r.PostForm.Get("name")); name != "" {
			body["name"] = cut(name, 199)
		}
		var job api.JobView
		if err := v.api.post(v.ctx(), "/records/"+b.Do, body, &job); err != nil {
			return err
		}
		return v.redirect("/jobs/" + url.PathEscape(job.ID))
	}
	done, refused, why := 0, 0, ""
	slices.Sort(b.IDs)
	for _, id := range b.IDs {
		var body any
		if b.Do == "retry" {
			body = options
		}
		err := v.api.post(v.ctx(), "/records/"+url.PathEscape(id)+"/"+b.Do, body, nil)
		if p, ok := err.(*api.Problem); ok && p.Status < http.StatusInternalServerError { //nolint:errorlint // the client makes it as it is
			refused, why = refused+1, p.Detail
			continue
		}
		if err != nil {
			return err
		}
		done++
	}
	return v.bulkDone(b, done, refused, why)
}

// bulkDone tells what became of it.
func (v *visit) bulkDone(b *bulk, done, refused int, why string) error {
	text := v.Count(done, "record goes again.", "records go again.", "条记录重新发送。")
	if b.Do == "cancel" {
		text = v.Count(done, "record is canceled.", "records are canceled.", "条记录已取消。")
	}
	if refused > 0 {
		text += " " + v.Count(refused, "was left alone", "were left alone", "条未处理") + v.T(": ", "：") + why
	}
	v.tell(text, done == 0)
	return v.redirect(b.Back)
}

// possible reports whether anything would happen.
func (b *bulk) possible() bool { return len(b.Able) > 0 || b.All && b.Counted.Total > 0 }

// summary says how many it concerns.
func (b *bulk) summary(v *visit) string {
	if !b.All {
		text := v.Count(len(b.Able), "record is taken.", "records are taken.", "条记录将被处理。")
		if b.Gone > 0 {
			text += " " + v.Count(b.Gone, "is gone meanwhile.", "are gone meanwhile.", "条已不存在。")
		}
		return text
	}
	n := int(b.Counted.Total)
	switch {
	case n == 0:
		return v.T("Nothing that matches can be taken: of what matches, nothing is in a state for it.", "符合条件的记录中没有可以操作的。")
	case !b.Counted.Complete:
		return v.T("More than ", "超过 ") + v.Count(n, "record matches.", "records match.", "条记录符合条件。")
	}
	return v.Count(n, "record matches.", "records match.", "条记录符合条件。")
}

// explain says what will happen.
func (b *bulk) explain(v *visit) string {
	switch {
	case b.Do == "cancel":
		return v.T("What still waits is never sent; later records of the same todos go on. Who did it is kept in the audit. A canceled record can be retried later.",
			"仍在等待的记录不再发送，同一待办后来的记录照常进行。操作人会记入审计。取消后仍可重发。")
	case b.All:
		return v.T("They go again as a job, each with its full number of tries, paced so that live records keep their delay, and each todo in its order. Where a newer one of a todo has been sent, the old one is not sent again. The job can be stopped.",
			"作为任务重新发送：每条恢复全部重试次数，控制速度以免影响实时数据，并保持每个待办的顺序。若该待办已有更新的内容发出，旧的不再发送。任务可以随时停止。")
	}
	return v.T("They go again, each with its full number of tries and each todo in its order. Where a newer one of a todo has been sent, the old one is not sent again.",
		"将重新发送：每条恢复全部重试次数，并保持每个待办的顺序。若该待办已有更新的内容发出，旧的不再发送。")
}

func (b *bulk) button(v *visit) string {
	n := len(b.Able)
	if b.All {
		n = int(b.Counted.Total)
	}
	if b.Do == "cancel" {
		return v.T("Cancel ", "取消发送 ") + v.Count(n, "record", "records", "条记录")
	}
	return v.T("Retry ", "重发 ") + v.Count(n, "record", "records", "条记录")
}
