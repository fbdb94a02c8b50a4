package notify

import (
	"time"

	"todosync/connector"
)

// A Kept is a digest as it is shown: what it says, and what came of it at each channel.
type Kept struct {
	Digest
	ClosedAt time.Time `json:"closedAt"`
	Channels []Outcome `json:"channels"`
}

// An Outcome says what came of a digest at a channel.
type Outcome struct {
	Channel  string                `json:"channel"`
	Type     connector.ChannelType `json:"type"` // empty: the tenant has no such channel any more
	State    ParcelState           `json:"state"`
	Tries    int                   `json:"tries"`
	NextTry  *time.Time            `json:"nextTryAt"`
	Sent     *time.Time            `json:"sentAt"`
	Error    string                `json:"error"`    // of the last try
	JoinedTo string                `json:"joinedTo"` // id of the digest that it was sent together with
}
