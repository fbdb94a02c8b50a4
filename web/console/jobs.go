package console

import (
	"maps"
	"net/url"
	"slices"

	"todosync/connector"
	"todosync/web/api"
)

func (c *Console) jobRoutes() {
	c.page("GET /jobs", api.View, c.jobs)
	c.page("GET /jobs/{id}", api.View, c.job)
	c.page("POST /jobs/{id}/stop", api.Operate, c.stopJob)
}

func (c *Console) jobs(v *visit) error {
	v.Active, v.Title = "jobs", v.T("Jobs", "任务")
	var found list[api.JobView]
	if err := v.api.get(v.ctx(), "/jobs", url.Values{"limit": {"50"}, "cursor": {v.r.URL.Query().Get("cursor")}}, &found); err != nil {
		return err
	}
	return v.show(jobsPage(v, &found))
}

func (c *Console) job(v *visit) error {
	v.Active = "jobs"
	var j api.JobView
	if err := v.api.get(v.ctx(), "/jobs"+segments(v.r.PathValue("id")), nil, &j); err != nil {
		return err
	}
	v.Title = v.jobTitle(&j)
	if v.partial() {
		return v.fragment(jobPart(v, &j))
	}
	return v.show(jobPage(v, &j))
}

func (c *Console) stopJob(v *visit) error {
	path := "/jobs" + segments(v.r.PathValue("id"))
	if err := v.api.post(v.ctx(), path+"/stop", nil, nil); err != nil {
		return v.refused(err, path)
	}
	return v.done(path, v.T("The job is stopped. What it had let go goes on.", "任务已停止，已放行的记录继续发送。"))
}

// jobTitle is what a job is called.
func (v *visit) jobTitle(j *api.JobView) string {
	if j.Name != "" {
		return cut(j.Name, 120)
	}
	return v.jobKind(j)
}

func (v *visit) jobKind(j *api.JobView) string {
	switch connector.JobKind(j.Kind) {
	case connector.JobRetry:
		return v.T("Retry records", "重发记录")
	case connector.JobCancel:
		return v.T("Cancel records", "取消记录")
	case connector.JobBackfill:
		return v.T("Backfill ", "补发 ") + j.Connection
	}
	return j.Kind
}

func (v *visit) jobState(j *api.JobView) (name, colour string) {
	switch connector.JobState(j.State) {
	case connector.JobCollecting:
		return v.T("collecting", "正在收集"), "busy"
	case connector.JobRunning:
		return v.T("running", "进行中"), "busy"
	case connector.JobDone:
		return v.T("done", "已完成"), "good"
	case connector.JobStopped:
		return v.T("stopped", "已停止"), "warn"
	case connector.JobFailed:
		return v.T("failed", "失败"), "bad"
	}
	return j.State, ""
}

func jobEnded(j *api.JobView) bool { return connector.JobState(j.State).Ended() }

// jobReasons are why a job left records alone, the most frequent first.
func jobReasons(j *api.JobView) []string {
	return slices.SortedFunc(maps.Keys(j.Reasons), func(x, y string) int { return int(j.Reasons[y] - j.Reasons[x]) })
}

// jobFilter is a job's filter as the page of records takes it.
func jobFilter(j *api.JobView) recordFilter {
	f := recordFilter{url.Values{}}
	set := func(name string, values []string) {
		for i, s := range values {
			if i > 0 {
				s = f.Get(name) + "," + s
			}
			f.Set(name, s)
		}
	}
	r := j.Filter
	for name, values := range map[string][]string{
		"tenant": r.Tenants, "connection": r.Connections, "scene": r.Scenes, "state": r.States, "class": r.Classes, "todo": r.Todos,
		"receiver": r.Receivers, "event": r.Events,
	} {
		set(name, values)
	}
	if r.From != nil {
		f.Set("from", r.From.String())
	}
	if r.To != nil {
		f.Set("to", r.To.String())
	}
	if r.Text != "" {
		f.Set("q", r.Text)
	}
	return f
}

// jobDoneWord says what a job's count of done things counts.
func (v *visit) jobDoneWord(j *api.JobView) string {
	if j.Kind == string(connector.JobCancel) {
		return v.T("Canceled", "已取消")
	}
	return v.T("Let go", "已放行")
}
