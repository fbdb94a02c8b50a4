package api

import (
	"context"
	"encoding/json"
	"slices"

	"todosync/connector"
)

// A sampleChoice says which event a scene is tried or shown with: a payload, an accepted event by its id, or else the newest that fits.
type sampleChoice struct {
	scene   connector.Scene
	payload json.RawMessage
	id      string
}

// sampleOf is the event that is given, or one of those that the tenant has had.
func (a *API) sampleOf(ctx context.Context, tenant string, c sampleChoice) (*connector.Event, error) {
	if len(c.payload) > 0 {
		return SampleEvent(tenant, c.scene, c.payload)
	}
	if a.Recent == nil {
		return nil, invalid("event", "give an event")
	}
	kind, _ := c.scene.EventOf()
	found, err := a.Recent(ctx, tenant, kind, c.id)
	if err != nil {
		return nil, err
	}
	e, err := SampleEvent(tenant, c.scene, found.Payload)
	if err != nil {
		return nil, err
	}
	e.ID, e.Time = found.ID, found.Time
	return e, nil
}

// onlyFor leaves an event the receivers that are named. Where it has none of them it is left as it is: a delivery may be for somebody whom
// an earlier event of the todo named.
func onlyFor(e *connector.Event, users []string) {
	if len(users) == 0 || !slices.ContainsFunc(e.Object.Receivers, func(r connector.Receiver) bool { return slices.Contains(users, r.ID) }) {
		return
	}
	e.Object.Receivers = slices.DeleteFunc(slices.Clone(e.Object.Receivers), func(r connector.Receiver) bool { return !slices.Contains(users, r.ID) })
}
