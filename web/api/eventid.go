package api

import (
	"context"

	"todosync/connector"
)

// messageID is the header by which JetStream tells repeats. It knows nothing of what an event is: within its window it swallows
// whatever bears the id of an earlier message, so that its word is checked here.
const messageID = "Nats-Msg-Id"

// publishOnce puts an event with an id of its own into the stream, unless that has it already.
func (a *API) publishOnce(ctx context.Context, m connector.Incoming, e *connector.Event) (sequence uint64, duplicate bool, err error) {
	known, err := a.Events.Recognise(ctx, e)
	if err != nil {
		// JetStream takes events while the store is away, and the worker judges the id later.
		a.Log.WarnContext(ctx, "the id of an event was not looked up", "error", err)
	} else if known.Found {
		return a.repeated(ctx, e, known)
	}
	m.Header[messageID] = []string{e.Tenant + "/" + e.ID}
	sequence, duplicate, err = a.Publisher.Publish(ctx, m)
	if err != nil || !duplicate {
		return sequence, false, err
	}
	return a.swallowed(ctx, m, e, sequence)
}

// repeated answers for an event whose id the store knows.
func (a *API) repeated(ctx context.Context, e *connector.Event, known KnownEvent) (sequence uint64, duplicate bool, err error) {
	if !known.Same {
		return 0, false, idUsed()
	}
	return known.Sequence, true, a.Events.CountDuplicate(ctx, e)
}

// swallowed finds out what became of an event that JetStream took for a repeat of the message at a sequence.
func (a *API) swallowed(ctx context.Context, m connector.Incoming, e *connector.Event, at uint64) (sequence uint64, duplicate bool, err error) {
	earlier, stream, found, err := a.Publisher.Stored(ctx, at)
	if err != nil {
		return 0, false, err
	}
	position, err := a.Events.Position(ctx, stream) // before the look at the events, so that what it covers is seen there
	if err != nil {
		return 0, false, err
	}
	known, err := a.Events.Recognise(ctx, e)
	if err != nil {
		return 0, false, err
	}
	if known.Found {
		return a.repeated(ctx, e, known)
	}
	waits := false
	if found && position < at {
		other, rejection := connector.ParseEvent(earlier, noID)
		waits = rejection == nil && other.Tenant == e.Tenant && other.ID == e.ID
		if waits && (other.Kind != e.Kind || other.Action != e.Action || other.Object.ID != e.Object.ID) {
			return 0, false, idUsed()
		}
	}
	// The earlier message was rejected, or will be, or is gone, or bears a header that is not its event's id: this event must get
	// through. Or it waits to be planned, and the store counts this one as its repeat. The id stands in the event, for the store to judge.
	delete(m.Header, messageID)
	sequence, _, err = a.Publisher.Publish(ctx, m)
	if err == nil && waits {
		return at, true, nil
	}
	return sequence, false, err
}

func idUsed() error { return rejected("id", "id used for another event") }
