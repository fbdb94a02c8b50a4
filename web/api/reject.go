package api

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"todosync/connector"
)

type rejectView struct {
	connector.RejectedEvent
	ReceivedAt Time `json:"receivedAt"`
}

func viewReject(r connector.RejectedEvent) rejectView {
	return rejectView{RejectedEvent: r, ReceivedAt: Time(r.ReceivedAt)}
}

type rejectQuery struct {
	Paging
	Tenant string `query:"tenant"`
	Text   string `query:"q" maxLength:"200" doc:"stands in the body, the subject, the header, the reason or the path as a word: the id of a todo, of a user, of an event"`
}

// A rejectList is the body of a list of rejected messages.
type rejectList struct {
	Items      []rejectView `json:"items"`
	Next       string       `json:"next" doc:"cursor of the next page; empty at the end"`
	SearchedTo Time         `json:"searchedTo,omitzero" doc:"only of a search that stopped for its time before the page was full: all from this time on was looked through, and next goes on"`
}

func (a *API) rejectRoutes() {
	handle(a, route{
		method: http.MethodGet, path: "/rejected", id: "listRejected", summary: "What was no acceptable event, newest first", need: View,
	}, func(ctx context.Context, in *rejectQuery) (*one[rejectList], error) {
		page, err := a.rejects(ctx, in)
		if err != nil {
			return nil, err
		}
		body := listOf(page, viewReject).Body
		return &one[rejectList]{Body: rejectList{Items: body.Items, Next: body.Next, SearchedTo: Time(page.SearchedTo)}}, nil
	})
	handle(a, route{
		method: http.MethodGet, path: "/rejected/{id}", id: "getRejected", summary: "One rejected message, whole", need: View,
	}, func(ctx context.Context, in *RecordPath) (*one[rejectView], error) {
		r, err := a.rejected(ctx, in.ID)
		if err != nil {
			return nil, err
		}
		return &one[rejectView]{Body: viewReject(r)}, nil
	})
	handle(a, route{
		method: http.MethodPost, path: "/rejected/{id}/replay", id: "replayRejected", need: Operate,
		summary: "Read a rejected message again, as of its place in the stream",
	}, func(ctx context.Context, in *RecordPath) (*one[eventView], error) {
		if _, err := a.rejected(ctx, in.ID); err != nil {
			return nil, err
		}
		story, err := a.Rejects.Replay(ctx, in.ID, by(ctx, "api"))
		if err != nil {
			return nil, err
		}
		return &one[eventView]{Body: viewEvent(story)}, nil
	})
}

// rejects are the rejected messages of a request. Whoever may not read the bodies of a tenant finds nothing by what stands in them either.
func (a *API) rejects(ctx context.Context, in *rejectQuery) (page connector.Page[connector.RejectedEvent], err error) {
	f := RejectFilter{Text: strings.TrimSpace(in.Text)}
	some := false
	if f.Tenants, some = narrow(ctx, words(in.Tenant)); !some {
		return page, nil
	}
	if page, err = a.Rejects.Rejected(ctx, f, in.page()); err != nil || f.Text == "" {
		return page, err
	}
	masked := map[string]bool{}
	for _, r := range page.Items {
		if _, known := masked[r.Tenant]; !known {
			if masked[r.Tenant], err = a.bodiesMasked(ctx, r.Tenant); err != nil {
				return page, err
			}
		}
	}
	page.Items = slices.DeleteFunc(page.Items, func(r connector.RejectedEvent) bool {
		return masked[r.Tenant] && !connector.Mentions(f.Text, r.ID, r.Subject, r.Reason, r.Path)
	})
	return page, nil
}

// rejected is a rejected message that the caller may see.
func (a *API) rejected(ctx context.Context, id string) (connector.RejectedEvent, error) {
	r, err := a.Rejects.RejectedOne(ctx, id)
	if err == nil && !principal(ctx).Sees(r.Tenant) {
		err = notFound("rejected event " + id)
	}
	if err != nil {
		return connector.RejectedEvent{}, err
	}
	masked, err := a.bodiesMasked(ctx, r.Tenant)
	if masked && r.Payload+r.Base64 != "" {
		r.Payload, r.Base64 = maskedBody, ""
	}
	return r, err
}
