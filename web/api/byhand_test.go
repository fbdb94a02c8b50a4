package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"todosync/connector"
)

func TestRetryOne(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	failed, done, other := record(1), record(2), record(3)
	failed.State, other.Tenant = connector.Failed, "t2"
	s.b.records = []connector.Record{failed, done, other}
	for name, c := range map[string]struct {
		ask    ask
		status int
		part   string
	}{
		"succeeded":         {ask{method: "POST", path: "/records/r0002/retry"}, http.StatusConflict, "succeeded"},
		"nobody's":          {ask{method: "POST", path: "/records/nothing/retry"}, http.StatusNotFound, "nothing"},
		"another tenant's":  {ask{method: "POST", path: "/records/r0003/retry", token: "all-of-t1"}, http.StatusNotFound, "r0003"},
		"cancel elsewhere":  {ask{method: "POST", path: "/records/r0003/cancel", token: "all-of-t1"}, http.StatusNotFound, "r0003"},
		"preview elsewhere": {ask{path: "/records/r0003/retry", token: "all-of-t1"}, http.StatusNotFound, "r0003"},
		"a viewer":          {ask{method: "POST", path: "/records/r0001/retry", token: viewerToken}, http.StatusForbidden, "right"},
		"a word":            {ask{method: "POST", path: "/records/r0001/retry", body: `{"rendering":"older"}`}, http.StatusUnprocessableEntity, "rendering"},
		"preview":           {ask{path: "/records/r0001/retry"}, http.StatusOK, `"difference":["- a","+ b"]`},
	} {
		if got := s.do(c.ask); got.status != c.status || !strings.Contains(got.body, c.part) {
			t.Errorf("%s: want %d with %q, got %d %s", name, c.status, c.part, got.status, got.body)
		}
	}
	if got := s.do(ask{method: "POST", path: "/records/r0001/retry", body: `{"rendering":"old"}`}); got.status != http.StatusOK || !strings.Contains(got.body, `"state":"pending"`) {
		t.Errorf("retry: %d %s", got.status, got.body)
	}
	s.do(ask{method: "POST", path: "/records/r0002/retry", body: `{"confirmSucceeded":true}`})
	s.do(ask{method: "POST", path: "/records/r0001/cancel"})
	push := s.do(ask{method: "POST", path: "/tenants/t1/connections/oa/todos/a%2Fb/push"})
	if push.status != http.StatusAccepted || !strings.Contains(push.body, `"items":[{`) {
		t.Errorf("push: %d %s", push.status, push.body)
	}
	want := []string{
		"admin-token retries r0001 as before", "admin-token retries r0002", "admin-token cancels r0001", "admin-token pushes t1/oa a/b",
	}
	if diff := cmp.Diff(want, s.b.hands); diff != "" {
		t.Error(diff)
	}
}

