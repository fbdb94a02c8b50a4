package api

import (
	"context"
	"net/http"

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
}

func (a *API) rejectRoutes() {
	handle(a, route{
		method: http.MethodGet, path: "/rejected", id: "listRejected", summary: "What was no acceptable event, newest first", need: View,
	}, func(ctx context.Context, in *rejectQuery) (*list[rejectView], error) {
		tenants, some := narrow(ctx, words(in.Tenant))
		if !some {
			return listOf(connector.Page[connector.RejectedEvent]{}, viewReject), nil
		}
		page, err := a.Rejects.Rejected(ctx, tenants, in.page())
		if err != nil {
			return nil, err
		}
		return listOf(page, viewReject), nil
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
