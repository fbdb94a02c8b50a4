package console

import (
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"todosync/connector"
)

// filterNames are the parameters that choose sync records, in the addresses of pages as in those of the API.
func filterNames() []string {
	return []string{"tenant", "connection", "scene", "state", "class", "todo", "receiver", "event", "from", "to", "q"}
}

// waitingStates are the states of what has not ended.
const waitingStates = "pending,sending,retrying,held"

// A recordFilter is what a page's address says of which records are wanted.
type recordFilter struct{ url.Values }

// recordFilter reads the filter of the page's address. A time without a zone, as a form sends it, is one of the reader's zone.
func (v *visit) recordFilter(from url.Values) recordFilter {
	f := recordFilter{url.Values{}}
	for _, name := range filterNames() {
		value := strings.TrimSpace(from.Get(name))
		if name == "from" || name == "to" {
			value = v.instant(value)
		}
		if value != "" {
			f.Set(name, value)
		}
	}
	return f
}

// instant turns what a form has of a time into what the API reads; what is no time is left for the API to complain about.
func (v *visit) instant(s string) string {
	for _, layout := range []string{"2006-01-02T15:04", "2006-01-02T15:04:05", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, s, v.Zone); err == nil {
			return t.UTC().Format(time.RFC3339)
		}
	}
	return s
}

// local turns a time of the address into what a form shows.
func (v *visit) local(s string) string {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return ""
	}
	return t.In(v.Zone).Format("2006-01-02T15:04")
}

// without is the filter with some parameters set, or taken out where the value is empty.
func (f recordFilter) with(pairs ...string) recordFilter {
	out := recordFilter{url.Values{}}
	maps.Copy(out.Values, f.Values)
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			out.Del(pairs[i])
		} else {
			out.Set(pairs[i], pairs[i+1])
		}
	}
	return out
}

// at is the address of a page with this filter.
func (f recordFilter) at(path string, pairs ...string) string {
	q := f.with(pairs...).Encode()
	if q == "" {
		return path
	}
	return path + "?" + q
}

// more reports whether the filter says something that stands in the second row of the form.
func (f recordFilter) more() bool {
	return slices.ContainsFunc([]string{"scene", "todo", "receiver", "event", "from", "to"}, f.Has)
}

// A quick is a filter that is one click away.
type quick struct{ State, En, Zh string }

func quicks() []quick {
	return []quick{{"", "All", "全部"}, {"failed", "Failed", "失败"}, {"held", "Held", "暂缓"}, {waitingStates, "Waiting", "等待中"}, {"succeeded", "Succeeded", "成功"}}
}

// filterLabel names a parameter for people.
func (v *visit) filterLabel(name string) string {
	switch name {
	case "tenant":
		return v.T("Tenant", "租户")
	case "connection":
		return v.T("Connection", "连接")
	case "scene":
		return v.T("Scene", "场景")
	case "state":
		return v.T("State", "状态")
	case "class":
		return v.T("Cause", "原因")
	case "todo":
		return v.T("Todo id", "待办 ID")
	case "receiver":
		return v.T("Receiver", "接收人")
	case "event":
		return v.T("Event id", "事件 ID")
	case "from":
		return v.T("From", "起始时间")
	case "to":
		return v.T("To", "截止时间")
	case "q":
		return v.T("Text", "文字")
	}
	return name
}

// filterValue is a parameter's value for people.
func (v *visit) filterValue(name, value string) string {
	switch name {
	case "state":
		return v.each(value, func(s string) string { return v.StateName(connector.State(s)) })
	case "class":
		return v.each(value, v.ClassName)
	case "scene":
		return v.each(value, func(s string) string { return v.SceneName(connector.Scene(s)) })
	case "from", "to":
		if t, err := time.Parse(time.RFC3339, value); err == nil {
			return t.In(v.Zone).Format("2006-01-02 15:04")
		}
	}
	return cut(value, 60)
}

func (v *visit) each(values string, name func(string) string) string {
	var out []string
	for s := range strings.SplitSeq(values, ",") {
		out = append(out, name(strings.TrimSpace(s)))
	}
	return strings.Join(out, v.T(", ", "、"))
}