func TestJobs(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for name, c := range map[string]struct {
		ask    ask
		status int
		part   string
	}{
		"an empty filter":     {ask{method: "POST", path: "/records/retry"}, http.StatusUnprocessableEntity, "empty"},
		"of blanks":           {ask{method: "POST", path: "/records/retry", body: `{"state":"","connection":[]}`}, http.StatusUnprocessableEntity, "empty"},
		"all of one's tenant": {ask{method: "POST", path: "/records/cancel", token: "all-of-t1"}, http.StatusUnprocessableEntity, "empty"},
		"given twice":         {ask{method: "POST", path: "/records/retry?state=failed", body: `{"state":"held"}`}, http.StatusUnprocessableEntity, "state"},
		"no state":            {ask{method: "POST", path: "/records/retry", body: `{"state":"faild"}`}, http.StatusUnprocessableEntity, "did you mean failed"},
		"another tenant":      {ask{method: "POST", path: "/records/retry?tenant=t2", token: "all-of-t1"}, http.StatusNotFound, "t2"},
		"a viewer":            {ask{method: "POST", path: "/records/retry?state=failed", token: viewerToken}, http.StatusForbidden, "right"},
		"no date":             {ask{method: "POST", path: "/tenants/t1/connections/oa/backfill", body: `{"from":"soon"}`}, http.StatusUnprocessableEntity, "from"},
		"counted":             {ask{method: "POST", path: "/records/retry", body: `{"state":"failed","dryRun":true}`}, http.StatusOK, `"total":42`},
	} {
		if got := s.do(c.ask); got.status != c.status || !strings.Contains(got.body, c.part) {
			t.Errorf("%s: want %d with %q, got %d %s", name, c.status, c.part, got.status, got.body)
		}
	}
	if len(s.b.jobs) > 0 {
		t.Fatalf("started %+v", s.b.jobs)
	}
	body := `{"state":["failed","held"],"class":"http_5xx","rendering":"old","name":"after the repair"}`
	if got := s.do(ask{method: "POST", path: "/records/retry?connection=oa", token: "all-of-t1", body: body}); got.status != http.StatusAccepted || !strings.Contains(got.body, `"state":"collecting"`) {
		t.Fatalf("start: %d %s", got.status, got.body)
	}
	want := connector.JobRequest{
		Kind: connector.JobRetry, Name: "after the repair", Who: "tom", Tenants: []string{"t1"}, Options: connector.ResendOptions{AsBefore: true},
		Filter: connector.RecordFilter{
			Tenants: []string{"t1"}, Connections: []string{"oa"}, States: []string{"failed", "held"}, Classes: []string{"http_5xx"},
		},
	}
	if diff := cmp.Diff(want, s.b.jobs[0].JobRequest); diff != "" {
		t.Error(diff)
	}
	s.b.jobs = append(s.b.jobs, connector.Job{ID: "all", State: connector.JobRunning})
	for path, status := range map[string]int{"/jobs/j1": 200, "/jobs/all": 404, "/jobs/none": 404} {
		if got := s.do(ask{path: path, token: viewerToken}); got.status != status {
			t.Errorf("%s: want %d, got %d", path, status, got.status)
		}
	}
	if got := s.do(ask{path: "/jobs", token: viewerToken}); strings.Contains(got.body, `"id":"all"`) || !strings.Contains(got.body, `"id":"j1"`) {
		t.Errorf("a viewer of t1 sees %s", got.body)
	}
	s.b.jobs[0].Filter.To = time.Date(2024, 11, 5, 1, 2, 3, 456_789_012, time.UTC)
	if got := s.do(ask{path: "/jobs/j1"}); !strings.Contains(got.body, `"to":"2024-11-05T01:02:03.456Z"`) || strings.Contains(got.body, `"from"`) {
		t.Errorf("the filter's times in %s", got.body)
	}
	if got := s.do(ask{method: "POST", path: "/jobs/all/stop", token: "all-of-t1"}); got.status != http.StatusNotFound {
		t.Errorf("stops a job of all tenants: %d", got.status)
	}
	if got := s.do(ask{method: "POST", path: "/jobs/j1/stop"}); !strings.Contains(got.body, `"state":"stopped"`) {
		t.Errorf("stop: %s", got.body)
	}
}

// TestTakingAway starts the jobs that withdraw a connection and erase a tenant, for those alone who may.
func TestTakingAway(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for name, c := range map[string]struct {
		ask    ask
		status int
		part   string
	}{
		"withdraw":             {ask{method: "DELETE", path: "/tenants/t1/connections/oa?withdraw=true&cancelWaiting=true"}, http.StatusAccepted, `"kind":"withdraw"`},
		"withdraw elsewhere":   {ask{method: "DELETE", path: "/tenants/t2/connections/oa?withdraw=true", token: "all-of-t1"}, http.StatusNotFound, "t2"},
		"a viewer withdraws":   {ask{method: "DELETE", path: "/tenants/t1/connections/oa?withdraw=true", token: viewerToken}, http.StatusForbidden, "right"},
		"erase":                {ask{method: "DELETE", path: "/tenants/t1"}, http.StatusAccepted, `"kind":"erase"`},
		"erase elsewhere":      {ask{method: "DELETE", path: "/tenants/t2", token: "all-of-t1"}, http.StatusNotFound, "t2"},
		"a viewer who erases":  {ask{method: "DELETE", path: "/tenants/t1", token: viewerToken}, http.StatusForbidden, "right"},
		"erase without a word": {ask{method: "DELETE", path: "/tenants/t1", token: "nobody"}, http.StatusUnauthorized, ""},
	} {
		if got := s.do(c.ask); got.status != c.status || !strings.Contains(got.body, c.part) {
			t.Errorf("%s: want %d with %q, got %d %s", name, c.status, c.part, got.status, got.body)
		}
	}
	if len(s.b.jobs) != 2 {
		t.Fatalf("%d jobs", len(s.b.jobs))
	}
	for _, j := range s.b.jobs {
		if len(j.Tenants) != 1 || j.Tenants[0] != "t1" || j.Key.Tenant != "t1" || j.Who != "admin-token" || j.Cancel != (j.Kind == connector.JobWithdraw) {
			t.Errorf("job %+v", j.JobRequest)
		}
	}
}
