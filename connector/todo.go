package connector

import (
	"todosync/mapping"
)

// A TodoKey names a todo (or reminder, or message) at a connection.
type TodoKey struct {
	Conn int64
	Kind Kind
	ID   string
}

// A Todo is what is known of one todo at one connection: the last accepted event of it there, and its lanes.
type Todo struct {
	Key       TodoKey
	Known     bool  // an event of it was accepted at this connection
	Version   int64 // the newest accepted, where Versioned
	Versioned bool
	Finished  bool
	Deleted   bool
	Newest    uint64            // stream sequence of the newest accepted event
	Keyed     mapping.Receivers // how its lanes are keyed: as its create was planned
	Receivers []TodoReceiver    // those of the last accepted event that are this connection's
	Lanes     map[string]*Lane  // by Lane.Receiver
	Dirty     bool              // planning changed it
}

// A TodoReceiver is a receiver of the last accepted event.
type TodoReceiver struct {
	ID       string `json:"id"`
	Name     string `json:"name,omitempty"`
	Finished bool   `json:"finished,omitempty"`
}

// A UserKey names a CRM user at a connection.
type UserKey struct {
	Conn int64
	User string
}

// Known is what planning a batch needs to know. The store fills it; PlanEvent changes it, so that the next event of the
// batch finds what the one before led to.
type Known struct {
	Programs map[string][]*Program // by tenant, sorted by name, enabled or not
	Todos    map[TodoKey]*Todo     // a todo that is not there is not known
	// Bindings are those of the batch's receivers, and of all who have a lane of its todos: an event may end what it does
	// not name. They are of all connections of the tenants, since a receiver who is bound in another is not this one's.
	Bindings map[UserKey]Binding
	// Refused says of users who have no binding why the account that an event names for them is not theirs.
	Refused map[UserKey]string
}

// receiver is the receiver of the last accepted event with this id, nil when he was none.
func (t *Todo) receiver(id string) *TodoReceiver {
	for i := range t.Receivers {
		if t.Receivers[i].ID == id {
			return &t.Receivers[i]
		}
	}
	return nil
}

// lane is the lane that a receiver's deliveries go in, nil when there is none yet.
func (t *Todo) lane(receiver string) *Lane {
	if lane := t.Lanes[receiver]; lane != nil || t.Keyed == mapping.Each {
		return lane
	}
	return t.Lanes[""]
}

// openLane is the lane with exactly this key, made where it is missing.
func (t *Todo) openLane(key string) *Lane {
	lane := t.Lanes[key]
	if lane == nil {
		lane = &Lane{Receiver: key}
		if t.Lanes == nil {
			t.Lanes = map[string]*Lane{}
		}
		t.Lanes[key] = lane
	}
	return lane
}
