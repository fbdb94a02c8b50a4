package console

import (
	"net/url"
	"time"

	"todosync/connector"
	"todosync/web/api"
)

// stats is what the API counts.
type stats struct {
	States   map[connector.State]int64 `json:"states"`
	Waiting  int64                     `json:"waiting"`
	Oldest   time.Time                 `json:"oldestWaiting"`
	Events   int64                     `json:"events"`
	Rejected int64                     `json:"rejected"`
}

// An overview is the first page: how it goes.
type overview struct {
	Stats       stats
	Connections list[api.ConnectionState]
}

func (c *Console) overviewRoutes() {
	c.page("GET /{$}", api.View, c.overview)
}

func (c *Console) overview(v *visit) error {
	v.Active, v.Title = "overview", v.T("Overview", "概览")
	var o overview
	if err := v.api.get(v.ctx(), "/stats", nil, &o.Stats); err != nil {
		return err
	}
	if err := v.api.get(v.ctx(), "/connections", url.Values{"limit": {"50"}}, &o.Connections); err != nil {
		return err
	}
	return v.show(overviewPage(v, o))
}
